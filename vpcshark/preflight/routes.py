"""The way of the outer frames from the source's subnet to the target: route tables, peering, transit gateways. Pure.

"Encapsulated mirror traffic is routed to the traffic mirror target by using the VPC route table" (Traffic Mirroring
guide, "Routing and security groups"). Mirrored frames need no way back, so only this direction counts.
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vpcshark.preflight import addresses
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command, not_seen
from vpcshark.preflight.picture import Attachment, GatewayRoute, Interface, Picture, Route, RouteTable

LOCAL = "local"
_DEAD_ENDS = {  # id prefix -> what cannot carry private addresses to another instance
    "igw-": "an internet gateway",
    "nat-": "a NAT gateway",
    "eigw-": "an egress-only internet gateway",
}


@dataclass(frozen=True)
class Way:
    """How the frames leave the source's subnet: the table and its route, None where there is none."""

    table: RouteTable
    route: Route | None


def route(picture: Picture) -> Iterator[Finding]:
    """Follow the route to the target's address."""
    source, target = picture.source, picture.target
    if target is None or not target.address:
        return
    for part in ("route tables", "subnets"):
        if part in picture.unknown:
            yield not_seen("route", source.subnet, picture.unknown[part], "The route to the target is not known.")
            return
    found = way(picture, target)
    if found is None:
        yield Finding("route", WARN, source.subnet, f"The route table of {source.subnet} is not shown.")
    else:
        yield from _follow(picture, target, found)


def way(picture: Picture, target: Interface) -> Way | None:
    """The source's route table and the route that AWS takes to the target; None if no table is shown."""
    table = picture.table_of(picture.source.subnet, picture.source.vpc)
    if table is None:
        return None
    return Way(table, longest(table.routes, target.address, picture.prefix_lists))


def longest(routes: Iterable[Route], address: str, prefix_lists: Mapping[str, tuple[str, ...]]) -> Route | None:
    """The route with the longest prefix; of equal ones the VPC's own, then static ones, then propagated ones."""
    found = [
        (addresses.length(block), each.via == LOCAL, not each.is_propagated, each)
        for each in routes
        for block in addresses.blocks(each.destination, prefix_lists) or ()
        if addresses.holds(block, address)
    ]
    return max(found, key=lambda candidate: candidate[:3])[3] if found else None


def gateway_of(picture: Picture) -> str:
    """The transit gateway that the source's route to the target leads to, "" if it leads elsewhere."""
    found = way(picture, picture.target) if picture.target is not None else None
    via = found.route.via if found is not None and found.route is not None else ""
    return via if via.startswith("tgw-") else ""


def _follow(picture: Picture, target: Interface, found: Way) -> Iterator[Finding]:
    table, taken = found.table, found.route
    if taken is None:
        yield _missing(picture, target, table)
    elif taken.state == "blackhole":
        yield Finding(
            "route",
            FAIL,
            table.id,
            f"{table.id} sends {target.address} into a blackhole: {taken.via or 'what its route led to'} is gone.",
            rule=taken.destination,
            command=_replacement(picture, target, table, taken.destination),
        )
    elif taken.via == LOCAL:
        yield _local(picture, target, table, taken)
    elif taken.via.startswith("pcx-"):
        yield _peering(picture, target, table, taken)
    elif taken.via.startswith("tgw-"):
        yield from _gateway(picture, target, table, taken)
    else:
        yield _elsewhere(picture, target, table, taken)


def _missing(picture: Picture, target: Interface, table: RouteTable) -> Finding:
    unknown = [route.destination for route in table.routes if route.destination in _unread(picture, table)]
    if unknown:
        return Finding(
            "route",
            WARN,
            table.id,
            f"{table.id} has no route to {target.address}, unless {', '.join(unknown)} has it.",
            rule=unknown[0],
        )
    return Finding(
        "route",
        FAIL,
        table.id,
        f"{table.id}, the route table of the source's subnet {picture.source.subnet}, has no route to the target "
        f"{target.address} in {target.vpc}.",
        command=_replacement(picture, target, table, ""),
    )


def _unread(picture: Picture, table: RouteTable) -> set[str]:
    return {r.destination for r in table.routes if addresses.blocks(r.destination, picture.prefix_lists) is None}


def _local(picture: Picture, target: Interface, table: RouteTable, taken: Route) -> Finding:
    if target.vpc == picture.source.vpc:
        return Finding("route", OK, table.id, f"The VPC's own route leads to {target.address}.", rule=taken.destination)
    return Finding(
        "route",
        FAIL,
        table.id,
        f"{target.address} is inside the source's own VPC {picture.source.vpc}, so frames never leave it for the "
        f"target's {target.vpc}: the address ranges overlap. Choose a capture host in {picture.source.vpc}.",
        rule=taken.destination,
    )


