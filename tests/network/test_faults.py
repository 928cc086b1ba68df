"""One fault planted into a sound network: the walk names it, by its code, its resource and its direction, and no other.

Each rule is AWS's, with the page that states it where it is not plain; the networks are made by code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.walks import Cloud, entry, one_vpc, permission, two_vpcs
from vpcshark.network import answer
from vpcshark.network import ends as ends_of
from vpcshark.network.answer import Answer
from vpcshark.survey.questions import Wanted, asked, attempt

Change = Callable[[Cloud], object]


def walk(cloud: Cloud, folder: Path, source: str, target: str, port: int | None = None, **more: object) -> Answer:
    """The answer to one question about a cloud."""
    wanted = Wanted(source, target, (port, port) if port else None, **more)  # type: ignore[arg-type]
    return attempt(cloud.known(folder), wanted, [source], [target])


def told(found: Answer) -> list[tuple[str, str, str]]:
    """(direction, resource, code) of what blocks."""
    return [(direction, hop.resource, hop.code) for direction, hop in answer.blockers(found)]


def unknown(found: Answer) -> list[tuple[str, str]]:
    """(direction, code) of what is not known."""
    return [(direction, hop.code) for direction, hop in answer.unknowns(found)]


@dataclass(frozen=True)
class Fault:
    """What is changed, and what the walk then says; ``mend`` is a part of the command."""

    name: str
    change: Change
    expected: tuple[str, str, str]
    mend: str = ""


def deny(subnet: str, egress: bool, cidr: str, ports: tuple[int, int] | None = None, protocol: str = "6") -> Change:
    """An entry that comes first in a subnet's ACL."""
    return lambda cloud: cloud.entries(subnet).insert(0, entry(50, "deny", protocol, cidr, ports, egress=egress))


def without_routes(table: str) -> Change:
    """The route table has the local routes alone."""

    def change(cloud: Cloud) -> None:
        row = cloud.one("RouteTables", RouteTableId=table)
        row["Routes"] = [each for each in row["Routes"] if each.get("GatewayId") == "local"]

    return change


def with_state(key: str, state: str, **row: str) -> Change:
    """The state of one resource."""
    return lambda cloud: cloud.one(key, **row).update(State=state)


def blackhole(table: str) -> Change:
    """All routes but the local ones lead to what is gone."""

    def change(cloud: Cloud) -> None:
        for each in cloud.one("RouteTables", RouteTableId=table)["Routes"]:
            if each.get("GatewayId") != "local":
                each["State"] = "blackhole"

    return change


def rules(group: str, egress: bool, *has: tuple[str, tuple[int, int] | None, str]) -> Change:
    """The rules of a group, one way."""
    key = "IpPermissionsEgress" if egress else "IpPermissions"
    return lambda cloud: cloud.one("SecurityGroups", GroupId=group).update({key: [permission(*each) for each in has]})


def transit_routes(*rows: dict[str, object]) -> Change:
    """The routes of the transit gateway's table."""
    return lambda cloud: cloud.answers["TransitGatewayRoutes"][0].update(Routes=list(rows))


def transit_route(cidr: str, attachment: str, state: str = "active") -> dict[str, object]:
    """A route of it."""
    rows = [{"TransitGatewayAttachmentId": attachment, "ResourceType": "vpc"}] if attachment else []
    return {"DestinationCidrBlock": cidr, "Type": "static", "State": state, "TransitGatewayAttachments": rows}


LEFT = transit_route("10.1.0.0/16", "tgw-attach-left")
RIGHT = transit_route("10.2.0.0/16", "tgw-attach-right")


def unassociated(cloud: Cloud) -> None:
    """The left attachment has no table."""
    del cloud.one("TransitGatewayAttachments", ResourceId="vpc-left")["Association"]


def one_zone(vpc: str, zone: str) -> Change:
    """The attachment of a VPC stands in one zone alone."""
    return lambda cloud: cloud.one("TransitGatewayVpcAttachments", VpcId=f"vpc-{vpc}").update(
        SubnetIds=[f"subnet-{vpc}-tgw-{zone}"]
    )


ANY4 = "0.0.0.0/0"
CLIENT, SERVER = "10.1.1.10/32", "10.2.2.20/32"
ACL, SG, ROUTE = "SUBNET_ACL_RESTRICTION", "ENI_SG_RULES_MISMATCH", "NO_ROUTE_TO_DESTINATION"

