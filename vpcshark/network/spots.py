"""Which addresses some networks can't tell apart: all between two ends of theirs.

Must not know whose networks these are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from vpcshark.network.packet import bounds, place


class Spots:
    """Which addresses some networks can't tell apart."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._ends = sorted({end for each in networks for end in bounds(each)})

    def of(self, address: str) -> int:
        """The same number for addresses that are in the same ones of the networks."""
        return bisect_right(self._ends, place(address))
