"""Logs Insights and Athena as the lab does them: what the product asks is run, and what AWS refuses is refused."""

from __future__ import annotations

import gzip

import pytest

from vpcshark.lab.flow_records import queries
from vpcshark.lab.flow_records.athena import Catalog, Refused
from vpcshark.lab.flow_records.expressions import Malformed

ROWS = [
    {"@timestamp": f"2026-01-01 12:00:0{n}.000", "@message": f"eni-{n} 10.0.0.{n} {n * 10} OK", "@ptr": str(n)}
    for n in range(1, 6)
]
PARSE = 'parse @message "* * * *" as eni, srcaddr, bytes, status'


def run(text: str) -> list[dict[str, str]]:
    return queries.read(text).run([dict(row) for row in ROWS])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("filter bytes > 30", ["5", "4"]),
        ('filter bytes > 30 and not srcaddr = "10.0.0.5"', ["4"]),
        ('filter eni in ["eni-2", "eni-3"]', ["3", "2"]),
        ('filter isIpv4InSubnet(srcaddr, "10.0.0.0/30")', ["3", "2", "1"]),
        ('filter isIpv6InSubnet(srcaddr, "::/0")', []),
        ('filter srcaddr like /0\\.[45]$/ or (bytes = 10 and status = "OK")', ["5", "4", "1"]),
        ("filter nothing = 1 or ispresent(nothing)", []),
        ("sort bytes asc | limit 2", ["1", "2"]),
        ("filter 1 = 1", ["5", "4", "3", "2", "1"]),
    ],
)
def test_a_condition_chooses_rows(text: str, expected: list[str]):
    assert [row["@ptr"] for row in run(f"{PARSE} | {text}")] == expected


def test_sums_are_by_groups():
    text = f"{PARSE} | stats count(*), sum(bytes) as total, max(bytes) by status"
    assert run(text) == [{"status": "OK", "count(*)": "5", "total": "150", "max(bytes)": "50"}]


def test_what_is_shown_are_the_fields_that_are_named():
    assert run(f"fields @message | {PARSE} | limit 1") == [{"@message": "eni-5 10.0.0.5 50 OK", "@ptr": "5"}]
    assert run(f"{PARSE} | display eni, bytes | limit 1") == [{"eni": "eni-5", "bytes": "50", "@ptr": "5"}]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("find everything", 0),
        ("fields @message | | limit 3", 17),
        ('parse @message "* *" as a', 15),
        ("filter bytes", 12),
        ("filter bytes >", 14),
        ("filter (bytes > 3", 17),
        ("filter interface-id = 3", 16),
        ("filter isIpv4InSubnet(srcaddr)", 29),
        ('filter isIpv4InSubnet(srcaddr, "10.0.0.0/99")', 31),
        ("limit 0", 6),
        ("limit 10001", 6),
        ("filter strlen(srcaddr) = 4", 7),
        ("fields @message limit 3", 16),
        ('filter a = "open', 10),
        ("stats median(bytes)", 6),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(text: str, place: int):
    with pytest.raises(Malformed) as told:
        queries.read(text)
    assert told.value.place == place


DDL = """CREATE EXTERNAL TABLE IF NOT EXISTS `flows` (
  `srcaddr` string, `bytes` bigint, `end` bigint
) PARTITIONED BY (`day` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
LOCATION 's3://bucket/logs/'
TBLPROPERTIES ('skip.header.line.count'='1', 'projection.enabled'='true', 'projection.day.type'='date',
'projection.day.format'='yyyy/MM/dd', 'projection.day.range'='2015/01/01,NOW',
'storage.location.template'='s3://bucket/logs/${day}')"""


def packed(*lines: str) -> bytes:
    return gzip.compress("\n".join(["srcaddr bytes end", *lines, ""]).encode())


FILES = {
    "logs/2026/01/01/a.log.gz": packed("10.0.0.1 5 100", "- - 160"),
    "logs/2026/01/02/b.log.gz": packed("10.0.0.2 7 200", "2001:db8::1 9 260"),
    "logs/elsewhere/c.log.gz": packed("10.0.0.3 1 1"),
}


@pytest.fixture
def catalog() -> Catalog:
    found = Catalog(lambda bucket, prefix: [(k, v) for k, v in FILES.items() if k.startswith(prefix)])
    found.run(DDL, "default")
    return found


def test_a_table_has_the_rows_of_its_partitions_alone(catalog: Catalog):
    answer = catalog.run(
        'SELECT "srcaddr", "bytes" FROM "flows" WHERE "day" BETWEEN \'2026/01/01\' AND \'2026/01/02\'', "default"
    )
    assert answer.columns == ["srcaddr", "bytes"]
    assert sorted(map(str, answer.rows)) == [
        "['-', None]",
        "['10.0.0.1', '5']",
        "['10.0.0.2', '7']",
        "['2001:db8::1', '9']",
    ]
    assert answer.scanned == sum(len(FILES[key]) for key in list(FILES)[:2])


def test_a_day_bounds_what_is_scanned(catalog: Catalog):
    text = 'SELECT "bytes" FROM "flows" WHERE "day" BETWEEN \'2026/01/02\' AND \'2026/01/02\''
    text += " AND contains('10.0.0.0/8', TRY_CAST(\"srcaddr\" AS IPADDRESS))"
    answer = catalog.run(text, "default")
    assert (answer.rows, answer.scanned) == ([["7"]], len(FILES["logs/2026/01/02/b.log.gz"]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('SELECT "color" FROM "flows"', "COLUMN_NOT_FOUND"),
        ('SELECT "bytes" FROM "others"', "TABLE_NOT_FOUND"),
        ("SELECT end FROM flows", "mismatched input 'end'"),
        ("SELECT `end` FROM flows", "backquoted"),
        ('SELECT "bytes" FROM "flows" WHERE "bytes" = \'5\'', "TYPE_MISMATCH"),
        ('SELECT "bytes" FROM "flows" WHERE "srcaddr" = 5', "TYPE_MISMATCH"),
        ("CREATE EXTERNAL TABLE t (end bigint) ROW FORMAT DELIMITED LOCATION 's3://b/p/'", "no viable alternative"),
        ("CREATE EXTERNAL TABLE t (`a-b` string) ROW FORMAT DELIMITED LOCATION 's3://b/p/'", "mismatched input"),
        (DDL.replace("`flows`", "t").replace("logs/'", "logs'", 1), "no slash"),
        (DDL.replace("'projection.day.type'='date',", "").replace("`flows`", "t"), "projection.day.type is missing"),
        ("DELETE FROM flows", "cannot recognize input"),
    ],
)
def test_what_athena_refuses_is_refused(text: str, why: str, catalog: Catalog):
    with pytest.raises(Refused, match=why):
        catalog.run(text, "default")


def test_a_table_that_was_dropped_is_gone(catalog: Catalog):
    catalog.run("DROP TABLE IF EXISTS `flows`", "default")
    with pytest.raises(Refused, match="TABLE_NOT_FOUND"):
        catalog.run('SELECT "bytes" FROM "flows"', "default")
