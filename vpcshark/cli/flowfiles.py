"""Files of flow logs, opened: text, packed text, Parquet. Must not know what is done with the records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vpcshark.cli import extras
from vpcshark.cli.infile import InFile
from vpcshark.errors import InputError
from vpcshark.flowlogs import match, parquet
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.scan import Row, Scan
from vpcshark.text import many

_BLOCK = 1 << 20


@dataclass
class Files:
    """Rows of several files, one after the other ("-": standard input). ``tell`` takes a sentence on what was left
    out."""

    paths: Sequence[str]
    kind: LogFormat | None
    flow: match.Flow | None
    tell: Callable[[str], None]
    formats: set[LogFormat] = field(default_factory=set)

    def rows(self) -> Iterator[Row]:
        """InputError where a file can't be read."""
        for path in self.paths:
            file = InFile.open(path)
            try:
                yield from self._of(file)
            except (ValueError, OSError) as exc:
                raise InputError(f"{file.name} can't be read: {exc}", "Fetch it again.") from exc
            finally:
                file.close()

    def _of(self, file: InFile) -> Iterator[Row]:
        blocks = _blocks(file)
        first = next(blocks, b"")
        if first.startswith(parquet.MAGIC):
            if not file.size:
                raise InputError(f"{file.name} is Parquet, which can't be read from a pipe.", "Name the file.")
            with open(file.name, "rb") as whole:
                yield from parquet.rows(whole, file.name, extras.advice("parquet"), self.flow)
            return
        scan = Scan(file.name, self.kind, self.flow)
        yield from scan.rows(_after(first, blocks))
        if scan.kind is not None:
            self.formats.add(scan.kind)
        if scan.unreadable:
            self.tell(
                f"{file.name}: {many(scan.unreadable, 'line')} left out that do not have the format's columns, "
                f'the first: "{scan.first}"'
            )


def _after(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks


def _blocks(file: InFile) -> Iterator[bytes]:
    view = memoryview(bytearray(_BLOCK))
    while count := file.readinto(view):
        yield bytes(view[:count])
