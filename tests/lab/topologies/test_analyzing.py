"""Reachability Analyzer in a topology: its verdict, components and explanations are what packets did."""

from __future__ import annotations

from typing import Any

import pytest
from planted import acl, across, group, hole, inside, no_route, transit_hole, unassociated
from planted_endpoints import ENDPOINT, SERVICE, served

from vpcshark.lab.topologies import spec
from vpcshark.network import analyzed

pytestmark = pytest.mark.root

FAULTS = [
    (across, group("server", False), "ENI_SG_RULES_MISMATCH", "group/server"),
    (across, acl("right", "right-a", True, "server", "forward"), "SUBNET_ACL_RESTRICTION", "acl/right/right-a"),
    (across, no_route("left", "left", "forward"), "NO_ROUTE_TO_DESTINATION", "table/left/left"),
    (across, hole("left", "left", "forward", "server"), "BAD_STATE_ROUTE", "table/left/left"),
    (across, transit_hole("main", "server", "forward"), "TGW_RTB_BAD_STATE_ROUTE", "tgw-table/main/main"),
    (
        across,
        unassociated("main", "left", "forward"),
        "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",
        "attachment/main/left",
    ),
]


def analysis(net: Any, port: int = 80, address: str = "") -> dict[str, Any]:
    """An analysis from the client to the server, or an address, once it has ended."""
    ends: dict[str, Any] = {"Source": net.id("eni/client")}
    if address:
        ports = {"FromPort": port, "ToPort": port}
        ends["FilterAtSource"] = {"DestinationAddress": f"{address}/32", "DestinationPortRange": ports}
    else:
        ends |= {"Destination": net.id("instance/server"), "DestinationPort": port}
    path = net.ec2.create_network_insights_path(**ends, Protocol="tcp")["NetworkInsightsPath"]
    begun = net.ec2.start_network_insights_analysis(NetworkInsightsPathId=path["NetworkInsightsPathId"])
    wanted = [begun["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"]]
    for _ in range(2):  # who looks finds a running one ended the next time
        (found,) = net.ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=wanted)[
            "NetworkInsightsAnalyses"
        ]
    assert found["Status"] == "succeeded", found
    return dict(found)


def test_a_path_has_the_components_that_the_packet_passed(build: Any):
    """Across a transit gateway, in the order of the way there."""
    with build(spec.parse(across(), "case")) as net:
        found = analyzed.read(analysis(net))
        assert found.is_found
        assert [each.id for each in found.there if not each.id.startswith("eni-")] == [
            net.id(name)
            for name in (
                "instance/client",
                "group/client",
                "acl/left/left-host",
                "table/left/left",
                "acl/left/left-a",
                "attachment/main/left",
                "tgw-table/main/main",
                "attachment/main/right",
                "acl/right/right-a",
                "acl/right/right-host",
                "group/server",
                "instance/server",
            )
        ]
        assert [each.number for each in found.there if each.id == net.id("acl/left/left-a")] == [100]
        assert [each.destination for each in found.there if each.id == net.id("tgw-table/main/main")] == ["10.2.0.0/16"]


@pytest.mark.long
@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[2])
def test_where_a_packet_is_dropped_the_rule_is_the_explanation(row: Any, build: Any):
    """By AWS's code and the resource's id."""
    base, plant, code, name = row
    with build(spec.parse(base(), "case")) as net:
        plant(net, False)
        found = analyzed.read(analysis(net))
        assert not found.is_found
        assert [(each.code, each.ids[0]) for each in found.explanations] == [(code, net.id(name))]


@pytest.mark.long
def test_inside_a_vpc_the_way_back_counts_too(build: Any):
    """The answer is dropped, so there is no path; that a port is closed is an answer."""
    with build(spec.parse(inside(), "case")) as net:
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        net.ec2.authorize_security_group_ingress(GroupId=net.id("group/server"), IpPermissions=[everything])
        assert analysis(net, 81)["NetworkPathFound"]
        acl("left", "right-host", True, "client", "return")(net, False)
        assert not analysis(net)["NetworkPathFound"]


@pytest.mark.long
def test_a_path_ends_at_the_endpoint_that_has_the_address(build: Any):
    """The service of a gateway endpoint, which no interface has, and an interface endpoint."""
    with build(spec.parse(served(), "case")) as net:
        for address, name in ((SERVICE, "endpoint/s3"), (ENDPOINT, "endpoint/ssm")):
            found = analysis(net, 443, address)
            last = found["ForwardPathComponents"][-1]["Component"]["Id"]
            assert (found["NetworkPathFound"], last) == (True, net.id(name))
