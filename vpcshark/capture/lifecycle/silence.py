"""No packets for a while: the capture looks by itself, and says once what it found; and when packets come again.

Only watches and says. What is looked at is the feed's (``Explains``). Must not know AWS, nor Wireshark.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from vpcshark import threads
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


@dataclass(frozen=True)
class Arrived:
    """Frames that came to the capture host in ``seconds`` and that the capture got none of: ``own`` of its own VNIs,
    ``foreign`` of others, ``other`` of no VNI; ``refused`` where nobody can tell these apart. ``is_known``: they were
    counted. ``is_unanswered``: the receiver was asked, and did not answer in time."""

    is_known: bool = False
    seconds: float = 0.0
    own: int = 0
    foreign: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    refused: int = 0
    is_unanswered: bool = False


@runtime_checkable
class Explains(Protocol):
    """A feed that can look why no packets come."""

    def why_silent(self, arrived: Arrived) -> Sequence[str]:
        """Whole sentences, the most telling first. VpcsharkError where nothing can be seen."""

    def why_silent_still(self) -> Sequence[str]:
        """What is known some minutes later only; none if there is nothing more."""


@runtime_checkable
class Tallies(Protocol):
    """A reception that can count what its filter hides."""

    def begin_tally(self) -> None:
        """Count from now on."""

    def end_tally(self, timeout: float) -> Mapping[str, Any]:
        """What was counted, see ``receiver.program``; {} where no answer comes in time."""


class Silence:
    """Watches one capture from ``begin`` to its stop."""

    def __init__(self, feed: object, reception: Any, status: Status, stop: Stop, clock: Clock) -> None:
        self._feed = feed
        self._reception = reception
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
        if self._told or not isinstance(self._feed, Explains):
            return self._told
        look = threads.start(self._feed.why_silent, Arrived(), name="last look")
        try:
            return list(look.result(LAST_LOOK))
        except (VpcsharkError, FutureTimeout) as error:
            log.info("why no packet came cannot be seen: %s", error)
            return []

    def begin(self) -> None:
        """In a thread of its own; nothing where the feed explains nothing."""
        if isinstance(self._feed, Explains):
            threads.start(self._watch, self._feed, name="silence")

    def _watch(self, feed: Explains) -> None:
        try:
            while not self._stop.wait(TICK):
                self.step(feed)
        except Exception:  # the capture goes on without
            log.exception("the silence could not be looked into")

    def step(self, feed: Explains) -> None:
        """What is to be done now."""
        quiet = self._clock.monotonic() - self._since
        if self._received() != self._seen:
            self._comes(self._received())
        elif self._said is not None:
            self._follow_up(feed)
        elif quiet >= self._patience:
            self._look(feed)
        elif quiet >= self._patience - COUNTING and not self._is_counting:
            self._count()

    def _received(self) -> int:
        return int(self._reception.stats.get("received", 0))

    def _comes(self, received: int) -> None:
        self._seen, self._since = received, self._clock.monotonic()
        if self._is_counting:
            self._counted()
        if self._said is not None:
            self._said = None
            self._status.say("Packets are arriving.")

    def _look(self, feed: Explains) -> None:
        seconds, arrived = self._clock.monotonic() - self._since, self._arrivals()
        if arrived is None:
            return
        try:
            sentences = list(feed.why_silent(arrived))
        except VpcsharkError as error:
            sentences = [f"The reason could not be determined: {error}"]
        if self._received() != self._seen or self._stop.requested():
            return  # they came meanwhile
        self._said, self._is_told_twice = self._clock.monotonic(), False
        self._patience = min(2 * self._patience, MOST_PATIENCE)
        self._told = sentences
        self._tell(f"No packets for {seconds:.0f} s.", sentences)

    def _follow_up(self, feed: Explains) -> None:
        if self._is_told_twice or self._clock.monotonic() - (self._said or 0.0) < AGAIN:
            return
        self._is_told_twice = True
        if sentences := list(feed.why_silent_still()):
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
        if told.get("own") or told.get("refused"):
            self._count()
            self._stop.wait(TICK)
            told = {**told, "received": self._counted().get("received", 0)}
        if told.get("received", self._seen) != self._seen:
            self._comes(int(told["received"]))
            return None
        return arrived(told) if told else Arrived(is_unanswered=isinstance(self._reception, Tallies))

    def _count(self) -> None:
        self._is_counting = True
        if isinstance(self._reception, Tallies):
            self._reception.begin_tally()

    def _counted(self) -> Mapping[str, Any]:
        self._is_counting = False
        return self._reception.end_tally(ANSWER) if isinstance(self._reception, Tallies) else {}


def arrived(told: Mapping[str, Any]) -> Arrived:
    """A receiver's tally; {} for none."""
    if not told:
        return Arrived()
    return Arrived(
        is_known=True,
        seconds=float(told.get("seconds", 0.0)),
        own=int(told.get("own", 0)),
        foreign=dict(told.get("foreign", {})),
        other=int(told.get("other", 0)),
        refused=int(told.get("refused", 0)),
    )
