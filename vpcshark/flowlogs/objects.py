"""Where a flow log's files lie in S3: the prefixes of a time, so that nothing else is listed; and what a key tells.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html: folders by day, perhaps by hour, perhaps as
Hive has them; a file's name has the flow log's id and the five minutes in which its records ended. Must not know S3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from vpcshark.errors import InputError
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.wanted import Wanted

_ARN = re.compile(r"arn:[a-z-]+:s3:::([a-z0-9.-]+)(?:/(.*))?")
_STAMP = re.compile(r"_(fl-[0-9a-z]+)_(\d{8}T\d{4})Z_[^/]*\.(log\.gz|log\.parquet|parquet|gz)$")
FILE = 300
"""Seconds of one file: the times at which its records ended."""
_SLACK = 300
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Layout:
    """A flow log's place in S3. ``account`` is the flow log's owner."""

    log: FlowLog
    account: str
    region: str

    @property
    def bucket(self) -> str:
        """InputError where the destination is none."""
        return self._where()[0]

    def folder(self, day: datetime | None = None) -> str:
        """The folder of all days, or of one; with a slash at its end."""
        prefix = self._where()[1]
        hive = self.log.hive
        names = ("aws-account-id=", "aws-service=", "aws-region=") if hive else ("", "", "")
        parts = [prefix, "AWSLogs", f"{names[0]}{self.account}", f"{names[1]}vpcflowlogs", f"{names[2]}{self.region}"]
        if day is not None:
            parts += day.strftime("year=%Y/month=%m/day=%d" if hive else "%Y/%m/%d").split("/")
            parts += [day.strftime("hour=%H" if hive else "%H")] if self.log.hourly else []
        return "/".join(filter(None, parts)) + "/"

    def prefixes(self, wanted: Wanted, now: float) -> Iterator[str]:
        """One an hour, the newest first: folder and the beginning of the files' names."""
        first = _hour(wanted.begin - _SLACK)
        hour = _hour(min(wanted.end + self.log.interval + FILE + _SLACK, now))
        while hour >= first:
            name = f"{self.account}_vpcflowlogs_{self.region}_{self.log.id}_{hour:%Y%m%dT%H}"
            yield self.folder(hour) + name
            hour -= _HOUR

    def is_in(self, key: str, wanted: Wanted) -> bool:
        """May the file have records of that time, by its name?"""
        found = _STAMP.search(key)
        if found is None or found[1] != self.log.id:
            return False
        stamp = datetime.strptime(found[2], "%Y%m%dT%H%M").replace(tzinfo=timezone.utc).timestamp()
        return wanted.begin - FILE - _SLACK < stamp <= wanted.end + self.log.interval + FILE + _SLACK

    def _where(self) -> tuple[str, str]:
        found = _ARN.fullmatch(self.log.destination)
        if found is None:
            raise InputError(f"The destination of {self.log.id} is no bucket: {self.log.destination}.")
        return found[1], (found[2] or "").strip("/")


def _hour(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds) // 3600 * 3600, timezone.utc)
