"""Topologies with one fault planted through the API, and sound ones: what a walk has to say and which rule has to drop.

Every network hop of a way has a rule of its own to be broken: there and back, near and far, IPv4 and IPv6. The names
of the bases are those of the places in them. Must not know what vpcshark makes of any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Raw = dict[str, Any]
Words = tuple[str, ...]
_OPEN = ["100 allow all 0.0.0.0/0", "110 allow all ::/0"]
_PEERS = ["tcp 80 left", "udp 53 left", "icmp left", "icmpv6 left"]


@dataclass(frozen=True)
class Expected:
    """What is planted: direction, the resource of the walk's hop, its rule's number if it has one, the words of the
    rule that drops."""

    direction: str
    resource: str
    words: Words
    number: int | None = None


Plant = Callable[[Any, bool], Expected]
"""(a running topology, IPv6?) -> what was planted."""


@dataclass(frozen=True)
class Case:
    """One topology; ``plant`` None: sound. ``target`` is an instance, or an address."""

    name: str
    base: Callable[[], Raw]
    is_v6: bool = False
    protocol: str = "tcp"
    port: int = 80
    plant: Plant | None = None
    source: str = "client"
    target: str = "server"
    is_mended: bool = True

    def __str__(self) -> str:
        return f"{self.base.__name__} {'v6' if self.is_v6 else 'v4'} {self.protocol} {self.name}"


def _vpc(cidr: str, subnets: Raw, tables: Raw, groups: Raw) -> Raw:
    """A VPC whose subnets have a network ACL each."""
    places = {name: {**row, "acl": name} for name, row in subnets.items()}
    acls = {name: {"in": _OPEN, "out": _OPEN} for name in subnets}
    return {"cidr": cidr, "ipv6": True, "subnets": places, "tables": tables, "groups": groups, "acls": acls}


def _ends(client: str, server: str, addresses: tuple[str, str] = ("10.1.1.10", "10.2.2.20")) -> Raw:
    serves = ["tcp 80", "udp 53"]
    return {
        "client": {"subnet": client, "address": addresses[0], "groups": ["client"]},
        "server": {"subnet": server, "address": addresses[1], "groups": ["server"], "serves": serves},
    }


def across() -> Raw:
    """A transit gateway; client and server in different zones, attachments in subnets of their own."""
    sides = {}
    for name, net, zone in (("left", 1, "a"), ("right", 2, "b")):
        other = "right" if name == "left" else "left"
        subnets = {
            f"{name}-host": {"cidr": f"10.{net}.{net}.0/24", "zone": zone, "table": name},
            f"{name}-a": {"cidr": f"10.{net}.100.0/28", "zone": "a"},
            f"{name}-b": {"cidr": f"10.{net}.101.0/28", "zone": "b"},
        }
        groups = {"client": {}} if name == "left" else {"server": {"in": _PEERS}}
        sides[name] = _vpc(f"10.{net}.0.0/16", subnets, {name: {other: "tgw/main"}}, groups)
    attachments = {each: {"vpc": each, "subnets": [f"{each}-a", f"{each}-b"]} for each in sides}
    names = ["left", "right"]
    tables = {"main": {"associations": names, "propagations": names}}
    gateways = {"main": {"attachments": attachments, "tables": tables}}
    return {"vpcs": sides, "transit_gateways": gateways, "instances": _ends("left-host", "right-host")}


def shared() -> Raw:
    """A transit gateway whose attachments stand in the subnets of the hosts."""
    sides = {}
    for name, net, other in (("left", 1, "right"), ("right", 2, "left")):
        groups = {"client": {}} if name == "left" else {"server": {"in": _PEERS}}
        subnets = {f"{name}-host": {"cidr": f"10.{net}.{net}.0/24", "table": name}}
        sides[name] = _vpc(f"10.{net}.0.0/16", subnets, {name: {other: "tgw/main"}}, groups)
    attachments = {each: {"vpc": each, "subnets": [f"{each}-host"]} for each in sides}
    tables = {
        "there": {"associations": ["left"], "propagations": ["right"]},
        "back": {"associations": ["right"], "propagations": ["left"]},
    }
    gateways = {"main": {"attachments": attachments, "tables": tables}}
    return {"vpcs": sides, "transit_gateways": gateways, "instances": _ends("left-host", "right-host")}


def far() -> Raw:
    """Two transit gateways that are peered, by static routes."""
    raw = shared()
    for name, other in (("left", "right"), ("right", "left")):
        raw["vpcs"][name]["tables"][name] = {other: f"tgw/{name}"}
    raw["transit_gateways"] = {
        name: {
            "attachments": {name: {"vpc": name, "subnets": [f"{name}-host"]}},
            "tables": {"main": {"associations": [name, "two"], "propagations": [name], "routes": {other: "two"}}},
        }
        for name, other in (("left", "right"), ("right", "left"))
    }
    return {**raw, "transit_gateway_peerings": {"two": ["left", "right"]}}


def peered() -> Raw:
    """Two VPCs joined by a peering connection."""
    sides = {}
    for name, net, other in (("left", 1, "right"), ("right", 2, "left")):
        groups = {"client": {}} if name == "left" else {"server": {"in": _PEERS}}
        subnets = {f"{name}-host": {"cidr": f"10.{net}.{net}.0/24", "table": name}}
        sides[name] = _vpc(f"10.{net}.0.0/16", subnets, {name: {other: "peering/two"}}, groups)
    return {"vpcs": sides, "peerings": {"two": ["left", "right"]}, "instances": _ends("left-host", "right-host")}


def inside() -> Raw:
    """One VPC, two subnets."""
    subnets = {"left-host": {"cidr": "10.1.1.0/24"}, "right-host": {"cidr": "10.1.2.0/24", "zone": "b"}}
    groups = {"client": {}, "server": {"in": ["tcp 80 client", "udp 53 left", "icmp left", "icmpv6 left"]}}
    vpc = _vpc("10.1.0.0/16", subnets, {}, groups)
    return {"vpcs": {"left": vpc}, "instances": _ends("left-host", "right-host", ("10.1.1.10", "10.1.2.20"))}


def together() -> Raw:
    """One subnet: no ACL and no route is in the way."""
    groups = {"client": {}, "server": {"in": ["tcp 80 client", "udp 53 left", "icmp left", "icmpv6 left"]}}
    vpc = _vpc("10.1.0.0/16", {"left-host": {"cidr": "10.1.1.0/24"}}, {}, groups)
    return {"vpcs": {"left": vpc}, "instances": _ends("left-host", "left-host", ("10.1.1.10", "10.1.1.20"))}


def outbound() -> Raw:
    """Out by a NAT gateway and an internet gateway."""
    subnets = {
        "left-host": {"cidr": "10.1.1.0/24", "table": "inner"},
        "public": {"cidr": "10.1.2.0/24", "table": "outer"},
    }
    tables = {"inner": {"0.0.0.0/0": "nat/out"}, "outer": {"0.0.0.0/0": "igw/out"}}
    vpc = _vpc("10.1.0.0/16", subnets, tables, {"client": {}, "server": {"in": ["tcp 80 0.0.0.0/0"]}})
    ends = _ends("left-host", "public", ("10.1.1.10", "10.1.2.20"))
    ends["server"]["public"] = "52.10.0.20"
    return {
        "vpcs": {"left": vpc},
        "internet_gateways": {"out": "left"},
        "nat_gateways": {"out": {"subnet": "public", "address": "10.1.2.9", "public": "52.10.0.9"}},
        "instances": ends,
        "internet": {"8.8.8.8": {"serves": ["tcp 80", "udp 53"]}},
    }


def six() -> Raw:
    """Out by an egress-only gateway."""
    subnets = {"left-host": {"cidr": "10.1.1.0/24", "table": "outer"}}
    vpc = _vpc("10.1.0.0/16", subnets, {"outer": {"::/0": "eigw/out"}}, {"client": {}, "server": {}})
    return {
        "vpcs": {"left": vpc},
        "egress_only_gateways": {"out": "left"},
        "instances": _ends("left-host", "left-host", ("10.1.1.10", "10.1.1.20")),
        "internet": {"2606:4700:4700::1111": {"serves": ["tcp 80", "udp 53"]}},
    }


# --- what is planted


def acl(vpc: str, name: str, is_egress: bool, peer: str, direction: str) -> Plant:
    """An entry before all others that denies what comes from, or goes to, one end."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity = net.id(f"acl/{vpc}/{name}")
        address = peer if "." in peer else net.address(peer, is_v6)
        block = {"Ipv6CidrBlock": f"{address}/128"} if is_v6 else {"CidrBlock": f"{address}/32"}
        net.ec2.create_network_acl_entry(
            NetworkAclId=identity, Egress=is_egress, RuleNumber=50, Protocol="-1", RuleAction="deny", **block
        )
        way = "egress" if is_egress else "ingress"
        return Expected(direction, identity, ("network-acl", identity, way, "50"), 50)

    return plant


