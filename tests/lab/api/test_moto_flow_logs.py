"""Flow logs as the API makes them, and queries over what was delivered, as a client of boto3 sees both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vpcshark.lab.api.moto_flow_logs import MotoAccount
from vpcshark.lab.flow_records.delivery import Events, Line, packed
from vpcshark.lab.flow_records.flow_log import FlowLog

ROLE = "arn:aws:iam::123456789012:role/flow"
FORMAT = "${version} ${interface-id} ${srcaddr} ${bytes} ${start} ${end}"
BUCKET = "of-moto-flow-logs"


@pytest.fixture
def make(mirroring: Any) -> Iterator[Any]:
    """Make a flow log of a subnet; it goes after the test."""
    ids: list[str] = []

    def create(**more: Any) -> FlowLog:
        made = mirroring.ec2.create_flow_logs(
            ResourceType="Subnet", ResourceIds=[mirroring.subnet], TrafficType="ALL", LogFormat=FORMAT, **more
        )
        assert made["Unsuccessful"] == []
        ids.extend(made["FlowLogIds"])
        return next(log for log in MotoAccount().flow_logs() if log.id == ids[-1])

    yield create
    if ids:
        mirroring.ec2.delete_flow_logs(FlowLogIds=ids)


@pytest.fixture
def bucket(api: Any) -> Iterator[Any]:
    """A bucket, empty again after the test."""
    s3 = api.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def code(call: Any) -> str:
    with pytest.raises(ClientError) as told:
        call()
    return str(told.value.response["Error"]["Code"])


def lines(log: FlowLog, eni: str) -> list[Line]:
    now = int(time.time()) - 60
    rows = [(f"10.0.0.{number}", number * 10) for number in range(1, 4)]
    return [Line(now, now + 9, f"2 {eni} {address} {size} {now} {now + 9}", f"{eni}-all") for address, size in rows]


def deliver(log: FlowLog, eni: str) -> None:
    for parcel in packed(log, lines(log, eni), "0a1b"):
        MotoAccount().deliver(parcel, log)


def test_it_covers_what_is_in_its_subnet(make: Any, mirroring: Any):
    eni = mirroring.eni()
    log = make(LogGroupName="g", DeliverLogsPermissionArn=ROLE, MaxAggregationInterval=60)
    facts = MotoAccount().flow_logs()[log][eni]
    assert (log.destination, log.interval, log.fields[0], log.fields[-1]) == ("g", 60.0, "version", "end")
    assert (facts.subnet, facts.ipv4 in facts.addresses, facts.blocks[0]) == (mirroring.subnet, True, "10.7.0.0/16")


def test_a_log_group_comes_with_the_first_record(make: Any, mirroring: Any, api: Any):
    """CreateFlowLogs does not ask whether it is there, by name or by ARN."""
    logs, eni = api.client("logs"), mirroring.eni()
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:of-arn:*"
    log = make(LogDestination=arn, LogDestinationType="cloud-watch-logs", DeliverLogsPermissionArn=ROLE)
    described = mirroring.ec2.describe_flow_logs(FlowLogIds=[log.id])["FlowLogs"][0]
    assert (described["DeliverLogsStatus"], described["LogGroupName"]) == ("SUCCESS", "of-arn")
    assert logs.describe_log_groups(logGroupNamePrefix="of-arn")["logGroups"] == []
    deliver(log, eni)
    found = logs.filter_log_events(logGroupName="of-arn", logStreamNamePrefix=eni)["events"]
    assert [each["message"].split()[2] for each in found] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert logs.filter_log_events(logGroupName="of-arn", logStreamNamePrefix="eni-none")["events"] == []
    logs.delete_log_group(logGroupName="of-arn")


def test_a_folder_of_a_bucket_and_its_options_are_kept(make: Any, mirroring: Any, bucket: Any):
    options = {"FileFormat": "plain-text", "HiveCompatiblePartitions": True, "PerHourPartition": True}
    arn = f"arn:aws:s3:::{BUCKET}/my/logs"
    log = make(LogDestinationType="s3", LogDestination=arn, DestinationOptions=options)
    described = mirroring.ec2.describe_flow_logs(FlowLogIds=[log.id])["FlowLogs"][0]
    assert described["LogDestination"] == arn
    assert described["DestinationOptions"] == options
    deliver(log, "eni-1")
    (found,) = bucket.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert found["Key"].startswith("my/logs/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/")
    again = lambda: make(LogDestinationType="s3", LogDestination=arn)  # noqa: E731
    assert code(again) == "FlowLogAlreadyExists"


def test_an_unknown_field_is_refused(mirroring: Any):
    asked = {"ResourceType": "Subnet", "ResourceIds": [mirroring.subnet], "TrafficType": "ALL"}
    where = {"LogGroupName": "g", "DeliverLogsPermissionArn": ROLE, "LogFormat": "${version} ${color}"}
    assert code(lambda: mirroring.ec2.create_flow_logs(**asked, **where)) == "InvalidParameter"


def test_a_query_runs_ends_or_is_stopped(make: Any, mirroring: Any, api: Any):
    logs, eni = api.client("logs"), mirroring.eni()
    log = make(LogGroupName="of-queries", DeliverLogsPermissionArn=ROLE)
    deliver(log, eni)
    now = int(time.time())
    asked = {"logGroupName": "of-queries", "startTime": now - 600, "endTime": now}
    text = 'parse @message "* * * * * *" as v, eni, srcaddr, size, b, e | filter size > 10 | sort size desc'
    started = logs.start_query(queryString=f"fields srcaddr | {text}", **asked)["queryId"]
    assert logs.get_query_results(queryId=started)["status"] == "Running"
    answer = logs.get_query_results(queryId=started)
    values = [{each["field"]: each["value"] for each in row} for row in answer["results"]]
    assert (answer["status"], [each["srcaddr"] for each in values]) == ("Complete", ["10.0.0.3", "10.0.0.2"])
    assert answer["statistics"]["bytesScanned"] > 0
    assert code(lambda: logs.stop_query(queryId=started)) == "InvalidParameterException"
    other = logs.start_query(queryString="fields @message", **asked)["queryId"]
    assert logs.stop_query(queryId=other)["success"]
    assert logs.get_query_results(queryId=other)["status"] == "Cancelled"
    assert code(lambda: logs.start_query(queryString="fields | x", **asked)) == "MalformedQueryException"
    assert code(lambda: logs.start_query(queryString="fields a", **{**asked, "logGroupName": "none"})) == (
        "ResourceNotFoundException"
    )
    logs.delete_log_group(logGroupName="of-queries")


def test_athena_needs_a_place_for_its_results_and_says_why_it_fails(api: Any, bucket: Any):
    athena = api.client("athena")
    assert code(lambda: athena.start_query_execution(QueryString="SELECT 1")) == "InvalidRequestException"
    output = {"OutputLocation": f"s3://{BUCKET}/results/"}
    started = athena.start_query_execution(QueryString='SELECT "a" FROM "b"', ResultConfiguration=output)
    said = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]["Status"]
    assert (said["State"], "TABLE_NOT_FOUND" in said["StateChangeReason"]) == ("FAILED", True)


def test_the_events_are_of_whoever_they_are_delivered_for(make: Any):
    log = make(LogGroupName="of-whom", DeliverLogsPermissionArn=ROLE)
    parcels = list(packed(log, [*lines(log, "eni-1"), *lines(log, "eni-2")], "0a1b"))
    assert [each.stream for each in parcels if isinstance(each, Events)] == ["eni-1-all", "eni-2-all"]
