"""Which columns records have: as a flow log was made, by a header, or AWS's defaults; else a sentence."""

from __future__ import annotations

import pytest

from vpcshark.errors import InputError
from vpcshark.flowlogs import fields, logformat


@pytest.mark.parametrize(
    "text",
    ["${version} ${interface-id}  ${srcaddr}", "version interface-id srcaddr", " ${version}${interface-id}${srcaddr}"],
)
def test_a_log_format_is_read_as_aws_shows_it_or_as_plain_names(text: str):
    assert logformat.parse(text).names == ("version", "interface-id", "srcaddr")


def test_the_defaults_have_names():
    assert len(logformat.parse("default").names) == 14
    assert logformat.parse("tgw-default").names[-1] == "pkt-dst-aws-service"


@pytest.mark.parametrize("text", ["", "${}", "version version", "${version}; ${start} and more"])
def test_what_is_no_log_format_is_a_sentence(text: str):
    with pytest.raises(InputError):
        logformat.parse(text)


def test_a_header_names_the_columns_also_those_of_later_versions():
    """AWS adds fields; Parquet's names have underscores."""
    found = logformat.header(b"version account_id srcaddr dstaddr reject-reason of-tomorrow\r")
    assert found is not None
    assert found.names == ("version", "account-id", "srcaddr", "dstaddr", "reject-reason", "of-tomorrow")


@pytest.mark.parametrize("line", [b"", b"2 123456789010 eni-1 - - - - - - - 1 2 - NODATA", b"type type"])
def test_a_record_is_no_header(line: bytes):
    assert logformat.header(line) is None


def test_records_without_a_header_are_the_default_or_nobody_knows():
    assert logformat.guessed(b"2 123456789010 eni-1 - - - - - - - 1 2 - NODATA") == logformat.DEFAULT
    gateway = b" ".join([b"6", b"TransitGateway", *[b"-"] * (len(fields.TRANSIT_GATEWAY) - 2)])
    assert logformat.guessed(gateway) == logformat.TRANSIT_GATEWAY
    with pytest.raises(InputError, match="3 columns and no header line"):
        logformat.of_first(b"10.0.0.1 10.0.0.2 ACCEPT", "it")


def test_it_is_written_as_create_flow_logs_takes_it():
    assert logformat.parse(logformat.text(fields.DEFAULT)) == logformat.DEFAULT