def group(name: str, is_egress: bool, *instead: Raw) -> Plant:
    """A group that has other rules than it should."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity = net.id(f"group/{name}")
        row = net.ec2.describe_security_groups(GroupIds=[identity])["SecurityGroups"][0]
        word, key = ("egress", "IpPermissionsEgress") if is_egress else ("ingress", "IpPermissions")
        getattr(net.ec2, f"revoke_security_group_{word}")(GroupId=identity, IpPermissions=row[key])
        everybody = {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]} if is_v6 else {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        for each in instead:
            call = getattr(net.ec2, f"authorize_security_group_{word}")
            call(GroupId=identity, IpPermissions=[{**everybody, **each}])
        return Expected("forward", identity, ("security-group", identity, word, ""))

    return plant


def no_route(vpc: str, name: str, direction: str, cidr: str = "") -> Plant:
    """The route is gone; ``cidr`` of it, else that to the other VPC."""

    def plant(net: Any, is_v6: bool) -> Expected:
        table = net.id(f"table/{vpc}/{name}")
        where = {"DestinationIpv6CidrBlock" if is_v6 else "DestinationCidrBlock": cidr or _other(net, vpc, is_v6)}
        net.ec2.delete_route(RouteTableId=table, **where)
        return Expected(direction, table, ("route-table", table, "no-route"))

    return plant


def _other(net: Any, vpc: str, is_v6: bool) -> str:
    """The block of the other VPC."""
    mine = net.id(f"vpc/{'right' if vpc == 'left' else 'left'}")
    return str(next(each for each in net.running.plane.cloud.vpcs[mine].cidrs if (":" in each) == is_v6))


def hole(vpc: str, name: str, direction: str, peer: str) -> Plant:
    """A longer route leads to a transit gateway that the VPC is not attached to."""

    def plant(net: Any, is_v6: bool) -> Expected:
        table, address = net.id(f"table/{vpc}/{name}"), net.address(peer, is_v6)
        other = net.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
        cidr = f"{address}/128" if is_v6 else f"{address}/32"
        where = {"DestinationIpv6CidrBlock" if is_v6 else "DestinationCidrBlock": cidr}
        net.ec2.create_route(RouteTableId=table, TransitGatewayId=other, **where)
        return Expected(direction, table, ("route-table", table, f"blackhole {cidr}"))

    return plant


def unpropagated(table: str, attachment: str, direction: str) -> Plant:
    """Nobody writes the routes into the transit gateway's table."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity = net.id(f"tgw-table/main/{table}")
        net.ec2.disable_transit_gateway_route_table_propagation(
            TransitGatewayRouteTableId=identity, TransitGatewayAttachmentId=net.id(f"attachment/main/{attachment}")
        )
        return Expected(direction, identity, ("transit-gateway-route-table", identity, "no-route"))

    return plant


