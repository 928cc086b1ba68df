"""The steps through a transit gateway: in by the sender's zone, under the table of that attachment's association,
out by the attachment of the route.

Sources: Transit Gateways guide ("How transit gateways work", "Network ACLs", "Appliance scenario", "Peering"). Zones
are compared by their ids, since their names differ between accounts. Must not know what comes before and after.
"""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.network import appliances, filters, mend, states
from vpcshark.network.decision import Rule, Unclear
from vpcshark.network.facts import Attachment, Subnet, Transit, TransitRoute, TransitTable
from vpcshark.network.inside import Step, tell_interface
from vpcshark.network.packet import contains, length, overlaps
from vpcshark.network.places import Arriving, IntoTransit, InTransit, OutOfTransit, Routing
from vpcshark.network.trail import ALLOW, DROP, TRANSIT_MTU, UNKNOWN, Context, Trail

# Which kind of propagated route wins, the best first (Transit Gateways guide, "Route evaluation order").
_RANKS = ("vpc", "direct-connect-gateway", "connect", "vpn", "vpn-concentrator", "peering")
LIVE = ("available", "modifying", "rollingback")


def come_in(ctx: Context, trail: Trail, at: IntoTransit) -> Step:
    """From a VPC's router to its attachment's interface in the sender's zone."""
    mine = _of_vpc(ctx.known.attachments(at.transit), at.vpc)
    if mine is None:
        said = f"{at.vpc} has no attachment to {at.transit}"
        trail = trail.add("transit-gateway", at.transit, DROP, code="BAD_STATE_ATTACHMENT", text=said, vpc=at.vpc)
        return [(trail, None)]
    subnets = [ctx.known.subnet(each, at.vpc) for each in mine.subnets]
    if not subnets:
        raise Unclear(
            f"The subnets of {mine.id} can't be read, so nobody can say whether it is in the sender's zone."
            + _why_unread(ctx)
        )
    near = [each for each in subnets if each.zone == trail.zone]
    if not near:
        trail = _out_of_zone(ctx, trail, mine, subnets)
    subnet = (near or subnets)[0]
    # The interface's ACL lets in by source; what leaves by it toward the gateway is not filtered.
    trail = filters.acl(ctx, trail, subnet, egress=False)
    trail = _tell_attachment(ctx, trail, mine, subnet)
    if trail.packet.is_v6 and not mine.has_v6:
        trail = _without_v6(trail, mine)
    trail = _crossed(ctx, trail, mine)
    return [(trail, InTransit(mine))]


def _why_unread(ctx: Context) -> str:
    why = ctx.network.unknown.get("attachments", "")
    return f" {why}" if why else ""


def _out_of_zone(ctx: Context, trail: Trail, mine: Attachment, subnets: Sequence[Subnet]) -> Trail:
    """The attachment has no interface in the sender's zone: AWS drops the packet at the router."""
    zones = ", ".join(dict.fromkeys(each.az or each.zone for each in subnets))
    there = [each for each in ctx.network.subnets.values() if each.vpc == mine.resource and each.zone == trail.zone]
    command = ""
    if there:
        command = (
            f"aws ec2 modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id {mine.id} "
            f"--add-subnet-ids {there[0].id}"
        )
    zone = there[0].az if there else trail.zone
    said = f"the packet comes from zone {zone}, where the attachment has no subnet (it has {zones})"
    return trail.add(
        "attachment",
        mine.id,
        DROP,
        code="TGW_ROUTE_AZ_RESTRICTION",
        text=said,
        mend=command,
        name=mine.name,
        vpc=mine.resource,
    )


def _without_v6(trail: Trail, attachment: Attachment) -> Trail:
    said = "the attachment does not carry IPv6"
    command = _carrying_v6(attachment)
    return trail.add("attachment", attachment.id, DROP, code="BAD_STATE_ATTACHMENT", text=said, mend=command)


def _carrying_v6(attachment: Attachment) -> str:
    return (
        f"aws ec2 modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id {attachment.id} "
        "--options Ipv6Support=enable"
    )


