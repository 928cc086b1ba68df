"""From bytes to rows: lines of flow logs, all of them or those of one connection, in memory that does not grow.

Where only one connection is wanted, lines are not taken apart before a text that they must have was found in a whole
block: so it goes about as fast as grep. Must not know files: takes blocks of bytes of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from vpcshark.errors import InputError
from vpcshark.flowlogs import delivered, logformat, match
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.text import line as clean

LONGEST_LINE = 1 << 20
"""Bytes. AWS's own are a few hundred; CloudWatch Logs takes 256 KiB in one event."""
_ODD = (b"  ", b"\t", b"addr")
"""Where a block has one of these, its lines are taken apart one by one: values that other blanks part, or the header of
other records, which names an address."""

Row = tuple[LogFormat, list[bytes]]


@dataclass
class Scan:
    """Rows of one input called ``name``. ``kind`` is its format where the user said it; a header line in it is
    stronger. ``flow``: only rows of this. After the rows: how many lines were ``unreadable``, and the ``first`` one."""

    name: str
    kind: LogFormat | None = None
    flow: match.Flow | None = None
    unreadable: int = 0
    first: str = ""
    _test: match.Test | None = field(default=None, init=False)
    _needle: bytes = field(default=b"", init=False)

    def rows(self, blocks: Iterable[bytes]) -> Iterator[Row]:
        """Each row with its format, in order. InputError where no format can be told, or a line has no end."""
        if self.kind is not None:
            self._use(self.kind)
        rest = b""
        for data in _unwrapped(blocks):
            block = rest + data
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            if len(rest) > LONGEST_LINE:
                raise InputError(f"{self.name} is no flow log: a line has more than {LONGEST_LINE:,} bytes.")
            yield from self._of(block[:end])
        yield from self._of(rest)

    def _use(self, kind: LogFormat) -> None:
        self.kind = kind
        if self.flow is not None:
            self._test = match.test(self.flow, kind)
            self._needle = match.needle(self.flow, kind)

    def _of(self, block: bytes) -> Iterator[Row]:
        if self._needle and not any(odd in block for odd in _ODD):
            return self._each(_lines_with(self._needle, block))
        return self._each(block.split(b"\n"))

    def _each(self, lines: Iterable[bytes]) -> Iterator[Row]:
        heads = logformat.HEADS
        kind, test = self.kind, self._test
        for line in lines:
            row = kind.row(line) if kind is not None else None
            if row is None or row[0] in heads:
                row = self._new(line, row)
                kind, test = self.kind, self._test
            if row is not None and kind is not None and (test is None or test(row)):
                yield kind, row

    def _new(self, line: bytes, row: list[bytes] | None) -> list[bytes] | None:
        """The row of a line that may be none of the format so far: a header, the first of all, or nothing at all."""
        if not line.strip():
            return None
        if (found := logformat.header(line)) is not None:
            if self.kind is None or found.names != self.kind.names:
                self._use(found)
            return None
        if self.kind is None:
            found = logformat.of_first(line, self.name)
            self._use(found)
            return found.row(line)
        if row is None:
            self.unreadable += 1
            self.first = self.first or clean(line.decode("utf-8", "replace"), 200)
        return row


def _unwrapped(blocks: Iterable[bytes]) -> Iterable[bytes]:
    """What Data Firehose delivered is an object a record."""
    pending = iter(blocks)
    first = next(pending, b"")
    whole = chain((first,), pending)
    return delivered.unwrapped(whole) if first.startswith(delivered.START) else whole


def _lines_with(needle: bytes, block: bytes) -> Iterator[bytes]:
    at = block.find(needle)
    while at >= 0:
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        yield block[block.rfind(b"\n", 0, at) + 1 : end]
        at = block.find(needle, end)