ACROSS = [
    Fault("group of the server, no rule", rules("sg-web", False), ("forward", "sg-web", SG), "--cidr 10.1.1.10/32"),
    Fault(
        "group of the server, other port",
        rules("sg-web", False, ("tcp", (443, 443), ANY4)),
        ("forward", "sg-web", SG),
        "--port 80",
    ),
    Fault(
        "group of the server, other network",
        rules("sg-web", False, ("tcp", (80, 80), "10.3.0.0/16")),
        ("forward", "sg-web", SG),
    ),
    Fault(
        "group of the server, other protocol",
        rules("sg-web", False, ("udp", (80, 80), ANY4)),
        ("forward", "sg-web", SG),
    ),
    Fault(
        "group of the client, no way out",
        rules("sg-left-open", True),
        ("forward", "sg-left-open", SG),
        "security-group-egress",
    ),
    Fault(
        "ACL out of the client's subnet",
        deny("subnet-left-a", True, SERVER),
        ("forward", "acl-left-a", ACL),
        "--egress",
    ),
    Fault(
        "ACL into the attachment's subnet",
        deny("subnet-left-tgw-a", False, CLIENT),
        ("forward", "acl-left-tgw-a", ACL),
        "--ingress",
    ),
    Fault(
        "ACL out of the far attachment's", deny("subnet-right-tgw-a", True, SERVER), ("forward", "acl-right-tgw-a", ACL)
    ),
    Fault(
        "ACL into the server's subnet",
        deny("subnet-right-b", False, CLIENT, (80, 80)),
        ("forward", "acl-right-b", ACL),
        "From=80,To=80",
    ),
    Fault(
        "ACL, back out of the server's",
        deny("subnet-right-b", True, CLIENT, (1024, 65535)),
        ("return", "acl-right-b", ACL),
        "From=32768",
    ),
    Fault(
        "ACL, back into its attachment's", deny("subnet-right-tgw-b", False, SERVER), ("return", "acl-right-tgw-b", ACL)
    ),
    Fault(
        "ACL, back out of the near attachment's",
        deny("subnet-left-tgw-b", True, CLIENT),
        ("return", "acl-left-tgw-b", ACL),
    ),
    Fault("ACL, back into the client's subnet", deny("subnet-left-a", False, SERVER), ("return", "acl-left-a", ACL)),
    Fault(
        "no route there",
        without_routes("rtb-left-main"),
        ("forward", "rtb-left-main", ROUTE),
        "--route-table-id rtb-left-main --destination-cidr-block 10.2.0.0/16 --transit-gateway-id tgw-main",
    ),
    Fault("no route back", without_routes("rtb-right-main"), ("return", "rtb-right-main", ROUTE), "10.1.0.0/16"),
    Fault(
        "blackhole there", blackhole("rtb-left-main"), ("forward", "rtb-left-main", "BAD_STATE_ROUTE"), "replace-route"
    ),
    Fault("blackhole back", blackhole("rtb-right-main"), ("return", "rtb-right-main", "BAD_STATE_ROUTE")),
    Fault(
        "a longer blackhole is not skipped",
        lambda c: c.route("rtb-left-main", "10.2.2.0/24", "tgw-gone", state="blackhole"),
        ("forward", "rtb-left-main", "BAD_STATE_ROUTE"),
    ),
    Fault(
        "no association",
        unassociated,
        ("forward", "tgw-main", "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"),
        "associate-transit-gateway-route-table",
    ),
    Fault(
        "no route in the transit gateway",
        transit_routes(LEFT),
        ("forward", "tgw-rtb-main", "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"),
        "enable-transit-gateway-route-table-propagation",
    ),
    Fault(
        "no route back in it",
        transit_routes(RIGHT),
        ("return", "tgw-rtb-main", "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"),
        "tgw-attach-left",
    ),
    Fault(
        "blackhole in the transit gateway",
        transit_routes(LEFT, RIGHT, transit_route("10.2.2.0/24", "", "blackhole")),
        ("forward", "tgw-rtb-main", "TGW_RTB_BAD_STATE_ROUTE"),
        "replace-transit-gateway-route",
    ),
    Fault(
        "blackhole back in it",
        transit_routes(RIGHT, transit_route("10.1.0.0/16", "", "blackhole")),
        ("return", "tgw-rtb-main", "TGW_RTB_BAD_STATE_ROUTE"),
    ),
    Fault(
        "no attachment subnet in the client's zone",
        one_zone("left", "b"),
        ("forward", "tgw-attach-left", "TGW_ROUTE_AZ_RESTRICTION"),
        "--add-subnet-ids",
    ),
    Fault(
        "none in the server's zone", one_zone("right", "a"), ("return", "tgw-attach-right", "TGW_ROUTE_AZ_RESTRICTION")
    ),
    Fault(
        "the server is stopped",
        lambda c: c.answers["Reservations"][1]["Instances"][0].update(State={"Name": "stopped"}),
        ("forward", "i-server", "BAD_STATE"),
        "start-instances --instance-ids i-server",
    ),
    Fault(
        "the attachment is gone",
        lambda c: c.one("TransitGatewayAttachments", ResourceId="vpc-right").update(State="deleted"),
        ("forward", "tgw-attach-right", "BAD_STATE_ATTACHMENT"),
    ),
]