def _tell_attachment(ctx: Context, trail: Trail, attachment: Attachment, subnet: Subnet) -> Trail:
    """Interface, then attachment: the order of the way in."""
    interface = ctx.known.attachment_interface(attachment.id, subnet.id)
    if interface is not None:
        trail = tell_interface(trail, interface)
    return _through(trail, attachment, subnet)


def _through(trail: Trail, attachment: Attachment, subnet: Subnet) -> Trail:
    """The hop of the attachment's end in this subnet."""
    stated = _stated(attachment)
    return trail.add(
        "attachment",
        attachment.id,
        stated.verdict,
        code=stated.code,
        text=stated.text,
        name=attachment.name,
        az=subnet.az,
        vpc=attachment.resource,
        mtu=TRANSIT_MTU,
        subnet=subnet.id,
    )


def _stated(attachment: Attachment) -> states.Stated:
    return states.judged("the attachment", attachment.state, LIVE, "BAD_STATE_ATTACHMENT")


def _is_live(attachment: Attachment) -> bool:
    return attachment.state.lower() in LIVE


def _crossed(ctx: Context, trail: Trail, attachment: Attachment) -> Trail:
    """References to security groups cross only where gateway and attachments support it, and not from use1-az3."""
    transit: Transit | None = ctx.network.transits.get(attachment.transit)
    if not attachment.has_group_references or trail.zone == filters.NO_REFERENCES_ZONE:
        return trail.cross("tgw-plain")
    if transit is None:
        return trail.cross("tgw-unread")
    return trail.cross("tgw" if transit.has_group_references else "tgw-plain")


def look_up(ctx: Context, trail: Trail, at: InTransit) -> Step:
    """The gateway: the table of the attachment's association, its best route."""
    mine, transit = at.attachment, at.attachment.transit
    name = ctx.network.transits[transit].name if transit in ctx.network.transits else ""
    trail = trail.add("transit-gateway", transit, name=name, mtu=TRANSIT_MTU)
    if not mine.table and not mine.knows_table and _why_unread(ctx):
        raise Unclear(f"With which route table {mine.id} is associated can't be read.{_why_unread(ctx)}")
    if not mine.table and not mine.knows_table:
        raise Unclear(
            f"With which route table {mine.id} is associated is told to the owner of {transit} alone: ask, or give "
            "their --profile as well.",
            "TGW_RTB_ROUTES_ARE_UNKNOWN",
        )
    if not mine.table:
        tables = [each.id for each in ctx.network.transit_tables.values() if each.transit == transit]
        command = (
            f"aws ec2 associate-transit-gateway-route-table --transit-gateway-attachment-id {mine.id} "
            f"--transit-gateway-route-table-id {tables[0] if tables else 'TGW-RTB'}"
        )
        said = f"{mine.id} is associated with no route table, so the gateway drops what comes by it"
        code = "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"
        trail = trail.add("transit-gateway-route-table", transit, DROP, code=code, text=said, mend=command)
        return _as_if(ctx, trail, transit)
    table = ctx.known.transit_table(mine.table, trail.packet.dst)
    found = best(ctx, table, trail.packet.dst)
    return _routed(ctx, trail, table, found)


def _routed(ctx: Context, trail: Trail, table: TransitTable, found: list[TransitRoute]) -> Step:
    address = trail.packet.dst
    beaten = tuple(map(str, found[1:]))
    shown = {"name": table.name, "passed": beaten, "mtu": TRANSIT_MTU}
    goal = _goal_attachment(ctx, table.transit)
    if not found:
        command = _leading(ctx, table, address, goal)
        said = f"no route to {address}"
        code = "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"
        trail = trail.add("transit-gateway-route-table", table.id, DROP, code=code, text=said, mend=command, **shown)
        return _as_if(ctx, trail, table.transit)
    route = found[0]
    rule = Rule(table.id, None, str(route), route)
    if route.state == "blackhole":
        command = mend.transit_route(table.id, route.destination, goal.id if goal is not None else "", replaces=True)
        said = f"{route}: the packet is dropped"
        code = "TGW_RTB_BAD_STATE_ROUTE"
        trail = trail.add(
            "transit-gateway-route-table", table.id, DROP, code=code, text=said, rule=rule, mend=command, **shown
        )
        return _as_if(ctx, trail, table.transit)
    stated = states.judged("the route", route.state, ("active",))
    shown["code"] = stated.code
    said = "; ".join(filter(None, (str(route), stated.text)))
    trail = trail.add("transit-gateway-route-table", table.id, stated.verdict, text=said, rule=rule, **shown)
    return [(trail, OutOfTransit(_attachment(ctx, table, each))) for each in route.attachments]


