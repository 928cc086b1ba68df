"""How fast diagnose reads and judges 100 MB, beside ``tshark -q -z expert``: ratios of CPU time and of memory, all in
one run.

    python tests/bench/bench_diagnose.py [--megabytes 100] [--lost 0.002] [--syns 10000000] [--gigabyte]
        [--live 2000000 [--only-live]]

The capture is made here: connections of several sizes with timestamps, of which a fifth loses segments. ``--syns``:
that many SYNs, each a flow of its own, are read from standard input, for memory. Exit status 1 if a limit is not kept.
"""

from __future__ import annotations

import argparse
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import live

HEAD = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
VPCSHARK = (sys.executable, "-m", "vpcshark", "diagnose", "--json")
SPEED, MEMORY, MOST_MEMORY = 2.0, 0.5, 400.0
SEGMENT = 1448


def record(at: int, frame: bytes) -> bytes:
    """A pcap record, in nanoseconds."""
    return struct.pack("<IIII", at // 1_000_000_000, at % 1_000_000_000, len(frame), len(frame)) + frame


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = int.from_bytes(data + bytes(len(data) & 1), "big") % 65535
    return 65535 - total


class Side:
    """One end of a connection."""

    def __init__(self, address: bytes, port: int, seq: int) -> None:
        self.address, self.port, self.seq, self.ident = address, port, seq, seq & 0x7FFF


def segment(one: Side, other: Side, flags: int, payload: bytes = b"", ack: int = 0, ttl: int = 64) -> bytes:
    """A frame with right checksums."""
    one.ident = one.ident + 1 & 0xFFFF
    option = b"\x02\x04\x05\xb4\x01\x01\x04\x02" if flags & 2 else b"\x01\x01\x08\x0a" + bytes(8)
    words = (len(option) + 20) // 4 << 4
    tcp = struct.pack(">HHIIBBHHH", one.port, other.port, one.seq & 0xFFFFFFFF, ack, words, flags, 64000, 0, 0) + option
    size = len(tcp) + len(payload)
    head = one.address + other.address + struct.pack(">HH", 6, size)
    right = checksum(head + tcp + payload)
    tcp = tcp[:16] + right.to_bytes(2, "big") + tcp[18:] + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, one.ident, 0x4000, ttl, 6, 0) + one.address + other.address
    return b"\x02" + bytes(10) + b"\x02\x08\x00" + ip + tcp


def connection(number: int, dice: random.Random, lost: float) -> Iterator[tuple[int, bytes]]:
    """(time from its beginning, frame): a request and an answer of some size, with losses before the capture point."""
    client = Side(bytes((10, 0, number >> 8 & 255, number & 255)), 20000 + number % 40000, dice.randrange(1 << 32))
    server = Side(bytes((10, 1, 0, number % 7)), 8080, dice.randrange(1 << 32))
    at, trip = 0, dice.randrange(2_000_000, 20_000_000)
    yield at, segment(client, server, 2)
    client.seq += 1
    yield (at := at + trip), segment(server, client, 0x12, ack=client.seq & 0xFFFFFFFF, ttl=61)
    server.seq += 1
    yield at + 9000, segment(client, server, 0x10, ack=server.seq & 0xFFFFFFFF)
    asked = b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n" % number
    yield at + 90000, segment(client, server, 0x18, asked, server.seq & 0xFFFFFFFF)
    client.seq += len(asked)
    yield (at := at + trip), segment(server, client, 0x10, ack=client.seq & 0xFFFFFFFF, ttl=61)
    body = dice.randbytes(SEGMENT)
    missing: list[int] = []
    for place in range(dice.choice((2, 10, 40, 200, 1000))):
        if dice.random() < lost:
            missing.append(server.seq)
            server.ident += 1
        else:
            yield (at := at + 12_000), segment(server, client, 0x18, body, client.seq & 0xFFFFFFFF, 61)
        server.seq += SEGMENT
        if place % 2:
            upto = missing[0] if missing else server.seq
            yield at + 5000, segment(client, server, 0x10, ack=upto & 0xFFFFFFFF)
        if missing and place % 20 == 19:
            yield from again(client, server, missing, body, at := at + trip)
            at += 9000
    yield from again(client, server, missing, body, at := at + trip)
    yield (at := at + 100_000), segment(server, client, 0x11, ack=client.seq & 0xFFFFFFFF, ttl=61)
    server.seq += 1
    yield at + 5000, segment(client, server, 0x11, ack=server.seq & 0xFFFFFFFF)
    client.seq += 1
    yield at + trip, segment(server, client, 0x10, ack=client.seq & 0xFFFFFFFF, ttl=61)


