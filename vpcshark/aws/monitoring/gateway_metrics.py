"""What CloudWatch counts of a transit gateway and its attachments, a NAT gateway, a load balancer or a VPC endpoint.

GetMetricData wants a metric's exact set of dimensions, so ListMetrics is asked first which there are
(https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-cloudwatch-metrics.html,
https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html). In and Out are seen from the
gateway; what it drops is counted where the packet came in. A count that is missing is not 0. Must not know who asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from vpcshark.aws.client import Aws
from vpcshark.aws.errors import mapped
from vpcshark.errors import InputError

_TRANSIT = (
    *("BytesIn", "BytesOut", "PacketsIn", "PacketsOut", "PacketDropCountBlackhole", "PacketDropCountNoRoute"),
    *("PacketDropCountTTLExpired", "BytesDropCountBlackhole", "BytesDropCountNoRoute"),
)
_NAT = (
    *("BytesInFromSource", "BytesOutToDestination", "BytesInFromDestination", "BytesOutToSource"),
    *("PacketsInFromSource", "PacketsOutToDestination", "PacketsInFromDestination", "PacketsOutToSource"),
    *("ActiveConnectionCount", "ConnectionAttemptCount", "ConnectionEstablishedCount"),
    *("ErrorPortAllocation", "IdleTimeoutCount", "PacketsDropCount"),
)
_NETWORK_LB = (
    *("ProcessedBytes", "ProcessedPackets", "NewFlowCount", "ActiveFlowCount", "RejectedFlowCount"),
    *("TCP_Target_Reset_Count", "TCP_Client_Reset_Count", "PortAllocationErrorCount", "UnHealthyHostCount"),
)
_ENDPOINT = ("BytesProcessed", "NewConnections", "ActiveConnections", "PacketsDropped", "RstPacketsReceived")
_APPLICATION_LB = (
    *("ProcessedBytes", "RequestCount", "NewConnectionCount", "RejectedConnectionCount"),
    *("TargetConnectionErrorCount", "HTTPCode_ELB_5XX_Count"),
)
LEVELS = frozenset(("ActiveConnectionCount", "ActiveFlowCount", "ActiveConnections", "UnHealthyHostCount"))
"""Levels, of which the highest counts; all others are sums."""
_MOST = 500
"""Queries of one GetMetricData."""
_FINE, _COARSE = 60, 300


@dataclass(frozen=True)
class Kind:
    """A namespace of CloudWatch: the dimension that names the resource, and the metrics that are shown. The ``main``
    one is drawn."""

    namespace: str
    dimension: str
    names: tuple[str, ...]
    main: str


TRANSIT = Kind("AWS/TransitGateway", "TransitGateway", _TRANSIT, "PacketsIn")
ATTACHMENT = Kind("AWS/TransitGateway", "TransitGatewayAttachment", _TRANSIT, "PacketsIn")
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"tgw-attach-[0-9a-f]+", ATTACHMENT),
    (r"tgw-[0-9a-f]+", TRANSIT),
    (r"nat-[0-9a-f]+", Kind("AWS/NATGateway", "NatGatewayId", _NAT, "PacketsOutToDestination")),
    (r"net/[\w-]+/[0-9a-f]+", Kind("AWS/NetworkELB", "LoadBalancer", _NETWORK_LB, "ProcessedPackets")),
    (r"app/[\w-]+/[0-9a-f]+", Kind("AWS/ApplicationELB", "LoadBalancer", _APPLICATION_LB, "RequestCount")),
    (r"vpce-[0-9a-f]+", Kind("AWS/PrivateLinkEndpoints", "VPC Endpoint Id", _ENDPOINT, "BytesProcessed")),
)


@dataclass(frozen=True)
class Series:
    """One resource, perhaps in one zone: metric -> time (seconds since the epoch) -> count. A metric without any data
    has no times."""

    dimensions: tuple[tuple[str, str], ...]
    values: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """The attachment where there is one, else what else is named; the zone is told apart."""
        named = dict(self.dimensions)
        rest = [value for name, value in self.dimensions if name != "AvailabilityZone"]
        return named.get("TransitGatewayAttachment", rest[0] if rest else "")

    @property
    def zone(self) -> str:
        """The availability zone; "" for all."""
        return dict(self.dimensions).get("AvailabilityZone", "")

    def total(self, name: str) -> float | None:
        """A metric over the whole time; None where CloudWatch has no data."""
        found = self.values.get(name, {})
        return (max if name in LEVELS else sum)(found.values()) if found else None


def kind_of(id: str) -> tuple[str, Kind]:
    """(the resource as CloudWatch names it, its kind). InputError for what has no metrics here."""
    name = id.partition(":loadbalancer/")[2] or id
    for pattern, kind in _KINDS:
        if re.fullmatch(pattern, name):
            return name, kind
    raise InputError(
        f'"{id}" has no metrics that are known here.',
        "Give tgw-…, tgw-attach-…, nat-…, vpce-…, or a load balancer's ARN.",
    )


def read(aws: Aws, id: str, begin: int, end: int) -> list[Series]:
    """Every set of dimensions that CloudWatch has of the resource. AwsError, InputError."""
    name, kind = kind_of(id)
    cloudwatch = aws.client("cloudwatch")
    asked = {"Namespace": kind.namespace, "Dimensions": [{"Name": kind.dimension, "Value": name}]}
    with mapped("list the metrics", service="cloudwatch"):
        known = list(_listed(cloudwatch, asked))
    wanted = [
        (tuple((each["Name"], each["Value"]) for each in metric["Dimensions"]), metric["MetricName"])
        for metric in known
        if metric["MetricName"] in kind.names
    ]
    values: dict[tuple[tuple[str, str], ...], dict[str, dict[int, float]]] = {}
    for first in range(0, len(wanted), _MOST):
        part = wanted[first : first + _MOST]
        for place, points in _points(cloudwatch, kind, part, begin, end).items():
            dimensions, metric = part[place]
            values.setdefault(dimensions, {}).setdefault(metric, {}).update(points)
    return [Series(dimensions, values[dimensions]) for dimensions in sorted(values, key=lambda d: (len(d), d))]


def _listed(cloudwatch: Any, asked: Mapping[str, Any]) -> Iterator[Any]:
    token = ""
    while True:
        page = cloudwatch.list_metrics(**asked, **({"NextToken": token} if token else {}))
        yield from page.get("Metrics", [])
        if not (token := page.get("NextToken", "")):
            return


def _points(cloudwatch: Any, kind: Kind, part: Sequence[Any], begin: int, end: int) -> dict[int, dict[int, float]]:
    period = _FINE if end - begin <= 3 * 3600 else _COARSE
    queries = [
        {
            "Id": f"q{place}",
            "MetricStat": {
                "Metric": {
                    "Namespace": kind.namespace,
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                },
                "Period": period,
                "Stat": "Maximum" if name in LEVELS else "Sum",
            },
        }
        for place, (dimensions, name) in enumerate(part)
    ]
    times = {
        "StartTime": datetime.fromtimestamp(begin, timezone.utc),
        "EndTime": datetime.fromtimestamp(end, timezone.utc),
    }
    found: dict[int, dict[int, float]] = {place: {} for place in range(len(part))}
    token = ""
    while True:
        with mapped("read the metrics", service="cloudwatch"):
            more = {"NextToken": token} if token else {}
            page = cloudwatch.get_metric_data(MetricDataQueries=queries, **times, **more)
        for each in page.get("MetricDataResults", []):
            pairs = zip(each.get("Timestamps", []), each.get("Values", []), strict=True)
            found[int(each["Id"][1:])].update({int(stamp.timestamp()): float(value) for stamp, value in pairs})
        if not (token := page.get("NextToken", "")):
            return found
