"""Reads from moto who receives behind a load balancer: the ENIs of what is registered and healthy; and gives load
balancers the ARNs of their type, which moto does not.

Must not know Traffic Mirroring, nor who sends there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.elbv2 import models
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from vpcshark.lab.cloud import Listener
from vpcshark.lab.model import VXLAN_PORT

_UDP = ("UDP", "TCP_UDP")
_WORDS = {"network": "net", "gateway": "gwy"}  # in an ARN, for a type; else "app"
_create, _arn = ELBv2Backend.create_load_balancer, models.make_arn_for_load_balancer
_create_listener = ELBv2Backend.create_listener


def install() -> None:
    """Put the ARNs into moto, and leave out the protocol of a listener that was given none: a Gateway Load Balancer's
    can't have one (API reference, CreateListener), and moto calls it "". Doing it again changes nothing."""
    ELBv2Backend.create_load_balancer = _create_of_type
    ELBv2Backend.create_listener = _create_listener_of_protocol


def _create_listener_of_protocol(backend: Any, *arguments: Any, **more: Any) -> Any:
    listener = _create_listener(backend, *arguments, **more)
    listener.protocol = listener.protocol or None
    return listener


def _create_of_type(backend: Any, *arguments: Any, loadbalancer_type: str | None = None, **more: Any) -> Any:
    word = _WORDS.get(loadbalancer_type or "", "app")
    models.make_arn_for_load_balancer = lambda **named: _arn(**named).replace("/app/", f"/{word}/", 1)
    return _create(backend, *arguments, loadbalancer_type=loadbalancer_type, **more)


def has_balancer(backend: Any, arn: str) -> bool:
    """Is there such a load balancer? One of another account counts as there: what others share, only they see."""
    if arn.split(":")[4] != backend.account_id:
        return True
    return arn in elbv2_backends[backend.account_id][backend.region_name].load_balancers


def behind_balancer(backend: Any, arn: str) -> tuple[str, ...]:
    """Those that a Network Load Balancer's listener for UDP 4789 forwards to; none if there is none."""
    return _behind(backend, arn, lambda one: one.protocol in _UDP and int(one.port or 0) == VXLAN_PORT)


def behind_endpoint(backend: Any, endpoint: str) -> tuple[str, ...]:
    """Those of all listeners of the Gateway Load Balancers behind the endpoint's service."""
    found = backend.vpc_end_points.get(endpoint)
    identity = re.search(r"vpce-svc-[0-9a-f]+$", found.service_name) if found is not None else None
    service = backend.configurations.get(identity[0]) if identity else None
    arns = service.gateway_load_balancer_arns if service is not None else []
    return tuple(dict.fromkeys(eni for arn in arns for eni in _behind(backend, arn, lambda one: True)))


def _behind(backend: Any, arn: str, hears: Callable[[Any], bool]) -> tuple[str, ...]:
    balancers = elbv2_backends[backend.account_id][backend.region_name]
    balancer = balancers.load_balancers.get(arn)
    groups = [
        balancers.target_groups[group]
        for listener in (list(balancer.listeners.values()) if balancer is not None else [])
        if hears(listener)
        for group in _forwarded_to(listener)
        if group in balancers.target_groups
    ]
    return tuple(dict.fromkeys(eni for group in groups for eni in _healthy(backend, group)))


def _forwarded_to(listener: Any) -> Iterator[str]:
    for action in listener.default_actions:
        if action.data.get("TargetGroupArn"):
            yield action.data["TargetGroupArn"]
        for each in action.data.get("ForwardConfig", {}).get("TargetGroups", []):
            yield each["TargetGroupArn"]


def _healthy(backend: Any, group: Any) -> Iterator[str]:
    for target in list(group.targets.values()):
        if group.health_for(target, backend).status == "healthy":
            yield from _enis(backend, target["Id"], group.vpc_id)


def _enis(backend: Any, target: str, vpc: str) -> Iterator[str]:
    """An instance that is registered by its id is sent to at its primary interface."""
    for eni in list(backend.enis.values()):
        is_primary = eni.instance is not None and eni.instance.id == target and eni.device_index == 0
        has_address = target == eni.private_ip_address and eni.subnet.vpc_id == vpc
        if is_primary or has_address:
            yield eni.id


def network_balancers(backend: Any) -> dict[str, tuple[Listener, ...]]:
    """The tail of each Network Load Balancer's ARN -> its listeners, each with the addresses of its healthy targets."""
    balancers = elbv2_backends[backend.account_id][backend.region_name]
    found: dict[str, tuple[Listener, ...]] = {}
    for balancer in balancers.load_balancers.values():
        if balancer.type == "network":
            rows = [_listener(backend, balancers, balancer, each) for each in balancer.listeners.values()]
            found[balancer.arn.partition("loadbalancer/")[2]] = tuple(rows)
    return found


def _listener(backend: Any, balancers: Any, balancer: Any, listener: Any) -> Listener:
    groups = [balancers.target_groups[arn] for arn in _forwarded_to(listener) if arn in balancers.target_groups]
    registered, well = [], []
    for group in groups:
        for target in list(group.targets.values()):
            where = [_where(backend, eni, target) for eni in _enis(backend, target["Id"], group.vpc_id)]
            registered += where
            well += where if group.health_for(target, backend).status == "healthy" else []
    keeps = all(str(group.attributes.get("preserve_client_ip.enabled", "true")) == "true" for group in groups)
    crosses = balancer.attrs.get("load_balancing.cross_zone.enabled") == "true"
    protocol = "udp" if listener.protocol == "UDP" else "tcp"
    sent = tuple(dict.fromkeys(well or registered))  # where none is healthy, it sends to all
    return Listener(protocol, int(listener.port), sent, tuple(dict.fromkeys(registered)), keeps, crosses)


def _where(backend: Any, eni: str, target: Any) -> tuple[str, int]:
    return str(backend.enis[eni].private_ip_address), int(target["Port"])
