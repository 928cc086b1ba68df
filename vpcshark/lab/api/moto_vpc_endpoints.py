"""VPC endpoints as EC2 has them and moto does not: a gateway endpoint's routes come and go with its route tables.

Changes moto for the whole process. Source: AWS PrivateLink guide, "Gateway endpoints". Must not know any data plane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import EC2Backend

_DONE = "_vpcshark_vpc_endpoints"
_GATEWAY = "Gateway"


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
        return endpoint

    return created


def _modifying(modify: Callable[..., Any]) -> Callable[..., Any]:
    def modified(backend: Any, vpc_id: str, **more: Any) -> Any:
        endpoint = backend.get_vpc_end_point(vpc_id)
        before = list(endpoint.route_table_ids)
        answer = modify(backend, vpc_id, **more)
        if endpoint.vpc_endpoint_type == _GATEWAY:
            _route(backend, endpoint, before)
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