def test_the_sound_network_is_reachable_both_ways(tmp_path: Path):
    """Nothing is planted: no block, nothing unknown; interfaces in the order of the packet, by the sender's zone."""
    found = walk(two_vpcs(), tmp_path, "client", "10.2.2.20", 80)
    assert (found.verdict, told(found), unknown(found)) == ("reachable", [], [])
    enis = [hop.resource for hop in found.there.shown.hops if hop.kind == "interface"]
    assert enis == ["eni-client", "eni-left-tgw-a", "eni-right-tgw-a", "eni-server"]
    assert found.back is not None
    back = [hop.resource for hop in found.back.shown.hops if hop.kind == "interface"]
    assert back == ["eni-server", "eni-right-tgw-b", "eni-left-tgw-b", "eni-client"]


@pytest.mark.parametrize("fault", ACROSS, ids=lambda fault: fault.name)
def test_a_fault_across_a_transit_gateway_is_named(fault: Fault, tmp_path: Path):
    """By itself: the rest of the way, which is walked as well, is in order."""
    cloud = two_vpcs()
    fault.change(cloud)
    found = walk(cloud, tmp_path, "client", "10.2.2.20", 80)
    firsts = dict.fromkeys(resource for direction, resource, _ in told(found) if direction == fault.expected[0])
    assert found.verdict == "blocked"
    assert fault.expected in told(found)
    assert next(iter(firsts)) == fault.expected[1]
    mend = next(hop.mend for _, hop in answer.blockers(found) if hop.resource == fault.expected[1])
    assert fault.mend in mend


@pytest.mark.parametrize(
    "fault", [each for each in ACROSS if each.expected[2] in (ACL, SG)], ids=lambda fault: fault.name
)
def test_a_filter_that_blocks_is_the_only_block(fault: Fault, tmp_path: Path):
    """What is not planted is not told."""
    cloud = two_vpcs()
    fault.change(cloud)
    assert told(walk(cloud, tmp_path, "client", "10.2.2.20", 80)) == [fault.expected]


def test_a_deleted_attachment_beside_the_living_one_is_passed_over(tmp_path: Path):
    """EC2 goes on listing it for a while."""
    cloud = two_vpcs()
    gone = dict(cloud.one("TransitGatewayAttachments", ResourceId="vpc-left"))
    gone.update(TransitGatewayAttachmentId="tgw-attach-gone", State="deleted")
    cloud.answers["TransitGatewayAttachments"].insert(0, gone)
    assert walk(cloud, tmp_path, "client", "10.2.2.20", 80).verdict == "reachable"


def test_an_interface_that_is_attached_to_nothing_answers_nothing(tmp_path: Path):
    """Its status is "available" then."""
    cloud = two_vpcs()
    cloud.interface("loose", "subnet-right-b", "10.2.2.21", Status="available")
    found = walk(cloud, tmp_path, "client", "10.2.2.21", 80)
    assert ("forward", "eni-loose", "BAD_STATE") in told(found)


def test_two_faults_are_both_told(tmp_path: Path):
    """The walk goes on past the first block."""
    cloud = two_vpcs()
    for change in (deny("subnet-left-a", True, SERVER), rules("sg-web", False), blackhole("rtb-right-main")):
        change(cloud)
    assert [each[1] for each in told(walk(cloud, tmp_path, "client", "10.2.2.20", 80))] == [
        "acl-left-a",
        "sg-web",
        "rtb-right-main",
    ]


def test_a_return_that_is_open_for_a_part_of_the_ports_is_unknown_until_the_port_is_given(tmp_path: Path):
    """A client chooses from 32768 to 60999; the ACL lets in 49152 to 65535."""
    cloud = two_vpcs()
    deny("subnet-left-a", False, SERVER, (1024, 49151))(cloud)
    found = walk(cloud, tmp_path, "client", "10.2.2.20", 80)
    assert (found.verdict, unknown(found)) == ("unknown", [("return", "WALK_PARTLY")])
    (stop,) = [hop for _, hop in answer.unknowns(found)]
    assert "32768-49151" in stop.text
    assert stop.rule is not None
    assert stop.rule.number == 50
    assert walk(cloud, tmp_path, "client", "10.2.2.20", 80, source_port=(50000, 50000)).verdict == "reachable"
    assert walk(cloud, tmp_path, "client", "10.2.2.20", 80, source_port=(40000, 40000)).verdict == "blocked"


