"""The steps between a VPC and the internet: internet gateways, egress-only ones, NAT gateways, VPC Block Public Access.

Sources: VPC User Guide (VPC_Internet_Gateway, egress-only-internet-gateway, vpc-nat-gateway,
nat-gateway-troubleshooting, security-vpc-bpa). An internet gateway rewrites one to one and remembers nothing; a NAT
gateway remembers. Must not know how a packet came to the gateway.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from vpcshark.network import filters, states
from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Interface, InternetGateway, NatGateway
from vpcshark.network.inside import Step, tell_interface, tell_subnet
from vpcshark.network.packet import ICMP, ICMP6, TCP, UDP, Packet, contains, is_internal
from vpcshark.network.places import Arriving, IntoNat, Leaving, OutByGateway, Outside, Routing
from vpcshark.network.routes import look_up
from vpcshark.network.trail import (
    ALLOW,
    DROP,
    INTERNET,
    INTERNET_MTU,
    TRANSIT_MTU,
    UNKNOWN,
    Context,
    Trail,
    change_words,
)

NAT_PORTS = (1024, 65535)
NAT64 = "64:ff9b::/96"
ASSOCIATE = "aws ec2 associate-address --allocation-id ALLOCATION --network-interface-id {} --private-ip-address {}"


def out(ctx: Context, trail: Trail, at: OutByGateway) -> Step:
    """Out of a VPC by its internet gateway, or its egress-only one."""
    gateway: InternetGateway = ctx.known.one("internet_gateways", at.gateway, ("gateway", at.gateway))
    kind = "egress-only-gateway" if gateway.is_egress_only else "internet-gateway"
    packet, place = trail.packet, {"vpc": at.vpc, "name": gateway.name, "mtu": INTERNET_MTU}
    if gateway.vpc != at.vpc:
        command = f"aws ec2 attach-internet-gateway --internet-gateway-id {gateway.id} --vpc-id {at.vpc}"
        said = f"{gateway.id} is not attached to {at.vpc}"
        trail = trail.add(kind, gateway.id, DROP, code="BAD_STATE_ATTACHMENT", text=said, mend=command, **place)
        return [(trail, Outside())]
    if is_internal(packet.dst):
        code = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"
        said = f"{packet.dst} is a private address, which no internet gateway carries"
        return [(trail.add(kind, gateway.id, DROP, code=code, text=said, **place), Outside())]
    sender = ctx.known.at(at.vpc, packet.src)
    trail = _public_access(ctx, trail, at.vpc, sender, gateway)
    if packet.is_v6:
        return [(_out_v6(trail, kind, gateway, sender, place), Outside())]
    if gateway.is_egress_only:
        said = "an egress-only internet gateway carries IPv6 alone"
        return [(trail.add(kind, gateway.id, DROP, code="PROTOCOL_RESTRICTION", text=said, **place), Outside())]
    public = sender.public.get(packet.src, "") if sender is not None else ""
    if not public:
        said = f"{packet.src} has no public IPv4 address, and the gateway carries no other"
        command = ASSOCIATE.format(sender.id, packet.src) if sender is not None else ""
        code = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"
        trail = trail.add(kind, gateway.id, DROP, code=code, text=said, mend=command, **place)
        return [(trail, Outside())]
    after = replace(packet, src=public)
    trail = trail.to(packet=after).cross("igw")
    return [(trail.add(kind, gateway.id, ALLOW, note=change_words(packet, after), **place), Outside())]


def _out_v6(
    trail: Trail, kind: str, gateway: InternetGateway, sender: Interface | None, place: dict[str, object]
) -> Trail:
    """IPv6 is carried as it is, if its source belongs to the VPC."""
    packet = trail.packet
    if sender is None:
        said = f"no interface of the VPC has {packet.src}"
        return trail.add(kind, gateway.id, DROP, code="GATEWAY_REJECTS_SPOOFED_TRAFFIC", text=said, **place)
    if is_internal(packet.src):
        said = f"{packet.src} is a private address, which no internet gateway carries"
        return trail.add(kind, gateway.id, DROP, code="IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", text=said, **place)
    return trail.rewrite(gateway.id, packet).cross("igw").add(kind, gateway.id, ALLOW, **place)


def outside(ctx: Context, trail: Trail, at: Outside) -> Step:
    """In the internet: to the walk's end, or into the VPC that has the address."""
    packet = trail.packet
    trail = trail.into("")
    if ctx.goal.kind == INTERNET and packet.dst == ctx.goal.address:
        return [(trail.add(INTERNET, INTERNET, ALLOW, mtu=INTERNET_MTU).to(end=INTERNET), None)]
    if is_internal(packet.dst):
        said = f"{packet.dst} is a private address, which the internet does not carry"
        return [(trail.add(INTERNET, INTERNET, DROP, code="UNKNOWN_DESTINATION", text=said), None)]
    owner = ctx.known.public_owner(packet.dst)
    if owner is None:
        said = f"no interface that was read has the public address {packet.dst}"
        return [(trail.add(INTERNET, INTERNET, DROP, code="IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", text=said), None)]
    interface, private = owner
    trail = trail.add(INTERNET, INTERNET, ALLOW, mtu=INTERNET_MTU).cross("igw")
    return _come_in(ctx, trail, interface, private)


