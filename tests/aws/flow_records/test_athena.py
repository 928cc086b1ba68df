"""Months of records by Athena, which the lab answers from the files themselves; and what Data Firehose delivered."""

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
from vpcshark.aws.flow_records.athena import Where
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.aws.monitoring import flow_logs
from vpcshark.errors import AwsError, InputError
from vpcshark.flowlogs import match
from vpcshark.flowlogs.logformat import text
from vpcshark.flowlogs.wanted import Wanted

ACCOUNT, BUCKET, DAY = "123456789012", "of-athena", 86_400
NAMES = ("interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end", "log-status")
NOW = int(time.time())
FLOW, FLOW6 = match.parse("10.0.0.1:40000->10.0.0.2:443/tcp"), match.parse("[2001:db8::1]:40000->[2001:db8::2]:443/tcp")


def line(eni: str, ago: int, source: str = "10.0.0.1", target: str = "10.0.0.2", port: int = 443) -> str:
    return f"{eni} {source} {target} 40000 {port} 6 {NOW - ago} {NOW - ago + 59} OK"


def plain(lines: list[str]) -> bytes:
    return gzip.compress("\n".join([" ".join(NAMES), *lines, ""]).encode())


def columnar(lines: list[str]) -> bytes:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [[int(value) if value.isdigit() else value for value in each.split()] for each in lines]
    columns = {
        name.replace("-", "_"): column for name, column in zip(NAMES, map(list, zip(*rows, strict=True)), strict=True)
    }
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def folder(aws: Any, ago: int, *, is_hive: bool, is_hourly: bool) -> str:
    """As the VPC User Guide has it ("Flow log files")."""
    at = datetime.fromtimestamp(NOW - ago, timezone.utc)
    if is_hive:
        base = f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={aws.region}"
        return f"{base}/{at:year=%Y/month=%m/day=%d}" + (f"/{at:hour=%H}" if is_hourly else "")
    return f"AWSLogs/{ACCOUNT}/vpcflowlogs/{aws.region}/{at:%Y/%m/%d}" + (f"/{at:%H}" if is_hourly else "")


