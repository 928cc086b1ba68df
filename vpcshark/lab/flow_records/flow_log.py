"""One flow log, as CreateFlowLogs made it. Plain facts."""

from __future__ import annotations

from dataclasses import dataclass

CLOUDWATCH, S3, FIREHOSE = "cloud-watch-logs", "s3", "kinesis-data-firehose"
DELAYS = {CLOUDWATCH: 300.0, S3: 600.0, FIREHOSE: 300.0}
"""Seconds until records are there ("about", VPC user guide, flow-log-records)."""


@dataclass(frozen=True)
class FlowLog:
    """``destination``: a log group's name, a bucket with its folder ("bucket/folder"), a delivery stream's name.
    ``fields`` are those of its LogFormat, ``traffic`` ACCEPT, REJECT or ALL, ``interval`` in seconds."""

    id: str
    account: str
    region: str
    destination_type: str
    destination: str
    fields: tuple[str, ...]
    interval: float
    traffic: str = "ALL"
    is_parquet: bool = False
    is_hive: bool = False
    is_hourly: bool = False
    is_transit: bool = False
