"""The steps inside a VPC: out of an interface, out of a subnet, over the router, into a subnet, into an interface.

Inside a subnet packets go straight: no route, no network ACL. Must not know what joins VPCs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vpcshark.network import balancing, filters, mend, states
from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Interface, Route, RouteTable, Subnet
from vpcshark.network.known import Known
from vpcshark.network.packet import contains, is_internal
from vpcshark.network.places import (
    Arriving,
    Beyond,
    Departing,
    IntoEndpoint,
    IntoInterface,
    IntoMiddlebox,
    IntoNat,
    IntoPeering,
    IntoTransit,
    Leaving,
    OutByGateway,
    Place,
    Routing,
)
from vpcshark.network.trail import ALLOW, DROP, INFO, JUMBO, UNKNOWN, Change, Context, Trail, change_words

Step = list[tuple[Trail, Place | None]]
OWN_SERVICES = ("169.254.0.0/16", "fd00:ec2::/32")
"""Link-local addresses, where instance metadata, DNS and time answer on the instance's own host."""
NOTHING: frozenset[str] = frozenset()
SILENT = {"transit_gateway", "gateway_load_balancer", "gateway_load_balancer_endpoint", "global_accelerator_managed"}


def leave(ctx: Context, trail: Trail, at: Leaving) -> Step:
    """Out of an interface: is the source its own, do its groups let it out, is the destination in its own subnet?"""
    interface = at.interface
    subnet = ctx.known.subnet(interface.subnet, interface.vpc)
    trail = trail.to(zone=subnet.zone, origin=interface, via=NOTHING) if at.is_first else trail.into(subnet.zone)
    if at.is_first and not at.is_copy:
        trail = _introduce(ctx, trail, interface)
    if not at.is_copy:
        trail = filters.group(ctx, trail, interface, egress=True)
    if any(contains(cidr, trail.packet.dst) for cidr in OWN_SERVICES) or _is_resolver(ctx, interface, trail):
        said = "answered by AWS on the way out; network ACLs, security groups and routes do not hold for it"
        return [(trail.add("aws-service", trail.packet.dst, text=said).to(end="service"), None)]
    carried = _carried_back(ctx, trail)
    if carried is not None:
        return _to_balancer(ctx, trail, subnet, carried)
    if any(contains(cidr, trail.packet.dst) for cidr in subnet.cidrs):
        return [(trail, Arriving(interface.vpc, subnet.id))]
    return [(trail, Departing(subnet))]


def depart(ctx: Context, trail: Trail, at: Departing) -> Step:
    """Out of a subnet: its network ACL, then the router under its table."""
    trail = trail.into(at.subnet.zone)
    if at.is_checked:
        trail = filters.acl(ctx, trail, at.subnet, egress=True)
    return [(tell_subnet(trail, at.subnet), Routing(at.subnet.vpc, at.subnet))]


def route(ctx: Context, trail: Trail, at: Routing) -> Step:
    """At the router: which route, and what is its target?"""
    table = _table(ctx.known, at)
    place = {"vpc": at.vpc, "az": at.subnet.az if at.subnet else "", "subnet": at.subnet.id if at.subnet else ""}
    packet = trail.packet
    try:
        chosen, rule, passed = ctx.known.remembered.route(table, packet.dst, ctx.known.prefix_list)
    except Unclear as doubt:
        trail = trail.add("route-table", table.id, UNKNOWN, name=table.name, code=doubt.code, text=doubt.text, **place)
        return as_if(ctx, trail)
    shown = {"name": table.name, "rule": rule, "passed": passed, **place}
    if chosen is None:
        command = mend.route(table.id, *missing(ctx, table, packet.dst))
        said = f"no route to {packet.dst}"
        trail = trail.add(
            "route-table", table.id, DROP, code="NO_ROUTE_TO_DESTINATION", text=said, mend=command, **shown
        )
        return as_if(ctx, trail)
    if chosen.state == "blackhole":
        wanted = missing(ctx, table, packet.dst)[1]
        command = mend.route(table.id, chosen.destination, wanted, replaces=True) if wanted else ""
        said = f"{chosen}: the target is gone, so the packet is dropped"
        trail = trail.add("route-table", table.id, DROP, code="BAD_STATE_ROUTE", text=said, mend=command, **shown)
        return as_if(ctx, trail)
    if not chosen.state:
        said = f"{chosen}: whether it is active was not told"
        trail = trail.add("route-table", table.id, UNKNOWN, code="WALK_UNKNOWN", text=said, **shown)
    else:
        trail = trail.add("route-table", table.id, ALLOW, text=rule.text if rule else "", **shown)
    trail = trail.add("vpc", at.vpc, name=_vpc_name(ctx, at.vpc), vpc=at.vpc)
    return [(trail, _target(chosen, at))]