def _come_in(ctx: Context, trail: Trail, interface: Interface, private: str) -> Step:
    """From the internet into the interface's VPC."""
    gateway = _gateway_in(ctx, trail, interface.vpc)
    packet, after = trail.packet, replace(trail.packet, dst=private)
    place = {"vpc": interface.vpc, "mtu": INTERNET_MTU}
    if gateway is None:
        said = f"{interface.vpc} has no internet gateway"
        command = f"aws ec2 attach-internet-gateway --internet-gateway-id IGW --vpc-id {interface.vpc}"
        trail = trail.add(
            "internet-gateway", "", DROP, code="BAD_STATE_ATTACHMENT", text=said, mend=command, vpc=interface.vpc
        )
        return [(trail.to(packet=after), Arriving(interface.vpc))]
    kind = "egress-only-gateway" if gateway.is_egress_only else "internet-gateway"
    trail = _public_access(ctx, trail, interface.vpc, interface, gateway)
    trail = trail.to(packet=after)
    if interface.denies_igw:
        said = f"{interface.id} takes nothing from internet gateways (DenyAllIgwTraffic)"
        trail = trail.add(kind, gateway.id, DROP, code="IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", text=said, **place)
    else:
        trail = trail.add(kind, gateway.id, ALLOW, name=gateway.name, note=change_words(packet, after), **place)
    return _by_edge_table(ctx, trail, gateway.id, interface.vpc)


def _gateway_in(ctx: Context, trail: Trail, vpc: str) -> InternetGateway | None:
    """The VPC's internet gateway; for the answer to what left by the egress-only one, that."""
    gone_by = {each.place for each in ctx.session.changes} if ctx.session is not None else set()
    mine = [each for each in ctx.network.internet_gateways.values() if each.vpc == vpc]
    back = next((each for each in mine if each.is_egress_only and each.id in gone_by), None)
    if trail.packet.is_v6 and back is not None:
        return back
    found = next((each for each in mine if not each.is_egress_only), None)
    if found is None:
        ctx.known.want(("gateway-of", vpc))
        ctx.known.need("internet_gateways")
    return found


def _by_edge_table(ctx: Context, trail: Trail, gateway: str, vpc: str) -> Step:
    """A route table that is associated with the gateway may lead to an appliance first."""
    table = ctx.known.table_of_gateway(gateway, vpc)
    if table is None:
        return [(trail, Arriving(vpc))]
    chosen, _, _ = look_up(table, trail.packet.dst, ctx.known.prefix_list)
    if chosen is not None and chosen.is_local:
        place = {"name": table.name, "vpc": vpc}
        return [(trail.add("route-table", table.id, ALLOW, text=str(chosen), **place), Arriving(vpc))]
    return [(trail, Routing(vpc, None, table.id))]


def _public_access(
    ctx: Context, trail: Trail, vpc: str, interface: Interface | None, gateway: InternetGateway
) -> Trail:
    """VPC Block Public Access: of the subnet, of the VPC, or of the Region with its exclusions."""
    mode, source = _mode(ctx, vpc, interface)
    if mode in ("", "off"):
        return trail
    is_nat = interface is not None and interface.type == "nat_gateway"
    if mode == "block-ingress" and (gateway.is_egress_only or is_nat):
        return trail
    where = interface.subnet if interface is not None and interface.subnet else vpc
    option = f"--subnet-id {where}" if where.startswith("subnet-") else f"--vpc-id {where}"
    command = (
        f"aws ec2 create-vpc-block-public-access-exclusion {option} "
        "--internet-gateway-exclusion-mode allow-bidirectional"
    )
    said = f"VPC Block Public Access is {mode} here"
    return trail.add(
        "block-public-access",
        source or vpc,
        DROP,
        code="VPC_BLOCK_PUBLIC_ACCESS_ENABLED",
        text=said,
        mend=command,
        vpc=vpc,
    )