@pytest.mark.parametrize(
    ("gateway", "left", "right", "verdict"),
    [
        (True, "enable", "enable", "reachable"),
        (False, "enable", "enable", "blocked"),
        (True, "disable", "enable", "blocked"),
        (True, "enable", "disable", "blocked"),
    ],
)
def test_a_reference_crosses_a_transit_gateway_only_if_all_three_support_it(
    gateway: bool, left: str, right: str, verdict: str, tmp_path: Path
):
    """Transit Gateways guide, "Security group referencing"."""
    cloud = two_vpcs()
    rules("sg-web", False, ("tcp", (80, 80), "sg-left-open"))(cloud)
    cloud.one("TransitGateways")["Options"]["SecurityGroupReferencingSupport"] = "enable" if gateway else "disable"
    for name, value in (("left", left), ("right", right)):
        row = cloud.one("TransitGatewayVpcAttachments", VpcId=f"vpc-{name}")
        row["Options"]["SecurityGroupReferencingSupport"] = value
    found = walk(cloud, tmp_path, "client", "10.2.2.20", 80)
    assert found.verdict == verdict
    if verdict == "blocked":
        assert told(found) == [("forward", "sg-web", "SG_REFERENCING_SUPPORT")]


def test_static_beats_propagated_in_a_transit_gateway(tmp_path: Path):
    """Transit Gateways guide, "Route evaluation order": of one network the static route is in force."""
    cloud = two_vpcs()
    rows = [{**RIGHT, "Type": "propagated"}, LEFT, {**RIGHT, "TransitGatewayAttachments": [], "State": "blackhole"}]
    transit_routes(*rows)(cloud)
    assert told(walk(cloud, tmp_path, "client", "10.2.2.20", 80))[0] == (
        "forward",
        "tgw-rtb-main",
        "TGW_RTB_BAD_STATE_ROUTE",
    )


def test_in_another_zone_than_the_senders_any_of_the_attachments_may_be_the_way(tmp_path: Path):
    """Transit Gateways guide: "a random Availability Zone where the attachment is present"; alike on both, so
    decided."""
    cloud = two_vpcs()
    for row in cloud.answers["Subnets"]:
        if row["SubnetId"] == "subnet-right-tgw-a":
            row.update(AvailabilityZoneId="eun1-azc")
    found = walk(cloud, tmp_path, "client", "10.2.2.20", 80)
    assert (len(found.there.trails), found.verdict) == (2, "reachable")
    deny("subnet-right-tgw-b", True, SERVER)(cloud)
    found = walk(cloud, tmp_path, "client", "10.2.2.20", 80)
    assert found.there.verdict == "unknown"