def _peering(picture: Picture, target: Interface, table: RouteTable, taken: Route) -> Finding:
    if "peerings" in picture.unknown:
        return not_seen("route", taken.via, picture.unknown["peerings"], f"What {taken.via} leads to is not known.")
    peering = picture.peering(taken.via)
    state = peering.state if peering is not None else "not there"
    if peering is None or state != "active":
        accept = command(picture, "ec2", "accept-vpc-peering-connection", vpc_peering_connection_id=taken.via)
        return Finding(
            "route",
            FAIL,
            taken.via,
            f"The route to {target.address} leads over {taken.via}, which is {state}.",
            rule=taken.destination,
            command=accept
            if state == "pending-acceptance"
            else _replacement(picture, target, table, taken.destination),
        )
    if set(peering.vpcs) != {picture.source.vpc, target.vpc}:
        other = next((vpc for vpc in peering.vpcs if vpc != picture.source.vpc), "")
        return Finding(
            "route",
            FAIL,
            table.id,
            f"The route to {target.address} leads over {taken.via} into {other}, and the target is in {target.vpc}; "
            "peering is not transitive.",
            rule=taken.destination,
            command=_replacement(picture, target, table, taken.destination),
        )
    if len(set(peering.regions)) > 1:
        return Finding(
            "route",
            FAIL,
            taken.via,
            f"{taken.via} joins {' and '.join(peering.regions)}, and AWS mirrors only within a region.",
            rule=taken.destination,
        )
    return Finding("route", OK, table.id, f"{taken.via} leads to {target.address}.", rule=taken.destination)


def _gateway(picture: Picture, target: Interface, table: RouteTable, taken: Route) -> Iterator[Finding]:
    gateway = taken.via
    if "attachments" in picture.unknown:
        why = picture.unknown["attachments"]
        yield not_seen("route", gateway, why, f"Where the transit gateway {gateway} leads is not known.")
        return
    entry = _attachment(picture, gateway, picture.source.vpc)
    if entry is None or entry.state != "available":
        yield _not_attached(picture, gateway, picture.source.vpc, picture.source.subnet, entry)
        return
    zones = {subnet.az for each in entry.subnets if (subnet := picture.subnet(each)) is not None}
    if zones and picture.source.az and picture.source.az not in zones:
        yield Finding(
            "route",
            FAIL,
            entry.id,
            f"The attachment {entry.id} of {picture.source.vpc} has no subnet in the source's {picture.source.az}, so "
            f"frames from there do not reach {gateway}.",
            command=command(
                picture,
                "ec2",
                "modify-transit-gateway-vpc-attachment",
                transit_gateway_attachment_id=entry.id,
                add_subnet_ids=picture.source.subnet,
            ),
        )
        return
    yield _across(picture, target, table, taken, entry)


def _across(picture: Picture, target: Interface, table: RouteTable, taken: Route, entry: Attachment) -> Finding:
    gateway = taken.via
    if not entry.table:
        return Finding(
            "route",
            FAIL,
            entry.id,
            f"The attachment {entry.id} is associated with no route table of {gateway}, so its frames are dropped.",
            command=command(
                picture,
                "ec2",
                "associate-transit-gateway-route-table",
                transit_gateway_attachment_id=entry.id,
                transit_gateway_route_table_id="TABLE",
            ),
        )
    routes = picture.gateway_routes.get(entry.table)
    if routes is None:
        why = picture.unknown.get("gateway routes", "")
        return not_seen("route", entry.table, why, f"The routes of {entry.table} are not known.")
    onward = _longest_of_gateway(routes, target.address)
    end = _attachment(picture, gateway, target.vpc)
    if onward is None or onward.state == "blackhole":
        what = "has no route to" if onward is None else "sends into a blackhole"
        return Finding(
            "route",
            FAIL,
            entry.table,
            f"The transit gateway's route table {entry.table} {what} {target.address}.",
            rule=onward.destination if onward is not None else "",
            command=_gateway_route(picture, target, entry.table, onward, end),
        )
    if end is None or end.id not in onward.attachments:
        return _other_end(picture, target, entry.table, onward, end)
    if end.state != "available":
        return _not_attached(picture, gateway, target.vpc, target.subnet, end)
    return Finding("route", OK, table.id, f"{gateway} leads to {target.address}.", rule=taken.destination)