def arrive(ctx: Context, trail: Trail, at: Arriving) -> Step:
    """Into the subnet that has the destination, by its ACL if it comes from elsewhere."""
    packet = trail.packet
    if trail.last != ("vpc", at.vpc) and not at.subnet:
        trail = trail.add("vpc", at.vpc, name=_vpc_name(ctx, at.vpc), vpc=at.vpc)
    if ctx.known.seen_at(at.vpc, packet.dst) is None:
        ctx.known.hint(("address", at.vpc, packet.dst))
    subnet = ctx.known.subnet_of(at.vpc, packet.dst)
    if subnet is None:
        said = f"no subnet of {at.vpc} has {packet.dst}"
        return [(trail.add("vpc", at.vpc, DROP, code="ENI_ADDRESS_RESTRICTION", text=said, vpc=at.vpc), None)]
    trail = trail.into(subnet.zone)
    if at.subnet != subnet.id:
        trail = filters.acl(ctx, trail, subnet, egress=False)
    trail = tell_subnet(trail, subnet)
    interface = ctx.known.at(at.vpc, packet.dst)
    if interface is None:
        said = f"no network interface has {packet.dst}"
        place = {"az": subnet.az, "vpc": at.vpc, "subnet": subnet.id}
        return [(trail.add("subnet", subnet.id, DROP, code="ENI_ADDRESS_RESTRICTION", text=said, **place), None)]
    return [(trail, IntoInterface(interface))]


def enter(ctx: Context, trail: Trail, at: IntoInterface) -> Step:
    """Into an interface: undo what was rewritten here, or hand over to what it belongs to."""
    interface = at.interface
    change = _undone(ctx, trail, interface.id)
    if change is not None:
        return _undo(ctx, trail, interface, change)
    nat = ctx.known.index.nats.get(interface.id)
    if interface.type == "nat_gateway" or nat is not None:
        name = nat.id if nat is not None else interface.description.rpartition(" ")[2]
        trail = tell_interface(trail, interface)
        said = "a NAT gateway takes nothing that it has no connection for"
        return [(trail.add("nat-gateway", name, DROP, code="WALK_NAT_NO_SESSION", text=said, vpc=interface.vpc), None)]
    if interface.type in SILENT:
        trail = tell_interface(trail, interface)
        raise Unclear(f"{interface.id} is an interface of type {interface.type}, which answers nothing by itself.")
    balancer = ctx.known.balancer_of(interface)
    trail = filters.group(ctx, trail, interface, egress=False)
    trail = tell_interface(trail, interface)
    if balancer is not None:
        return balancing.balance(ctx, trail, interface, balancer)
    return [(_told_owner(ctx, trail, interface).to(end="interface", end_interface=interface), None)]


def _told_owner(ctx: Context, trail: Trail, interface: Interface) -> Trail:
    """The instance or endpoint that the packet is for, or from."""
    place = {"az": interface.az, "vpc": interface.vpc, "subnet": interface.subnet}
    if not interface.is_attached:
        said = "the interface is attached to nothing"
        return trail.add("interface", interface.id, DROP, code="BAD_STATE", text=said, **place)
    if interface.instance.startswith("i-"):
        return _told_instance(ctx, trail, interface.instance, place)
    if interface.type in ("vpc_endpoint", "vpcEndpoint"):
        endpoint = interface.description.rpartition(" ")[2]
        said = "the way ends at the endpoint; its policy and the provider's side are not looked at"
        return trail.add("vpc-endpoint", endpoint, INFO, text=said, **place)
    return trail


def _told_instance(ctx: Context, trail: Trail, identity: str, place: dict[str, str]) -> Trail:
    """An instance answers only if it runs; one that may not be looked at may run or not."""
    instance = ctx.known.instance(identity)
    if instance is None:
        said = f"whether it runs is not known: {ctx.known.why('instances', identity)}"
        return trail.add("instance", identity, UNKNOWN, code="WALK_UNKNOWN", text=said, **place)
    stated = states.judged("the instance", instance.state, ("running", "pending"))
    command = f"aws ec2 start-instances --instance-ids {identity}" if stated.verdict == DROP else ""
    more = {"name": instance.name, "code": stated.code, "text": stated.text, "mend": command}
    return trail.add("instance", identity, stated.verdict, **more, **place)


