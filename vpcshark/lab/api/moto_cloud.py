"""Reads from moto all that decides where packets go: the account as one ``Cloud``. Must not know who follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any

from moto.ec2.models import ec2_backends

from vpcshark.lab import cloud as c
from vpcshark.lab.api import moto_balancers, moto_flow_logs, moto_network
from vpcshark.lab.api.moto_guards import listed, table_of

_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": "-1"}
_ON = "enable"
_OF_BALANCER = "ELB net/"
_OURS = ("transit_gateway", "nat_gateway", "network_load_balancer", "vpc_endpoint")


def read() -> c.Cloud:
    """What there is now, in all VPCs that somebody made."""
    found = [_read(b) for regions in list(ec2_backends.values()) for b in list(regions.values()) if _has_vpcs(b)]
    if not found:
        return c.Cloud()
    whole = found[0]
    for other in found[1:]:
        for name in vars(whole):
            getattr(whole, name).update(getattr(other, name))
    return whole


def _has_vpcs(backend: Any) -> bool:
    return any(_is_made(each) for each in backend.vpcs.values())


def _is_made(vpc: Any) -> bool:
    return str(vpc.is_default).lower() != "true"


def _read(backend: Any) -> c.Cloud:
    vpcs = {each.id: each for each in backend.vpcs.values() if _is_made(each)}
    tables = [each for each in backend.route_tables.values() if each.vpc_id in vpcs]
    return c.Cloud(
        vpcs={each.id: c.Vpc(each.id, name_of(each), tuple(_blocks(each))) for each in vpcs.values()},
        subnets={each.id: each for each in _subnets(backend, vpcs)},
        enis={each.id: _eni(backend, each) for each in list(backend.enis.values()) if each.subnet.vpc_id in vpcs},
        names=dict(_names(backend)),
        tables={each.id: tuple(_routes(backend, each)) for each in tables},
        acls={each.id: tuple(_entries(each)) for each in backend.network_acls.values() if each.vpc_id in vpcs},
        groups={g.id: tuple(_permissions(backend, g)) for vpc in vpcs for g in backend.groups[vpc].values()},
        transits={each.id: name_of(each) for each in backend.transit_gateways.values()},
        attachments={f"{each.id}@{each.transit}": each for each in _attachments(backend)},
        transit_tables={each.id: _transit_table(backend, each) for each in _living(backend)},
        nats={each.id: each._eni.id for each in backend.nat_gateways.values() if each.state == "available"},
        gateways={each.id: each for each in _gateways(backend)},
        publics={vpc: tuple(_publics(backend, vpc)) for vpc in vpcs},
        peerings={
            each.id: (each.vpc.id, each.peer_vpc.id)
            for each in backend.vpc_pcxs.values()
            if each.status["Code"] == "active"
        },
        balancers=moto_balancers.network_balancers(backend),
        endpoints={each.id: each for each in _endpoints(backend, vpcs)},
        logged=moto_flow_logs.covered(backend),
    )


def name_of(resource: Any) -> str:
    """Its Name tag."""
    return next((tag["value"] for tag in resource.get_tags() if tag["key"] == "Name"), "")


def _names(backend: Any) -> Iterator[tuple[str, str]]:
    """Of whatever has a space of its own."""
    for eni in backend.enis.values():
        if eni.instance is not None:
            yield eni.instance.id, name_of(eni.instance)
    for each in (*backend.nat_gateways.values(), *backend.internet_gateways.values()):
        yield each.id, name_of(each)
    for each in (*backend.egress_only_internet_gateways.values(), *backend.vpc_end_points.values()):
        yield each.id, name_of(each)


def _blocks(vpc: Any) -> list[str]:
    rows = [*vpc.get_cidr_block_association_set(), *vpc.get_cidr_block_association_set(ipv6=True)]
    return [each["cidr_block"] for each in rows]


def _subnets(backend: Any, vpcs: Iterable[str]) -> Iterator[c.Subnet]:
    for zones in backend.subnets.values():
        for subnet in zones.values():
            if subnet.vpc_id in vpcs:
                v6 = [each["ipv6CidrBlock"] for each in subnet.ipv6_cidr_block_associations.values()]
                cidrs, table = (subnet.cidr_block, *v6), table_of(backend, subnet).id
                acl = next(a for a in backend.network_acls.values() if _has(a, subnet.id))
                yield c.Subnet(subnet.id, subnet.vpc_id, subnet.availability_zone, cidrs, table, acl.id)


def _has(acl: Any, subnet: str) -> bool:
    return any(each.subnet_id == subnet for each in acl.associations)


def _eni(backend: Any, eni: Any) -> c.Eni:
    v4 = [each["PrivateIpAddress"] for each in eni.private_ip_addresses]
    v6 = [each if isinstance(each, str) else each["Ipv6Address"] for each in eni.ipv6_addresses]
    instance = eni.instance
    managed = eni.description.rpartition(" ")[2]
    if eni.interface_type == "transit_gateway":
        attachment = backend.transit_gateway_attachments.get(managed)
        managed = f"{managed}@{attachment.transit_gateway_id}" if attachment is not None else ""
    is_ours = eni.interface_type in _OURS
    return c.Eni(
        eni.id,
        eni.mac_address,
        eni.subnet.vpc_id,
        eni.subnet.id,
        (*v4, *v6),
        tuple(sorted(each.id for each in eni.group_set or [])),
        eni.interface_type,
        instance.id if instance is not None else managed if is_ours else "",
        int(eni.device_index or 0),
        bool(eni.source_dest_check) if not isinstance(eni.source_dest_check, str) else eni.source_dest_check == "true",
        instance is None or instance.state == "running",
    )


def _routes(backend: Any, table: Any) -> Iterator[c.Route]:
    """A static route of the same block is stronger than a prefix list's."""
    fixed = {each.destination_cidr_block or each.destination_ipv6_cidr_block for each in table.routes}
    for route in table.routes:
        plain = route.destination_cidr_block or route.destination_ipv6_cidr_block
        entries = [] if plain else listed(backend, route.destination_prefix_list.id)
        kind, target = _target(route)
        for cidr in [plain] if plain else [each for each in entries if each not in fixed]:
            yield c.Route(cidr, kind, target)