def _mode(ctx: Context, vpc: str, interface: Interface | None) -> tuple[str, str]:
    """(mode in force, what says so)."""
    subnet = ctx.network.subnets.get(interface.subnet) if interface is not None else None
    if subnet is not None and subnet.bpa:
        return subnet.bpa, subnet.id
    if vpc in ctx.network.vpcs and ctx.network.vpcs[vpc].bpa:
        return ctx.network.vpcs[vpc].bpa, vpc
    names = {vpc, subnet.id if subnet is not None else vpc}
    for each in ctx.network.exclusions.values():
        if each.resource in names:
            return ("off" if each.mode == "allow-bidirectional" else "block-ingress"), each.id
    return ctx.network.bpa, ""


def into_nat(ctx: Context, trail: Trail, at: IntoNat) -> Step:
    """Into a NAT gateway and out of it, with its own address and a port of its choice."""
    nat: NatGateway = ctx.known.one("nat_gateways", at.nat, ("nat", at.nat))
    place = {"vpc": nat.vpc, "name": nat.name, "mtu": TRANSIT_MTU}
    if nat.is_regional:
        return _regional(ctx, trail, nat)
    subnet = ctx.known.subnet(nat.subnet, nat.vpc)
    place["az"] = subnet.az
    if at.subnet is None or at.subnet.id != subnet.id:
        trail = tell_subnet(filters.acl(ctx, trail, subnet, egress=False), subnet)
    if not nat.interfaces:
        raise Unclear(f"{nat.id} has no network interface that can be read.")
    interface = ctx.known.interface(nat.interfaces[0])
    trail = tell_interface(trail, interface)
    fault = _refusal(trail, nat)
    if fault:
        trail = trail.add("nat-gateway", nat.id, DROP, code=fault[0], text=fault[1], **place)
        return [(trail.into(subnet.zone), None)]
    before, after = trail.packet, _translated(trail.packet, interface.addresses[0])
    trail = trail.to(origin=interface, via=frozenset({"nat"}), zone=subnet.zone).rewrite(interface.id, after)
    verdict, code, said = _stated(nat)
    note = change_words(before, after)
    trail = trail.add("nat-gateway", nat.id, verdict, code=code, text=said, note=note, **place)
    return [(trail, Leaving(interface, is_first=False))]


def _translated(packet: Packet, address: str) -> Packet:
    ports = NAT_PORTS if packet.protocol in (TCP, UDP) else packet.sport
    if not packet.is_v6:
        return replace(packet, src=address, sport=ports)
    plain = str(ipaddress.IPv4Address(int(ipaddress.IPv6Address(packet.dst)) & 0xFFFFFFFF))
    return replace(packet, src=address, sport=ports, dst=plain)


def _stated(nat: NatGateway) -> states.Stated:
    return states.judged("the NAT gateway", nat.state, ("available",))


def _refusal(trail: Trail, nat: NatGateway) -> tuple[str, str] | None:
    """(code, sentence) of what a NAT gateway does not take."""
    packet = trail.packet
    verdict, code, said = _stated(nat)
    if verdict == DROP:
        return code, said
    if trail.at("nat-gateway", nat.id):
        return "WALK_LOOP", "the NAT gateway's own subnet routes back to it, so the packet goes round"
    if packet.protocol not in (TCP, UDP, ICMP, ICMP6, "-1"):
        return "PROTOCOL_RESTRICTION", "a NAT gateway translates TCP, UDP and ICMP alone"
    if packet.is_v6 and not contains(NAT64, packet.dst):
        return "PROTOCOL_RESTRICTION", f"a NAT gateway translates IPv6 only to {NAT64}"
    if trail.via & {"pcx", "pcx-region"}:
        return "NGW_REQUIRES_SOURCE_IN_VPC", "a NAT gateway serves nobody over a VPC peering connection"
    return None


def _regional(ctx: Context, trail: Trail, nat: NatGateway) -> Step:
    """A regional NAT gateway has no subnet, no ACL and no interface; its own route table decides next."""
    place = {"vpc": nat.vpc, "name": nat.name, "mtu": TRANSIT_MTU}
    fault = _refusal(trail, nat)
    if fault:
        return [(trail.add("nat-gateway", nat.id, DROP, code=fault[0], text=fault[1], **place), None)]
    said = "a regional NAT gateway: which of its addresses it takes, and the way back, are not looked at"
    return [(trail.add("nat-gateway", nat.id, UNKNOWN, code="WALK_UNKNOWN", text=said, **place), None)]