def _leading(ctx: Context, table: TransitTable, address: str, goal: Attachment | None) -> str:
    """What writes the missing route: the propagation of the end's VPC, or a static route to the peering behind which
    it is."""
    if goal is not None and ":" in address and goal.kind == "vpc" and not goal.has_v6:
        return _carrying_v6(goal)  # without, it propagates no such route either
    if goal is not None:
        return (
            f"aws ec2 enable-transit-gateway-route-table-propagation --transit-gateway-route-table-id {table.id} "
            f"--transit-gateway-attachment-id {goal.id}"
        )
    mine = [a for a in ctx.network.attachments.values() if a.transit == table.transit and a.kind == "peering"]
    end = ctx.goal.interface
    if len(mine) != 1 or end is None:
        return ""
    cidrs = ctx.network.vpcs[end.vpc].cidrs if end.vpc in ctx.network.vpcs else ()
    there = next((cidr for cidr in cidrs if contains(cidr, address)), mend.host(address))
    return mend.transit_route(table.id, there, mine[0].id, replaces=False)


def _attachment(ctx: Context, table: TransitTable, identity: str) -> Attachment:
    for each in ctx.network.attachments.values():
        if each.id == identity and each.transit == table.transit:
            return each
    return next(
        (each for each in ctx.network.attachments.values() if each.id == identity),
        Attachment(identity, table.transit, kind="unknown"),
    )


def best(ctx: Context, table: TransitTable, address: str) -> list[TransitRoute]:
    """The table's routes to ``address``, the one in force first: the longest prefix, then static before propagated."""
    routes = [each for each in (*table.routes, *_propagated(ctx, table)) if _means(ctx, each, address)]
    if table.is_cut:
        raise Unclear(f"{table.id} has more routes than AWS tells at once, so the best one is not known.")

    def rank(route: TransitRoute) -> tuple[int, int, int]:
        listed = 1 if route.prefix_list else 0
        kind = _RANKS.index(route.resource_kind) if route.resource_kind in _RANKS else len(_RANKS)
        return -length(route.destination), 2 if route.kind == "propagated" else listed, kind

    return sorted(routes, key=rank)


def _means(ctx: Context, route: TransitRoute, address: str) -> bool:
    return contains(route.destination, address)


def _propagated(ctx: Context, table: TransitTable) -> list[TransitRoute]:
    """What the attachments write into the table, where only the propagations were told: the networks of their VPCs.

    A VPC whose network overlaps one that is there already is not propagated, and which came first can't be seen.
    """
    told = {(route.destination, each) for route in table.routes for each in route.attachments}
    found: list[TransitRoute] = []
    for identity in table.propagations:
        attachment = _attachment(ctx, table, identity)
        if attachment.kind != "vpc" or not _is_live(attachment):
            continue
        cidrs = [c for c in ctx.known.cidrs(attachment.resource) if ":" not in c or attachment.has_v6]
        found += [TransitRoute(cidr, (identity,), kind="propagated") for cidr in cidrs if (cidr, identity) not in told]
    for one in found:
        for other in found:
            if one.attachments != other.attachments and overlaps(one.destination, other.destination):
                raise Unclear(
                    f"{one.attachments[0]} and {other.attachments[0]} both propagate {one.destination} to {table.id}; "
                    "only the first to come is in force, and which that is can't be read."
                )
    return found


def _goal_attachment(ctx: Context, transit: str) -> Attachment | None:
    """The attachment of the VPC where the walk shall end."""
    goal = ctx.goal.interface
    mine = [each for each in ctx.network.attachments.values() if each.transit == transit]
    return _of_vpc(mine, goal.vpc) if goal is not None else None