def _target(route: Any) -> tuple[str, str]:
    if route.state != "active":
        return "", ""
    if route.local:
        return "local", ""
    for kind, name in (
        ("transit", "transit_gateway"),
        ("peering", "vpc_pcx"),
        ("nat", "nat_gateway"),
        ("egress", "egress_only_igw"),
        ("eni", "interface"),
        ("internet", "gateway"),
    ):
        if getattr(route, name) is not None:
            identity = str(getattr(route, name).id)
            return "endpoint" if identity.startswith("vpce-") else kind, identity
    if route.instance is not None:
        return "eni", str(next(iter(route.instance.nics.values())).id)
    return "", ""


def _entries(acl: Any) -> Iterator[c.AclEntry]:
    for each in acl.network_acl_entries:
        icmp = each.icmp_type_code
        yield c.AclEntry(
            int(each.rule_number),
            str(each.egress).lower() == "true",
            each.rule_action == "allow",
            _NUMBERS.get(str(each.protocol), str(each.protocol)),
            str(ip_network(each.cidr_block or each.ipv6_cidr_block, strict=False)),
            _pair(each.port_range_from, each.port_range_to),
            (int(icmp.get("Type", -1)), int(icmp.get("Code", -1))) if icmp else None,
        )


def _pair(low: Any, high: Any) -> tuple[int, int] | None:
    return (int(low), int(high)) if low is not None and high is not None else None


def _permissions(backend: Any, group: Any) -> Iterator[c.Permission]:
    for is_egress, rules in ((False, group.ingress_rules), (True, group.egress_rules)):
        for rule in rules:
            protocol = _NUMBERS.get(str(rule.ip_protocol).lower(), str(rule.ip_protocol))
            ports = None if protocol == "-1" else _pair(rule.from_port, rule.to_port)
            yield c.Permission(rule.id, is_egress, protocol, tuple(_whom(backend, group, rule, is_egress)), ports)


