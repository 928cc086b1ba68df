"""Flow logs in Parquet, as rows of the same text that a plain flow log of theirs would have. Needs pyarrow.

AWS writes INT_32, INT_64 and strings under names with underscores
(https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html); other writers make numbers of account ids,
and words of what is missing. Must not know where the file is: takes what reads and seeks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from vpcshark.errors import InputError
from vpcshark.flowlogs import match, records
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.scan import Row

MAGIC = b"PAR1"
_AT_ONCE = 16_384
"""Rows in memory."""
_ACCOUNT = 12
"""Digits of an account id."""
_MISSING = {None: records.NONE, "": records.NONE, "None": records.NONE}


def rows(file: BinaryIO, name: str, advice: str, flow: match.Flow | None = None) -> Iterator[Row]:
    """Each row, or those of ``flow``. InputError where the file is rotten or pyarrow is not installed: ``advice`` says
    how to install it."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as exc:
        raise InputError(f"{name} is Parquet, which needs a library that is not installed.", advice) from exc
    try:
        whole = parquet.ParquetFile(file)
        kind = LogFormat(tuple(column.replace("_", "-") for column in whole.schema_arrow.names))
        test = match.test(flow, kind) if flow is not None else None
        for batch in whole.iter_batches(batch_size=_AT_ONCE):
            columns = [_texts(each, batch.column(place)) for place, each in enumerate(kind.names)]
            yield from ((kind, row) for row in map(list, zip(*columns, strict=True)) if test is None or test(row))
    except (pyarrow.ArrowException, OSError) as exc:
        raise InputError(f"{name} can't be read as Parquet: {exc}", "Fetch it again.") from exc


def _texts(name: str, column: Any) -> list[bytes]:
    """A column's values as in text: no blanks in them, and "-" for none."""
    width = _ACCOUNT if name == "account-id" else 0
    return [
        _MISSING.get(value) or b"_".join(str(value).zfill(width).encode(errors="replace").split()) or records.NONE
        for value in column.to_pylist()
    ]
