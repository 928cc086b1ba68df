"""Which flow logs cover an interface or a gateway, what they lack, and the command that would make one.

A flow log is of an ENI, a subnet, a VPC, a transit gateway or an attachment
(https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html); answers of DescribeFlowLogs in, facts out. Must not
know how they were asked for.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vpcshark.flowlogs import fields, logformat

CLOUDWATCH, S3, FIREHOSE = "cloud-watch-logs", "s3", "kinesis-data-firehose"
WIDE = (
    *fields.DEFAULT,
    *("vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "az-id"),
    *("pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path"),
)
"""The LogFormat of a flow log that the command makes: all that finds a packet behind a gateway."""
WANTED = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "pkt-srcaddr", "pkt-dstaddr")


@dataclass(frozen=True)
class Place:
    """What is asked about, as ``id``, and all that a flow log which covers it may be of: id -> its kind in words."""

    id: str
    covers: Mapping[str, str]
    is_gateway: bool = False

    @property
    def resource_type(self) -> str:
        """As CreateFlowLogs has it."""
        kinds = {"tgw-attach": "TransitGatewayAttachment", "tgw": "TransitGateway", "eni": "NetworkInterface"}
        return {**kinds, "subnet": "Subnet", "vpc": "VPC"}[self.id.rpartition("-")[0]]


@dataclass(frozen=True)
class FlowLog:
    """One flow log that covers the place, in AWS's words. ``since`` is ISO 8601, or "" where AWS does not say."""

    id: str
    resource: str
    covers: str
    traffic: str
    destination_type: str
    destination: str
    format: tuple[str, ...]
    interval: int
    status: str
    delivery: str
    since: str
    role: str = ""
    error: str = ""
    file_format: str = ""
    hive: bool = False
    hourly: bool = False

    @property
    def lacks(self) -> tuple[str, ...]:
        """The fields without which a flow can't be found, or not behind a gateway. A transit gateway's records have the
        packet's own addresses always."""
        wanted = WANTED[:5] if self.covers in ("transit gateway", "attachment") else WANTED
        return tuple(name for name in wanted if name not in self.format)

    @property
    def is_good(self) -> bool:
        """Are all records of the place delivered?"""
        return self.status == "ACTIVE" and self.delivery == "SUCCESS" and self.traffic == "ALL"

    @property
    def problems(self) -> list[str]:
        """Sentences on what its records can't show."""
        found = []
        if self.status != "ACTIVE":
            found.append(f"It is {self.status or 'in an unknown state'}, not ACTIVE.")
        if self.delivery != "SUCCESS":
            found.append(f"Its records are not delivered: {self.error or self.delivery or 'AWS does not say why'}.")
        if self.traffic not in ("ALL", ""):
            found.append(f"It has {self.traffic} records alone, so that a record is missing proves nothing.")
        if missing := [name for name in self.lacks if not name.startswith("pkt-")]:
            found.append(f"Its records have no {', '.join(missing)}, so a flow can't be told from another.")
        if missing := [name for name in self.lacks if name.startswith("pkt-")]:
            found.append(f"Its records have no {', '.join(missing)}, so nothing is found by address behind a gateway.")
        return found


def read(place: Place, answers: Iterable[Mapping[str, Any]]) -> list[FlowLog]:
    """Those of DescribeFlowLogs' items that cover ``place``, the closest first: the ENI's own before its VPC's."""
    order = list(place.covers)
    found = [_read(each, place.covers[each["ResourceId"]]) for each in answers if each.get("ResourceId") in order]
    return sorted(found, key=lambda log: (not log.is_good, order.index(log.resource), log.id))


