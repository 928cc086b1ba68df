"""Records out of the files that AWS put into S3: those of the time alone are listed, and read as streams, newest first.

Text files take no memory, however large; a Parquet file (75 MB at most, as AWS writes them) is on disk while it is
read. Must not know what records are wanted for.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from vpcshark.aws.errors import mapped
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.aws.paging import pages
from vpcshark.errors import AwsError, InputError
from vpcshark.flowlogs import parquet
from vpcshark.flowlogs.delivered import Delivered
from vpcshark.flowlogs.objects import Layout
from vpcshark.flowlogs.scan import Row, Scan

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
MOST_FILES = 5_000
"""Files of one reading: more is Athena's work."""
_ADVICE = "Install it with: pip install 'vpcshark[parquet]'"


@dataclass
class Files:
    """Reads a flow log's files."""

    reading: Reading
    layout: Layout | Delivered
    seen: set[str] = field(default_factory=set)

    def listed(self) -> list[tuple[str, int]]:
        """(key, bytes) of each file of that time, the newest first. AwsError; InputError for too many."""
        reading = self.reading
        found: list[tuple[str, int]] = []
        s3 = reading.aws.client("s3")
        for prefix in self.layout.prefixes(reading.wanted, reading.clock.now()):
            with mapped(f"list the bucket {self.layout.bucket}", service="s3"):
                items = list(pages(s3, "list_objects_v2", "Contents", Bucket=self.layout.bucket, Prefix=prefix))
            fitting = [item for item in items if self.layout.is_in(item["Key"], reading.wanted)]
            found += [(item["Key"], int(item["Size"])) for item in sorted(fitting, key=_key, reverse=True)]
            if len(found) > MOST_FILES:
                raise InputError(
                    f"There are more than {MOST_FILES:,} files in that time.", "Read less, or with --by athena."
                )
        return [each for each in found if each[0] not in self.seen]

    def rows(self) -> Iterator[Row]:
        """See ``Reader``."""
        self.reading.wanted.test(self.reading.kind)
        files = self.listed()
        self.reading.allow(sum(size for _, size in files), f"{len(files):,} files of {self.layout.bucket} are read")
        read = 0
        for key, size in files:
            if self.reading.stop.is_set():
                return
            read += size
            yield from self.reading.kept(self._of(key))
            self.seen.add(key)
            if self.reading.is_over(read, "Reading the files"):
                return

    def _of(self, key: str) -> Iterator[Row]:
        name = f"s3://{self.layout.bucket}/{key}"
        with mapped(f"read {name}", service="s3"):
            body = self.reading.aws.client("s3").get_object(Bucket=self.layout.bucket, Key=key)["Body"]
        try:
            if key.endswith(".parquet"):
                with tempfile.TemporaryFile() as file:
                    with mapped(f"read {name}", service="s3"):
                        shutil.copyfileobj(body, file, _BLOCK)
                    file.seek(0)
                    yield from parquet.rows(file, name, _ADVICE)
            else:
                scan = Scan(name, self.reading.kind)
                yield from scan.rows(_blocks(body, name))
                self.reading.tally.unreadable += scan.unreadable
        finally:
            body.close()


class _Joined(io.RawIOBase):
    """What was read of a body already, and the rest."""

    def __init__(self, first: bytes, body: Any) -> None:
        self._first, self._body = first, body

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; b"" at the end."""
        if not self._first:
            return bytes(self._body.read(size))
        part, self._first = (self._first, b"") if size < 0 else (self._first[:size], self._first[size:])
        return part


def _key(item: Any) -> str:
    return str(item["Key"])


def _blocks(body: Any, name: str) -> Iterator[bytes]:
    """Unpacked where it is packed, a block at a time."""
    with mapped(f"read {name}", service="s3"):
        first = body.read(_BLOCK)
    source = _Joined(first, body)
    with gzip.GzipFile(fileobj=source, mode="rb") if first.startswith(_GZIP) else nullcontext(source) as plain:
        while True:
            try:
                with mapped(f"read {name}", service="s3"):
                    block = plain.read(_BLOCK)
            except (zlib.error, EOFError, gzip.BadGzipFile) as exc:
                raise AwsError(f"{name} can't be unpacked: {exc}", "Fetch it, and look at it.") from exc
            if not block:
                return
            yield block
