"""No packets for a while: the capture looks by itself, and says once what it found; and when packets come again.

Only watches and says. What is looked at is the stream's. Must not know AWS, nor Wireshark.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace

from vpcshark import threads
from vpcshark.capture.contract.frame_stream import Arrived, FrameStream
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError

log = logging.getLogger(__name__)

PATIENCE = 15.0  # seconds without a packet
MOST_PATIENCE = 960.0  # each silence that was explained doubles it: a source may be quiet by nature
COUNTING = 10.0  # of these, how long the receiver counts what its filter hides
AGAIN = 480.0  # seconds after a look, for what CloudWatch tells only later
ANSWER = 3.0
LAST_LOOK = 3.0
SAID = 2  # sentences that are said; the log has all
TICK = 1.0


class Silence:
    """Watches one capture from ``begin`` to its stop."""

    def __init__(self, stream: FrameStream, status: Status, stop: Stop, clock: Clock) -> None:
        self._stream = stream
        self._status = status
        self._stop = stop
        self._clock = clock
        self._patience = PATIENCE
        self._seen = 0
        self._since = clock.monotonic()
        self._said: float | None = None  # when
        self._is_counting = self._is_told_twice = False
        self._told: list[str] = []

    @property
    def broken(self) -> bool:
        """Did any packet come?"""
        return bool(self._received())

    def reasons(self) -> list[str]:
        """Why no packet came, the most telling first: what was found already, or what a look finds now, which may take
        ``LAST_LOOK`` seconds."""
        if self._told:
            return self._told
        look = threads.start(self._stream.why_silent, Arrived(), name="last look")
        try:
            return list(look.result(LAST_LOOK))
        except (VpcsharkError, FutureTimeout) as error:
            log.info("why no packet came cannot be seen: %s", error)
            return []

    def begin(self) -> None:
        """In a thread of its own, which ends with the stop."""
        threads.start(self._watch, name="silence")

    def _watch(self) -> None:
        try:
            while not self._stop.wait(TICK):
                self.step()
        except Exception:  # the capture goes on without
            log.exception("the silence could not be looked into")

    def step(self) -> None:
        """What is to be done now."""
        quiet = self._clock.monotonic() - self._since
        if self._received() != self._seen:
            self._comes(self._received())
        elif self._said is not None:
            self._follow_up()
        elif quiet >= self._patience:
            self._look()
        elif quiet >= self._patience - COUNTING and not self._is_counting:
            self._count()

    def _received(self) -> int:
        return self._stream.stats.received

    def _comes(self, received: int) -> None:
        self._seen, self._since = received, self._clock.monotonic()
        if self._is_counting:
            self._counted()
        if self._said is not None:
            self._said = None
            self._status.say("Packets are arriving.")

    def _look(self) -> None:
        seconds, arrived = self._clock.monotonic() - self._since, self._arrivals()
        if arrived is None:
            return
        try:
            sentences = list(self._stream.why_silent(replace(arrived, before=self._seen)))
        except VpcsharkError as error:
            sentences = [f"The reason could not be determined: {error}"]
        if self._received() != self._seen or self._stop.requested():
            return  # they came meanwhile
        self._said, self._is_told_twice = self._clock.monotonic(), False
        self._patience = min(2 * self._patience, MOST_PATIENCE)
        self._told = sentences
        if sentences:
            self._tell(f"No packets for {seconds:.0f} s{self._since_when(seconds)}.", sentences)

    def _since_when(self, seconds: float) -> str:
        """When the last packet came; "" where none did."""
        at = time.localtime(self._clock.now() - seconds)
        return f", since {time.strftime('%H:%M:%S', at)}" if self._seen else ""

    def _follow_up(self) -> None:
        """Of the whole capture, so it says nothing of a silence that came after packets."""
        if self._seen or self._is_told_twice or self._clock.monotonic() - (self._said or 0.0) < AGAIN:
            return
        self._is_told_twice = True
        if sentences := list(self._stream.why_silent_still()):
            self._tell("Still no packets.", sentences)

    def _tell(self, what: str, sentences: Sequence[str]) -> None:
        log.warning("%s %s", what, " ".join(sentences))
        self._status.say(" ".join([what, *sentences[:SAID]]))
        for sentence in sentences[SAID:]:
            self._status.log(sentence)

    def _arrivals(self) -> Arrived | None:
        """None: a packet came after all. What came in the last moment may not be received yet, so what is ours is
        waited for once more before it counts as filtered out."""
        told = self._counted()
        if told.own or told.refused:
            self._count()
            self._stop.wait(TICK)
            told = replace(told, received=self._counted().received or 0)
        if told.received is not None and told.received != self._seen:
            self._comes(told.received)
            return None
        return told

    def _count(self) -> None:
        self._is_counting = True
        self._stream.begin_tally()

    def _counted(self) -> Arrived:
        self._is_counting = False
        return self._stream.end_tally(ANSWER)
