"""Records out of CloudWatch Logs and S3, as the lab's API has them: of the right time and interface, newest first."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from vpcshark.aws.flow_records import choice
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.aws.monitoring import flow_logs
from vpcshark.cli.main import run
from vpcshark.errors import AwsError, InputError
from vpcshark.flowlogs import match
from vpcshark.flowlogs.cover import WIDE
from vpcshark.flowlogs.logformat import text
from vpcshark.flowlogs.wanted import Wanted

GROUP, ACCOUNT = "/of/the/readers", "123456789012"
NAMES = ("interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end", "log-status")
NOW = int(time.time())
FLOW = match.parse("10.0.0.1:40000->10.0.0.2:443/tcp")


@pytest.fixture
def made(aws: Any) -> Iterator[Any]:
    """Make a flow log of an ENI; it goes after the test."""
    ids: list[str] = []

    def make(eni: str, **more: Any) -> str:
        said = {"TrafficType": "ALL", "LogFormat": text(NAMES), "MaxAggregationInterval": 60, **more}
        found = aws.ec2.create_flow_logs(ResourceType="NetworkInterface", ResourceIds=[eni], **said)
        ids.extend(found["FlowLogIds"])
        return str(ids[-1])

    yield make
    if ids:
        aws.ec2.delete_flow_logs(FlowLogIds=ids)


@pytest.fixture
def group(aws: Any, made: Any) -> Iterator[Any]:
    """A log group with the flow log of an ENI; ``put(stream, lines)`` writes into it."""
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=GROUP)

    def put(eni: str, lines: list[str]) -> None:
        made(eni, LogGroupName=GROUP, DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/flow")
        logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{eni}-all")
        events = [{"timestamp": int(line.split()[6]) * 1000, "message": line} for line in lines]
        logs.put_log_events(logGroupName=GROUP, logStreamName=f"{eni}-all", logEvents=events)

    yield put
    logs.delete_log_group(logGroupName=GROUP)


def line(eni: str, ago: int, ports: str = "40000 443") -> str:
    return f"{eni} 10.0.0.1 10.0.0.2 {ports} 6 {NOW - ago} {NOW - ago + 59} OK"


def reading(aws: Any, eni: str, ago: int, by: str, flows: Any = (), **more: Any) -> tuple[Reading, list[str], Any]:
    """(reading, what it said, reader) of the last ``ago`` seconds."""
    place, logs = flow_logs.covering(aws, eni)
    log, said = choice.best(place, logs, by), []
    found = Reading(aws, log, Wanted(NOW - ago, NOW, choice.resources(place, log), flows), said.append, **more)
    return found, said, choice.reader(found, by)


def starts(reader: Any) -> list[int]:
    return [NOW - int(row[kind.places["start"]]) for kind, row in reader.rows()]


@pytest.mark.parametrize("by", ["cloudwatch", "insights"])
def test_a_log_group_gives_the_records_of_that_time_flow_and_interface(aws, enis, group, by):
    eni = enis["web-1 eth0"]["id"]
    other = line("eni-0123456789abcdef0", 300)
    group(eni, [line(eni, 3000), line(eni, 600), line(eni, 300, "40001 443"), other, line(eni, 120)])
    found, said, reader = reading(aws, eni, 900, by, (FLOW,))
    assert sorted(starts(reader)) == [120, 600]
    # That others came shows that records are delivered; a query gives those that are asked for alone.
    assert found.tally.rows[eni] == {"cloudwatch": 3, "insights": 2}[by]
    assert any("Logs Insights scans" in each for each in said) == (by == "insights")


def test_events_come_the_newest_minutes_first(aws, enis, group):
    eni = enis["web-1 eth0"]["id"]
    group(eni, [line(eni, ago) for ago in (800, 500, 200, 30)])
    assert starts(reading(aws, eni, 900, "cloudwatch")[2]) == [30, 200, 500, 800]


def test_a_limit_stops_the_reading_of_events_and_says_so(aws, enis, group):
    eni = enis["web-1 eth0"]["id"]
    group(eni, [line(eni, ago) for ago in (800, 500, 200, 30)])
    _, said, reader = reading(aws, eni, 900, "cloudwatch", limit=100)
    assert starts(reader) == [30, 200]
    assert "stopped at the limit of 100 bytes: older records are missing" in said[-1]


def test_a_query_that_would_scan_more_than_the_limit_is_not_sent(aws, enis, group, calls):
    eni = enis["web-1 eth0"]["id"]
    group(eni, [line(eni, 30)])
    metric = {"MetricName": "IncomingBytes", "Dimensions": [{"Name": "LogGroupName", "Value": GROUP}], "Value": 2e9}
    data = [{**metric, "Timestamp": datetime.fromtimestamp(NOW - 60, timezone.utc)}]
    aws.client("cloudwatch").put_metric_data(Namespace="AWS/Logs", MetricData=data)
    with pytest.raises(InputError, match=r"about 1\.9 GiB, and the limit is 1\.0 GiB\. Nothing was read"):
        starts(reading(aws, eni, 900, "insights")[2])
    assert "StartQuery" not in " ".join(calls())


@pytest.mark.parametrize("by", ["cloudwatch", "insights"])
def test_a_log_group_that_was_deleted_is_a_sentence(aws, enis, group, by):
    eni = enis["web-1 eth0"]["id"]
    group(eni, [line(eni, 30)])
    aws.client("logs").delete_log_group(logGroupName=GROUP)
    try:
        with pytest.raises(AwsError, match=f"The log group {GROUP} of fl-.* is not there: it was deleted"):
            starts(reading(aws, eni, 900, by, limit=1 << 40)[2])
    finally:
        aws.client("logs").create_log_group(logGroupName=GROUP)


def test_a_format_without_ports_can_not_be_asked_for_ports(aws, enis, made, group):
    eni = enis["web-1 eth0"]["id"]
    role = f"arn:aws:iam::{ACCOUNT}:role/flow"
    made(eni, LogFormat="${srcaddr} ${dstaddr} ${protocol}", LogGroupName=GROUP, DeliverLogsPermissionArn=role)
    with pytest.raises(InputError, match="The records have no srcport, so it can't be matched"):
        starts(reading(aws, eni, 900, "cloudwatch", (FLOW,))[2])


BUCKET = "of-the-readers"


@pytest.fixture
def bucket(aws: Any) -> Iterator[Any]:
    """A bucket; ``put(key, body)``."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region})
    keys = []

    def put(key: str, body: bytes) -> None:
        keys.append(key)
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    yield put
    for key in keys:
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)


