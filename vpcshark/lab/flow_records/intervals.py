"""Packets added up to records: one for each flow, ENI, direction and verdict in each aggregation interval. Pure.

"Aggregation interval", https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html. An ENI without packets
in an interval has a record that says so (NODATA), one whose packets were lost has SKIPDATA beside the others. Must not
know the clock, nor where records go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vpcshark.lab.flow_records.packets import Flow, Seen

OK, NO_DATA, SKIPPED = "OK", "NODATA", "SKIPDATA"
_Key = tuple[str, str, str, Flow, tuple[tuple[str, str], ...]]


@dataclass
class Record:
    """One line to be: ``flow`` None where it is of no flow. Times are seconds since the epoch."""

    eni: str
    status: str
    start: int
    end: int
    direction: str = ""
    verdict: str = ""
    flow: Flow | None = None
    packets: int = 0
    bytes: int = 0
    flags: int = 0
    told: tuple[tuple[str, str], ...] = ()


@dataclass
class Intervals:
    """Those of one flow log. ``length`` in seconds, from ``begin`` on (seconds since the epoch)."""

    length: float
    begin: float
    _open: dict[int, dict[_Key, Record]] = field(default_factory=dict)
    _lost: dict[int, set[str]] = field(default_factory=dict)
    _next: int = 0

    def note(self, seen: Seen) -> None:
        """One packet more. What comes after its interval was taken counts in the oldest that is open."""
        number = max(self._number(seen.when), self._next)
        key = (seen.eni, seen.direction, seen.verdict, seen.packet.flow, seen.told)
        when = int(seen.when)
        records = self._open.setdefault(number, {})
        record = records.get(key)
        if record is None:
            flow = seen.packet.flow
            record = Record(seen.eni, OK, when, when, seen.direction, seen.verdict, flow, told=seen.told)
            records[key] = record
        record.start, record.end = min(record.start, when), max(record.end, when)
        record.packets += 1
        record.bytes += seen.packet.length
        record.flags |= seen.packet.flags

    def lose(self, enis: Iterable[str], when: float) -> None:
        """Packets of these were lost before anybody could count them."""
        self._lost.setdefault(max(self._number(when), self._next), set()).update(enis)

    def take(self, now: float, enis: Iterable[str]) -> list[Record]:
        """The records of all intervals that have ended; ``enis`` are those that have one in each, whatever happened."""
        found: list[Record] = []
        while self._edge(self._next + 1) <= now:
            records = [*self._open.pop(self._next, {}).values()]
            skipped = self._lost.pop(self._next, set())
            start, end = int(self._edge(self._next)), int(self._edge(self._next + 1))
            busy = {record.eni for record in records}
            found += records
            found += [Record(eni, SKIPPED, start, end) for eni in sorted(skipped)]
            found += [Record(eni, NO_DATA, start, end) for eni in sorted({*enis} - busy - skipped)]
            self._next += 1
        return found

    def _number(self, when: float) -> int:
        return max(0, int((when - self.begin) // self.length))

    def _edge(self, number: int) -> float:
        return self.begin + number * self.length
