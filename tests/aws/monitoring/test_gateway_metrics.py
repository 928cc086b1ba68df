"""What CloudWatch counts at gateways, by an account that has what the test gives it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from vpcshark.aws.monitoring import gateway_metrics
from vpcshark.aws.monitoring.gateway_metrics import ATTACHMENT, TRANSIT, Series
from vpcshark.cli import metrics
from vpcshark.errors import InputError

NOON = 1_767_268_800
GATEWAY = (("TransitGateway", "tgw-0a"),)
LEFT = (*GATEWAY, ("TransitGatewayAttachment", "tgw-attach-0b"))


class Account:
    """AWS whose CloudWatch has ``values``: (dimensions, metric) -> time -> count. GetMetricData answers for an exact
    set of dimensions alone, two to a page, as the real one does for its own size."""

    region = "eu-central-1"

    def __init__(self, values: dict[Any, dict[int, float]]) -> None:
        self.values = values

    def client(self, service: str) -> Account:
        return self

    def list_metrics(self, Dimensions: Any, NextToken: str = "", **_: Any) -> dict[str, Any]:
        wanted = (Dimensions[0]["Name"], Dimensions[0]["Value"])
        known = [
            {"MetricName": name, "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions]}
            for dimensions, name in self.values
            if wanted in dimensions
        ]
        first = int(NextToken or 0)
        more = {"NextToken": str(first + 2)} if first + 2 < len(known) else {}
        return {"Metrics": known[first : first + 2], **more}

    def get_metric_data(self, MetricDataQueries: Any, NextToken: str = "", **_: Any) -> dict[str, Any]:
        first = int(NextToken or 0)
        results = []
        for query in MetricDataQueries[first : first + 2]:
            metric = query["MetricStat"]["Metric"]
            key = (tuple((each["Name"], each["Value"]) for each in metric["Dimensions"]), metric["MetricName"])
            points = self.values.get(key, {})
            stamps = [datetime.fromtimestamp(stamp, timezone.utc) for stamp in points]
            results.append({"Id": query["Id"], "Timestamps": stamps, "Values": [*points.values()]})
        more = {"NextToken": str(first + 2)} if first + 2 < len(MetricDataQueries) else {}
        return {"MetricDataResults": results, **more}


def account() -> Any:
    return Account(
        {
            (GATEWAY, "PacketsIn"): {NOON: 5.0, NOON + 60: 7.0},
            (LEFT, "PacketsIn"): {NOON: 5.0},
            (LEFT, "PacketDropCountBlackhole"): {NOON: 3.0},
            (LEFT, "PacketsOut"): {},
            ((*LEFT, ("AvailabilityZone", "euc1-az1")), "PacketsIn"): {NOON: 5.0},
            (LEFT, "NotOfOurs"): {NOON: 1.0},
            ((("TransitGateway", "tgw-0c"),), "PacketsIn"): {NOON: 9.0},
        }
    )


def test_each_set_of_dimensions_has_its_own_counts_and_what_is_missing_is_not_zero():
    found = gateway_metrics.read(account(), "tgw-0a", NOON, NOON + 900)
    assert [(each.resource, each.zone) for each in found] == [
        ("tgw-0a", ""),
        ("tgw-attach-0b", ""),
        ("tgw-attach-0b", "euc1-az1"),
    ]
    assert [each.total("PacketsIn") for each in found] == [12.0, 5.0, 5.0]
    assert (found[1].total("PacketDropCountBlackhole"), found[1].total("PacketsOut")) == (3.0, None)
    assert "NotOfOurs" not in found[1].values


def test_an_attachment_alone_may_be_asked_for():
    found = gateway_metrics.read(account(), "tgw-attach-0b", NOON, NOON + 900)
    assert {each.resource for each in found} == {"tgw-attach-0b"}


@pytest.mark.parametrize(
    ("id", "namespace"),
    [
        ("tgw-0a", "AWS/TransitGateway"),
        ("tgw-attach-0b", "AWS/TransitGateway"),
        ("nat-0a", "AWS/NATGateway"),
        ("arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/web/0a", "AWS/NetworkELB"),
        ("vpce-0a", "AWS/PrivateLinkEndpoints"),
    ],
)
def test_a_resource_is_told_by_its_id(id: str, namespace: str):
    assert gateway_metrics.kind_of(id)[1].namespace == namespace


def test_what_has_no_metrics_is_a_sentence():
    with pytest.raises(InputError, match="has no metrics that are known here"):
        gateway_metrics.kind_of("eni-0a")


def test_a_sparkline_is_blank_where_there_is_no_data():
    series = Series(LEFT, {"PacketsIn": {NOON: 0.0, NOON + 60: 7.0, NOON + 180: 3.5}})
    assert metrics.sparkline(series, "PacketsIn", (NOON, NOON + 240)) == "▁█ ▅"


def test_the_dashboard_has_the_exact_dimensions_of_traffic_and_of_drops():
    found = gateway_metrics.read(account(), "tgw-attach-0b", NOON, NOON + 900)
    said = json.loads(json.dumps(metrics.dashboard(found, ATTACHMENT, "eu-central-1")))
    flat = ["TransitGateway", "tgw-0a", "TransitGatewayAttachment", "tgw-attach-0b"]
    assert [each["properties"]["metrics"] for each in said["widgets"]] == [
        [["AWS/TransitGateway", name, *flat] for name in ("PacketsIn", "PacketsOut")],
        [["AWS/TransitGateway", "PacketDropCountBlackhole", *flat]],
    ]


def test_a_level_is_no_sum_on_the_dashboard():
    """Two minutes with four connections each are four connections."""
    kind = gateway_metrics.kind_of("nat-0a")[1]
    said = metrics.dashboard([Series((("NatGatewayId", "nat-0a"),), {"ActiveConnectionCount": {}})], kind, "r")
    (shown,) = said["widgets"][0]["properties"]["metrics"]
    assert shown[-1] == {"stat": "Maximum"}


def test_json_has_null_where_cloudwatch_has_nothing():
    found = gateway_metrics.read(account(), "tgw-0a", NOON, NOON + 900)
    said = json.loads(json.dumps(metrics.as_json("tgw-0a", TRANSIT, found, (NOON, NOON + 900))))
    assert said["series"][1]["metrics"]["PacketsOut"] == {"total": None, "points": []}
    assert said["series"][0]["metrics"]["PacketsIn"]["points"] == [[NOON, 5.0], [NOON + 60, 7.0]]