def _introduce(ctx: Context, trail: Trail, interface: Interface) -> Trail:
    """Instance and interface that send the packet."""
    place = {"az": interface.az, "vpc": interface.vpc, "subnet": interface.subnet}
    if interface.instance.startswith("i-") or not interface.is_attached:
        trail = _told_owner(ctx, trail, interface)
    address = trail.packet.src
    is_own = address in interface.addresses or any(contains(cidr, address) for cidr in interface.prefixes)
    if ctx.session is None and interface.type in ("vpc_endpoint", "vpcEndpoint"):
        said = "an interface endpoint answers, and never begins"
        return trail.add("interface", interface.id, DROP, code="VPCE_INTRA_VPC_TRAFFIC", text=said, **place)
    if is_own or not interface.is_checked:
        return trail.add(
            "interface", interface.id, ALLOW, name=interface.name, mtu=JUMBO, text=_typed(interface), **place
        )
    said = f"{address} is none of its addresses, and its source/destination check is on"
    return trail.add(
        "interface",
        interface.id,
        DROP,
        code="ENI_SOURCE_DEST_CHECK_RESTRICTION",
        text=said,
        name=interface.name,
        mend=mend.unchecked(interface.id),
        **place,
    )


def _typed(interface: Interface) -> str:
    return "" if interface.type == "interface" else interface.type.replace("_", " ")


def tell_interface(trail: Trail, interface: Interface) -> Trail:
    place = {"az": interface.az, "vpc": interface.vpc, "subnet": interface.subnet}
    return trail.add("interface", interface.id, ALLOW, name=interface.name, mtu=JUMBO, text=_typed(interface), **place)


def tell_subnet(trail: Trail, subnet: Subnet) -> Trail:
    return trail.add("subnet", subnet.id, name=subnet.name, az=subnet.az, vpc=subnet.vpc, subnet=subnet.id)


def _is_resolver(ctx: Context, interface: Interface, trail: Trail) -> bool:
    """Amazon DNS answers at the base of each of the VPC's IPv4 networks plus two."""
    if trail.packet.is_v6:
        return False
    for cidr in ctx.known.cidrs(interface.vpc):
        head, _, last = cidr.partition("/")[0].rpartition(".")
        if ":" not in cidr and trail.packet.dst == f"{head}.{int(last) + 2}":
            return True
    return False


def _vpc_name(ctx: Context, vpc: str) -> str:
    return ctx.network.vpcs[vpc].name if vpc in ctx.network.vpcs else ""


def _table(known: Known, at: Routing) -> RouteTable:
    if at.table:
        found: RouteTable = known.one("tables", at.table, ("table", at.table))
        return found
    if at.subnet is None:
        raise Unclear(f"Nobody can say which route table holds in {at.vpc} here.")
    return known.table_of(at.subnet)


_KINDS: Mapping[str, Callable[[Route, Routing], Place]] = {
    "NatGatewayId": lambda r, at: IntoNat(r.target, at.vpc, at.subnet),
    "TransitGatewayId": lambda r, at: IntoTransit(r.target, at.vpc),
    "VpcPeeringConnectionId": lambda r, at: IntoPeering(r.target, at.vpc),
    "EgressOnlyInternetGatewayId": lambda r, at: OutByGateway(r.target, at.vpc),
    "NetworkInterfaceId": lambda r, at: IntoMiddlebox(r.target, at.vpc, at.subnet),
    "InstanceId": lambda r, at: IntoMiddlebox(r.interface or r.target, at.vpc, at.subnet),
    "LocalGatewayId": lambda r, at: Beyond("local-gateway", r.target, at.vpc, "to an Outpost's network"),
    "CarrierGatewayId": lambda r, at: Beyond("carrier-gateway", r.target, at.vpc, "to a carrier's network"),
    "CoreNetworkArn": lambda r, at: Beyond("core-network", r.target, at.vpc, "to Cloud WAN, whose policy is not read"),
    "OdbNetworkArn": lambda r, at: Beyond("odb-network", r.target, at.vpc, "to an Oracle Database network"),
}


