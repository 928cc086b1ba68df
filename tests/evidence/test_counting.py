"""What gateways on the way count, in sentences and as a part of the page: by an account that has what the test says."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.walks import one_vpc, two_vpcs
from vpcshark.cli.drawing import records
from vpcshark.cli.drawing.markup import as_html, el
from vpcshark.evidence import counting
from vpcshark.evidence.counting import BALANCER, NAT
from vpcshark.evidence.findings import Finding
from vpcshark.evidence.points import ATTACHMENT, Point
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.network.packet import Packet
from vpcshark.survey.questions import Wanted as Asked
from vpcshark.survey.questions import attempt

NOON = 1_767_268_800
TIME = Wanted(NOON, NOON + 900)
BALANCED = "arn:aws:elasticloadbalancing:r:1:loadbalancer/net/web/0a"


class Account:
    """CloudWatch has these counts of one gateway, each at noon."""

    region = "r"

    def __init__(self, dimension: tuple[str, str], counts: dict[str, float]) -> None:
        self.dimension, self.counts = dimension, counts

    def client(self, service: str) -> Account:
        return self

    def list_metrics(self, Dimensions: Any, **_: Any) -> dict[str, Any]:
        named = {"Name": self.dimension[0], "Value": self.dimension[1]}
        found = [{"MetricName": name, "Dimensions": [named]} for name in self.counts]
        return {"Metrics": found if Dimensions[0] == named else []}

    def get_metric_data(self, MetricDataQueries: Any, **_: Any) -> dict[str, Any]:
        stamp = [datetime.fromtimestamp(NOON, timezone.utc)]
        names = [(each["Id"], each["MetricStat"]["Metric"]["MetricName"]) for each in MetricDataQueries]
        return {
            "MetricDataResults": [{"Id": id, "Timestamps": stamp, "Values": [self.counts[name]]} for id, name in names]
        }


def told(id: str, kind: str, account: Account) -> list[str]:
    (found,) = counting.read([account], {id: kind}, TIME)  # type: ignore[list-item]
    return found.sentences


def test_a_nat_gateway_out_of_ports_and_a_silent_target_are_told():
    counts = {"ConnectionAttemptCount": 9, "ConnectionEstablishedCount": 4, "ErrorPortAllocation": 2}
    counts |= {"IdleTimeoutCount": 3, "PacketsOutToDestination": 1200}
    said = told("nat-0a", NAT, Account(("NatGatewayId", "nat-0a"), counts))
    assert said == [
        "nat-0a counts, of all traffic, 1,200 packets out to destinations, no data on in from them, 9 attempts to "
        "connect, 4 connections established; 2 times it had no port left for a connection (ErrorPortAllocation), 3 "
        "connections ended for being idle (350 seconds).",
        "nat-0a established fewer connections than were attempted: some targets did not answer.",
    ]


def test_a_load_balancers_resets_and_rejected_flows_are_told():
    counts = {"NewFlowCount": 5, "ProcessedPackets": 60, "TCP_Target_Reset_Count": 2, "RejectedFlowCount": 1}
    (said,) = told(BALANCED, BALANCER, Account(("LoadBalancer", "net/web/0a"), counts))
    assert "5 new flows, 60 packets; 1 flows rejected, 2 resets from targets." in said


def test_an_attachment_that_drops_is_told_and_what_nobody_counts_too():
    account = Account(("TransitGatewayAttachment", "tgw-attach-0a"), {"PacketsIn": 3, "PacketDropCountBlackhole": 3})
    assert told("tgw-attach-0a", ATTACHMENT, account) == [
        "tgw-attach-0a counts, of all traffic, 3 packets in, no data on out; 3 packets into a black hole."
    ]
    assert told("tgw-attach-0b", ATTACHMENT, account) == ["CloudWatch has no counts of tgw-attach-0b in that time."]


@pytest.mark.parametrize(
    ("cloud", "source", "target", "port", "expected"),
    [
        (two_vpcs, "client", "10.2.2.20", 80, {"tgw-attach-left": ATTACHMENT, "tgw-attach-right": ATTACHMENT}),
        (one_vpc, "inner", "8.8.8.8", 443, {"nat-home": NAT}),
    ],
)
def test_the_gateways_of_a_walk_are_asked_for(
    cloud: Any, source: str, target: str, port: int, expected: dict[str, str], tmp_path: Path
):
    found = attempt(cloud().known(tmp_path), Asked(source, target, (port, port)), [source], [target])
    assert counting.gateways(found) == expected


def test_the_page_has_a_row_for_each_hop_and_a_chart_for_each_metric():
    account = Account(("NatGatewayId", "nat-0a"), {"PacketsOutToDestination": 5, "ErrorPortAllocation": 2})
    counted = counting.read([account], {"nat-0a": NAT}, TIME)  # type: ignore[list-item]
    point = Point("forward", 0, "eni-<1>", "interface", Packet("10.0.0.1", "10.0.0.2"), is_end=True)
    found = [Finding(point, "not covered", "no flow log covers it", command="aws ec2 create-flow-logs")]
    page = as_html(el("html", records.section("reachable", found, counted, TIME)))
    for part in (
        '<tr class="not-covered">',
        "eni-&lt;1&gt;",
        "aws ec2 create-flow-logs",
        "PacketsOutToDestination: 5 in all, 5 at most in 1 minute",
        'class="bar bad"',
        'role="img"',
        "2026-01-01 12:15",
    ):
        assert part in page
    assert page.count("<svg") == 2