def transit_hole(table: str, peer: str, direction: str) -> Plant:
    """A static blackhole, longer than what is propagated."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity, address = net.id(f"tgw-table/main/{table}"), net.address(peer, is_v6)
        cidr = f"{address}/128" if is_v6 else f"{address}/32"
        net.ec2.create_transit_gateway_route(
            TransitGatewayRouteTableId=identity, DestinationCidrBlock=cidr, Blackhole=True
        )
        return Expected(direction, identity, ("transit-gateway-route-table", identity, f"blackhole {cidr}"))

    return plant


def unassociated(table: str, attachment: str, direction: str, transit: str = "main") -> Plant:
    """An attachment without a table."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity = net.id(f"attachment/{transit}/{attachment}")
        net.ec2.disassociate_transit_gateway_route_table(
            TransitGatewayRouteTableId=net.id(f"tgw-table/{transit}/{table}"), TransitGatewayAttachmentId=identity
        )
        return Expected(direction, net.id(f"tgw/{transit}"), ("attachment", identity, "no-association"))

    return plant


def out_of_zone(attachment: str, subnet: str, direction: str) -> Plant:
    """The attachment has no subnet in the sender's zone any more."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity = net.id(f"attachment/main/{attachment}")
        net.ec2.modify_transit_gateway_vpc_attachment(
            TransitGatewayAttachmentId=identity, RemoveSubnetIds=[net.id(f"subnet/{subnet}")]
        )
        return Expected(direction, identity, ("attachment", identity, "zone"))

    return plant


def without_v6(attachment: str) -> Plant:
    """An attachment that carries no IPv6."""

    def plant(net: Any, is_v6: bool) -> Expected:
        identity = net.id(f"attachment/main/{attachment}")
        net.ec2.modify_transit_gateway_vpc_attachment(
            TransitGatewayAttachmentId=identity, Options={"Ipv6Support": "disable"}
        )
        words = ("attachment", identity, "no-ipv6")
        if attachment == "right":  # then its routes are not propagated either
            identity = net.id("tgw-table/main/main")
            words = ("transit-gateway-route-table", identity, "no-route")
        return Expected("forward", identity, words)

    return plant


def no_static(transit: str, vpc: str, direction: str) -> Plant:
    """A transit gateway's table lacks the route to the peering."""

    def plant(net: Any, is_v6: bool) -> Expected:
        table = net.id(f"tgw-table/{transit}/main")
        cidr = _other(net, vpc, is_v6)
        net.ec2.delete_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock=cidr)
        return Expected(direction, table, ("transit-gateway-route-table", table, "no-route"))

    return plant


