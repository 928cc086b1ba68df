"""Single checks on made-up pictures: what AWS does not show is a warning; what the lab cannot have is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.network.facts import (
    Acl,
    AclEntry,
    Attachment,
    Group,
    GroupRule,
    Network,
    PeerEnd,
    Peering,
    Route,
    RouteTable,
    Subnet,
)
from vpcshark.network.known import Known
from vpcshark.preflight import Finding, examine, way
from vpcshark.preflight.picture import Interface, Picture, Plan
from vpcshark.survey import picturing
from vpcshark.survey.rounds import Asked

SOURCE = Interface(
    "eni-1", attachment="attached", instance="i-1", instance_type="m6i.large", instance_state="running",
    vpc="vpc-1", subnet="subnet-1", az="a", address="10.0.1.10", groups=("sg-1",),
)  # fmt: skip
TARGET = replace(SOURCE, id="eni-2", instance="i-2", subnet="subnet-2", address="10.0.2.20", groups=("sg-2",))
OPEN = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))


def subnet(number: int, cidr: str = "") -> Subnet:
    """One of the VPC's two."""
    return Subnet(f"subnet-{number}", "vpc-1", (cidr or f"10.0.{number}.0/24",), "a")


def table(*routes: Route) -> dict[str, RouteTable]:
    """The VPC's only one."""
    return {"rtb-1": RouteTable("rtb-1", "vpc-1", routes, is_main=True)}


def admitting(**who: str) -> dict[str, Group]:
    """The target's group with one rule."""
    return {"sg-2": Group("sg-2", "vpc-1", rules=(GroupRule(False, "17", (4789, 4789), **who),) if who else ())}


LOCAL = Route("10.0.0.0/16", "local", "GatewayId")
NETWORK = Network(
    subnets={"subnet-1": subnet(1), "subnet-2": subnet(2)},
    tables=table(LOCAL),
    acls={"acl-1": Acl("acl-1", "vpc-1", OPEN, ("subnet-1", "subnet-2"))},
    groups=admitting(cidr="10.0.0.0/16"),
)
PICTURE = Picture(SOURCE, TARGET, network=NETWORK)
JOINED = frozenset({"vpc", "group", "instance", "joints", "peering", "tgw"})
ELSEWHERE = replace(TARGET, vpc="vpc-2", address="10.9.2.20")


def having(picture: Picture = PICTURE, **parts: Any) -> Picture:
    """The picture with other facts of its network."""
    return replace(picture, network=replace(picture.network, **parts))


def asked(picture: Picture) -> set[str]:
    """The kinds of questions that preflight has, once the Region was looked at."""
    known = Known(picture.network, Asked(frozenset(), frozenset({"vpc", "group", "instance"})))
    way.look(picture, known)
    return {question[0] for question in known.missing}


def wrong(picture: Picture) -> list[Finding]:
    """What is not in order."""
    return [finding for finding in examine(picture) if finding.level != "ok"]


def test_the_plain_picture_is_in_order_and_leaves_no_question():
    assert wrong(PICTURE) == []
    assert not asked(PICTURE)


@pytest.mark.parametrize("which", ["source", "target", "both"])
def test_an_interface_without_ipv4_is_judged_without_its_address(which: str):
    """Of a target it is said that its way is not looked at; no sentence has a hole where the address would be."""
    alone = {
        name: replace(getattr(PICTURE, name), address="") for name in ("source", "target") if which in (name, "both")
    }
    found = examine(replace(PICTURE, **alone))
    said = [finding.sentence for finding in found]
    assert any("has no private IPv4 address" in sentence for sentence in said) == (which != "source")
    assert not any("  " in sentence or " ," in sentence or "route to ," in sentence for sentence in said)
    assert not [one for one in found if one.check in ("route", "acl") and which == "target"]


@pytest.mark.parametrize(
    ("part", "emptied", "check"),
    [
        ("subnets", "subnets", "route"),
        ("tables", "tables", "route"),
        ("acls", "acls", "acl"),
        ("groups", "groups", "group"),
        ("sessions", "", "sessions"),
    ],
)
def test_what_may_not_be_described_is_a_warning_with_the_reason(part: str, emptied: str, check: str):
    why = "You may not list them. Ask for the IAM permission ec2:DescribeIt."
    seen = having(unknown={part: why}, **({emptied: {}} if emptied else {}))
    (finding,) = wrong(replace(seen, unknown={part: why}))
    assert (finding.check, finding.level) == (check, "warn")
    assert why in finding.sentence