def _target(chosen: Route, at: Routing) -> Place:
    """Where a route leads."""
    target = chosen.target
    if target == "local":
        return Arriving(at.vpc, at.subnet.id if at.subnet else "")
    if chosen.kind in _KINDS:
        return _KINDS[chosen.kind](chosen, at)
    if target.startswith("igw-"):
        return OutByGateway(target, at.vpc)
    if target.startswith("vpce-"):
        return IntoEndpoint(target, at.vpc, at.subnet)
    if target.startswith("vgw-"):
        return Beyond("vpn-gateway", target, at.vpc, "to a virtual private gateway: what is beyond it can't be read")
    return Beyond("gateway", target or chosen.kind, at.vpc, f"to {target or chosen.kind}, a target that is not known")


def as_if(ctx: Context, trail: Trail) -> Step:
    """Past a route that leads nowhere the walk goes on at its end, so that what would block next is told as well."""
    goal = ctx.goal.interface
    if goal is None or trail.at("interface", goal.id):
        return [(trail, None)]
    packet = trail.packet
    own = packet.dst in goal.addresses or any(contains(cidr, packet.dst) for cidr in goal.prefixes)
    there = Arriving(goal.vpc)
    if not own or (there, packet) in trail.seen:
        return [(trail, None)]
    return [(trail, there)]


def missing(ctx: Context, table: RouteTable, address: str) -> tuple[str, str]:
    """(network, target) of the route that is most likely missing: by what the table or its VPC is joined with."""
    goal = ctx.goal.interface
    if goal is None or address not in goal.addresses:
        if is_internal(address):
            return "", ""
        ctx.known.hint(("gateway-of", table.vpc))
        gateway = next((g.id for g in ctx.network.internet_gateways.values() if g.vpc == table.vpc), "")
        return ("::/0" if ":" in address else "0.0.0.0/0"), gateway
    if goal.vpc == table.vpc:
        return "", ""
    cidrs = ctx.network.vpcs[goal.vpc].cidrs if goal.vpc in ctx.network.vpcs else ()
    near = ctx.network.subnets[goal.subnet].cidrs if goal.subnet in ctx.network.subnets else ()
    there = next((cidr for cidr in (*cidrs, *near) if contains(cidr, address)), mend.host(address))
    for peering in ctx.network.peerings.values():
        if {each.vpc for each in peering.ends} == {table.vpc, goal.vpc} and peering.status == "active":
            return there, peering.id
    both = [a.transit for a in ctx.network.attachments.values() if a.resource == table.vpc and a.state == "available"]
    other = {a.transit for a in ctx.network.attachments.values() if a.resource == goal.vpc}
    return there, next((each for each in both if each in other), "")


def _undone(ctx: Context, trail: Trail, place: str) -> Change | None:
    """The rewriting of the way there that this packet is the answer to."""
    if ctx.session is None:
        return None
    for change in reversed(ctx.session.changes):
        if change.place == place and trail.packet.src == change.after.dst and trail.packet.dst == change.after.src:
            return change
    return None


def _undo(ctx: Context, trail: Trail, interface: Interface, change: Change) -> Step:
    """NAT gateway or load balancer give the answer the addresses that the client knows."""
    trail = filters.group(ctx, trail, interface, egress=False)
    trail = tell_interface(trail, interface)
    before, after = trail.packet, change.before.reversed()
    nat = ctx.known.index.nats.get(interface.id)
    balancer = ctx.known.balancer_of(interface) if nat is None else None
    trail = trail.to(packet=after, origin=interface, via=frozenset())
    kind, resource = ("nat-gateway", nat.id) if nat else ("load-balancer", balancer.id if balancer else interface.id)
    trail = trail.add(
        kind,
        resource,
        ALLOW,
        text="the connection's answer",
        note=change_words(before, after),
        vpc=interface.vpc,
        az=interface.az,
    )
    return [(trail, Leaving(interface, is_first=False))]


def _carried_back(ctx: Context, trail: Trail) -> Change | None:
    """The load balancer's rewriting that kept the client's address: AWS brings the target's answer back to it."""
    if ctx.session is None:
        return None
    carried = [each for each in ctx.session.changes if each.is_carried]
    packet = trail.packet
    return next((each for each in carried if packet.src == each.after.dst and packet.dst == each.after.src), None)


def _to_balancer(ctx: Context, trail: Trail, subnet: Subnet, change: Change) -> Step:
    """From the target to the node: both subnets' ACLs, no route."""
    node = ctx.known.interface(change.place)
    if node.subnet != subnet.id:
        trail = tell_subnet(filters.acl(ctx, trail, subnet, egress=True), subnet)
        there = ctx.known.subnet(node.subnet, node.vpc)
        trail = tell_subnet(filters.acl(ctx, trail, there, egress=False), there)
    return [(trail, IntoInterface(node))]
