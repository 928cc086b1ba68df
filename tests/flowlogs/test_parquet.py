"""Parquet reads the same as the text of the same records, whatever types its writer chose. pyarrow writes it."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from pyarrow import parquet as writer

from vpcshark.errors import InputError
from vpcshark.flowlogs import logformat, match, parquet, records

LINES = [
    "2 001234567890 eni-1 10.0.0.1 10.0.0.2 4000 443 6 20 4249 1418530010 1418530070 ACCEPT OK",
    "2 001234567890 eni-1 - - - - - - - 1431280876 1431280934 - NODATA",
]


def written(numbers: pa.DataType, missing: object) -> io.BytesIO:
    """The lines as a file whose numbers are of a type, and whose "-" are ``missing``."""
    columns = {}
    for place, name in enumerate(logformat.DEFAULT.names):
        values = [line.split()[place] for line in LINES]
        is_number = name in ("start", "end", "version", "srcport", "bytes") and numbers != pa.string()
        said = [(missing if not is_number else None) if each == "-" else each for each in values]
        columns[name.replace("-", "_")] = pa.array(
            [int(each) if is_number and each else each for each in said], numbers if is_number else pa.string()
        )
    columns["account_id"] = pa.array([1234567890] * 2, pa.int64())
    file = io.BytesIO()
    writer.write_table(pa.table(columns), file)
    return file


@pytest.mark.parametrize("numbers", [pa.int32(), pa.int64(), pa.string()], ids=str)
@pytest.mark.parametrize("missing", [None, "-", "None"])
def test_it_reads_as_its_text(numbers: pa.DataType, missing: object):
    found = [records.typed(kind, row) for kind, row in parquet.rows(written(numbers, missing), "it", "")]
    assert found == [records.typed(logformat.DEFAULT, logformat.DEFAULT.row(line.encode()) or []) for line in LINES]


def test_only_a_flow():
    flow = match.parse("10.0.0.1:4000->10.0.0.2:443/tcp")
    assert len(list(parquet.rows(written(pa.int32(), None), "it", "", flow))) == 1


def test_a_rotten_file_is_a_sentence():
    whole = written(pa.int32(), None).getvalue()
    for data in (b"PAR1" + bytes(100), whole[:-20], whole[:200] + b"\xff" * 50 + whole[250:]):
        with pytest.raises(InputError, match="it can't be read as Parquet"):
            list(parquet.rows(io.BytesIO(data), "it", ""))