HOME = [
    Fault(
        "no public address",
        lambda c: c.one("NetworkInterfaces", NetworkInterfaceId="eni-outer")["PrivateIpAddresses"][0].pop(
            "Association"
        ),
        ("forward", "igw-home", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"),
        "associate-address",
    ),
    Fault(
        "the gateway is not attached",
        lambda c: c.one("InternetGateways").update(Attachments=[]),
        ("forward", "igw-home", "BAD_STATE_ATTACHMENT"),
        "attach-internet-gateway",
    ),
    Fault(
        "public access is blocked",
        lambda c: c.one("Subnets", SubnetId="subnet-public").update(
            BlockPublicAccessStates={"InternetGatewayBlockMode": "block-bidirectional"}
        ),
        ("forward", "subnet-public", "VPC_BLOCK_PUBLIC_ACCESS_ENABLED"),
        "exclusion",
    ),
    Fault(
        "no default route",
        without_routes("rtb-public"),
        ("forward", "rtb-public", ROUTE),
        "0.0.0.0/0 --gateway-id igw-home",
    ),
    Fault("ACL for the answers", deny("subnet-public", False, ANY4, (1024, 65535)), ("return", "acl-public", ACL)),
]


@pytest.mark.parametrize("fault", HOME, ids=lambda fault: fault.name)
def test_a_fault_on_the_way_to_the_internet_is_named(fault: Fault, tmp_path: Path):
    """The same, by an internet gateway."""
    cloud = one_vpc()
    assert walk(cloud, tmp_path / "sound", "outer", "8.8.8.8", 443).verdict == "reachable"
    fault.change(cloud)
    found = walk(cloud, tmp_path / "faulty", "outer", "8.8.8.8", 443)
    assert (found.verdict, told(found)[0]) == ("blocked", fault.expected)
    assert fault.mend in next(hop.mend for _, hop in answer.blockers(found))


def test_a_nat_gateway_translates_and_its_subnets_acl_is_met_four_times(tmp_path: Path):
    """VPC User Guide, nat-gateway-basics: in from the client, out to the target, and the answers."""
    found = walk(one_vpc(), tmp_path, "inner", "8.8.8.8", 443)
    assert found.verdict == "reachable"
    assert found.back is not None
    hops = [*found.there.shown.hops, *found.back.shown.hops]
    assert sum(hop.resource == "acl-public" for hop in hops) == 4
    nat = next(hop for hop in hops if hop.kind == "nat-gateway")
    assert (nat.packet.src, nat.packet.sport) == ("10.0.1.99", (1024, 65535))


NAT_FAULTS = [
    Fault("gone", with_state("NatGateways", "failed"), ("forward", "nat-home", "BAD_STATE")),
    Fault(
        "no public address",
        lambda c: c.one("NetworkInterfaces", NetworkInterfaceId="eni-nat-home")["PrivateIpAddresses"][0].pop(
            "Association"
        ),
        ("forward", "igw-home", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"),
    ),
    Fault(
        "its subnet routes to itself",
        lambda c: c.one("RouteTables", RouteTableId="rtb-public")["Routes"][1].update(
            GatewayId="", NatGatewayId="nat-home"
        ),
        ("forward", "nat-home", "WALK_LOOP"),
    ),
    Fault("ACL in from the client", deny("subnet-public", False, "10.0.2.0/24"), ("forward", "acl-public", ACL)),
    Fault("ACL in of the answers", deny("subnet-public", False, "8.8.8.8/32"), ("return", "acl-public", ACL)),
    Fault(
        "ACL out of the answers",
        deny("subnet-public", True, "10.0.2.20/32", (1024, 65535)),
        ("return", "acl-public", ACL),
    ),
]


@pytest.mark.parametrize("fault", NAT_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_at_a_nat_gateway_is_named(fault: Fault, tmp_path: Path):
    """The same, by a NAT gateway."""
    cloud = one_vpc()
    fault.change(cloud)
    found = walk(cloud, tmp_path, "inner", "8.8.8.8", 443)
    assert (found.verdict, told(found)[0]) == ("blocked", fault.expected)


def test_what_the_internet_sends_arrives_at_the_public_addresss_owner(tmp_path: Path):
    """And is dropped where nobody has it, at a NAT gateway, and for a private address."""
    cloud = one_vpc()
    assert walk(cloud, tmp_path, "internet", "203.0.113.10", 443).verdict == "reachable"
    assert walk(cloud, tmp_path, "internet", "eni-outer", 443).packet.dst == "203.0.113.10"
    assert told(walk(cloud, tmp_path, "internet", "203.0.113.11", 443))[0][1] == "internet"
    assert told(walk(cloud, tmp_path, "internet", "203.0.113.99", 443))[0][2] == "WALK_NAT_NO_SESSION"
    assert told(walk(cloud, tmp_path, "internet", "10.0.2.20", 443))[0][1] == "internet"


def test_by_its_public_address_a_neighbour_is_reached_over_the_gateway_alone(tmp_path: Path):
    """And references to groups mean nobody then."""
    cloud = one_vpc()
    cloud.group("inner-only", "vpc-home", [("tcp", (443, 443), "sg-home-open")])
    cloud.one("NetworkInterfaces", NetworkInterfaceId="eni-outer")["Groups"] = [{"GroupId": "sg-inner-only"}]
    assert walk(cloud, tmp_path, "inner", "10.0.1.10", 443).verdict == "reachable"
    found = walk(cloud, tmp_path, "inner", "203.0.113.10", 443)
    assert told(found)[0][:2] == ("forward", "sg-inner-only")


def test_inside_a_subnet_neither_acl_nor_route_counts(tmp_path: Path):
    """VPC User Guide: a network ACL holds at the subnet's edge."""
    cloud = one_vpc()
    cloud.instance("near", "subnet-private", "10.0.2.21")
    deny("subnet-private", True, ANY4)(cloud)
    deny("subnet-private", False, ANY4)(cloud)
    found = walk(cloud, tmp_path, "inner", "near", 22)
    assert found.verdict == "reachable"
    assert not {"network-acl", "route-table"} & {hop.kind for hop in found.there.shown.hops}


PEERED = [
    Fault(
        "not accepted",
        lambda c: c.one("VpcPeeringConnections").update(Status={"Code": "pending-acceptance"}),
        ("forward", "pcx-main", "BAD_STATE"),
        "accept-vpc-peering-connection",
    ),
    Fault(
        "no route back",
        without_routes("rtb-two-main"),
        ("return", "rtb-two-main", ROUTE),
        "--vpc-peering-connection-id pcx-main",
    ),
    Fault(
        "not of the peer",
        lambda c: c.one("VpcPeeringConnections")["AccepterVpcInfo"].update(CidrBlockSet=[{"CidrBlock": "10.9.0.0/16"}]),
        ("forward", "pcx-main", "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"),
    ),
]


def peered(regions: tuple[str, str] = ("r", "r")) -> Cloud:
    """Two VPCs and a peering; the server takes the client's group alone."""
    cloud = Cloud()
    for name, net in (("one", "10.1"), ("two", "10.2")):
        cloud.subnet(name, cloud.vpc(name, f"{net}.0.0/16"), f"{net}.0.0/24")
    pcx = cloud.peering("main", "vpc-one", "vpc-two", regions=regions)
    cloud.route("rtb-one-main", "10.2.0.0/16", pcx)
    cloud.route("rtb-two-main", "10.1.0.0/16", pcx)
    cloud.group("web", "vpc-two", [("tcp", (80, 80), "sg-one-open")])
    cloud.instance("client", "subnet-one", "10.1.0.10")
    cloud.instance("server", "subnet-two", "10.2.0.20", ["sg-web"])
    return cloud


@pytest.mark.parametrize("fault", PEERED, ids=lambda fault: fault.name)
def test_a_fault_at_a_peering_is_named(fault: Fault, tmp_path: Path):
    """The same, by a peering connection."""
    cloud = peered()
    assert walk(cloud, tmp_path / "sound", "client", "server", 80).verdict == "reachable"
    fault.change(cloud)
    found = walk(cloud, tmp_path / "faulty", "client", "server", 80)
    assert (found.verdict, told(found)[0]) == ("blocked", fault.expected)
    assert fault.mend in next(hop.mend for _, hop in answer.blockers(found))


def test_a_reference_does_not_cross_a_peering_between_regions(tmp_path: Path):
    """VPC Peering Guide: "You cannot reference the security group of a peer VPC that's in a different Region"."""
    found = walk(peered(("r", "s")), tmp_path, "client", "server", 80)
    assert told(found) == [("forward", "sg-web", "SG_REFERENCES_NOT_PRESERVED")]


def test_a_peering_leads_no_further(tmp_path: Path):
    """VPC Peering Guide: no way over it to the other VPC's internet gateway."""
    cloud = peered()
    cloud.route("rtb-two-main", ANY4, cloud.internet_gateway("two", "vpc-two"))
    cloud.route("rtb-one-main", ANY4, "pcx-main")
    assert told(walk(cloud, tmp_path, "client", "8.8.8.8", 443))[0][2] == "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"


def gateway_endpoint() -> Cloud:
    """A subnet whose only way out is a gateway endpoint for 198.51.100.0/24."""
    cloud = one_vpc()
    without_routes("rtb-private")(cloud)
    cloud.answers["PrefixLists"].append({"PrefixListId": "pl-s3", "PrefixListName": "s3", "Cidrs": ["198.51.100.0/24"]})
    cloud.answers["VpcEndpoints"].append(
        {
            "VpcEndpointId": "vpce-s3",
            "VpcEndpointType": "Gateway",
            "VpcId": "vpc-home",
            "State": "available",
            "ServiceName": "s3",
        }
    )
    cloud.route("rtb-private", "pl-s3", "vpce-s3")
    return cloud


def test_a_gateway_endpoint_takes_tcp_for_its_list_alone(tmp_path: Path):
    """AWS PrivateLink guide, "Gateway endpoints"."""
    cloud = gateway_endpoint()
    assert walk(cloud, tmp_path, "inner", "198.51.100.9", 443).verdict == "reachable"
    assert told(walk(cloud, tmp_path, "inner", "198.51.101.9", 443))[0][2] == ROUTE
    udp = walk(cloud, tmp_path, "inner", "198.51.100.9", 443, protocol="udp")
    assert told(udp)[0][2] == "VPCE_GATEWAY_PROTOCOL_RESTRICTION"


def test_a_prefix_list_that_cannot_be_read_is_unknown(tmp_path: Path):
    """Neither "no route" nor a route."""
    cloud = gateway_endpoint()
    cloud.answers["PrefixLists"].clear()
    found = walk(cloud, tmp_path, "inner", "198.51.100.9", 443)
    assert (found.verdict, told(found)) == ("unknown", [])


def test_a_propagated_route_never_wins_from_the_local_one(tmp_path: Path):
    """VPC User Guide, route-tables-priority; a static one with a longer prefix does."""
    cloud = one_vpc()
    cloud.route("rtb-private", "10.0.1.0/24", "vgw-1", origin="EnableVgwRoutePropagation")
    assert walk(cloud, tmp_path, "inner", "10.0.1.10", 22).verdict == "reachable"
    cloud.interface("box", "subnet-private", "10.0.2.30", SourceDestCheck=True)
    cloud.route("rtb-private", "10.0.1.0/24", "eni-box")
    assert told(walk(cloud, tmp_path, "inner", "10.0.1.10", 22))[0][1:] == (
        "eni-box",
        "ENI_SOURCE_DEST_CHECK_RESTRICTION",
    )
    cloud.one("NetworkInterfaces", NetworkInterfaceId="eni-box")["SourceDestCheck"] = False
    assert unknown(walk(cloud, tmp_path, "inner", "10.0.1.10", 22))[0] == ("forward", "WALK_APPLIANCE")


def test_beyond_a_virtual_private_gateway_nothing_is_known(tmp_path: Path):
    """Neither reachable nor blocked."""
    cloud = one_vpc()
    cloud.route("rtb-private", "192.168.0.0/16", "vgw-1")
    assert walk(cloud, tmp_path, "inner", "192.168.1.1", 22).verdict == "unknown"


def balanced(**attributes: str) -> Cloud:
    """A Network Load Balancer with nodes in zones a and b; targets on port 8080 in zone a (healthy) and b
    (unhealthy)."""
    cloud = Cloud()
    vpc = cloud.vpc("home", "10.0.0.0/16")
    for zone, third in (("a", 1), ("b", 2)):
        subnet = cloud.subnet(f"lb-{zone}", vpc, f"10.0.{third}.0/24", zone)
        cloud.interface(
            f"node-{zone}",
            subnet,
            f"10.0.{third}.9",
            InterfaceType="network_load_balancer",
            Groups=[],
            Description="ELB net/web/1",
        )
        cloud.subnet(f"web-{zone}", vpc, f"10.0.1{third}.0/24", zone)
    cloud.group("web", vpc, [("tcp", (8080, 8080), "10.0.1.50/32")])
    cloud.instance("client", "subnet-lb-a", "10.0.1.50")
    cloud.instance("web-a", "subnet-web-a", "10.0.11.20", ["sg-web"])
    cloud.instance("web-b", "subnet-web-b", "10.0.12.20", ["sg-web"])
    arn, group = "arn:aws:elasticloadbalancing:r:1:loadbalancer/net/web/1", "arn:tg"
    cloud.answers["LoadBalancers"].append(
        {
            "LoadBalancerArn": arn,
            "LoadBalancerName": "web",
            "Type": "network",
            "VpcId": vpc,
            "State": {"Code": "active"},
        }
    )
    cloud.answers["Listeners"].append(
        {
            "ListenerArn": "arn:l",
            "LoadBalancerArn": arn,
            "Port": 80,
            "Protocol": "TCP",
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}],
        }
    )
    cloud.answers["TargetGroups"].append(
        {
            "TargetGroupArn": group,
            "TargetGroupName": "web",
            "TargetType": "instance",
            "Protocol": "TCP",
            "VpcId": vpc,
            "Port": 8080,
        }
    )
    targets = [
        {"Target": {"Id": f"i-web-{zone}", "Port": 8080}, "TargetHealth": {"State": state}}
        for zone, state in (("a", "healthy"), ("b", "unhealthy"))
    ]
    cloud.answers["TargetHealth"].append({"TargetGroupArn": group, "TargetHealthDescriptions": targets})
    rows = [{"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()]
    cloud.answers["TargetGroupAttributes"].append({"TargetGroupArn": group, "Attributes": rows})
    return cloud


def test_a_load_balancer_sends_to_the_healthy_target_with_the_clients_address(tmp_path: Path):
    """Elastic Load Balancing guide: preserved for instances; the answer comes back by the node."""
    found = walk(balanced(), tmp_path, "client", "10.0.1.9", 80)
    assert found.verdict == "reachable"
    assert found.there.shown.end_interface is not None
    assert (found.there.shown.end_interface.id, found.there.shown.packet.src, found.there.shown.packet.dport) == (
        "eni-web-a",
        "10.0.1.50",
        (8080, 8080),
    )
    assert found.back is not None
    assert [hop.resource for hop in found.back.shown.hops if hop.kind == "interface"] == [
        "eni-web-a",
        "eni-node-a",
        "eni-client",
    ]
    assert found.back.shown.packet.sport == (80, 80)


def test_without_preservation_the_target_sees_the_node(tmp_path: Path):
    """And its group, which names the client, lets the node not in."""
    found = walk(balanced(preserve_client_ip__enabled="false"), tmp_path, "client", "10.0.1.9", 80)
    assert told(found) == [("forward", "sg-web", SG)]
    assert found.there.shown.packet.src == "10.0.1.9"


def test_a_node_stays_in_its_zone_unless_told_otherwise(tmp_path: Path):
    """In zone b there is the unhealthy target alone: the node sends to it all the same, and nobody knows what comes."""
    cloud = balanced()
    found = walk(cloud, tmp_path / "near", "client", "10.0.2.9", 80)
    assert (found.verdict, unknown(found)[0]) == ("unknown", ("forward", "WALK_NO_HEALTHY_TARGET"))
    crossing = balanced(load_balancing__cross_zone__enabled="true")
    assert walk(crossing, tmp_path / "far", "client", "10.0.2.9", 80).verdict == "reachable"


def test_where_no_listener_is_nothing_goes(tmp_path: Path):
    """The ports that it listens on are told."""
    found = walk(balanced(), tmp_path, "client", "10.0.1.9", 81)
    assert told(found)[0][2] == "ELBV2_LISTENER_PORT_RESTRICTION"


@pytest.mark.parametrize("part", ["NetworkAcls", "RouteTables", "SecurityGroups", "TransitGatewayRoutes"])
def test_what_a_dump_does_not_tell_is_unknown(part: str, tmp_path: Path):
    """Neither open nor shut."""
    cloud = two_vpcs()
    del cloud.answers[part]
    found = walk(cloud, tmp_path, "client", "10.2.2.20", 80)
    assert (found.verdict, told(found)) == ("unknown", [])


def test_ipv6_goes_its_own_way(tmp_path: Path):
    """An IPv4 rule never means IPv6, and the egress-only gateway lets nothing in that nobody asked for."""
    cloud = Cloud()
    vpc = cloud.vpc("six", "10.0.0.0/16", "2a05:d016:1::/56")
    subnet = cloud.subnet("six", vpc, "10.0.0.0/24", v6="2a05:d016:1::/64")
    cloud.answers["EgressOnlyInternetGateways"] = [
        {"EgressOnlyInternetGatewayId": "eigw-six", "Attachments": [{"VpcId": vpc, "State": "attached"}]}
    ]
    cloud.route("rtb-six-main", "::/0", "eigw-six")
    cloud.instance("six", subnet, "10.0.0.10", v6="2a05:d016:1::10")
    assert walk(cloud, tmp_path, "2a05:d016:1::10", "2606:4700::1", 443).verdict == "reachable"
    assert walk(cloud, tmp_path, "internet", "2a05:d016:1::10", 443).verdict == "blocked"
    rules("sg-six-open", True, ("-1", None, ANY4))(cloud)
    assert told(walk(cloud, tmp_path, "2a05:d016:1::10", "2606:4700::1", 443)) == [("forward", "sg-six-open", SG)]


def test_pings_are_judged_by_type(tmp_path: Path):
    """Request there, reply back."""
    cloud = two_vpcs()
    rules("sg-web", False, ("icmp", (8, -1), ANY4))(cloud)
    found = walk(cloud, tmp_path, "client", "server", protocol="icmp")
    assert found.verdict == "reachable"
    assert found.back is not None
    assert found.back.shown.packet.icmp == (0, 0)
    rules("sg-web", False, ("icmp", (13, -1), ANY4))(cloud)
    assert walk(cloud, tmp_path, "client", "server", protocol="icmp").verdict == "blocked"


STATES = {
    "instance": ("Reservations", lambda row: row["Instances"][0].pop("State"), two_vpcs),
    "attachment": ("TransitGatewayAttachments", lambda row: row.pop("State"), two_vpcs),
    "route": ("RouteTables", lambda row: [each.pop("State") for each in row["Routes"]], two_vpcs),
    "transit route": ("TransitGatewayRoutes", lambda row: [each.pop("State") for each in row["Routes"]], two_vpcs),
    "NAT gateway": ("NatGateways", lambda row: row.pop("State"), one_vpc),
}
"""What has a state -> the list of answers, how the state is taken out of a row, the network."""


@pytest.mark.parametrize("what", STATES)
def test_a_state_that_was_not_told_is_unknown_and_neither_good_nor_bad(what: str, tmp_path: Path):
    """Of everything that has one, in an answer that lacks it."""
    key, take, network = STATES[what]
    cloud = network()
    for row in cloud.answers[key]:
        take(row)
    ends = ("client", "server", 80) if network is two_vpcs else ("inner", "192.0.2.7", 443)
    found = walk(cloud, tmp_path, *ends)
    assert (found.verdict, told(found)) == ("unknown", [])
    assert any("not told" in hop.text for _, hop in answer.unknowns(found))


def test_an_instance_that_was_not_described_is_unknown(tmp_path: Path):
    """Nobody said that it runs, nor which ports its system takes."""
    cloud = two_vpcs()
    del cloud.answers["Reservations"]
    found = walk(cloud, tmp_path, "eni-client", "eni-server", 80)
    assert (found.verdict, told(found)) == ("unknown", [])
    assert {hop.resource for _, hop in answer.unknowns(found)} == {"i-client", "i-server"}
    assert "the folder has no answer of DescribeInstances" in answer.unknowns(found)[0][1].text
    assert found.packet.sport == answer.ANY_PORTS


@pytest.mark.parametrize("key", ["TargetHealth", "State"])
def test_health_and_state_at_a_load_balancer_that_were_not_told_are_unknown(key: str, tmp_path: Path):
    """A target that may be well or not is no open way."""
    cloud = balanced()
    rows = [each for row in cloud.answers["TargetHealth"] for each in row["TargetHealthDescriptions"]]
    for row in rows if key == "TargetHealth" else cloud.answers["LoadBalancers"]:
        del row[key]
    found = walk(cloud, tmp_path, "client", "10.0.1.9", 80)
    assert (found.verdict, told(found)) == ("unknown", [])


@pytest.mark.parametrize("key", ["Subnets", "NetworkAcls", "RouteTables", "SecurityGroups", "NetworkInterfaces"])
def test_what_a_dump_lacks_makes_nothing_blocked(key: str, tmp_path: Path):
    """Not by a loop either, though the walk comes to the same place again where nothing can be read."""
    cloud = two_vpcs()
    known = cloud.known(tmp_path)
    ends = [ends_of.find(known, each)[0] for each in ("client", "server")]
    del cloud.answers[key]
    lacking = cloud.known(tmp_path / "lacking")
    found = answer.answer(lacking, asked(*ends, Wanted("client", "server", (80, 80))))
    assert (found.verdict, told(found)) == ("unknown", [])
