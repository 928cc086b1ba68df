"""Where moto's routes and transit gateways say less than EC2: blackholes, associations, what a route table leads to.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SearchTransitGatewayRoutes.html. Changes moto for the whole
process. Must not know Traffic Mirroring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.route_tables import Route
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.transit_gateway_attachments import TransitGatewayAttachment
from moto.ec2.models.transit_gateway_route_tables import TransitGatewayRelations
from moto.ec2.responses.transit_gateway_route_tables import TransitGatewayRouteTable

_LEFT = "vpcshark_left_its_table"
_GONE = ("deleted", "deleting", "rejected", "failed", "expired")
_disassociate = EC2Backend.disassociate_transit_gateway_route_table
_filter_value = NetworkInterface.get_filter_value


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    Route.state = property(_state)
    Subnet.ipv6_cidr_block_association_set = property(_ipv6_blocks)
    NetworkInterface.get_filter_value = _interface_value
    TransitGatewayAttachment.association = property(_association)
    EC2Backend.disassociate_transit_gateway_route_table = _leave
    TransitGatewayRouteTable.search_transit_gateway_routes = _search
    TransitGatewayRouteTable.replace_transit_gateway_route = TransitGatewayRouteTable.create_transit_gateway_route


def _ipv6_blocks(subnet: Any) -> list[dict[str, Any]]:
    """With a state that is a word; moto's is a mapping of one."""
    return [
        {"ipv6CidrBlock": each["ipv6CidrBlock"], "associationId": each["associationId"], "ipv6CidrBlockState": state}
        for each in subnet.ipv6_cidr_block_associations.values()
        if (state := each["ipv6CidrBlockState"])["State"] == "associated"
    ]


def _interface_value(interface: Any, name: str, method: str | None = None) -> Any:
    """The value of a filter of DescribeNetworkInterfaces; moto knows neither types nor public and IPv6 addresses, and
    of the private ones the first alone."""
    if name == "interface-type":
        return interface.interface_type
    if name in ("addresses.association.public-ip", "association.public-ip"):
        return interface.public_ip or ""
    if name == "ipv6-addresses.ipv6-address":
        return [each if isinstance(each, str) else each.get("Ipv6Address") for each in interface.ipv6_addresses]
    if name == "addresses.private-ip-address":
        return [each.get("PrivateIpAddress") for each in interface.private_ip_addresses]
    return _filter_value(interface, name, method)


def _state(route: Any) -> str:
    """ "blackhole" where what the route leads to is gone: a peering, a transit gateway's attachment, an instance."""
    if route.vpc_pcx is not None and route.vpc_pcx.status["Code"] in _GONE:
        return "blackhole"
    if route.transit_gateway is not None and not _is_attached(route):
        return "blackhole"
    if route.instance is not None and route.instance.state != "running":
        return "blackhole"
    if route.interface is not None and not _is_running(route.interface):
        return "blackhole"
    return "active"


def _is_running(eni: Any) -> bool:
    """Is the interface attached to an instance that runs? AWS's own (a NAT gateway's) are to none that anybody sees."""
    return bool(eni.requester_managed) or (eni.instance is not None and eni.instance.state == "running")


def _is_attached(route: Any) -> bool:
    backend = route.route_table.ec2_backend
    return any(
        attachment.transit_gateway_id == route.transit_gateway.id
        and attachment.resource_id == route.route_table.vpc_id
        and attachment.state not in _GONE
        for attachment in backend.transit_gateway_attachments.values()
    )


def _association(attachment: Any) -> dict[str, str] | None:
    """The table that it was associated with last; the default one, unless it left that."""
    backend = attachment.ec2_backend
    tables = [
        table.id
        for table in backend.transit_gateways_route_tables.values()
        if attachment.id in table.route_table_associations
        and table.state != "deleted"
        and table.transit_gateway_id == attachment.transit_gateway_id
    ]
    default = attachment.transit_gateway_route_table
    if not tables and default and not getattr(attachment, _LEFT, False):
        tables = [default.id]
    if attachment.state != "available" or not tables:
        return None
    return {"State": "associated", "TransitGatewayRouteTableId": tables[-1]}