def _other_end(
    picture: Picture, target: Interface, table: str, onward: GatewayRoute, end: Attachment | None
) -> Finding:
    """Another VPC may be one that inspects and forwards, which nothing shows here."""
    there = ", ".join(onward.attachments) or "nothing that is shown"
    return Finding(
        "route",
        WARN,
        table,
        f"The transit gateway's route table {table} sends {target.address} to {there}, which is not the attachment of "
        f"the target's {target.vpc}; frames arrive only if that one forwards them.",
        rule=onward.destination,
        command=_gateway_route(picture, target, table, onward, end),
    )


def _gateway_route(
    picture: Picture, target: Interface, table: str, onward: GatewayRoute | None, end: Attachment | None
) -> str:
    destination = _block_of(picture, target)
    exists = onward is not None and onward.destination == destination
    return command(
        picture,
        "ec2",
        "replace-transit-gateway-route" if exists else "create-transit-gateway-route",
        transit_gateway_route_table_id=table,
        destination_cidr_block=destination,
        transit_gateway_attachment_id=end.id if end is not None else "ATTACHMENT",
    )


def _longest_of_gateway(routes: Iterable[GatewayRoute], address: str) -> GatewayRoute | None:
    found = [route for route in routes if addresses.holds(route.destination, address)]
    return max(found, key=lambda route: addresses.length(route.destination), default=None)


def _attachment(picture: Picture, gateway: str, vpc: str) -> Attachment | None:
    """The VPC's attachment; one that is available before one that was deleted."""
    found = [a for a in picture.attachments if a.gateway == gateway and a.kind == "vpc" and a.resource == vpc]
    return max(found, key=lambda attachment: attachment.state == "available", default=None)


def _not_attached(picture: Picture, gateway: str, vpc: str, subnet: str, found: Attachment | None) -> Finding:
    return Finding(
        "route",
        FAIL,
        found.id if found is not None else gateway,
        f"{vpc} is not attached to the transit gateway {gateway}"
        + (f": {found.id} is {found.state}." if found is not None else "."),
        command=command(
            picture,
            "ec2",
            "create-transit-gateway-vpc-attachment",
            transit_gateway_id=gateway,
            vpc_id=vpc,
            subnet_ids=subnet,
        ),
    )


def _elsewhere(picture: Picture, target: Interface, table: RouteTable, taken: Route) -> Finding:
    dead_end = next((what for prefix, what in _DEAD_ENDS.items() if taken.via.startswith(prefix)), "")
    if dead_end:
        return Finding(
            "route",
            FAIL,
            table.id,
            f"{table.id} sends {target.address} to {dead_end} ({taken.via}), which does not lead to private addresses "
            "of instances.",
            rule=taken.destination,
            command=_replacement(picture, target, table, "" if target.vpc != picture.source.vpc else taken.destination),
        )
    return Finding(
        "route",
        WARN,
        table.id,
        f"{table.id} sends {target.address} to {taken.via}; frames arrive only if that forwards them.",
        rule=taken.destination,
    )


def _replacement(picture: Picture, target: Interface, table: RouteTable, destination: str) -> str:
    """The route that is missing: over the peering or the transit gateway that joins both VPCs; where there is neither,
    the peering. A route that is there already for ``destination`` is replaced."""
    if target.vpc == picture.source.vpc:
        return command(picture, "ec2", "delete-route", route_table_id=table.id, destination_cidr_block=destination)
    block = destination if destination and not destination.startswith("pl-") else _block_of(picture, target)
    operation = "replace-route" if block == destination else "create-route"
    peering = next(
        (p for p in picture.peerings if p.state == "active" and set(p.vpcs) == {picture.source.vpc, target.vpc}), None
    )
    gateways = {a.gateway for a in picture.attachments if a.resource == picture.source.vpc}
    shared = next((a.gateway for a in picture.attachments if a.resource == target.vpc and a.gateway in gateways), "")
    if peering is None and not shared:
        return command(
            picture,
            "ec2",
            "create-vpc-peering-connection",
            vpc_id=picture.source.vpc,
            peer_vpc_id=target.vpc,
        )
    by = {"vpc_peering_connection_id": peering.id} if peering is not None else {"transit_gateway_id": shared}
    return command(picture, "ec2", operation, route_table_id=table.id, destination_cidr_block=block, **by)


def _block_of(picture: Picture, target: Interface) -> str:
    subnet = picture.subnet(target.subnet)
    return subnet.cidr if subnet is not None and subnet.cidr else addresses.single(target.address)