def key(aws: Any, log: str, ago: int, end: str = "log.gz") -> str:
    """As the VPC User Guide has it ("Flow log files")."""
    at = datetime.fromtimestamp((NOW - ago) // 300 * 300, timezone.utc)
    name = f"{ACCOUNT}_vpcflowlogs_{aws.region}_{log}_{at:%Y%m%dT%H%M}Z_1a2b.{end}"
    return f"AWSLogs/{ACCOUNT}/vpcflowlogs/{aws.region}/{at:%Y/%m/%d}/{name}"


def packed(lines: list[str]) -> bytes:
    return gzip.compress("\n".join([" ".join(NAMES), *lines, ""]).encode())


def test_a_bucket_gives_the_files_of_that_time_alone(aws, enis, made, bucket, calls):
    eni = enis["web-1 eth0"]["id"]
    log = made(eni, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}")
    bucket(key(aws, log, 300), packed([line(eni, 310), line("eni-0123456789abcdef0", 310)]))
    bucket(key(aws, log, 1200), packed([line(eni, 1210)] * 2000))
    bucket(key(aws, log, 90_000), b"not looked at")
    bucket(key(aws, "fl-0123456789abcdef0", 300), b"somebody else's")
    _, said, reader = reading(aws, eni, 1800, "s3", (FLOW,))
    assert starts(reader) == [310, *[1210] * 2000]
    assert said[0].startswith(f"2 files of {BUCKET} are read: about ")
    assert sum(call == "GetObject" for call in calls()) in (0, 2)


def test_files_larger_than_the_limit_are_not_fetched(aws, enis, made, bucket):
    eni = enis["web-1 eth0"]["id"]
    log = made(eni, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}")
    bucket(key(aws, log, 300), packed([line(eni, 310)]))
    with pytest.raises(InputError, match=r"the limit is 10 bytes\. Nothing was read"):
        starts(reading(aws, eni, 1800, "s3", limit=10)[2])


def test_parquet_in_a_bucket_reads_the_same(aws, enis, made, bucket):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    eni = enis["web-1 eth0"]["id"]
    log = made(eni, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}")
    values = line(eni, 310).split()
    columns = {
        name.replace("-", "_"): [int(value) if value.isdigit() else value]
        for name, value in zip(NAMES, values, strict=True)
    }
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    bucket(key(aws, log, 300, "log.parquet"), file.getvalue())
    assert starts(reading(aws, eni, 1800, "s3", (FLOW,))[2]) == [310]


def test_a_rotten_file_is_a_sentence(aws, enis, made, bucket):
    eni = enis["web-1 eth0"]["id"]
    log = made(eni, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}")
    bucket(key(aws, log, 300), packed([line(eni, 310)] * 100)[:-20])
    with pytest.raises(AwsError, match=f"s3://{BUCKET}/.* can't be unpacked"):
        starts(reading(aws, eni, 1800, "s3")[2])


def test_a_user_reads_the_records_of_an_eni(aws, enis, group, capsys):
    """The JSON is that of files; what else is to be known is told beside it."""
    eni = enis["web-1 eth0"]["id"]
    gap = f"{eni} - - - - - {NOW - 200} {NOW - 141} NODATA"
    group(eni, [line(eni, 310), gap, gap.replace("NODATA", "SKIPDATA")])
    asked = ["flowlogs", "read", "--region", aws.region, eni]
    assert run([*asked, "--json", "--match", "10.0.0.1->10.0.0.2:443/tcp"]) == 0
    told = capsys.readouterr()
    assert {json.loads(each)["log-status"] for each in told.out.splitlines()} == {"NODATA", "SKIPDATA", "OK"}
    for sentence in ("come about 6 minutes late", "had no traffic in 1 interval", "lost records of", "fl-"):
        assert sentence in told.err
    assert run([*asked, "--show-query", "--by", "insights", "--match", "*->10.0.0.2:443/tcp"]) == 0
    assert 'filter interface_id in ["' in capsys.readouterr().out
    assert run([*asked, "--from", "5s"]) == 3
    assert "No record of" in capsys.readouterr().err


def test_without_a_flow_log_it_is_said_what_would_make_one(aws, enis, capsys):
    assert run(["flowlogs", "read", "--region", aws.region, enis["web-1 eth0"]["id"]]) == 2
    assert "No flow log covers" in (said := capsys.readouterr().err)
    assert "aws ec2 create-flow-logs" in said
    assert WIDE[0] in said
