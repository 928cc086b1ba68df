"""Which records are wanted: of which resources, of when, of which flows; and whether a row is one. Pure.

A time is "15m" (before now), ISO 8601 in UTC, or seconds since the epoch. Must not know where records come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from vpcshark.errors import InputError
from vpcshark.flowlogs import match
from vpcshark.flowlogs.logformat import LogFormat

GAPS = (b"NODATA", b"SKIPDATA")
COLUMNS = (
    *("interface-id", "tgw-src-eni", "tgw-dst-eni", "tgw-attachment-id", "tgw-pair-attachment-id"),
    *("tgw-id", "subnet-id", "vpc-id", "resource-id"),
)
"""Where a record names the resource that it is of."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BEFORE = re.compile(r"(\d{1,6})([smhd])")
_EPOCH = re.compile(r"\d{9,11}")


@dataclass(frozen=True)
class Wanted:
    """Records whose interval touches ``begin`` to ``end`` (seconds since the epoch), of one of ``resources`` (ids; none
    given: of all) and one of ``flows`` (likewise). ``has_gaps``: NODATA and SKIPDATA are of every flow."""

    begin: int
    end: int
    resources: tuple[str, ...] = ()
    flows: tuple[match.Flow, ...] = ()
    has_gaps: bool = True

    def test(self, kind: LogFormat) -> match.Test:
        """What says whether a row of ``kind`` is wanted. InputError where the format lacks what that takes."""
        flows = [match.test(flow, kind) for flow in self.flows]
        columns, names = self.columns(kind), {each.encode() for each in self.resources}
        status = kind.places.get("log-status", -1) if self.has_gaps else -1
        start, end = kind.places.get("start", -1), kind.places.get("end", -1)

        def is_wanted(row: Sequence[bytes]) -> bool:
            if start >= 0 and row[start].isdigit() and int(row[start]) > self.end:
                return False
            if end >= 0 and row[end].isdigit() and int(row[end]) < self.begin:
                return False
            if names and not any(row[place] in names for place in columns):
                return False
            return not flows or (status >= 0 and row[status] in GAPS) or any(each(row) for each in flows)

        return is_wanted

    def columns(self, kind: LogFormat) -> list[int]:
        """The columns that may name a resource. InputError where resources are wanted and there is none."""
        found = [kind.places[name] for name in COLUMNS if name in kind.places]
        if self.resources and not found:
            raise InputError(
                f"The records have no interface-id, so those of {self.resources[0]} can't be told from others.",
                "Make a flow log of that interface alone, or log ${interface-id}.",
            )
        return found


def moment(text: str, now: float) -> int:
    """Seconds since the epoch. InputError."""
    if (before := _BEFORE.fullmatch(text.strip())) is not None:
        return int(now) - int(before[1]) * _UNITS[before[2]]
    if _EPOCH.fullmatch(text.strip()):
        return int(text)
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return int((found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp())
    except (ValueError, OverflowError) as exc:
        raise InputError(f'"{text}" is no time.', "Say 15m, 2h or 3d (before now), or 2026-05-01T12:00:00Z.") from exc


def slices(begin: int, end: int, first: int = 60) -> Iterator[tuple[int, int]]:
    """The time from ``begin`` to ``end`` in parts, the newest first, each twice as long as the one before it."""
    while end > begin:
        start = max(begin, end - first)
        yield start, end
        end, first = start, first * 2