def _whom(backend: Any, group: Any, rule: Any, is_egress: bool) -> list[str]:
    if rule.prefix_list_id:
        return listed(backend, rule.prefix_list_id)
    if rule.source_group:
        wanted = rule.source_group["GroupId"]
        members = [each for each in list(backend.enis.values()) if wanted in {g.id for g in each.group_set or []}]
        known = [each for each in members if _is_known(backend, group.vpc_id, each.subnet.vpc_id, is_egress)]
        found = [address for each in known for address in _eni(backend, each).addresses]
        return sorted(f"{each}/{128 if ':' in each else 32}" for each in found)
    return [each for each in (rule.cidr_ipv4, rule.cidr_ipv6) if each]


def _is_known(backend: Any, mine: str, other: str, is_egress: bool) -> bool:
    """Does a reference to a group of another VPC mean anybody? Across a peering; into a VPC, across a transit gateway
    where it and both attachments support that (Transit Gateways guide, "Security group referencing")."""
    if mine == other:
        return True
    for each in backend.vpc_pcxs.values():
        if {each.vpc.id, each.peer_vpc.id} == {mine, other} and each.status["Code"] == "active":
            return True
    return not is_egress and any(
        _supports(backend, transit, mine) and _supports(backend, transit, other)
        for transit in backend.transit_gateways.values()
        if transit.options.get("SecurityGroupReferencingSupport") == _ON
    )


def _supports(backend: Any, transit: Any, vpc: str) -> bool:
    return any(
        (each.transit_gateway_id, each.resource_id) == (transit.id, vpc)
        and each.options.get("SecurityGroupReferencingSupport") == _ON
        for each in backend.transit_gateway_attachments.values()
        if each.resource_type == "vpc"
    )


def _attachments(backend: Any) -> Iterator[c.Attachment]:
    for each in backend.describe_transit_gateway_attachments():
        if each.state not in ("available", "modifying") or each.resource_type not in ("vpc", "peering"):
            continue
        table = (each.association or {}).get("TransitGatewayRouteTableId", "")
        words = f"Network Interface for Transit Gateway Attachment {each.id}"
        enis = tuple(eni.id for eni in list(backend.enis.values()) if eni.description == words)
        has_v6, is_appliance = (
            getattr(each, "options", {}).get(option) == _ON for option in ("Ipv6Support", "ApplianceModeSupport")
        )
        gateway = each.transit_gateway_id
        yield c.Attachment(each.id, gateway, each.resource_type, each.resource_id, table, enis, has_v6, is_appliance)


def _living(backend: Any) -> list[Any]:
    return [each for each in backend.transit_gateways_route_tables.values() if each.state != "deleted"]


def _transit_table(backend: Any, table: Any) -> c.TransitTable:
    routes: dict[str, str] = {}
    for row in moto_network.transit_routes(backend, table):
        to = row.get("TransitGatewayAttachments", [{}])[0].get("TransitGatewayAttachmentId", "")
        routes.setdefault(row["DestinationCidrBlock"], to if row["State"] == "active" else "")
    return c.TransitTable(table.id, table.transit_gateway_id, routes)


def _gateways(backend: Any) -> Iterator[c.Gateway]:
    for each in backend.internet_gateways.values():
        if each.vpc is not None and _is_made(each.vpc):
            yield c.Gateway(each.id, each.vpc.id)
    for each in backend.egress_only_internet_gateways.values():
        yield c.Gateway(each.id, each.vpc_id, is_egress_only=True)


def _endpoints(backend: Any, vpcs: Iterable[str]) -> Iterator[c.Endpoint]:
    for each in backend.vpc_end_points.values():
        if each.vpc_id in vpcs and each.destination_prefix_list_id and each.state == "available":
            yield c.Endpoint(each.id, each.vpc_id, tuple(listed(backend, each.destination_prefix_list_id)))


def _publics(backend: Any, vpc: str) -> Iterator[tuple[str, str]]:
    for eni in list(backend.enis.values()):
        if eni.subnet.vpc_id == vpc and eni.public_ip:
            yield eni.private_ip_address, eni.public_ip
