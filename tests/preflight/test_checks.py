"""Single checks on made-up pictures: what AWS does not show is a warning; what the lab cannot have is judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpcshark.preflight import Finding, examine
from vpcshark.preflight.checks import questions
from vpcshark.preflight.picture import (
    Acl,
    AclEntry,
    Attachment,
    GroupRule,
    Interface,
    Peering,
    Picture,
    Route,
    RouteTable,
    Subnet,
)

SOURCE = Interface(
    "eni-1", attachment="attached", instance="i-1", instance_type="m6i.large", instance_state="running",
    vpc="vpc-1", subnet="subnet-1", az="a", address="10.0.1.10", groups=("sg-1",),
)  # fmt: skip
TARGET = replace(SOURCE, id="eni-2", instance="i-2", subnet="subnet-2", address="10.0.2.20", groups=("sg-2",))
OPEN = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))
PICTURE = Picture(
    SOURCE,
    TARGET,
    subnets=(Subnet("subnet-1", "vpc-1", "a", "10.0.1.0/24"), Subnet("subnet-2", "vpc-1", "a", "10.0.2.0/24")),
    route_tables=(RouteTable("rtb-1", "vpc-1", is_main=True, routes=(Route("10.0.0.0/16", "local"),)),),
    acls=(Acl("acl-1", "vpc-1", ("subnet-1", "subnet-2"), OPEN),),
    rules=(GroupRule("sg-2", "udp", (4789, 4789), cidr="10.0.0.0/16"),),
)


def wrong(picture: Picture) -> list[Finding]:
    """What is not in order."""
    return [finding for finding in examine(picture) if finding.level != "ok"]


def test_the_plain_picture_is_in_order_and_leaves_no_question():
    assert wrong(PICTURE) == []
    assert not questions(PICTURE)


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
        ("route tables", "route_tables", "route"),
        ("network ACLs", "acls", "acl"),
        ("security groups", "rules", "group"),
        ("sessions", "sessions", "sessions"),
    ],
)
def test_what_may_not_be_described_is_a_warning_with_the_reason(part: str, emptied: str, check: str):
    why = "You may not list them. Ask for the IAM permission ec2:DescribeIt."
    (finding,) = wrong(replace(PICTURE, unknown={part: why}, **{emptied: ()}))
    assert (finding.check, finding.level) == (check, "warn")
    assert why in finding.sentence


def test_a_prefix_list_that_may_not_be_read_is_a_doubt_and_no_refusal():
    (finding,) = wrong(replace(PICTURE, rules=(GroupRule("sg-2", "udp", (4789, 4789), prefix_list="pl-1"),)))
    assert (finding.level, finding.resource) == ("warn", "sg-2")
    assert "pl-1" in finding.sentence


def test_a_subnet_with_ipv6_alone_cannot_be_mirrored():
    subnets = (replace(PICTURE.subnets[0], cidr="", is_ipv6_only=True), PICTURE.subnets[1])
    assert [(f.check, f.level, f.resource) for f in wrong(replace(PICTURE, subnets=subnets))] == [
        ("source", "fail", "subnet-1")
    ]


def test_a_peering_with_another_region_is_no_way():
    target = replace(TARGET, vpc="vpc-2", address="10.9.2.20")
    routes = (Route("10.0.0.0/16", "local"), Route("10.9.0.0/16", "pcx-1"))
    picture = replace(
        PICTURE,
        target=target,
        route_tables=(RouteTable("rtb-1", "vpc-1", is_main=True, routes=routes),),
        peerings=(Peering("pcx-1", "active", ("vpc-1", "vpc-2"), ("eu-west-1", "us-east-1")),),
        knows_joints=True,
    )
    assert [(f.check, f.level, f.resource) for f in wrong(picture)] == [("route", "fail", "pcx-1")]


@pytest.mark.parametrize("service", ["amazon-rds RDSNetworkInterface", "amazon-elasticache ElastiCache web"])
def test_interfaces_of_rds_and_elasticache_are_mirrored(service: str):
    assert wrong(replace(PICTURE, source=replace(SOURCE, is_managed=True, requester=service))) == []


def test_a_static_route_counts_before_a_propagated_one():
    routes = (
        Route("10.0.2.0/24", "vgw-1", is_propagated=True),
        Route("10.0.2.0/24", "nat-1"),
        Route("10.0.0.0/16", "local"),
    )
    tables = (RouteTable("rtb-1", "vpc-1", is_main=True, routes=routes),)
    (finding,) = wrong(replace(PICTURE, route_tables=tables))
    assert "nat-1" in finding.sentence


def test_only_what_a_verdict_hangs_on_is_asked():
    """The routes of a transit gateway's table when the way leads to it, and first what joins the VPCs."""
    target = replace(TARGET, vpc="vpc-2", address="10.9.2.20")
    routes = (Route("10.9.0.0/16", "tgw-1"),)
    tables = (RouteTable("rtb-1", "vpc-1", is_main=True, routes=routes),)
    picture = replace(PICTURE, target=target, route_tables=tables)
    assert questions(picture).joints
    joined = replace(
        picture, knows_joints=True, attachments=(Attachment("a-1", "tgw-1", "vpc", "vpc-1", table="tgw-rtb-1"),)
    )
    assert not questions(joined).joints
    assert questions(joined).gateway_tables == ("tgw-rtb-1",)


def test_commands_are_quoted_and_name_region_and_profile():
    picture = replace(PICTURE, rules=(), region="eu-west-1", profile="my team")
    (finding,) = wrong(picture)
    assert finding.command == (
        "aws ec2 authorize-security-group-ingress --group-id sg-2 --protocol udp --port 4789 --cidr 10.0.1.10/32 "
        "--region eu-west-1 --profile 'my team'"
    )
