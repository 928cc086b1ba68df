"""What CloudWatch counted of an instance's packets, those that were mirrored among them.

AWS/EC2 by InstanceId, and so for all interfaces of an instance together; packets each five minutes, detailed monitoring
or not (https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-cloudwatch.html). A count comes some minutes
after its time. Must not know why it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from vpcshark.aws.errors import mapped

PERIOD = 300  # seconds
_BACK = 4 * PERIOD
_MOST = 50  # instances: 6 of the 500 queries that one call takes
_NAMES = {
    "packets": ("NetworkPacketsIn", "NetworkPacketsOut"),
    "mirrored": ("NetworkPacketsMirrorIn", "NetworkPacketsMirrorOut"),
    "skipped": ("NetworkPacketsSkipMirrorIn", "NetworkPacketsSkipMirrorOut"),
}


@dataclass(frozen=True)
class Counted:
    """An instance's packets, both ways, in the last five minutes from ``began`` (seconds since the epoch) that
    CloudWatch knows; None where it has no count. ``skipped`` should have been mirrored, and were not, because other
    traffic goes first."""

    instance: str
    began: float
    packets: int | None = None
    mirrored: int | None = None
    skipped: int | None = None

    @property
    def ended(self) -> float:
        """The end of the five minutes."""
        return self.began + PERIOD


def counted(cloudwatch: Any, instances: Sequence[str], now: float) -> list[Counted]:
    """The last counts of each instance that has any within twenty minutes. AwsError."""
    wanted = [one for one in dict.fromkeys(instances) if one][:_MOST]
    if not wanted:
        return []
    end = datetime.fromtimestamp(now, timezone.utc)
    asked = {f"q{place}_{name}": (one, name) for place, one in enumerate(wanted) for name in _all_names()}
    queries = [_query(key, instance, name) for key, (instance, name) in asked.items()]
    with mapped("read the counts of mirrored packets", service="cloudwatch"):
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=end - timedelta(seconds=_BACK), EndTime=end
        )
    points: dict[str, dict[float, dict[str, int]]] = {}
    for found in answer["MetricDataResults"]:
        instance, name = asked[found["Id"]]
        for stamp, value in zip(found["Timestamps"], found["Values"], strict=True):
            points.setdefault(instance, {}).setdefault(stamp.timestamp(), {})[name] = int(value)
    return [_latest(instance, by_time) for instance, by_time in points.items()]


def _all_names() -> list[str]:
    return [name for both in _NAMES.values() for name in both]


def _query(key: str, instance: str, name: str) -> dict[str, Any]:
    dimensions = [{"Name": "InstanceId", "Value": instance}]
    metric = {"Namespace": "AWS/EC2", "MetricName": name, "Dimensions": dimensions}
    return {"Id": key, "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Sum"}}


def _latest(instance: str, by_time: Mapping[float, Mapping[str, int]]) -> Counted:
    began = max(by_time)
    values = by_time[began]
    sums = {
        field: sum(values[name] for name in names if name in values) if any(name in values for name in names) else None
        for field, names in _NAMES.items()
    }
    return Counted(instance, began, **sums)
