"""One diagnosis of a running capture, from its side: takes what it writes, tells what its process finds.

``take`` never waits and never fails: where the process is behind, packets are left out of the diagnosis, and counted.
Must not know who is told.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as TooLongError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vpcshark import threads
from vpcshark.capture.diagnosing.process import BEGIN, BLOCKS, message
from vpcshark.cleanup import detached
from vpcshark.text import line, many

MOST = 16 << 20
"""Bytes that wait for the process."""
ENDS_WITHIN = 10.0
"""Seconds for its last word."""

log = logging.getLogger(__name__)


@dataclass
class Told:
    """One finding, in words that are fit to be shown. ``frames`` are numbers in the capture, where these are known."""

    kind: str
    confidence: str
    sentence: str
    next: str
    filter: str
    frames: list[int]

    @property
    def as_json(self) -> dict[str, Any]:
        """With the names that ``vpcshark diagnose --json`` has."""
        return {"class" if name == "kind" else name: value for name, value in vars(self).items()}

    @property
    def text(self) -> str:
        """One line."""
        frames = f" (frames {', '.join(map(str, self.frames[:4]))})" if self.frames else ""
        return f"{self.confidence.upper().replace('-', ' ')} {self.kind}: {self.sentence}{frames}"


@dataclass
class Summary:
    """At the end: all findings, how many packets were looked at, how many bytes were left out, and what went wrong."""

    findings: list[Told] = field(default_factory=list)
    packets: int = 0
    left_out: int = 0
    problem: str = ""

    @property
    def text(self) -> str:
        """One line."""
        if self.problem:
            return f"The diagnosis ended: {self.problem}"
        left = f"; {self.left_out / 1e6:.0f} MB came too fast and were left out" if self.left_out else ""
        nothing = "nothing is wrong in what was seen" if self.packets else "whether anything is wrong can't be told"
        said = many(len(self.findings), "finding") if self.findings else nothing
        return f"Diagnosed {many(self.packets, 'packet')}: {said}{left}."


class Follower:
    """``head`` are the blocks that the capture began with. ``tell`` is called by a thread, for each new finding."""

    def __init__(
        self, head: bytes, tell: Callable[[Told], None], command: Sequence[str] = (), folder: Path | None = None
    ) -> None:
        self._head, self._tell = head, tell
        self._guard = threading.Condition()  # ``_size`` is that of ``_waiting``; notified when they change
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._is_over = self._is_behind = self._was_begun = False
        self._summary = Summary()
        self.found: list[Told] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: Future[None] | None = None
        self._writing: Future[None] | None = None
        self._start(list(command) or detached.program(sys.executable, "vpcshark.capture.diagnosing.process"), folder)

    def _start(self, command: list[str], folder: Path | None) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd=folder or Path("/"),
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"its process could not be started: {error.strerror}.")
            return
        self._writing = threads.start(self._write, name="diagnosis-in")
        self._reading = threads.start(self._read, name="diagnosis-out")

    def take(self, data: bytes, number: int = -1) -> None:
        """What the capture writes; ``number`` packets were before (-1: nobody knows). Returns at once."""
        with self._guard:
            if self._is_over:
                return
            if self._is_behind and self._size:
                self._summary.left_out += len(data)
                return
            if self._size + len(data) > MOST:
                self._is_behind = True
                self._summary.left_out += len(data)
                return
            if self._is_behind or not self._was_begun:
                self._put(message(BEGIN, number, self._head))
                self._is_behind, self._was_begun = False, True
            self._put(message(BLOCKS, number, data))

    def describe(self, block: bytes) -> None:
        """An interface more: what begins anew begins with it, too."""
        with self._guard:
            self._head += block
            if self._was_begun and not self._is_behind and not self._is_over:
                self._put(message(BLOCKS, -1, block))

    def _put(self, said: bytes) -> None:
        self._waiting.append(said)
        self._size += len(said)
        self._guard.notify_all()

    def _write(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            with self._process.stdin as into:
                while (said := self._next()) is not None:
                    view = memoryview(said)
                    while view:
                        view = view[into.write(view) :]
        except OSError as error:
            self._fail(f"its process takes nothing any more: {error.strerror}.")

    def _next(self) -> bytes | None:
        """What is to be written next; None at the end."""
        with self._guard:
            while not self._waiting and not self._is_over:
                self._guard.wait()
            if not self._waiting:
                return None
            said = self._waiting.popleft()
            self._size -= len(said)
            return said

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        has_ended = False
        with self._process.stdout as said:
            for row in said:
                has_ended = self._heard(json.loads(row)) or has_ended
        self._process.wait()
        if not has_ended:
            self._fail(f"its process ended by itself, with status {self._process.returncode}.")

    def _heard(self, said: dict[str, Any]) -> bool:
        """Is that the last word?"""
        if "finding" in said:
            told = _told(said["finding"])
            self.found.append(told)
            self._tell(told)
            return False
        self._summary.findings = [_told(each) for each in said["findings"]]
        self._summary.packets = int(said["packets"])
        return True

    def _fail(self, why: str) -> None:
        log.warning("The diagnosis of this capture ended: %s", why)
        with self._guard:
            self._summary.problem = self._summary.problem or why
            self._is_over = True
            self._waiting.clear()
            self._guard.notify_all()

    def finish(self, seconds: float = ENDS_WITHIN) -> Summary:
        """After the capture: what was found in all. Waits for that, but no longer than so."""
        with self._guard:
            self._is_over = True
            self._guard.notify_all()
        if self._reading is None or self._process is None:
            return self._summary
        try:
            self._reading.result(seconds)
        except (TooLongError, ValueError, KeyError) as error:
            is_late = isinstance(error, TooLongError)
            why = "its process did not end in time." if is_late else "its process said what is no word."
            self._summary.problem = self._summary.problem or why
            self._process.kill()
            self._process.wait()
        for work in (self._reading, self._writing):
            wait([work] if work is not None else [], 1)
        return self._summary


def _told(said: dict[str, Any]) -> Told:
    kind, confidence, sentence, advice, shown = (
        line(str(said[name])) for name in ("class", "confidence", "sentence", "next", "filter")
    )
    return Told(kind, confidence, sentence, advice, shown, [int(each) for each in said["frames"]])