def _leave(backend: Any, tgw_attach_id: str, tgw_rt_id: str) -> Any:
    """An attachment has one table at most; moto keeps the default one beside that which was asked for."""
    setattr(backend.transit_gateway_attachments[tgw_attach_id], _LEFT, True)
    mine = backend.transit_gateways_route_tables[tgw_rt_id].transit_gateway_id
    for table in backend.transit_gateways_route_tables.values():
        if table.id != tgw_rt_id and table.transit_gateway_id == mine:
            table.route_table_associations.pop(tgw_attach_id, None)
    if tgw_attach_id in backend.transit_gateway_associations:
        return _disassociate(backend, tgw_attach_id, tgw_rt_id)
    return TransitGatewayRelations(backend, tgw_attach_id, tgw_rt_id, state="disassociated")


def _search(response: Any) -> ActionResult:
    backend = response.ec2_backend
    table = backend.transit_gateways_route_tables.get(response._get_param("TransitGatewayRouteTableId"))
    filters = response._filters_from_querystring()
    found = list(_matching(transit_routes(backend, table), filters)) if table else []
    return ActionResult({"Routes": found, "AdditionalRoutesAvailable": False})


def leave_default_table(attachment: Any) -> None:
    """It was not asked into its gateway's default table."""
    setattr(attachment, _LEFT, True)
    for table in attachment.ec2_backend.transit_gateways_route_tables.values():
        table.route_table_associations.pop(attachment.id, None)


def transit_routes(backend: Any, table: Any) -> list[dict[str, Any]]:
    """Static routes, and one per block of each VPC whose attachment is propagated."""
    static = [_described(backend, route) for route in table.routes.values()]
    taken = {route["DestinationCidrBlock"] for route in static}
    propagated = [
        {
            "DestinationCidrBlock": block,
            "State": "active",
            "Type": "propagated",
            "TransitGatewayAttachments": [_attachment(backend, each.transitGatewayAttachmentId)],
        }
        for each in table.route_table_propagation
        for block in _blocks(backend, each)
        if block not in taken
    ]
    return static + propagated


def _described(backend: Any, route: Mapping[str, Any]) -> dict[str, Any]:
    described = {
        "DestinationCidrBlock": route["destinationCidrBlock"],
        "State": route["state"],
        "Type": route["type"],
    }
    kept = (route.get("transitGatewayAttachments") or {}).get("transitGatewayAttachmentId", "")
    if not kept:
        return described
    if kept not in backend.transit_gateway_attachments or backend.transit_gateway_attachments[kept].state in _GONE:
        return {**described, "State": "blackhole"}
    return {**described, "TransitGatewayAttachments": [_attachment(backend, kept)]}


def _attachment(backend: Any, identity: str) -> dict[str, str]:
    attachment = backend.transit_gateway_attachments[identity]
    return {
        "TransitGatewayAttachmentId": identity,
        "ResourceId": attachment.resource_id,
        "ResourceType": attachment.resource_type,
    }


def _blocks(backend: Any, propagation: Any) -> list[str]:
    """What a VPC's attachment propagates; IPv6 where it carries that."""
    attachment = backend.transit_gateway_attachments.get(propagation.transitGatewayAttachmentId)
    if attachment is None or attachment.resource_type != "vpc" or attachment.state in _GONE:
        return []
    vpc, options = backend.get_vpc(propagation.resourceId), getattr(attachment, "options", {})
    rows = list(vpc.get_cidr_block_association_set())
    rows += vpc.get_cidr_block_association_set(ipv6=True) if options.get("Ipv6Support") == "enable" else []
    return [block["cidr_block"] for block in rows]


def _matching(routes: Iterable[dict[str, Any]], filters: Mapping[str, list[str]]) -> Iterable[dict[str, Any]]:
    tests: Mapping[str, Callable[[dict[str, Any], str], bool]] = {
        "state": lambda route, value: route["State"] == value,
        "type": lambda route, value: route["Type"] == value,
        "route-search.exact-match": lambda route, value: route["DestinationCidrBlock"] == value,
        "route-search.supernet-of-match": lambda route, value: _holds(route["DestinationCidrBlock"], value),
        "route-search.subnet-of-match": lambda route, value: _holds(value, route["DestinationCidrBlock"]),
    }
    for route in routes:
        if all(any(tests[name](route, value) for value in values) for name, values in filters.items()):
            yield route


def _holds(larger: str, smaller: str) -> bool:
    one, other = ip_network(larger), ip_network(smaller)
    return one.version == other.version and bool(one.supernet_of(other))  # type: ignore[arg-type]
