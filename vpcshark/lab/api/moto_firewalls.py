"""Reads from moto what decides about packets at each ENI of a VPC that has flow logs, and which addresses are its own.

Must not know who enforces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from moto.ec2.models import ec2_backends

from vpcshark.lab.api import moto_guards
from vpcshark.lab.api.moto_ec2 import TURN
from vpcshark.lab.firewalls import Firewall


def firewalls(is_everywhere: bool = False) -> list[Firewall]:
    """Of all ENIs of each VPC in which a flow log covers something (``is_everywhere``: of each VPC)."""
    with TURN:
        return [
            _of(backend, eni, eni.id in logged)
            for regions in list(ec2_backends.values())
            for backend in list(regions.values())
            for vpc, enis in _by_vpc(backend).items()
            for logged in [{eni.id for eni in enis if _is_covered(backend, eni)}]
            for eni in enis
            if logged or is_everywhere
        ]


def checked() -> dict[str, tuple[str, ...]]:
    """The ENIs that send from their own addresses alone (SourceDestCheck), each with these."""
    with TURN:
        return {
            eni.id: tuple(_own(eni))
            for regions in list(ec2_backends.values())
            for backend in list(regions.values())
            for eni in list(backend.enis.values())
            if str(eni.source_dest_check).lower() == "true"
        }


def _own(eni: Any) -> Iterator[str]:
    """One in a subnet without IPv4 has no private address."""
    private = (eni.private_ip_address, *(each["PrivateIpAddress"] for each in eni.private_ip_addresses))
    yield from dict.fromkeys(filter(None, private))
    yield from (each if isinstance(each, str) else each["Ipv6Address"] for each in eni.ipv6_addresses)


def _by_vpc(backend: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for eni in list(backend.enis.values()):
        found.setdefault(eni.subnet.vpc_id, []).append(eni)
    return found


def _is_covered(backend: Any, eni: Any) -> bool:
    mine = {eni.id, eni.subnet.id, eni.subnet.vpc_id}
    return any(
        each.resource_id in mine and each.flow_log_status == "ACTIVE" for each in list(backend.flow_logs.values())
    )


def _of(backend: Any, eni: Any, is_logged: bool) -> Firewall:
    near = tuple(_near(eni.subnet))
    routers = tuple(f"{ip_network(block)[1]}" for block in near)
    return Firewall(
        eni.id,
        near,
        routers,
        tuple(moto_guards.acl(backend, eni.subnet.id, is_egress=False)),
        tuple(moto_guards.acl(backend, eni.subnet.id, is_egress=True)),
        tuple(sorted(moto_guards.rules(backend, eni), key=repr)),  # moto keeps groups in no order
        tuple(sorted(moto_guards.rules(backend, eni, is_egress=True), key=repr)),
        tuple(_lost(backend, eni.subnet)),
        is_logged,
    )


def _near(subnet: Any) -> Iterator[str]:
    if subnet.cidr_block:
        yield subnet.cidr_block
    for each in subnet.ipv6_cidr_block_associations.values():
        yield each["ipv6CidrBlock"]


def _lost(backend: Any, subnet: Any) -> Iterator[str]:
    """What the table says leads nowhere any more: a route that is chosen drops, no shorter one takes its place."""
    for route in moto_guards.table_of(backend, subnet).routes:
        block = route.destination_cidr_block or route.destination_ipv6_cidr_block
        if block and route.state == "blackhole":
            yield str(ip_network(block, strict=False))