def _read(item: Mapping[str, Any], covers: str) -> FlowLog:
    options = item.get("DestinationOptions") or {}
    created = item.get("CreationTime")
    said = str(item.get("LogFormat") or "")
    default = fields.TRANSIT_GATEWAY if covers in ("transit gateway", "attachment") else fields.DEFAULT
    return FlowLog(
        str(item.get("FlowLogId", "")),
        str(item["ResourceId"]),
        covers,
        str(item.get("TrafficType") or "ALL"),  # a transit gateway's has none: it logs all
        str(item.get("LogDestinationType") or CLOUDWATCH),
        _destination(item),
        logformat.parse(said).names if said else default,
        int(item.get("MaxAggregationInterval") or 600),
        str(item.get("FlowLogStatus", "")),
        str(item.get("DeliverLogsStatus") or "SUCCESS"),
        created.isoformat() if isinstance(created, datetime) else str(created or ""),
        str(item.get("DeliverLogsPermissionArn") or ""),
        str(item.get("DeliverLogsErrorMessage") or ""),
        str(options.get("FileFormat") or ""),
        bool(options.get("HiveCompatiblePartitions")),
        bool(options.get("PerHourPartition")),
    )


def _destination(item: Mapping[str, Any]) -> str:
    """A log group's name, also where only its ARN is told; else the ARN."""
    arn = str(item.get("LogDestination") or "")
    if item.get("LogGroupName"):
        return str(item["LogGroupName"])
    if ":log-group:" in arn:
        return arn.partition(":log-group:")[2].removesuffix(":*")
    return arn


def missing(place: Place, logs: Sequence[FlowLog]) -> list[str]:
    """Sentences on why records of the place may not be there; none where one flow log delivers all of them."""
    if not logs:
        kinds = ", ".join(f"{kind} {id}" for id, kind in place.covers.items())
        return [f"No flow log covers {place.id}: there is none of {kinds}."]
    good = [log for log in logs if log.is_good]
    if not good:
        return [f"{log.id}: {problem}" for log in logs for problem in log.problems]
    return [f"{good[0].id}: {problem}" for problem in good[0].problems] if all(log.lacks for log in good) else []


def command(place: Place, logs: Sequence[FlowLog]) -> str:
    """The AWS CLI's line that makes one of the place alone, to where the account's records go already if that is known.
    What stands in capitals is the user's to fill in."""
    known = next((log for log in logs if log.delivery == "SUCCESS" and log.destination_type in (CLOUDWATCH, S3)), None)
    words = ["aws", "ec2", "create-flow-logs", "--resource-type", place.resource_type, "--resource-ids", place.id]
    if not place.is_gateway:
        words += ["--traffic-type", "ALL", "--log-format", logformat.text(WIDE)]
    words += ["--max-aggregation-interval", "60"]
    if known is not None and known.destination_type == S3:
        words += ["--log-destination-type", S3, "--log-destination", known.destination]
    else:
        group = known.destination if known is not None else "LOG-GROUP"
        role = known.role if known is not None and known.role else "ROLE-ARN"
        words += ["--log-group-name", group, "--deliver-logs-permission-arn", role]
    return shlex.join(words)


def as_json(place: Place, logs: Sequence[FlowLog]) -> dict[str, Any]:
    """The contract of ``vpcshark flowlogs where --json``."""
    gaps = missing(place, logs)
    return {
        "schema": 1,
        "id": place.id,
        "covered": any(log.is_good for log in logs),
        "resources": [{"id": id, "kind": kind} for id, kind in place.covers.items()],
        "flow-logs": [_log_as_json(log) for log in logs],
        "missing": gaps,
        "command": command(place, logs) if gaps else None,
    }


def _log_as_json(log: FlowLog) -> dict[str, Any]:
    return {
        "id": log.id,
        "resource": log.resource,
        "covers": log.covers,
        "traffic": log.traffic,
        "destination-type": log.destination_type,
        "destination": log.destination,
        "format": logformat.text(log.format),
        "interval": log.interval,
        "status": log.status,
        "delivery": log.delivery,
        "since": log.since or None,
        "file-format": log.file_format or None,
        "hive": log.hive,
        "per-hour": log.hourly,
        "lacks": list(log.lacks),
        "problems": log.problems,
    }
