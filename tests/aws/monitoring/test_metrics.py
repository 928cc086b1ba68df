"""CloudWatch's counts, from the lab's API, which took what the test put there."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from vpcshark.aws.monitoring import metrics

NOW = time.time() // 300 * 300


def put(cloudwatch, instance: str, began: float, **values: int) -> None:
    """Five minutes of an instance, as AWS would put them."""
    cloudwatch.put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                "Timestamp": datetime.fromtimestamp(began, timezone.utc),
                "Value": value,
                "Unit": "Count",
            }
            for name, value in values.items()
        ],
    )


def test_the_last_five_minutes_of_each_instance_count(aws):
    """Both ways together; of earlier ones nothing, nor of other instances."""
    cloudwatch = aws.client("cloudwatch")
    put(cloudwatch, "i-1", NOW - 900, NetworkPacketsIn=1, NetworkPacketsMirrorIn=5)
    put(cloudwatch, "i-1", NOW - 600, NetworkPacketsIn=30, NetworkPacketsOut=12, NetworkPacketsSkipMirrorOut=0)
    put(cloudwatch, "i-2", NOW - 600, NetworkPacketsMirrorIn=3, NetworkPacketsMirrorOut=4)
    put(cloudwatch, "i-9", NOW - 600, NetworkPacketsIn=99)
    found = {one.instance: one for one in metrics.counted(cloudwatch, ["i-1", "i-2", "i-3", "i-1", ""], NOW)}
    assert found.keys() == {"i-1", "i-2"}
    assert (found["i-1"].packets, found["i-1"].mirrored, found["i-1"].skipped) == (42, None, 0)
    assert (found["i-2"].packets, found["i-2"].mirrored) == (None, 7)
    assert found["i-1"].began == NOW - 600
    assert found["i-1"].ended == NOW - 300


def test_without_instances_nothing_is_asked():
    assert metrics.counted(None, ["", ""], NOW) == []
