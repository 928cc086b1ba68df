"""EC2's eventual consistency: what was made is known late, shown later, tagged last; what was deleted is shown on.

https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html says that it is so, and gives no times: the
bounds are ours (``switches.PROFILES``), and each resource draws its own below them. Only callers that are named to it
see the account so: who judges what is there sees it as it is. Must not know kinds of resources.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from vpcshark.lab.api.switches import SWITCHES

SEES_LATE = "vpcshark/"  # in the User-Agent of whoever sees the account late


@dataclass(frozen=True)
class _Times:
    known: float
    shown: float
    tagged: float


class Lag:
    """When each id is seen. Times are ``monotonic`` seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, seed: int | None = None) -> None:
        self._monotonic = monotonic
        self._random = Random(seed)
        self._here = threading.local()
        self._born: dict[str, _Times] = {}
        self._gone: dict[str, tuple[float, Any]] = {}

    @contextmanager
    def seen_by(self, agent: str) -> Iterator[None]:
        """Within, in this thread, a caller with this User-Agent looks."""
        self._here.is_late = SEES_LATE in agent
        try:
            yield
        finally:
            self._here.is_late = False

    def born(self, identity: str) -> None:
        """It was made now."""
        if SWITCHES.late_show or SWITCHES.late_use:
            now = self._monotonic()
            shown = now + self._drawn(SWITCHES.late_show)
            known = now + self._drawn(SWITCHES.late_use)
            self._born[identity] = _Times(known, shown, shown + self._drawn(SWITCHES.late_tags))

    def gone(self, identity: str, record: Any) -> None:
        """It was deleted now; ``record`` is what a describe goes on showing."""
        if SWITCHES.late_gone:
            self._gone[identity] = (self._monotonic() + self._drawn(SWITCHES.late_gone), record)

    def is_known(self, identity: str) -> bool:
        """May a call name it?"""
        return self._is_past(identity, "known")

    def is_shown(self, identity: str) -> bool:
        """Does a list have it?"""
        return self._is_past(identity, "shown")

    def has_tags(self, identity: str) -> bool:
        """Are its tags seen?"""
        return self._is_past(identity, "tagged")

    def ghosts(self, prefix: str) -> list[Any]:
        """The records of what is deleted and shown still, of ids that begin so."""
        if not getattr(self._here, "is_late", False):
            return []
        now = self._monotonic()
        self._gone = {name: one for name, one in self._gone.items() if one[0] > now}
        return [record for name, (_, record) in self._gone.items() if name.startswith(f"{prefix}-")]

    def _is_past(self, identity: str, when: str) -> bool:
        times = self._born.get(identity)
        if times is None or not getattr(self._here, "is_late", False):
            return True
        return self._monotonic() >= float(getattr(times, when))

    def _drawn(self, bound: float) -> float:
        return self._random.uniform(0.0, bound)


LAG = Lag()
