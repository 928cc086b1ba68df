"""What joins networks as EC2 has it and moto does not: interfaces of transit gateway attachments and NAT gateways,
default tables only where asked for, peerings' networks, the last entries of network ACLs and those for IPv6.

Changes moto for the whole process. Sources: Transit Gateways guide, "VPC attachments"; VPC User Guide, "NAT gateways"
and "Network ACLs"; describe answers of real accounts. Must not know any data plane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.vpc_peering_connections import VPCPeeringConnection
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.network_acls import NetworkACLs

from vpcshark.lab.api.moto_enis import last_free_address
from vpcshark.lab.api.moto_network import leave_default_table

_DONE = "_vpcshark_joints"
_LAST, _LAST6 = 32767, 32768
_WAYS = (True, False)


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    if hasattr(EC2Backend, _DONE):
        return
    setattr(EC2Backend, _DONE, True)
    EC2Backend.create_transit_gateway_vpc_attachment = _attaching(EC2Backend.create_transit_gateway_vpc_attachment)
    EC2Backend.modify_transit_gateway_vpc_attachment = _modifying(EC2Backend.modify_transit_gateway_vpc_attachment)
    EC2Backend.delete_transit_gateway_vpc_attachment = _detaching(EC2Backend.delete_transit_gateway_vpc_attachment)
    EC2Backend.create_network_acl = _ending(EC2Backend.create_network_acl)
    NatGateways.create_nat_gateway = _translating(NatGateways.create_nat_gateway)
    NetworkACLs.create_network_acl_entry = _with_icmp(NetworkACLs.create_network_acl_entry)
    NetworkACLs.replace_network_acl_entry = _with_icmp(NetworkACLs.replace_network_acl_entry)
    EC2Backend.describe_transit_gateway_attachments = _with_twins(EC2Backend.describe_transit_gateway_attachments)
    for side in ("requester", "accepter"):
        told = getattr(VPCPeeringConnection, f"{side}_vpc_info").fget
        setattr(VPCPeeringConnection, f"{side}_vpc_info", property(_with_blocks(told, side)))


def managed_interface(backend: Any, subnet: Any, kind: str, description: str) -> Any:
    """An interface that AWS makes for a gateway or a balancer: without groups, unchecked, in use."""
    eni = backend.create_network_interface(subnet, last_free_address(subnet), description=description)
    manage(eni, kind)
    return eni


def manage(eni: Any, kind: str) -> None:
    """Make of an interface one that AWS manages."""
    eni.interface_type, eni.source_dest_check, eni.status = kind, False, "in-use"
    eni._group_set = []


def _attaching(create: Callable[..., Any]) -> Callable[..., Any]:
    def attach(backend: Any, transit_gateway_id: str, *rest: Any, **more: Any) -> Any:
        attachment = create(backend, transit_gateway_id, *rest, **more)
        options = backend.transit_gateways[transit_gateway_id].options
        default = attachment.transit_gateway_route_table
        if options.get("DefaultRouteTableAssociation") == "disable":
            leave_default_table(attachment)
        if options.get("DefaultRouteTablePropagation") != "disable":
            backend.enable_transit_gateway_route_table_propagation(attachment.id, default.id)
        _equip(backend, attachment)
        return attachment

    return attach


def _modifying(modify: Callable[..., Any]) -> Callable[..., Any]:
    def modified(backend: Any, *rest: Any, **more: Any) -> Any:
        attachment = modify(backend, *rest, **more)
        _equip(backend, attachment)
        return attachment

    return modified


def _detaching(delete: Callable[..., Any]) -> Callable[..., Any]:
    def detached(backend: Any, *rest: Any, **more: Any) -> Any:
        attachment = delete(backend, *rest, **more)
        for eni in attachment_interfaces(backend, attachment):
            backend.delete_network_interface(eni.id)
        for table in backend.transit_gateways_route_tables.values():
            kept = [p for p in table.route_table_propagation if p.transitGatewayAttachmentId != attachment.id]
            table.route_table_propagation = kept
            table.route_table_associations.pop(attachment.id, None)
        return attachment

    return detached


def attachment_interfaces(backend: Any, attachment: Any) -> list[Any]:
    """The interfaces of an attachment, one in each of its subnets."""
    words = _described(attachment)
    return [each for each in list(backend.enis.values()) if each.description == words]


def _described(attachment: Any) -> str:
    return f"Network Interface for Transit Gateway Attachment {attachment.id}"


def _equip(backend: Any, attachment: Any) -> None:
    """An interface in each of the attachment's subnets, and in no other."""
    there = {each.subnet.id: each for each in attachment_interfaces(backend, attachment)}
    for subnet, eni in there.items():
        if subnet not in attachment.subnet_ids:
            backend.delete_network_interface(eni.id)
    for subnet in attachment.subnet_ids:
        if subnet not in there:
            managed_interface(backend, backend.get_subnet(subnet), "transit_gateway", _described(attachment))


