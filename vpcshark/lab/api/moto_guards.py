"""Reads from moto what stands between the source and the target of each session. Must not know who enforces it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from moto.ec2.models import ec2_backends

from vpcshark.lab.guards import Entry, Guard, RouteEntry
from vpcshark.lab.model import LabSession


def guarded(sessions: Iterable[LabSession]) -> list[LabSession]:
    """The sessions, each with what stands between its source and its target now."""
    return [replace(session, guard=_guard(session)) for session in sessions]


def _guard(session: LabSession) -> Guard | None:
    backend = _backend(session.source)
    if backend is None or session.target not in backend.enis:
        return None
    source, target = backend.enis[session.source], backend.enis[session.target]
    is_inside = source.subnet.id == target.subnet.id
    start = table_of(backend, source.subnet)
    return Guard(
        source.private_ip_address,
        target.private_ip_address,
        None if is_inside else tuple(acl(backend, source.subnet.id, is_egress=True)),
        None if is_inside else tuple(acl(backend, target.subnet.id, is_egress=False)),
        tuple(sorted(rules(backend, target), key=repr)),  # moto keeps groups in no order
        tuple(_routes(backend, start, source.subnet.availability_zone)),
        start.id,
        target.subnet.vpc_id,
    )


def _backend(eni: str) -> Any:
    found = (backend for regions in list(ec2_backends.values()) for backend in list(regions.values()))
    return next((backend for backend in found if eni in backend.enis), None)


def acl(backend: Any, subnet: str, *, is_egress: bool) -> Iterator[Entry]:
    """The entries of a subnet's network ACL, in their order."""
    for each in list(backend.network_acls.values()):
        if any(association.subnet_id == subnet for association in each.associations):
            for entry in sorted(each.network_acl_entries, key=lambda row: int(row.rule_number)):
                block = entry.cidr_block or entry.ipv6_cidr_block
                if (str(entry.egress).lower() == "true") == is_egress and block:
                    ports = _ports(entry.port_range_from, entry.port_range_to)
                    yield Entry(block, str(entry.protocol), ports, entry.rule_action == "allow")


def rules(backend: Any, eni: Any, *, is_egress: bool = False) -> Iterator[Entry]:
    """The rules of an interface's groups, in no order. A reference to a group means its members' own addresses."""
    for group in eni.group_set:
        for rule in group.egress_rules if is_egress else group.ingress_rules:
            for cidr in _who(backend, rule):
                yield Entry(cidr, str(rule.ip_protocol), _ports(rule.from_port, rule.to_port))


def _who(backend: Any, rule: Any) -> list[str]:
    if rule.prefix_list_id:
        return listed(backend, rule.prefix_list_id)
    if rule.source_group:
        wanted = rule.source_group["GroupId"]
        members = [eni for eni in list(backend.enis.values()) if any(group.id == wanted for group in eni.group_set)]
        return [address for eni in members for address in _addresses(eni)]
    return [each for each in (rule.cidr_ipv4, rule.cidr_ipv6) if each]


def _addresses(eni: Any) -> Iterator[str]:
    if eni.private_ip_address:
        yield f"{eni.private_ip_address}/32"
    for each in eni.ipv6_addresses:
        yield f"{each if isinstance(each, str) else each.get('Ipv6Address')}/128"


def _ports(low: Any, high: Any) -> tuple[int, int] | None:
    return (int(low), int(high)) if low is not None and high is not None and int(low) >= 0 else None


def listed(backend: Any, prefix_list: str) -> list[str]:
    """The blocks of a prefix list. AWS's own have no version."""
    found = backend.managed_prefix_lists[prefix_list]
    return [entry["Cidr"] for entry in found.entries.get(found.version or 1) or []]


def table_of(backend: Any, subnet: Any) -> Any:
    """The route table of a subnet: its own, else the VPC's main one."""
    tables = list(backend.route_tables.values())
    own = [table for table in tables if subnet.id in table._associations.values()]
    main = [table for table in tables if table.main_association_id and table.vpc_id == subnet.vpc_id]
    return (own or main)[0]


def _routes(backend: Any, table: Any, zone: str) -> Iterator[RouteEntry]:
    """The table's routes, and those of the transit gateways' tables that it leads to."""
    onward = set()
    for route in table.routes:
        via = _via(backend, table, route, zone)
        onward |= {via} if via.startswith("tgw-rtb-") else set()
        blocks = listed(backend, route.destination_prefix_list.id) if route.destination_prefix_list else []
        for destination in [route.destination_cidr_block] if route.destination_cidr_block else blocks:
            yield RouteEntry(table.id, destination, via)
    for identity in sorted(onward):
        yield from _gateway_routes(backend, backend.transit_gateways_route_tables[identity])


def _via(backend: Any, table: Any, route: Any, zone: str) -> str:
    if route.state != "active":
        return ""
    if route.local:
        return str(table.vpc_id)
    if route.vpc_pcx is not None and route.vpc_pcx.status["Code"] == "active":
        ends = [end["VpcId"] for end in (route.vpc_pcx.requester_vpc_info, route.vpc_pcx.accepter_vpc_info)]
        return str(next(end for end in ends if end != table.vpc_id))
    if route.transit_gateway is not None:
        return _table_behind(backend, route.transit_gateway.id, table.vpc_id, zone)
    return ""


def _table_behind(backend: Any, gateway: str, vpc: str, zone: str) -> str:
    """The table of the VPC's attachment, where that has a subnet in the zone."""
    for attachment in list(backend.transit_gateway_attachments.values()):
        if (attachment.transit_gateway_id, attachment.resource_id) == (gateway, vpc) and attachment.association:
            zones = [backend.get_subnet(subnet).availability_zone for subnet in attachment.subnet_ids]
            if zone in zones:
                return str(attachment.association["TransitGatewayRouteTableId"])
    return ""


def _gateway_routes(backend: Any, table: Any) -> Iterator[RouteEntry]:
    for destination, route in list(table.routes.items()):
        to = (route.get("transitGatewayAttachments") or {}).get("transitGatewayAttachmentId", "")
        attachment = backend.transit_gateway_attachments.get(to)
        lives = route["state"] == "active" and attachment is not None and attachment.state == "available"
        yield RouteEntry(table.id, destination, attachment.resource_id if lives else "")
    for each in table.route_table_propagation:
        for block in backend.get_vpc(each.resourceId).get_cidr_block_association_set():
            if block["cidr_block"] not in table.routes:
                yield RouteEntry(table.id, block["cidr_block"], each.resourceId)
