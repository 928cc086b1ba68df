"""Until when records can have come, and what was seen of their delivery: counts in, sentences out. Pure.

AWS delivers to CloudWatch Logs about 5 minutes and to S3 about 10 minutes after an interval's end, "best effort"
(https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html). Must not know who reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from vpcshark.flowlogs import cover
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.wanted import COLUMNS, GAPS, Wanted
from vpcshark.text import many

_DELAYS = {cover.CLOUDWATCH: 300, cover.S3: 600, cover.FIREHOSE: 600}
NITRO = 60
"""Seconds: a Nitro instance's intervals are no longer, whatever is set."""


def delay(log: cover.FlowLog) -> int:
    """Seconds after which a record of something that happens now is there, as a rule."""
    return _DELAYS.get(log.destination_type, 600) + log.interval


@dataclass
class Tally:
    """What rows were seen of each resource, wanted or not: that others came shows that records are delivered."""

    rows: Counter[str] = field(default_factory=Counter)
    idle: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0

    def note(self, kind: LogFormat, row: Sequence[bytes]) -> None:
        """One row more."""
        status = kind.places.get("log-status", -1)
        said = row[status] if status >= 0 else b""
        for name in COLUMNS:
            if name in kind.places:
                where = row[kind.places[name]].decode("ascii", "replace")
                self.rows[where] += 1
                if said in GAPS:
                    (self.idle if said == GAPS[0] else self.lost)[where] += 1

    def sentences(self, log: cover.FlowLog, wanted: Wanted, now: float) -> list[str]:
        """What the reader of these records has to know."""
        said = []
        late = int(min(delay(log), wanted.end - wanted.begin, max(0, wanted.end - now + delay(log))))
        if late > 0:
            said.append(
                f"Records of {log.id} come about {delay(log) // 60} minutes late, so of the last "
                f"{many(max(1, late // 60), 'minute')} there may be more."
            )
        for where in wanted.resources or [*self.rows]:
            if self.idle[where]:
                said.append(f"{where} had no traffic in {many(self.idle[where], 'interval')} (NODATA).")
            if self.lost[where]:
                said.append(f"AWS lost records of {where} in {many(self.lost[where], 'interval')} (SKIPDATA).")
        if self.unreadable:
            said.append(f"{many(self.unreadable, 'line')} left out that do not have the columns of {log.id}.")
        return said


def sized(count: int) -> str:
    """Bytes for a person: "1.5 GiB"."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