def stopped(net: Any, is_v6: bool) -> Expected:
    """The server does not run."""
    identity = net.id("instance/server")
    net.ec2.stop_instances(InstanceIds=[identity])
    return Expected("forward", identity, ("instance", identity, "stopped"))


def unpeered(net: Any, is_v6: bool) -> Expected:
    """The peering is gone; its routes stay."""
    net.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=net.id("peering/two"))
    table = net.id("table/left/left")
    return Expected("forward", table, ("route-table", table, f"blackhole {_other(net, 'left', is_v6)}"))


def no_public(net: Any, is_v6: bool) -> Expected:
    """The client's subnet leads to the internet gateway, and it has no public address."""
    table = net.id("table/left/inner")
    gateway = net.id("igw/out")
    net.ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    return Expected("forward", gateway, ("internet-gateway", gateway, "no-public-address"))


# --- the table

PORTS = {"tcp": 80, "udp": 53, "icmp": 0}
_OTHER_PORT = {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81}
_OTHER_PROTOCOL = {"IpProtocol": "udp", "FromPort": 80, "ToPort": 80}
_SHORT_OF = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 79}


def _both(name: str, base: Callable[[], Raw], plant: Plant) -> Iterator[Case]:
    yield from (Case(name, base, is_v6, plant=plant) for is_v6 in (False, True))


def _across() -> Iterator[Case]:
    """Each hop of the way across a transit gateway, there and back."""
    hops = [
        ("left", "left-host", True, "server", "forward"),
        ("left", "left-a", False, "client", "forward"),
        ("right", "right-a", True, "server", "forward"),
        ("right", "right-host", False, "client", "forward"),
        ("right", "right-host", True, "client", "return"),
        ("right", "right-b", False, "server", "return"),
        ("left", "left-b", True, "client", "return"),
        ("left", "left-host", False, "server", "return"),
    ]
    for vpc, name, is_egress, peer, direction in hops:
        word = f"ACL {'out of' if is_egress else 'into'} {name}, {direction}"
        yield from _both(word, across, acl(vpc, name, is_egress, peer, direction))
    yield from _both("group without a rule", across, group("server", False))
    yield from _both("group with another port", across, group("server", False, _OTHER_PORT))
    yield from _both("group with another protocol", across, group("server", False, _OTHER_PROTOCOL))
    yield from _both("group that ends a port before", across, group("server", False, _SHORT_OF))
    yield from _both("group without a way out", across, group("client", True))
    for vpc, peer, direction in (("left", "server", "forward"), ("right", "client", "return")):
        yield from _both(f"no route, {direction}", across, no_route(vpc, vpc, direction))
        yield from _both(f"blackhole, {direction}", across, hole(vpc, vpc, direction, peer))
        yield from _both(f"transit blackhole, {direction}", across, transit_hole("main", peer, direction))
        other = "right" if vpc == "left" else "left"
        yield from _both(f"no propagation, {direction}", across, unpropagated("main", other, direction))
        yield from _both(f"no association, {direction}", across, unassociated("main", vpc, direction))
        gone = "left-a" if vpc == "left" else "right-b"
        yield from _both(f"zone without attachment, {direction}", across, out_of_zone(vpc, gone, direction))
    yield Case("server stopped", across, plant=stopped)
    yield Case("server stopped", across, is_v6=True, plant=stopped)
    yield Case("attachment without IPv6, near", across, is_v6=True, plant=without_v6("left"))
    yield Case("attachment without IPv6, far", across, is_v6=True, plant=without_v6("right"))


