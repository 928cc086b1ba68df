"""How fast the receiver is: offered frames against received, dropped, CPU and memory. Root only; a line per case.

    python tests/receiver/bench_receiver.py [--seconds 4] [--python PYTHON]

The frames go from one namespace to another through a veth pair, from a packet TX ring on core 0, so that the receiver
can have core 1. What dumpcap takes, the same over IPv6, and three times that with a reader a third as fast as dumpcap.
"""

from __future__ import annotations

import argparse
import mmap
import os
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from conftest import Namespaces, Receiving, make_config, make_inner, make_vxlan

from vpcshark import receiver

DUMPCAP = 150_000
SINK = ["taskset", "-c", "0,1", "cat"]
SLOTS, SLOT = 256, 2048
TX_RING, QDISC_BYPASS, VERSION = 13, 20, 10


def outer(size: int, mac: bytes, version: int) -> bytes:
    """An outer frame around an inner one of ``size`` bytes."""
    payload = make_vxlan(make_inner(b"x" * (size - 42)))
    udp = struct.pack(">HHHH", 50000, 4789, 8 + len(payload), 0) + payload
    if version == 6:
        ends = bytes.fromhex("fd77" + "00" * 13 + "01" + "fd77" + "00" * 13 + "02")
        return mac + bytes(6) + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(udp), 17, 64) + ends + udp
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + bytes([10, 77, 0, 1, 10, 77, 0, 2])
    return mac + bytes(6) + b"\x08\x00" + head + udp


class Source:
    """Sends one frame again and again at a rate, from a ring that the kernel reads."""

    def __init__(self, sock: socket.socket, frame: bytes) -> None:
        self.sock = sock
        sock.setsockopt(263, VERSION, 1)
        sock.setsockopt(263, QDISC_BYPASS, 1)
        sock.setsockopt(263, TX_RING, struct.pack("4I", SLOT * 16, SLOTS // 16, SLOT, SLOTS))
        self.map = mmap.mmap(sock.fileno(), SLOT * SLOTS, mmap.MAP_SHARED)
        sock.bind(("up0", 0x0800))
        for slot in range(SLOTS):
            struct.pack_into("<III", self.map, slot * SLOT, 0, len(frame), len(frame))
            self.map[slot * SLOT + 32 : slot * SLOT + 32 + len(frame)] = frame

    def send(self, total: int, rate: int) -> float:
        """Send ``total`` frames; how long it took."""
        began, sent = time.perf_counter(), 0
        while sent < total:
            due = min(total, int((time.perf_counter() - began) * rate)) - sent
            if due < 16 and sent + due < total:
                time.sleep(0.0001)
                continue
            for _ in range(min(due, 64)):
                while self.map[sent % SLOTS * SLOT]:
                    self.sock.send(b"")
                self.map[sent % SLOTS * SLOT] = 1
                sent += 1
            self.sock.send(b"")
        return time.perf_counter() - began


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds, and resident MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def drain(running: Receiving, bytes_a_second: float) -> None:
    """Read stdout and keep only its end, not faster than that."""
    began, taken = time.perf_counter(), 0
    while data := running.process.stdout.read(1 << 18):
        taken += len(data)
        running.output[:] = data[-4096:]
        while bytes_a_second and taken > (time.perf_counter() - began) * bytes_a_second:
            if running.process.stdin.closed:
                break
            time.sleep(0.001)


def case(name: str, arguments: argparse.Namespace, rate: int, version: int = 4, reader: float = 0.0) -> None:
    """One line: medians would hide a drop, so each case is run once and told whole."""
    pair = Namespaces()
    try:
        pair.open()
        command = [*pair.within(pair.host), "taskset", "-c", "1", *receiver.command(arguments.python)]
        address = "fd77::2" if version == 6 else "10.77.0.2"
        running = Receiving(command, make_config(4789, "tcp or udp", address=address), reading=False)
        running.event("ready")
        sink = None if reader else subprocess.Popen(SINK, stdin=running.process.stdout, stdout=subprocess.DEVNULL)
        if reader:
            running.threads.append(threading.Thread(target=drain, args=(running, reader)))
            running.threads[-1].start()
        with pair.socket(pair.source, socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            source = Source(sock, outer(500, pair.mac(pair.host, "down0"), version))
            before, total = usage(running.process.pid), int(rate * arguments.seconds)
            took = source.send(total, rate)
            time.sleep(0.3)
            after = usage(running.process.pid)
        running.end()
        if sink:
            sink.wait()
        counted = running.event("stats")
        received, dropped = counted["received"], counted["dropped"]
        share, each = 100 * (after[0] - before[0]) / took, 1e6 * (after[0] - before[0]) / max(1, received)
        sys.stdout.write(
            f"{name}: offered {total} at {total / took:,.0f}/s, received {received}, dropped {dropped}, "
            f"received + dropped = offered: {received + dropped == total}; "
            f"{share:.0f} % of a core, {each:.2f} us a frame; {before[1]:.0f} -> {after[1]:.0f} MB\n"
        )
    finally:
        pair.close()


def latency(arguments: argparse.Namespace) -> None:
    """A lone frame: from the send to the byte on stdout."""
    pair = Namespaces()
    try:
        pair.open()
        command = [*pair.within(pair.host), *receiver.command(arguments.python)]
        running = Receiving(command, make_config(4789, address="10.77.0.2"), reading=False)
        running.event("ready")
        taken = []
        with pair.socket(pair.source, socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(51):
                began = time.perf_counter()
                sock.sendto(make_vxlan(make_inner()), ("10.77.0.2", 4789))
                running.process.stdout.read(65536)
                taken.append(1000 * (time.perf_counter() - began))
        running.kill()
        sys.stdout.write(f"a lone frame: median {statistics.median(taken):.1f} ms, worst of 51 {max(taken):.1f} ms\n")
    finally:
        pair.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--python", default=sys.executable)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {0})
    latency(arguments)
    case("what dumpcap takes", arguments, DUMPCAP)
    case("the same over IPv6", arguments, DUMPCAP, version=6)
    case("three times that, slow reader", arguments, 3 * DUMPCAP, reader=DUMPCAP * 544 / 3)


if __name__ == "__main__":
    main()