def test_a_prefix_list_that_may_not_be_read_is_a_doubt_and_no_refusal():
    (finding,) = wrong(having(groups=admitting(prefix_list="pl-1")))
    assert (finding.level, finding.resource) == ("warn", "sg-2")
    assert "pl-1" in finding.sentence


@pytest.mark.parametrize(
    ("addresses", "length", "is_told"),
    [
        (("10.0.1.10", "2001:db8::10"), 35, True),
        (("10.0.1.10", "2001:db8::10"), 54, True),
        (("10.0.1.10", "2001:db8::10"), 55, False),
        (("10.0.1.10", "2001:db8::10"), None, False),
        (("10.0.1.10",), 35, False),
    ],
)
def test_packets_of_ipv6_cannot_be_cut_as_short(addresses: tuple[str, ...], length: int | None, is_told: bool):
    """Traffic Mirroring guide, "MTU and packet length limitations": 35 bytes for IPv4, 55 for IPv6."""
    seen = picturing.interface(Eni("eni-1", "web-1", addresses=addresses, primary_address=addresses[0]))
    source = replace(SOURCE, has_ipv6=seen.has_ipv6)
    found = wrong(replace(PICTURE, source=source, plan=Plan(packet_length=length)))
    assert [(one.check, one.level, "--packet-length 55" in one.sentence) for one in found] == [
        ("mtu", "warn", True)
    ] * is_told


def test_a_subnet_with_ipv6_alone_cannot_be_mirrored():
    subnets = {"subnet-1": subnet(1, "2001:db8::/64"), "subnet-2": subnet(2)}
    assert [(f.check, f.level, f.resource) for f in wrong(having(subnets=subnets))] == [("source", "fail", "subnet-1")]


def test_a_peering_with_another_region_is_no_way():
    ends = PeerEnd("vpc-1", "eu-west-1", cidrs=("10.0.0.0/16",)), PeerEnd("vpc-2", "us-east-1", cidrs=("10.9.0.0/16",))
    subnets = {"subnet-1": subnet(1), "subnet-2": replace(subnet(2, "10.9.2.0/24"), vpc="vpc-2")}
    picture = having(
        replace(PICTURE, target=ELSEWHERE),
        tables=table(LOCAL, Route("10.9.0.0/16", "pcx-1", "VpcPeeringConnectionId")),
        peerings={"pcx-1": Peering("pcx-1", "active", ends)},
        subnets=subnets,
    )
    assert [(f.check, f.level, f.resource) for f in wrong(picture)] == [("route", "fail", "pcx-1")]


@pytest.mark.parametrize("service", ["amazon-rds RDSNetworkInterface", "amazon-elasticache ElastiCache web"])
def test_interfaces_of_rds_and_elasticache_are_mirrored(service: str):
    assert wrong(replace(PICTURE, source=replace(SOURCE, is_managed=True, requester=service))) == []


def test_a_static_route_counts_before_a_propagated_one():
    routes = (
        Route("10.0.2.0/24", "vgw-1", "GatewayId", origin="EnableVgwRoutePropagation"),
        Route("10.0.2.0/24", "nat-1", "NatGatewayId"),
        LOCAL,
    )
    (finding,) = wrong(having(tables=table(*routes)))
    assert "nat-1" in finding.sentence


def test_only_what_a_verdict_hangs_on_is_asked():
    """The routes of a transit gateway's table when the way leads to it, and first what joins the VPCs."""
    subnets = {"subnet-1": subnet(1), "subnet-2": replace(subnet(2, "10.9.2.0/24"), vpc="vpc-2")}
    picture = having(
        replace(PICTURE, target=ELSEWHERE),
        tables=table(Route("10.9.0.0/16", "tgw-1", "TransitGatewayId")),
        subnets=subnets,
    )
    assert asked(picture) == {"joints", "tgw"}
    mine = Attachment("a-1", "tgw-1", "vpc", "vpc-1", table="tgw-rtb-1", subnets=("subnet-1",))
    known = Known(having(picture, attachments={"a-1@tgw-1": mine}).network, Asked(frozenset(), JOINED))
    way.look(picture, known)
    assert [*known.missing] == [("tgw-routes", "tgw-rtb-1", "10.9.2.20")]


def test_commands_are_quoted_and_name_region_and_profile():
    picture = having(replace(PICTURE, region="eu-west-1", profile="my team"), groups=admitting())
    (finding,) = wrong(picture)
    assert finding.command == (
        "aws ec2 authorize-security-group-ingress --group-id sg-2 --protocol udp --port 4789 --cidr 10.0.1.10/32 "
        "--region eu-west-1 --profile 'my team'"
    )