@pytest.fixture
def bucket(aws: Any) -> Iterator[Any]:
    """Empty before and after: what was put and what Athena left goes."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region})
    yield s3
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def made(aws: Any) -> Iterator[Any]:
    ids: list[str] = []

    def make(eni: str, **more: Any) -> None:
        asked = {"TrafficType": "ALL", "LogFormat": text(NAMES), "MaxAggregationInterval": 60, **more}
        ids.extend(aws.ec2.create_flow_logs(ResourceType="NetworkInterface", ResourceIds=[eni], **asked)["FlowLogIds"])

    yield make
    if ids:
        aws.ec2.delete_flow_logs(FlowLogIds=ids)


def reading(aws: Any, eni: str, days: int, flows: Any, **more: Any) -> tuple[Reading, list[str]]:
    place, logs = flow_logs.covering(aws, eni)
    said: list[str] = []
    wanted = Wanted(NOW - days * DAY, NOW, choice.resources(place, logs[0]), flows)
    return Reading(aws, choice.best(place, logs), wanted, said.append, **more), said


WHERE = Where(output=f"s3://{BUCKET}/results/")


@pytest.mark.parametrize(
    ("is_hive", "is_hourly", "is_parquet"),
    [(False, False, False), (True, True, False), (False, True, True), (True, False, True)],
)
def test_months_of_records_are_rows_of_those_days(
    aws: Any, enis: Any, made: Any, bucket: Any, is_hive: bool, is_hourly: bool, is_parquet: bool
):
    """Of one flow of either family; what lies before is not scanned; the table is gone afterwards."""
    eni = enis["web-1 eth0"]["id"]
    options = {"HiveCompatiblePartitions": is_hive, "PerHourPartition": is_hourly}
    options["FileFormat"] = "parquet" if is_parquet else "plain-text"
    made(eni, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}", DestinationOptions=options)
    for days in (1, 20, 59, 200):
        ago = days * DAY
        other = line("eni-0123456789abcdef0", ago)
        lines = [line(eni, ago), line(eni, ago, "2001:db8::1", "2001:db8::2"), line(eni, ago, port=444), other]
        body = columnar(lines) if is_parquet else plain(lines)
        place = folder(aws, ago, is_hive=is_hive, is_hourly=is_hourly)
        bucket.put_object(Bucket=BUCKET, Key=f"{place}/a.{'parquet' if is_parquet else 'log.gz'}", Body=body)
    for flow in (FLOW, FLOW6):
        found, _ = reading(aws, eni, 60, (flow,))
        rows = [*choice.reader(found, "athena", WHERE).rows()]
        assert [(NOW - int(row[kind.places["start"]])) // DAY for kind, row in rows] == [1, 20, 59]
    left = aws.client("athena")
    again = left.start_query_execution(
        QueryString='SELECT "start" FROM "vpcshark_flow_logs"',
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
    )["QueryExecutionId"]
    assert left.get_query_execution(QueryExecutionId=again)["QueryExecution"]["Status"]["State"] == "FAILED"


def test_why_athena_refuses_is_told(aws: Any, enis: Any, made: Any, bucket: Any):
    eni = enis["web-1 eth0"]["id"]
    made(eni, LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}")
    found, _ = reading(aws, eni, 60, (FLOW,))
    with pytest.raises(AwsError, match="TABLE_NOT_FOUND"):
        [*choice.reader(found, "athena", Where(table="of_nobody", output=WHERE.output)).rows()]
    with pytest.raises(AwsError, match="No output location"):
        [*choice.reader(found, "athena", Where()).rows()]


@pytest.fixture
def stream(aws: Any, bucket: Any) -> Iterator[Any]:
    """Make a delivery stream that writes into the bucket; its ARN."""
    firehose, names = aws.client("firehose"), []

    def make(name: str, **more: Any) -> str:
        place = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/flow", "BucketARN": f"arn:aws:s3:::{BUCKET}", **more}
        firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=place)
        names.append(name)
        return f"arn:aws:firehose:{aws.region}:{ACCOUNT}:deliverystream/{name}"

    yield make
    for name in names:
        firehose.delete_delivery_stream(DeliveryStreamName=name)


def objects(lines: list[str]) -> bytes:
    """As Data Firehose writes them: one after the other, with nothing between."""
    return b"".join(json.dumps({"message": each}, separators=(",", ":")).encode() for each in lines)


@pytest.mark.parametrize(
    ("prefix", "place"),
    [
        ("", "{:%Y/%m/%d/%H/}"),
        ("flows/", "flows/{:%Y/%m/%d/%H/}"),
        ("flows/!{timestamp:yyyy-MM-dd}/", "flows/{:%Y-%m-%d}/"),
        ("flows/!{partitionKeyFromQuery:vpc}/", "flows/vpc-1/{:%Y}/"),
    ],
)
@pytest.mark.parametrize("packing", ["UNCOMPRESSED", "GZIP"])
def test_what_firehose_delivered_is_read(
    aws: Any, enis: Any, made: Any, bucket: Any, stream: Any, prefix: str, place: str, packing: str
):
    eni = enis["web-1 eth0"]["id"]
    arn = stream("flows", Prefix=prefix, CompressionFormat=packing)
    made(eni, LogDestinationType="kinesis-data-firehose", LogDestination=arn)
    for ago, body in ((400, objects([line(eni, 900), line(eni, 800, port=444)])), (9 * DAY, b"not looked at")):
        at = datetime.fromtimestamp(NOW - ago, timezone.utc)
        key = f"{place.format(at)}flows-1-{at:%Y-%m-%d-%H-%M-%S}-0a1b2c3d-0a1b-4c3d-8e4f-0a1b2c3d4e5f"
        bucket.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(body) if packing == "GZIP" else body)
    found, said = reading(aws, eni, 1, (FLOW,))
    rows = [*choice.reader(found).rows()]
    assert [NOW - int(row[kind.places["start"]]) for kind, row in rows] == [900]
    assert said[0].startswith(f"1 files of {BUCKET} are read")


@pytest.mark.parametrize(("packing", "words"), [("Snappy", "packs its files with Snappy"), ("ZIP", "with ZIP")])
def test_what_can_not_be_read_of_firehose_is_a_sentence(
    aws: Any, enis: Any, made: Any, stream: Any, packing: str, words: str
):
    eni = enis["web-1 eth0"]["id"]
    made(eni, LogDestinationType="kinesis-data-firehose", LogDestination=stream("other", CompressionFormat=packing))
    with pytest.raises(InputError, match=words):
        choice.reader(reading(aws, eni, 1, ())[0])
