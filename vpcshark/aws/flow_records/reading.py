"""One reading: whose account, which flow log, what of it, and the limit that stops it. Knows no service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vpcshark.aws.client import Aws
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.delivery import Tally, sized
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.scan import Row
from vpcshark.flowlogs.wanted import Wanted

LIMIT = 1 << 30
"""Bytes that may be scanned unless the user says otherwise."""


@dataclass
class Reading:
    """``tell`` takes a sentence for the user. ``limit``: bytes to be read or scanned at most. ``stop``: set to end it
    early. ``tally`` counts what was seen, wanted or not."""

    aws: Aws
    log: FlowLog
    wanted: Wanted
    tell: Callable[[str], None]
    limit: int = LIMIT
    clock: Clock = field(default_factory=SystemClock)
    stop: threading.Event = field(default_factory=threading.Event)
    tally: Tally = field(default_factory=Tally)

    @property
    def kind(self) -> LogFormat:
        """The records' format."""
        return LogFormat(self.log.format)

    def kept(self, rows: Iterator[Row] | Sequence[Row]) -> Iterator[Row]:
        """Those that are wanted; all are counted."""
        tests = {}
        for kind, row in rows:
            if kind not in tests:
                tests[kind] = self.wanted.test(kind)
            self.tally.note(kind, row)
            if tests[kind](row):
                yield kind, row

    def of_lines(self, lines: Iterator[str] | Sequence[str]) -> Iterator[Row]:
        """Rows of messages in the flow log's format; what has other columns is counted."""
        kind = self.kind
        for line in lines:
            row = kind.row(line.encode("utf-8", "replace"))
            if row is None:
                self.tally.unreadable += 1
            else:
                yield kind, row

    def allow(self, expected: int | None, what: str) -> None:
        """Say what is to be scanned. InputError where it is more than the limit."""
        if expected is None:
            self.tell(f"{what}: nobody can say how much before; it is stopped at {sized(self.limit)}.")
        elif expected > self.limit:
            raise InputError(
                f"{what}: about {sized(expected)}, and the limit is {sized(self.limit)}. Nothing was read.",
                "Ask for a shorter time, or raise --limit.",
            )
        else:
            self.tell(f"{what}: about {sized(expected)} (the limit is {sized(self.limit)}).")

    def is_over(self, count: int, what: str) -> bool:
        """Has more been read than allowed? Then that is said."""
        if count <= self.limit:
            return False
        self.tell(f"{what} was stopped at the limit of {sized(self.limit)}: older records are missing.")
        return True


class Reader(Protocol):
    """One way to the records."""

    def rows(self) -> Iterator[Row]:
        """The records that are wanted, the newest part first. AwsError, InputError."""
