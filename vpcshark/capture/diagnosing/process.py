"""The process that diagnoses: messages with a running capture's blocks on its stdin, a line of JSON for each finding.

It takes at most half of a processor core. What comes faster waits in the pipe, and whoever writes there leaves out what
finds no room: packets matter more than findings about them. Must not know who asks.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

from vpcshark import threads
from vpcshark.clock import Clock, SystemClock
from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.running import Live
from vpcshark.wire.capture_files.alignment import first_block

HEAD = struct.Struct(">BIq")
"""What follows (``BEGIN`` or ``BLOCKS``), how many bytes, how many packets were before (-1: nobody knows)."""
BEGIN, BLOCKS = 0, 1
SHARE, BURST = 0.5, 1.0
"""Of a core; seconds of work that may come at once after a pause."""
_EVERY, _SHARE_OF_JUDGING = 1.0, 0.2
_MOST_FRAMES, _MOST_PIECES = 12, 4


class Budget:
    """``pause`` says how long (seconds) to do nothing, so that work takes its share of a core. ``used`` gives the
    process's seconds of work."""

    def __init__(self, clock: Clock, used: Callable[[], float]) -> None:
        self._clock, self._used = clock, used
        self._credit, self._at, self._before = BURST, clock.monotonic(), used()

    def pause(self) -> float:
        """0: go on."""
        now, used = self._clock.monotonic(), self._used()
        self._credit += SHARE * (now - self._at) - (used - self._before)
        self._credit = min(self._credit, BURST)
        self._at, self._before = now, used
        return max(-self._credit / SHARE, 0.0)


class Teller:
    """Feeds a ``Live``, and writes what is new."""

    def __init__(self, out: IO[str], clock: Clock) -> None:
        self._live, self._out, self._clock = Live(), out, clock
        self._is_aligned = True
        self._head = self._rest = b""
        self._due = clock.monotonic() + _EVERY
        self._has_news = False

    def take(self, kind: int, number: int, data: bytes) -> None:
        """One message. What can't be read is passed over, up to where blocks begin again."""
        self._has_news = True
        try:
            if kind == BEGIN:
                self._begin(data, number)
            elif self._is_aligned:
                self._live.feed(data)
            else:
                self._align(data)
        except ValueError:
            self._begin(self._head, -1)

    def _begin(self, head: bytes, number: int) -> None:
        self._live.begin(head, number)
        self._head, self._rest, self._is_aligned = head, b"", number >= 0

    def _align(self, data: bytes) -> None:
        self._rest += data
        at = first_block(self._rest)
        if at >= 0:
            self._is_aligned = True
            data, self._rest = self._rest[at:], b""
            self._live.feed(data)
        else:
            self._rest = self._rest[-(1 << 18) :]

    @property
    def wait(self) -> float | None:
        """Seconds until ``tell`` is due; None: there is nothing to tell."""
        return max(self._due - self._clock.monotonic(), 0.0) if self._has_news else None

    def tell(self) -> None:
        """What is proved by now. The longer that takes, the later comes the next time."""
        begun = self._clock.monotonic()
        for finding in self._live.news():
            self._write({"finding": self._as_json(finding)})
        ended = self._clock.monotonic()
        self._has_news, self._due = False, ended + max(_EVERY, (ended - begun) / _SHARE_OF_JUDGING)

    def end(self) -> None:
        """All that was found."""
        found = [self._as_json(finding) for finding in self._live.all()]
        self._write({"findings": found, "packets": self._live.frames})

    def _as_json(self, finding: Finding) -> dict[str, Any]:
        return {
            "class": finding.kind,
            "confidence": finding.confidence,
            "sentence": finding.sentence,
            "next": finding.next,
            "filter": finding.filter,
            "frames": [each.number for each in finding.frames[:_MOST_FRAMES]] if self._live.is_whole else [],
        }

    def _write(self, said: dict[str, Any]) -> None:
        self._out.write(json.dumps(said) + "\n")
        self._out.flush()


def run(pipe: IO[bytes], out: IO[str], clock: Clock, used: Callable[[], float]) -> None:
    """Until the end of ``pipe``, which is not buffered."""
    teller, budget, buffer = Teller(out, clock), Budget(clock, used), bytearray()
    pieces: queue.Queue[bytes] = queue.Queue(_MOST_PIECES)
    threads.start(_read, pipe, pieces, name="blocks")
    while True:
        if pause := budget.pause():
            clock.sleep(pause)
        try:
            data = pieces.get(timeout=teller.wait)
        except queue.Empty:
            teller.tell()
            continue
        if not data:
            break
        buffer += data
        _messages(buffer, teller)
        if teller.wait == 0:
            teller.tell()
    teller.end()


def _read(pipe: IO[bytes], pieces: queue.Queue[bytes]) -> None:
    while data := pipe.read(1 << 20):
        pieces.put(data)
    pieces.put(b"")


def _messages(buffer: bytearray, teller: Teller) -> None:
    at = 0
    while at + HEAD.size <= len(buffer):
        kind, size, number = HEAD.unpack_from(buffer, at)
        end = at + HEAD.size + size
        if end > len(buffer):
            break
        teller.take(kind, number, bytes(buffer[at + HEAD.size : end]))
        at = end
    del buffer[:at]


def message(kind: int, number: int, data: bytes) -> bytes:
    """What this process reads."""
    return HEAD.pack(kind, len(data), number) + data


def main() -> None:
    """The process: no argument."""
    import signal
    import time

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("SIGHUP", "SIGINT", "SIGTERM"):
        if hasattr(signal, name):  # whoever started it closes its pipe
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
    with os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as pipe:
        run(pipe, sys.stdout, SystemClock(), time.process_time)