def _others() -> Iterator[Case]:
    yield from _both("ACL out of the host's subnet", shared, acl("left", "left-host", True, "server", "forward"))
    yield from _both("ACL into the gateway from it", shared, acl("left", "left-host", False, "client", "forward"))
    yield from _both("no propagation back", shared, unpropagated("back", "left", "return"))
    yield from _both("no route to the peering", far, no_static("left", "left", "forward"))
    yield from _both("no route back to it", far, no_static("right", "right", "return"))
    yield from _both("peering without a table, far side", far, unassociated("main", "two", "forward", "right"))
    yield from _both("no route there", peered, no_route("left", "left", "forward"))
    yield from _both("no route back", peered, no_route("right", "right", "return"))
    yield from (Case("peering gone", peered, is_v6, plant=unpeered, is_mended=False) for is_v6 in (False, True))
    yield from _both("ACL into the server's subnet", peered, acl("right", "right-host", False, "client", "forward"))
    yield from _both("ACL back into the client's", peered, acl("left", "left-host", False, "server", "return"))
    yield Case("UDP, group", peered, protocol="udp", port=53, plant=group("server", False, _OTHER_PORT))
    yield Case("ping, group", peered, protocol="icmp", plant=group("server", False, _OTHER_PORT))
    yield Case("ping, group", peered, True, "icmp", plant=group("server", False, _OTHER_PORT))
    yield from _both("ACL out of the client's subnet", inside, acl("left", "left-host", True, "server", "forward"))
    yield from _both("ACL back out of the server's", inside, acl("left", "right-host", True, "client", "return"))
    yield from _both("group in one subnet", together, group("server", False, _OTHER_PORT))
    out = {"base": outbound, "target": "8.8.8.8"}
    unmended = ("no public address", "no route to the NAT")
    for name, plant in (
        ("ACL into the NAT's subnet", acl("left", "public", False, "10.1.1.10", "forward")),
        ("ACL out of the NAT's subnet", acl("left", "public", True, "8.8.8.8", "forward")),
        ("ACL back into the NAT's subnet", acl("left", "public", False, "8.8.8.8", "return")),
        ("ACL back out of the NAT's subnet", acl("left", "public", True, "10.1.1.10", "return")),
        ("ACL back into the client's", acl("left", "left-host", False, "8.8.8.8", "return")),
        ("no route to the NAT", no_route("left", "inner", "forward", "0.0.0.0/0")),
        ("no route to the internet", no_route("left", "outer", "forward", "0.0.0.0/0")),
        ("no public address", no_public),
    ):
        yield Case(name, plant=plant, is_mended=name not in unmended, **out)  # type: ignore[arg-type]


def faults() -> list[Case]:
    """Those with one fault."""
    return [*_across(), *_others()]


def sound() -> list[Case]:
    """Those without."""
    found = [
        Case("sound", base, is_v6, protocol, port)
        for base in (across, shared, far, peered, inside, together)
        for is_v6 in (False, True)
        for protocol, port in PORTS.items()
    ]
    found += [Case("sound", outbound, False, each, PORTS[each], target="8.8.8.8") for each in ("tcp", "udp", "icmp")]
    found += [Case("sound", six, True, each, PORTS[each], target="2606:4700:4700::1111") for each in ("tcp", "udp")]
    return found