def _of_vpc(attachments: Sequence[Attachment], vpc: str) -> Attachment | None:
    """The VPC's attachment: EC2 lists one that was deleted for some hours beside the one that took its place."""
    mine = [each for each in attachments if each.resource == vpc]
    return next((each for each in mine if _is_live(each)), mine[0] if mine else None)


def _as_if(ctx: Context, trail: Trail, transit: str) -> Step:
    """Past a table without a way the walk goes on by the attachment of its end's VPC, if there is one."""
    goal = _goal_attachment(ctx, transit)
    return [(trail, OutOfTransit(goal) if goal is not None else None)]


def go_out(ctx: Context, trail: Trail, at: OutOfTransit) -> Step:
    """Out by an attachment: into its VPC, in the zone where the packet is if it can; else in one of AWS's choice."""
    attachment = at.attachment
    if attachment.kind == "peering":
        return _to_peer(ctx, trail, attachment)
    if attachment.kind != "vpc":
        said = f"it leaves AWS, or what can be read, by an attachment of type {attachment.kind}"
        trail = trail.add("attachment", attachment.id, UNKNOWN, code="WALK_UNKNOWN", text=said, name=attachment.name)
        return [(trail, None)]
    trail = _crossed(ctx, trail, attachment)
    subnets = [ctx.known.subnet(each, attachment.resource) for each in attachment.subnets]
    if not subnets:
        raise Unclear(
            f"The subnets of {attachment.id} can't be read, so where the packet enters its VPC is not known."
            + _why_unread(ctx)
        )
    return [_into_vpc(ctx, trail, attachment, each) for each in _zones(ctx, trail, attachment, subnets)]


def _zones(ctx: Context, trail: Trail, attachment: Attachment, subnets: list[Subnet]) -> list[Subnet]:
    """Where the packet may come out. In appliance mode AWS chooses by the flow, unless both ends are in one zone, and
    its answer comes out there too."""
    same = [each for each in subnets if each.zone == trail.zone]
    goal = ctx.goal.interface
    kept = appliances.kept(ctx, attachment, subnets)
    if kept:
        return kept
    if attachment.is_appliance and len(subnets) > 1:
        there = ctx.network.subnets.get(goal.subnet) if goal is not None else None
        return same if there is not None and same and there.zone == trail.zone else subnets
    return same or subnets


def _into_vpc(ctx: Context, trail: Trail, attachment: Attachment, subnet: Subnet) -> tuple[Trail, Arriving | Routing]:
    """Attachment, interface, then the ACL by destination and the table of the attachment's own subnet; neither of both,
    where the destination is in that subnet."""
    interface = ctx.known.attachment_interface(attachment.id, subnet.id)
    trail = _through(trail.into(subnet.zone), attachment, subnet)
    if trail.packet.is_v6 and not attachment.has_v6:
        trail = _without_v6(trail, attachment)
    trail = tell_interface(trail, interface) if interface is not None else trail
    if any(contains(cidr, trail.packet.dst) for cidr in subnet.cidrs):
        return trail.add("vpc", attachment.resource, vpc=attachment.resource), Arriving(attachment.resource, subnet.id)
    trail = filters.acl(ctx, trail, subnet, egress=True)
    return trail, Routing(attachment.resource, subnet)


def _to_peer(ctx: Context, trail: Trail, attachment: Attachment) -> Step:
    """Over a peering between transit gateways: the far one's table is that of the same attachment there."""
    far, region, owner = attachment.peer
    trail = trail.add("attachment", attachment.id, ALLOW, name=attachment.name, mtu=TRANSIT_MTU).cross("tgw-peering")
    if not far:
        ctx.known.want(("tgw-peer", attachment.id))
    elif not any(each.transit == far for each in ctx.network.attachments.values()):
        ctx.known.want(("tgw", far))
    found = next(
        (a for a in ctx.network.attachments.values() if a.id == attachment.id and a.transit != attachment.transit), None
    )
    if found is None:
        whose = " ".join(filter(None, [far or "the other transit gateway", owner and f"of account {owner}", region]))
        raise Unclear(
            f"The table of {whose} is not at hand: ask its owner, or give that --profile or --region as well.",
            "TGW_RTB_ROUTES_ARE_UNKNOWN",
        )
    return [(trail.into(""), InTransit(found))]
