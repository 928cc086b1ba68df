"""A flow log's log group: what came into it, and the sentence for one that is gone. Must not know who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from vpcshark.aws.client import Aws
from vpcshark.aws.errors import mapped
from vpcshark.errors import AwsError
from vpcshark.flowlogs.cover import FlowLog

_PERIOD = 300
_MOST_POINTS = 1000
_GONE = "ResourceNotFoundException"


@contextmanager
def told(log: FlowLog) -> Iterator[None]:
    """A group that is not there is told as what it means for the flow log."""
    try:
        yield
    except AwsError as error:
        if error.code != _GONE:
            raise
        raise AwsError(
            f"The log group {log.destination} of {log.id} is not there: it was deleted, or no record came yet.",
            "AWS makes it anew with the first record, if the flow log may create groups.",
            code=error.code,
        ) from error


def incoming(aws: Aws, group: str, begin: int, end: int) -> int | None:
    """Bytes that came into the group in that time (AWS/Logs, IncomingBytes); None if CloudWatch does not say."""
    period = max(_PERIOD, -(-(end - begin) // _MOST_POINTS // 60) * 60)
    metric = {
        "Namespace": "AWS/Logs",
        "MetricName": "IncomingBytes",
        "Dimensions": [{"Name": "LogGroupName", "Value": group}],
    }
    with mapped("read how many bytes a log group gets", service="cloudwatch"):
        found = aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "bytes", "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}],
            StartTime=datetime.fromtimestamp(begin, timezone.utc),
            EndTime=datetime.fromtimestamp(end, timezone.utc),
        )
    values = [value for each in found.get("MetricDataResults", []) for value in each.get("Values", [])]
    return int(sum(values)) if values else None
