"""What Insights and Athena are asked, where files lie in S3, and which rows are wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpcshark.errors import InputError
from vpcshark.flowlogs import insights, match, tables
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.delivery import Tally, sized
from vpcshark.flowlogs.logformat import DEFAULT, LogFormat
from vpcshark.flowlogs.objects import Layout
from vpcshark.flowlogs.wanted import Wanted, moment, slices

KIND = LogFormat(
    ("interface-id", "srcaddr", "dstaddr", "dstport", "protocol", "start", "end", "pkt-srcaddr", "log-status")
)
NOON = 1_767_268_800  # 2026-01-01T12:00:00Z
FLOW = match.parse("10.0.0.1->10.0.0.0/24:443/tcp")
S3 = FlowLog("fl-1", "eni-1", "interface", "ALL", "s3", "arn:aws:s3:::b/p/", KIND.names, 60, "ACTIVE", "SUCCESS", "")
LAYOUT = Layout(S3, "123456789012", "eu-central-1")


def test_a_query_of_insights_parses_by_the_log_format_and_asks_for_both_addresses():
    said = insights.query(KIND, Wanted(0, 1, ("eni-1",), (FLOW,)))
    assert said.splitlines() == [
        "fields @timestamp, @message",
        '| parse @message "* * * * * * * * *" as interface_id, srcaddr, dstaddr, dstport, protocol, start, end, '
        "pkt_srcaddr, log_status",
        '| filter interface_id in ["eni-1"] and ((((pkt_srcaddr = "10.0.0.1") or (srcaddr = "10.0.0.1")) and '
        'isIpv4InSubnet(dstaddr, "10.0.0.0/24") and dstport = 443 and protocol = 6) or '
        '(log_status in ["NODATA", "SKIPDATA"]))',
        "| sort @timestamp desc",
        "| limit 10000",
    ]


def test_a_table_of_athena_has_the_formats_columns_and_the_days_as_partitions():
    said = tables.create(LAYOUT, "t")
    assert "  `pkt_srcaddr` string,\n  `log_status` string\n)" in said
    assert "`start` bigint" in said
    assert "'storage.location.template'='s3://b/p/AWSLogs/123456789012/vpcflowlogs/eu-central-1/${day}'" in said
    hive = tables.create(replace(LAYOUT, log=replace(S3, hive=True, hourly=True, file_format="parquet")), "t")
    assert "aws-region=eu-central-1/year=${year}/month=${month}/day=${day}/hour=${hour}'" in hive
    assert "skip.header" not in hive


def test_a_query_of_athena_scans_the_days_of_the_time_alone():
    said = tables.select(LAYOUT, "t", Wanted(NOON, NOON + 60, ("eni-1",), (FLOW,)), 10)
    assert "\"day\" BETWEEN '2026/01/01' AND '2026/01/01'" in said
    assert "(\"pkt_srcaddr\" = '10.0.0.1' OR \"srcaddr\" = '10.0.0.1')" in said
    assert "contains('10.0.0.0/24', TRY_CAST(\"dstaddr\" AS IPADDRESS))" in said
    assert 'ORDER BY "start" DESC\nLIMIT 10' in said


@pytest.mark.parametrize("query", [insights.query, lambda kind, wanted: tables.select(LAYOUT, "t", wanted, 1)])
def test_a_port_that_the_records_do_not_have_is_a_sentence(query):
    with pytest.raises(InputError, match="have no srcport"):
        query(KIND, Wanted(0, 1, (), (match.parse("*:1->*"),)))


def test_the_prefixes_of_a_time_are_hours_the_newest_first():
    found = [*LAYOUT.prefixes(Wanted(NOON - 3600, NOON - 1800), NOON)]
    name = "p/AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/01/01/123456789012_vpcflowlogs_eu-central-1_fl-1_"
    assert found == [f"{name}20260101T{hour}" for hour in ("11", "10")]
    hive = replace(LAYOUT, log=replace(S3, hive=True, hourly=True))
    assert "/year=2026/month=01/day=01/hour=12/" in next(iter(hive.prefixes(Wanted(NOON - 60, NOON), NOON)))


@pytest.mark.parametrize(("stamp", "is_in"), [("1055", True), ("1200", True), ("1020", False), ("1230", False)])
def test_a_file_is_looked_at_by_the_minutes_in_its_name(stamp, is_in):
    key = f"x/123456789012_vpcflowlogs_eu-central-1_fl-1_20260101T{stamp}Z_ab.log.gz"
    assert LAYOUT.is_in(key, Wanted(NOON - 3600, NOON)) == is_in


def test_rows_are_wanted_by_interval_resource_and_flow_and_gaps_are_of_every_flow():
    test = Wanted(100, 200, ("eni-1",), (FLOW,)).test(KIND)
    row = b"eni-1 10.0.0.1 10.0.0.9 443 6 150 160 10.0.0.1 OK".split()
    assert test(row)
    for place, value in ((0, b"eni-2"), (1, b"10.0.0.3"), (3, b"80"), (5, b"201"), (6, b"99")):
        other = [*row]
        other[place] = value
        if place == 1:
            other[7] = value
        assert not test(other), place
    assert test(b"eni-1 - - - - 150 160 - NODATA".split())


@pytest.mark.parametrize(
    ("text", "found"),
    [("15m", NOON - 900), ("2026-01-01T12:00:00Z", NOON), ("2026-01-01 12:00", NOON), (str(NOON), NOON)],
)
def test_a_time_is_before_now_or_a_date(text, found):
    assert moment(text, NOON) == found


def test_other_words_are_no_time():
    with pytest.raises(InputError, match='"noon" is no time'):
        moment("noon", NOON)


def test_a_time_is_cut_into_longer_and_longer_parts():
    assert [*slices(0, 300)] == [(240, 300), (120, 240), (0, 120)]


def test_gaps_are_told_and_so_is_what_can_not_have_come_yet():
    tally = Tally()
    for status in (b"NODATA", b"SKIPDATA", b"OK"):
        tally.note(DEFAULT, [*b"2 1 eni-1 - - - - - - - 1 2 -".split(), status])
    said = " ".join(tally.sentences(S3, Wanted(NOON - 900, NOON, ("eni-1",)), NOON))
    assert "about 11 minutes late, so of the last 11 minutes" in said
    assert "no traffic in 1 interval (NODATA). AWS lost records of eni-1 in 1 interval (SKIPDATA)" in said
    assert (tally.rows["eni-1"], sized(3 << 29)) == (3, "1.5 GiB")