def again(client: Side, server: Side, missing: list[int], body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """What was lost comes once more."""
    newest = server.seq
    while missing:
        server.seq = missing.pop(0)
        yield at, segment(server, client, 0x18, body, client.seq & 0xFFFFFFFF, 61)
    server.seq = newest
    yield at + 5000, segment(client, server, 0x10, ack=server.seq & 0xFFFFFFFF)


def write(path: Path, megabytes: int, lost: float) -> int:
    """The capture; how many packets it has. A fifth of the connections loses segments."""
    dice, made, size, number = random.Random(21), [], 0, 0
    while size < megabytes * 1_000_000:
        begin = 1_700_000_000_000_000_000 + number * 4_000_000
        for at, frame in connection(number, dice, lost if number % 5 == 0 else 0.0):
            made.append((begin + at, frame))
            size += len(frame) + 16
        number += 1
    made.sort(key=lambda each: each[0])
    with path.open("wb") as file:
        file.write(HEAD)
        file.writelines(record(at, frame) for at, frame in made)
    return len(made)


def written(path: Path, megabytes: int, lost: float) -> int:
    """The same in a process of its own: what a process has at most counts the memory of who started it."""
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(write, path, megabytes, lost).result()


def syns(count: int) -> Iterator[bytes]:
    """A pcap with so many SYNs of as many flows to one port, none of which is answered."""
    yield HEAD
    server = Side(b"\x0a\x01\x00\x01", 443, 0)
    frame = bytearray(segment(Side(b"\x0a\x00\x00\x01", 1, 7), server, 2))
    head = bytearray(record(0, bytes(frame)))
    for first in range(0, count, 4096):
        made = []
        for number in range(first, min(first + 4096, count)):
            at = 1_700_000_000_000_000_000 + number * 20_000
            struct.pack_into("<II", head, 0, at // 1_000_000_000, at % 1_000_000_000)
            struct.pack_into(">I", head, 16 + 26, 0x0B000000 + number // 50_000)
            struct.pack_into(">H", head, 16 + 34, 1024 + number % 50_000)
            made.append(bytes(head))
        yield b"".join(made)


def run(words: tuple[str, ...], feed: Iterator[bytes] | None = None) -> tuple[float, float]:
    """(seconds of processor time, MiB of memory at most)."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.Popen(
        words, env=env, stderr=subprocess.DEVNULL, stdin=subprocess.PIPE if feed else None, stdout=subprocess.DEVNULL
    )
    if feed and done.stdin:
        for piece in feed:
            done.stdin.write(piece)
        done.stdin.close()
    _, status, used = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def compared(path: Path, packets: int, rounds: int) -> bool:
    """The best of some rounds of each, in turns."""
    run((*VPCSHARK, "--help"))
    tools = {"diagnose": (*VPCSHARK, str(path)), "tshark": ("tshark", "-n", "-q", "-r", str(path), "-z", "expert")}
    found = {name: [run(words) for _ in range(1)] for name, words in tools.items()}
    for _ in range(rounds - 1):
        for name, words in tools.items():
            found[name].append(run(words))
    best = {name: (min(t for t, _ in each), max(m for _, m in each)) for name, each in found.items()}
    for name, (took, memory) in best.items():
        print(f"{name:10} {took:6.2f} s of CPU, {1e6 * took / packets:5.1f} µs a packet, {memory:6.0f} MiB")  # noqa: T201
    speed = best["tshark"][0] / best["diagnose"][0]
    memory = best["diagnose"][1] / best["tshark"][1]
    print(f"{packets} packets: {speed:.2f} times as fast (goal {SPEED}), {memory:.2f} of the memory (goal {MEMORY})")  # noqa: T201
    return speed >= SPEED and memory <= MEMORY


def main() -> int:
    """Make, measure, compare."""
    parser = argparse.ArgumentParser(description="Measure diagnose beside tshark.")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--lost", type=float, default=0.002, help="share of lost segments where any are (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--syns", type=int, default=0)
    parser.add_argument("--gigabyte", action="store_true", help="also ten times the size: is it linear?")
    parser.add_argument("--live", type=int, default=0, metavar="PACKETS", help="pour so many into dumpcap, diagnosed")
    parser.add_argument("--only-live", action="store_true", help="nothing else")
    options = parser.parse_args()
    is_good = True
    if options.live:
        frames = [frame for number in range(200) for _, frame in connection(number, random.Random(number), 0.002)]
        is_good = live.judge(frames, options.live)
    if options.only_live:
        return 0 if is_good else 1
    with TemporaryDirectory() as folder:
        path = Path(folder, "many.pcap")
        packets = written(path, options.megabytes, options.lost)
        is_good &= compared(path, packets, options.rounds)
        if options.gigabyte:
            one = run((*VPCSHARK, str(path)))
            whole = Path(folder, "large.pcap")
            more = written(whole, 10 * options.megabytes, options.lost)
            ten = run((*VPCSHARK, str(whole)))
            ratio = ten[0] / one[0] * packets / more
            print(f"ten times the size: {ratio:.2f} times the CPU a packet, {ten[1]:.0f} MiB after {one[1]:.0f}")  # noqa: T201
            is_good &= ratio < 1.5 and ten[1] < MOST_MEMORY
        if options.syns:
            few, many = (run((*VPCSHARK, "-"), syns(count)) for count in (options.syns // 10, options.syns))
            print(  # noqa: T201
                f"{options.syns} SYNs: {1e6 * many[0] / options.syns:.1f} µs of CPU each, {many[1]:.0f} MiB; "
                f"a tenth of them: {1e7 * few[0] / options.syns:.1f} µs each, {few[1]:.0f} MiB"
            )
            is_good &= many[1] < MOST_MEMORY and many[0] / few[0] < 15
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