def _with_twins(describe: Callable[..., Any]) -> Callable[..., Any]:
    """A peering of two gateways of one account and Region is an attachment of both, by one id."""

    def described(
        backend: Any, transit_gateways_attachment_ids: list[str] | None = None, filters: Any = None
    ) -> list[Any]:
        found = list(describe(backend, transit_gateways_attachment_ids, filters))
        for each in list(backend.transit_gateway_attachments.values()):
            wanted = not transit_gateways_attachment_ids or each.id in transit_gateways_attachment_ids
            is_peering = each.resource_type == "peering" and each.resource_id in backend.transit_gateways
            if is_peering and wanted and _names(filters, each.resource_id):
                found.append(_twin(backend, each))
        return found

    return described


def _names(filters: Any, transit: str) -> bool:
    """Do filters let a gateway's attachments through? Only those by gateway are known of twins."""
    return not filters or (set(filters) == {"transit-gateway-id"} and transit in filters["transit-gateway-id"])


def _twin(backend: Any, attachment: Any) -> Any:
    """The attachment as the accepter's gateway has it."""
    found = copy(attachment)
    found.transit_gateway_id, found.resource_id = attachment.resource_id, attachment.transit_gateway_id
    found.transit_gateway_route_table = backend.transit_gateways[found.transit_gateway_id].default_route_table
    return found


def _translating(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The NAT gateway's interface has the address that was asked for, or one of its subnet."""

    def made(response: Any) -> Any:
        before = set(response.ec2_backend.nat_gateways)
        answer = create(response)
        for identity in set(response.ec2_backend.nat_gateways) - before:
            nat = response.ec2_backend.nat_gateways[identity]
            eni = nat._eni
            address = response._get_param("PrivateIpAddress") or last_free_address(eni.subnet)
            eni.description = f"Interface for NAT Gateway {identity}"
            eni.private_ip_address = nat.private_ip = address
            eni.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
            nat.address_set[0] |= {"privateIp": address, "isPrimary": True}
            manage(eni, "nat_gateway")
        return answer

    return made


def _with_icmp(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """moto asks for the ICMP type by a name that a request does not have."""

    def answered(response: Any) -> Any:
        ask = response._get_param
        response._get_param = lambda name, *default: ask(name.replace("Icmp.", "IcmpTypeCode."), *default)
        return answer(response)

    return answered


def _ending(create: Callable[..., Any]) -> Callable[..., Any]:
    """Every ACL ends with an entry that denies the rest; the default one lets IPv6 through where its VPC has it."""

    def created(backend: Any, vpc_id: str, *rest: Any, **more: Any) -> Any:
        acl = create(backend, vpc_id, *rest, **more)
        has_v6 = bool(backend.get_vpc(vpc_id).get_cidr_block_association_set(ipv6=True))
        for is_egress in _WAYS:
            if not acl.default:
                _add(backend, acl, (_LAST, "deny", is_egress, "0.0.0.0/0", None))
            if has_v6:
                if acl.default:
                    _add(backend, acl, (101, "allow", is_egress, None, "::/0"))
                _add(backend, acl, (_LAST6, "deny", is_egress, None, "::/0"))
        return acl

    return created


def _add(backend: Any, acl: Any, entry: tuple[int, str, bool, str | None, str | None]) -> None:
    number, action, is_egress, v4, v6 = entry
    rest = {"icmp_code": None, "icmp_type": None, "port_range_from": None, "port_range_to": None}
    backend.create_network_acl_entry(acl.id, number, "-1", action, is_egress, v4, ipv6_cidr_block=v6, **rest)


def _with_blocks(told: Callable[[Any], dict[str, Any]], side: str) -> Callable[[Any], dict[str, Any]]:
    """Both families' networks of a peering's side."""

    def info(peering: Any) -> dict[str, Any]:
        vpc = peering.vpc if side == "requester" else peering.peer_vpc
        v4, v6 = _blocks(vpc, False), _blocks(vpc, True)
        return {
            **told(peering),
            "CidrBlockSet": [{"CidrBlock": each} for each in v4],
            "Ipv6CidrBlockSet": [{"Ipv6CidrBlock": each} for each in v6],
        }

    return info


def _blocks(vpc: Any, is_v6: bool) -> Iterable[str]:
    return [each["cidr_block"] for each in vpc.get_cidr_block_association_set(ipv6=is_v6)]
