"""Counts of one capture that several tcpdumps give one after the other: each its own, told together.

Must not know where they come from, nor what they are shown in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial


class Counts:
    """Each ``share`` belongs to one counting process, which tells what it has counted since it began. What one says
    late, when another counts already, still stands for itself alone: so nothing is counted twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: list[tuple[int, int]] = []
        self._has_any = False

    def share(self) -> Callable[[int, int], None]:
        """Takes (received, dropped) of one more process. What it said once is not taken back."""
        with self._lock:
            self._shares.append((0, 0))
            return partial(self._tell, len(self._shares) - 1)

    def total(self) -> tuple[int, int] | None:
        """(received, dropped) of all; None before the first word."""
        with self._lock:
            if not self._has_any:
                return None
            return sum(received for received, _ in self._shares), sum(dropped for _, dropped in self._shares)

    def _tell(self, place: int, received: int, dropped: int) -> None:
        with self._lock:
            before = self._shares[place]
            self._shares[place] = max(before[0], received), max(before[1], dropped)
            self._has_any = True
