"""What a path of many points costs its receiver: start, frames a second, memory, for 2, 20 and 100 interfaces (root).

    python tests/bench/bench_path.py [--seconds 4] [--rate 150000] [--points 2,20,100]

Frames of all points come in turn, from one namespace to another, at a rate that dumpcap takes; each is told by its VNI
and put into the interface block of its point. A line for each number of points; nothing is a pass mark.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "receiver"), str(TESTS / "support")]

import bench_receiver  # noqa: E402
from conftest import Namespaces, Receiving, make_config, make_inner, make_vxlan  # noqa: E402

FIRST = 100
SIZE = 500


def frames(count: int, mac: bytes) -> list[bytes]:
    """One outer frame for each point."""
    plain = bench_receiver.outer(SIZE, mac, 4)
    inner = make_inner(b"x" * (SIZE - 42))
    head = plain[: -len(make_vxlan(inner))]
    return [head + make_vxlan(inner, FIRST + point) for point in range(count)]


def measure(points: int, given: argparse.Namespace) -> str:
    """One line."""
    pair = Namespaces()
    try:
        pair.open()
        vnis = tuple(range(FIRST, FIRST + points))
        command = [*pair.within(pair.host), *bench_receiver.receiver.command(sys.executable)]
        began = time.perf_counter()
        config = make_config(4789, "tcp or udp", vnis, address="10.77.0.2")
        running = Receiving(command, config, reading=False)
        running.event("ready")
        start = time.perf_counter() - began
        sink = subprocess.Popen(["cat"], stdin=running.process.stdout, stdout=subprocess.DEVNULL)
        with pair.socket(pair.source, socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            made = frames(points, pair.mac(pair.host, "down0"))
            source = bench_receiver.Source(sock, made[0])
            for slot in range(bench_receiver.SLOTS):
                place, frame = slot * bench_receiver.SLOT + 32, made[slot % points]
                source.map[place : place + len(frame)] = frame
            before, total = bench_receiver.usage(running.process.pid), int(given.rate * given.seconds)
            took = source.send(total, given.rate)
            time.sleep(0.5)
            after = bench_receiver.usage(running.process.pid)
        running.end()
        sink.wait()
        counted = running.event("stats")
        each = 1e6 * (after[0] - before[0]) / max(1, counted["received"])
        return (
            f"{points:>4} points: start {start:.2f} s; offered {total / took:,.0f}/s, "
            f"received {counted['received']:,} of {total:,}, dropped {counted['dropped']:,}; "
            f"{each:.2f} us a frame, so {1e6 / each:,.0f}/s of a core; {before[1]:.0f} -> {after[1]:.0f} MB"
        )
    finally:
        pair.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rate", type=int, default=bench_receiver.DUMPCAP)
    parser.add_argument("--points", default="2,20,100")
    given = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("The bench makes network namespaces, so it needs root.")
    for points in given.points.split(","):
        sys.stdout.write(measure(int(points), given) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
