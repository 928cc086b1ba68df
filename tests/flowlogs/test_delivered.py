"""Data Firehose's objects as lines, wherever blocks are cut; and its files' places."""

from __future__ import annotations

import json

import pytest

from vpcshark.flowlogs.delivered import unwrapped
from vpcshark.flowlogs.scan import Scan

RECORD = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 4000 443 6 20 4249 1418530010 1418530070 ACCEPT OK"
ODD = 'a "quoted" word'


@pytest.mark.parametrize("between", ["", "\n", " \n"])
@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_each_object_is_a_line(between: str, size: int):
    members = [{"message": RECORD}, {"message": ODD}, {"message": RECORD, "more": 1}, {"message": RECORD}]
    data = between.join(json.dumps(each) for each in members).encode()
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    lines = b"".join(unwrapped(blocks)).decode().split("\n")
    assert [each for each in lines if each.strip()] == [RECORD, ODD, RECORD, RECORD]


def test_a_file_that_firehose_wrote_is_read_as_any_other():
    data = b"".join(json.dumps({"message": RECORD}, separators=(",", ":")).encode() for _ in range(3)) + b'{"other":1}'
    scan = Scan("it")
    assert [row[5] for _, row in scan.rows([data[:50], data[50:]])] == [b"4000"] * 3
    assert scan.unreadable == 1
