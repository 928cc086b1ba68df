"""An account without flow logs, without permission, with a log group that is gone, with a format without ports, with 10
GB a minute: each a sentence, the bytes said before, and a limit that stops it. By each way of reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from vpcshark.cli.main import run
from vpcshark.flowlogs.logformat import text

ACCOUNT, GROUP, BUCKET = "123456789012", "/of/the/limits", "of-the-limits"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flow"
NAMES = ("interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end", "log-status")
MATCH = ("--match", "10.0.0.1:40000->10.0.0.2:443/tcp")


class Scene:
    """The account; ``made`` is what goes after the test."""

    def __init__(self, aws: Any, eni: str, fault: Callable[..., None]) -> None:
        self.aws, self.eni, self.fault = aws, eni, fault
        self.made: list[Callable[[], object]] = []
        self.now = int(time.time())  # of the test, not of the file: the command reads up to its own

    def flow_log(self, names: tuple[str, ...] = NAMES, **where: Any) -> None:
        """Of the ENI, into the log group unless ``where`` says otherwise."""
        place = where or {"LogGroupName": GROUP, "DeliverLogsPermissionArn": ROLE}
        ids = self.aws.ec2.create_flow_logs(
            ResourceType="NetworkInterface",
            ResourceIds=[self.eni],
            TrafficType="ALL",
            LogFormat=text(names),
            MaxAggregationInterval=60,
            **place,
        )["FlowLogIds"]
        self.made.append(lambda: self.aws.ec2.delete_flow_logs(FlowLogIds=ids))

    def group(self) -> None:
        """The log group, with two records."""
        logs = self.aws.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        self.made.append(lambda: logs.delete_log_group(logGroupName=GROUP))
        logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{self.eni}-all")
        for ago in (400, 100):
            line = f"{self.eni} 10.0.0.1 10.0.0.2 40000 443 6 {self.now - ago} {self.now - ago + 59} OK"
            events = [{"timestamp": (self.now - ago) * 1000, "message": line}]
            logs.put_log_events(logGroupName=GROUP, logStreamName=f"{self.eni}-all", logEvents=events)

    def busy(self) -> None:
        """10 GB a minute came into the group."""
        metric = {"MetricName": "IncomingBytes", "Dimensions": [{"Name": "LogGroupName", "Value": GROUP}]}
        data = [
            {**metric, "Value": 10e9, "Timestamp": datetime.fromtimestamp(self.now - ago, timezone.utc)}
            for ago in range(0, 900, 60)
        ]
        self.aws.client("cloudwatch").put_metric_data(Namespace="AWS/Logs", MetricData=data)

    def bucket(self) -> None:
        """A bucket with a flow log's file of 300 KB."""
        s3 = self.aws.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": self.aws.region})
        self.made.append(lambda: s3.delete_bucket(Bucket=BUCKET))
        self.flow_log(LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{BUCKET}")
        at = datetime.fromtimestamp((self.now - 300) // 300 * 300, timezone.utc)
        log = self.aws.ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [self.eni]}])["FlowLogs"][0]
        name = f"{ACCOUNT}_vpcflowlogs_{self.aws.region}_{log['FlowLogId']}_{at:%Y%m%dT%H%M}Z_0.log.gz"
        key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/{self.aws.region}/{at:%Y/%m/%d}/{name}"
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 300_000)
        self.made.append(lambda: s3.delete_object(Bucket=BUCKET, Key=key))

    def denied(self, action: str) -> None:
        """AWS refuses one action."""
        words = f"User: arn:aws:iam::{ACCOUNT}:user/me is not authorized to perform it"
        code = "UnauthorizedOperation" if action.startswith("Describe") else "AccessDeniedException"
        self.fault(action=action, code=code, message=words, status=403 if action.startswith("Describe") else 400)


@pytest.fixture
def scene(aws: Any, enis: Any, fault: Any) -> Iterator[Scene]:
    found = Scene(aws, enis["web-1 eth0"]["id"], fault)
    yield found
    for undo in reversed(found.made):
        undo()


def nothing(scene: Scene) -> None:
    """No flow log at all."""


def may_not_list(scene: Scene) -> None:
    scene.denied("DescribeFlowLogs")


def may_not_read(scene: Scene) -> None:
    scene.flow_log()
    scene.group()
    scene.denied("FilterLogEvents")


def may_not_query(scene: Scene) -> None:
    scene.flow_log()
    scene.group()
    scene.denied("StartQuery")


def group_is_gone(scene: Scene) -> None:
    """AWS makes it with the next record; until then there is none."""
    scene.flow_log()


def no_ports(scene: Scene) -> None:
    scene.flow_log(tuple(name for name in NAMES if not name.endswith("port")))
    scene.group()


def very_busy(scene: Scene) -> None:
    scene.flow_log()
    scene.group()
    scene.busy()


def large_files(scene: Scene) -> None:
    scene.bucket()


ROWS: tuple[tuple[Callable[[Scene], None], tuple[str, ...], tuple[str, ...]], ...] = (
    (nothing, (), ("No flow log covers", "aws ec2 create-flow-logs")),
    (may_not_list, (), ("You may not list the flow logs", "ec2:DescribeFlowLogs")),
    (may_not_read, (), ("You may not read the log group", "logs:FilterLogEvents")),
    (may_not_query, ("--by", "insights"), ("You may not query the log group", "logs:StartQuery")),
    (group_is_gone, (), ("is not there: it was deleted, or no record came yet",)),
    (group_is_gone, ("--by", "insights", "--limit", "900G"), ("is not there: it was deleted",)),
    (no_ports, MATCH, ("The records have no srcport",)),
    (no_ports, (*MATCH, "--by", "insights"), ("The records have no srcport",)),
    (very_busy, ("--by", "insights"), ("about 1", "GiB, and the limit is 1.0 GiB. Nothing was read", "raise --limit")),
    (very_busy, ("--limit", "10"), ("stopped at the limit of 10 bytes: older records are missing",)),
    (large_files, ("--limit", "100K"), ("1 files of of-the-limits are read: about 293 KiB", "Nothing was read")),
)


@pytest.mark.thin(3)
@pytest.mark.parametrize(
    ("plant", "arguments", "words"), ROWS, ids=[f"{row[0].__name__} {' '.join(row[1])}" for row in ROWS]
)
def test_what_stands_in_the_way_is_a_sentence(
    plant: Callable[[Scene], None],
    arguments: tuple[str, ...],
    words: tuple[str, ...],
    scene: Scene,
    capsys: pytest.CaptureFixture[str],
    calls: Callable[[], list[str]],
):
    """And what would cost is not asked for."""
    plant(scene)
    status = run(["flowlogs", "read", scene.eni, "--region", scene.aws.region, "--from", "15m", *arguments])
    said = capsys.readouterr().err
    assert status != 0 or "stopped at the limit" in said
    assert all(word in said for word in words), said
    assert "Traceback" not in said
    if "Nothing was read" in said:
        assert not {"StartQuery", "FilterLogEvents"} & set(calls())
