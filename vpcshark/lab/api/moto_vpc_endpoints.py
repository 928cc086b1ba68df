"""VPC endpoints as EC2 has them and moto does not: a gateway endpoint's routes come and go with its route tables;
an interface endpoint has an interface in each of its subnets, with an address of it and the groups that were asked for.

Changes moto for the whole process. Sources: AWS PrivateLink guide, "Gateway endpoints" and "Interface endpoints";
describe answers of real accounts. Must not know any data plane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import EC2Backend

from vpcshark.lab.api.moto_enis import last_free_address

_DONE = "_vpcshark_vpc_endpoints"
_GATEWAY, _INTERFACE = "Gateway", "Interface"


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    if hasattr(EC2Backend, _DONE):
        return
    setattr(EC2Backend, _DONE, True)
    EC2Backend.create_vpc_endpoint = _creating(EC2Backend.create_vpc_endpoint)
    EC2Backend.modify_vpc_endpoint = _modifying(EC2Backend.modify_vpc_endpoint)


def _creating(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(backend: Any, *rest: Any, **more: Any) -> Any:
        endpoint = create(backend, *rest, **more)
        endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or _GATEWAY
        if endpoint.vpc_endpoint_type == _INTERFACE:
            for identity in endpoint.network_interface_ids:
                del backend.enis[identity]
            endpoint.network_interface_ids = []
            _equip(backend, endpoint)
        return endpoint

    return created


def _modifying(modify: Callable[..., Any]) -> Callable[..., Any]:
    def modified(backend: Any, vpc_id: str, **more: Any) -> Any:
        endpoint = backend.get_vpc_end_point(vpc_id)
        before = list(endpoint.route_table_ids)
        answer = modify(backend, vpc_id, **more)
        if endpoint.vpc_endpoint_type == _GATEWAY:
            _route(backend, endpoint, before)
        elif endpoint.vpc_endpoint_type == _INTERFACE:
            _equip(backend, endpoint)
        return answer

    return modified


def _route(backend: Any, endpoint: Any, before: list[str]) -> None:
    """A route to its service in each of its tables, and in no other that it had."""
    listed = {"destination_prefix_list_id": endpoint.destination_prefix_list_id}
    for table in before:
        if table not in endpoint.route_table_ids:
            backend.delete_route(table, None, **listed)
    for table in endpoint.route_table_ids:
        if table not in before:
            backend.create_route(table, None, gateway_id=endpoint.id, **listed)


def _equip(backend: Any, endpoint: Any) -> None:
    """An interface in each of its subnets, and in no other; all have its groups, the VPC's default one without any."""
    there = {backend.enis[each].subnet.id: backend.enis[each] for each in endpoint.network_interface_ids}
    for subnet in there.keys() - set(endpoint.subnet_ids):
        del backend.enis[there.pop(subnet).id]
    for subnet in endpoint.subnet_ids:
        if subnet not in there:
            there[subnet] = _interface(backend, endpoint, backend.get_subnet(subnet))
    asked = [backend.get_security_group_from_id(each) for each in endpoint.security_group_ids]
    for eni in there.values():
        eni._group_set = asked or [backend.get_default_security_group(endpoint.vpc_id)]
    endpoint.network_interface_ids = [each.id for each in there.values()]


def _interface(backend: Any, endpoint: Any, subnet: Any) -> Any:
    words = f"VPC Endpoint Interface {endpoint.id}"
    eni = backend.create_network_interface(subnet, last_free_address(subnet), description=words)
    eni.interface_type, eni.status, eni.requester_managed = "vpc_endpoint", "in-use", True
    return eni
