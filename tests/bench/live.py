"""What a diagnosis beside a running capture costs: dumpcap takes packets as fast as it can, with and without one.

The packets are those of the bench's connections, cut to 500 bytes, over and over; they go through the capture's sink
into a FIFO that dumpcap reads. Must not know how a diagnosis works, but for where it is put.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.diagnosing import tee
from vpcshark.capture.diagnosing.follower import Follower, Summary
from vpcshark.extcap.capture_phase.fifo import open_sink
from vpcshark.wire.capture_files import pcapng

MOST_SHARE = 0.6
PIECE = 512


class Run(NamedTuple):
    """``share``: of a core, for the diagnosis's process; ``seconds`` until dumpcap had all."""

    packets: int
    written: int
    seconds: float
    share: float
    summary: Summary | None


def stream(frames: Sequence[bytes], count: int) -> list[bytes]:
    """So many packets, some hundreds a piece, in blocks; 6 us apart."""
    made, part = [], bytearray()
    for number in range(count):
        frame = frames[number % len(frames)]
        part += pcapng.enhanced_packet(0, 1_700_000_000_000_000_000 + number * 6000, frame[:500], len(frame))
        if number % PIECE == PIECE - 1:
            made.append(bytes(part))
            part.clear()
    return [*made, bytes(part)]


def run(pieces: Sequence[bytes], count: int, *, is_diagnosed: bool) -> Run:
    """Pour all into dumpcap."""
    with tempfile.TemporaryDirectory() as folder:
        fifo, out = Path(folder, "fifo"), Path(folder, "out.pcapng")
        os.mkfifo(fifo)
        dumpcap = subprocess.Popen(["dumpcap", "-q", "-i", fifo, "-w", out], stderr=subprocess.DEVNULL)
        sink = tee.Tee(open_sink(str(fifo), Stop()))
        sink.write(pcapng.section_header() + pcapng.interface_description("eni-1", "web-1", ""))
        follower = Follower(sink.head, lambda _: None) if is_diagnosed else None
        used: list[float] = []
        if follower is not None:
            sink.follow(follower)
            assert follower._process is not None
            threading.Thread(target=_watch, args=(follower._process.pid, used), daemon=True).start()
        begun = time.monotonic()
        for piece in pieces:
            sink.write(piece)
        sink.close()
        dumpcap.wait()
        took = time.monotonic() - begun
        share = used[-1] / took if used else 0.0
        summary = follower.finish(60) if follower is not None else None
        said = subprocess.run(["capinfos", "-M", "-c", out], capture_output=True, text=True, check=True).stdout
        return Run(count, int(said.split()[-1]), took, share, summary)


def _watch(pid: int, used: list[float]) -> None:
    try:
        process = psutil.Process(pid)
        while True:
            times = process.cpu_times()
            used.append(times.user + times.system)
            time.sleep(0.1)
    except psutil.Error:
        return


def judge(frames: Sequence[bytes], count: int) -> bool:
    """Print both, and say whether the goals are reached: nothing is lost, and the share is kept."""
    pieces = stream(frames, count)
    is_good = True
    for is_diagnosed in (False, True, False, True):
        done = run(pieces, count, is_diagnosed=is_diagnosed)
        rate = done.packets / done.seconds
        said = f"{'with' if is_diagnosed else 'without'} a diagnosis: {rate:,.0f} packets/s into dumpcap, "
        said += f"{done.packets - done.written} lost"
        if done.summary is not None:
            said += f"; it took {100 * done.share:.0f} % of a core (goal {100 * MOST_SHARE:.0f}): {done.summary.text}"
            is_good &= done.share < MOST_SHARE and not done.summary.problem
        print(said)  # noqa: T201
        is_good &= done.packets == done.written
    return is_good
