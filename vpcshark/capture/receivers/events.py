"""What a receiver says of itself: ready, counts, a tally, an error, its clock. As it was last heard.

Must not know the receiver's frames, nor what becomes of what it says.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from vpcshark import text
from vpcshark.capture.contract.frame_stream import UNANSWERED, UNCOUNTED, Arrived, Counted
from vpcshark.capture.receivers.clock_offset import Clocks
from vpcshark.capture.remote import output_lines
from vpcshark.capture.remote.listening import Listener
from vpcshark.clock import Clock
from vpcshark.errors import InputError, TransportError, Unanswered, VpcsharkError
from vpcshark.transport.base import Channel

log = logging.getLogger(__name__)
MOST_WORDS = 500  # characters of a line that is no event


class Events:
    """One receiver's. Written by the thread that listens, read by any: each fact is replaced as a whole.

    ``on_remark`` is told when the host's clock differs from ours in a way that the file should say."""

    def __init__(self, channel: Channel, where: str, clock: Clock, on_remark: Callable[[str], None]) -> None:
        self._where = where
        self._on_remark = on_remark
        self._clocks = Clocks(where, clock)
        self._settled = threading.Event()  # it is ready, or never will be
        self._told = threading.Event()  # of the tally that was asked for last
        self._heard = threading.Condition()  # held while the four below change
        self._expected: deque[int] = deque()  # pings behind filters, not answered yet, in the order of their answers
        self._refusals: dict[int, tuple[str, str]] = {}  # (problem, remedy) by the ping behind what was refused
        self._complaint = ""  # an error that is about no filter
        self._is_over = False
        self._tally = UNANSWERED
        self._ready: Mapping[str, Any] = {}
        self._is_ready = False
        self._said: deque[str] = deque(maxlen=2)
        self.stats: Counted = UNCOUNTED
        self.problem = self.remedy = ""
        self._listener = Listener(channel, self._line, self._unfit, clock, on_end=self._end)

    def begin(self) -> None:
        """Listen from now on, in a thread that ends with the channel."""
        self._listener.begin()

    def wait_until_ready(self, deadline: float) -> bool:
        """Whether it says so within ``deadline`` seconds."""
        self._settled.wait(deadline)
        return self._is_ready and self.wrong is None

    def wait_for_the_end(self, timeout: float) -> None:
        """All is heard, or ``timeout`` seconds are over."""
        self._listener.ended.wait(timeout)

    @property
    def wrong(self) -> VpcsharkError | None:
        """Why what it said can't be believed; None if it can."""
        return self._listener.wrong

    @property
    def mode(self) -> str:
        """How it takes frames."""
        mode: str = self._ready.get("mode", "")
        return mode

    @property
    def started(self) -> int:
        """When it was ready, ns by its own clock; 0 where it did not say."""
        time: int = self._ready.get("time", 0)
        return time

    @property
    def process(self) -> tuple[int, int]:
        """Its process there: number, and when that began by the host's count; (0, 0) where it did not say."""
        return self._ready.get("pid", 0), self._ready.get("born", 0)

    @property
    def words(self) -> str:
        """What was said last that is no event."""
        return " ".join(self._said)

    @property
    def last_words(self) -> str:
        """Why it ended, as far as it said anything."""
        return self.problem or self._complaint or self.words

    def ping(self) -> int:
        """What to send in a ping, now."""
        return self._clocks.ping()

    def expect(self) -> int:
        """The number of the ping to send behind a filter, asked for before either is sent. A receiver does one thing
        after the other: what it refuses until it answers that ping, and has not before, is that filter."""
        with self._heard:
            self._expected.append(self.ping())
            return self._expected[-1]

    def check(self, ping: int, timeout: float) -> None:
        """Wait until that ping is answered. InputError if the filter before it is refused; ``Unanswered`` if neither
        is heard within ``timeout`` seconds, TransportError if nothing will be."""
        with self._heard:
            self._heard.wait_for(lambda: ping not in self._expected or self._is_over, timeout)
            refusal = self._refusals.pop(ping, None)
            is_open, is_over = ping in self._expected, self._is_over
        if refusal is not None:
            raise InputError(*refusal)
        if is_open:
            kind = TransportError if is_over else Unanswered
            raise kind(f"The receiver on {self._where} does not answer.", "Try again in a moment.")

    def _end(self) -> None:
        self._settled.set()
        with self._heard:
            self._is_over = True
            self._heard.notify_all()

    def forget_tally(self) -> None:
        """The next one is the one that counts."""
        self._told.clear()

    def tally(self, timeout: float) -> Arrived:
        """The one that comes, or came since ``forget_tally``, within ``timeout`` seconds."""
        return self._tally if self._told.wait(timeout) else UNANSWERED

    def _line(self, line: bytes, is_whole: bool) -> None:
        """``ValueError`` for an event that is none: once it is ready, a receiver says nothing else in braces. What is
        no event (a shell's or Python's complaint) is kept for the message."""
        event = output_lines.decode(line)
        if event is not None:
            self._take(event.kind, event.facts)
        elif is_whole and self._is_ready and line.startswith(b"{"):
            raise ValueError("a line that is no event")
        elif words := text.line(line[: 4 * MOST_WORDS].decode("utf-8", "replace").strip(), MOST_WORDS):
            log.info("%s said: %s", self._where, words)
            self._said.append(words)

    def _take(self, kind: str, facts: Mapping[str, Any]) -> None:
        match kind:
            case "ready":
                self._ready, self._is_ready = facts, True
                self._settled.set()
            case "error" if self._is_ready:  # it refused a command, and goes on
                self._hear(refusal=(facts.get("problem", ""), facts.get("remedy", "")))
            case "error":
                self.problem, self.remedy = facts.get("problem", ""), facts.get("remedy", "")
                self._settled.set()
            case "pong":
                self._hear(answered=facts.get("ping"))
                if remark := self._clocks.answered(facts):
                    self._on_remark(remark)
            case "tally":
                self._tally = Arrived(is_known=True, **facts)
                self._told.set()
            case "stats":
                self.stats = Counted(**facts)

    def _hear(self, answered: object = None, refusal: tuple[str, str] | None = None) -> None:
        with self._heard:
            if refusal is not None and self._expected:
                self._refusals[self._expected[0]] = refusal
            elif refusal is not None:
                self._complaint = refusal[0]
            if answered in self._expected:
                while self._expected.popleft() != answered:
                    pass
            self._heard.notify_all()

    def _unfit(self, error: ValueError) -> TransportError:
        return TransportError(
            f"{self._where} sends what no receiver does: {error}.",
            "See what the start-up files of the user there print, and whether its python3 is the system's own.",
        )
