"""How the capture host's clock differs from ours, from the times in its answers to pings: a sentence for the file.

Frames keep the capture host's time. Must not know how pings travel, nor where the sentence goes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from vpcshark.clock import Clock

MEMORY = 60.0
"""Seconds for which a measurement counts: clocks drift apart by some milliseconds in a minute at most."""

MOST_UNANSWERED = 4


class Delta(NamedTuple):
    """``ahead``: seconds by which the other clock is ahead of ours, true to half of ``round_trip`` (seconds)."""

    ahead: float
    round_trip: float
    at: float = 0.0

    def differs(self, other: Delta) -> bool:
        """By more than both can be wrong?"""
        return abs(self.ahead - other.ahead) > (self.round_trip + other.round_trip) / 2


class Clocks:
    """Ours and that of the capture host that is called ``host``."""

    def __init__(self, host: str, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._lock = threading.Lock()  # pings are sent by one thread and answered to another
        self._sent: dict[int, tuple[float, float]] = {}
        self._number = 0
        self._measured: list[Delta] = []
        self._told: Delta | None = None

    def ping(self) -> int:
        """What to send in a ping, now; its answer has it again."""
        with self._lock:
            self._number += 1
            self._sent.pop(self._number - MOST_UNANSWERED, None)
            self._sent[self._number] = self._clock.now(), self._clock.monotonic()
            return self._number

    def answered(self, pong: Mapping[str, Any]) -> str:
        """A sentence, if there is something to tell that the last one did not; ``pong`` is the receiver's event."""
        with self._lock:
            sent = self._sent.pop(pong.get("ping", 0), None)
            theirs = pong.get("time")
            if sent is None or not isinstance(theirs, int):
                return ""
            arrived = self._clock.monotonic()
            took = arrived - sent[1]
            self._measured.append(Delta(theirs / 1e9 - sent[0] - took / 2, took, arrived))
            self._measured = [each for each in self._measured if arrived - each.at <= MEMORY]
            best = min(self._measured, key=lambda each: each.round_trip)
            if self._told is not None and not best.differs(self._told):
                return ""
            self._told = best
            return sentence(self._host, best)


def sentence(host: str, delta: Delta) -> str:
    """The delta in words, no truer than it is."""
    trip = f"round trip {_amount(delta.round_trip)}"
    if abs(delta.ahead) <= delta.round_trip / 2:
        return f"The clocks of {host}, whose time the frames have, and of this capture agree ({trip})."
    way = "ahead of" if delta.ahead > 0 else "behind"
    return (
        f"The clock of {host}, whose time the frames have, is {_amount(abs(delta.ahead))} {way} that of the machine "
        f"that this capture was started on ({trip})."
    )


def _amount(seconds: float) -> str:
    if seconds >= 10:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
