"""Records out of CloudWatch Logs, one interface's stream at a time (FilterLogEvents), the newest minutes first.

AWS names the stream of an interface by its id (eni-…-all), so no other's records are read, and nothing is charged by
bytes scanned. An event's time is its record's ``start``. Must not know what records are wanted for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from vpcshark.aws.errors import mapped
from vpcshark.aws.flow_records import groups
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.flowlogs.scan import Row
from vpcshark.flowlogs.wanted import slices

_STREAM = re.compile(r"eni-[0-9a-f]+")
_BY_INTERFACE = ("interface", "subnet", "VPC")
"""A transit gateway's flow log has other streams."""
_PAGE = 10_000


@dataclass
class Events:
    """Reads them as ``reading`` says."""

    reading: Reading
    _count: int = 0

    def rows(self) -> Iterator[Row]:
        """See ``Reader``."""
        wanted = self.reading.wanted
        self.reading.wanted.test(self.reading.kind)
        for where in wanted.resources or ("",):
            own = replace(self.reading, wanted=replace(wanted, resources=(where,) if where else ()))
            for begin, end in slices(wanted.begin - self.reading.log.interval, wanted.end):
                for page in self._pages(where, begin, end):
                    yield from own.kept(own.of_lines(page))
                    if self.reading.stop.is_set() or self.reading.is_over(self._count, "Reading the log group"):
                        return

    def _pages(self, where: str, begin: int, end: int) -> Iterator[list[str]]:
        """``end`` is left to the part before, which began with it: AWS's is inclusive."""
        logs, log = self.reading.aws.client("logs"), self.reading.log
        is_last = end == self.reading.wanted.end
        asked: dict[str, Any] = {"startTime": begin * 1000, "endTime": end * 1000 - (0 if is_last else 1)}
        if _STREAM.fullmatch(where) and self.reading.log.covers in _BY_INTERFACE:
            asked["logStreamNamePrefix"] = where
        elif where:
            asked["filterPattern"] = f'"{where}"'
        token = ""
        while True:
            with groups.told(log), mapped(f"read the log group {log.destination}", service="logs"):
                more = {"nextToken": token} if token else {}
                page = logs.filter_log_events(logGroupName=log.destination, limit=_PAGE, **asked, **more)
            lines = [str(event["message"]) for event in page.get("events", [])]
            self._count += sum(map(len, lines))
            yield lines[::-1]
            if not (token := page.get("nextToken", "")):
                return
