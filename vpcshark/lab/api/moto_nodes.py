"""Network Load Balancers as ELB has them and moto does not: an ARN of their kind, a node in each subnet, and the health
that checks have found.

Only while ``install(True)``: a lab whose packets don't pass the nodes has none. Changes moto for the whole process.
Source: Network Load Balancers guide, "Availability Zones" and "Health checks". Must not know who checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.elbv2.models import ELBv2Backend, FakeTargetGroup

from vpcshark.lab.api.moto_joints import managed_interface

Health = Mapping[tuple[str, int], bool]
_DONE = "_vpcshark_nodes"
_is_on = False
_health: Health = {}


def install(is_on: bool) -> None:
    """Make nodes from now on, or no more."""
    global _is_on, _health
    _is_on, _health = is_on, {}
    if not hasattr(ELBv2Backend, _DONE):
        setattr(ELBv2Backend, _DONE, True)
        ELBv2Backend.create_load_balancer = _creating(ELBv2Backend.create_load_balancer)
        ELBv2Backend.delete_load_balancer = _deleting(ELBv2Backend.delete_load_balancer)
        FakeTargetGroup.health_for = _checked(FakeTargetGroup.health_for)


def set_health(health: Health) -> None:
    """(private address, port) of each target that was checked -> whether it answered."""
    global _health
    _health = health


def _creating(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(backend: Any, *rest: Any, **more: Any) -> Any:
        balancer = create(backend, *rest, **more)
        if not _is_on or balancer.type != "network":
            return balancer
        del backend.load_balancers[balancer.arn]
        balancer.arn = balancer.arn.replace("/app/", "/net/")
        backend.load_balancers[balancer.arn] = balancer
        balancer.state = "active"
        for subnet in balancer.subnets:
            managed_interface(backend.ec2_backend, subnet, "network_load_balancer", _described(balancer.arn))
        return balancer

    return created


def _described(arn: str) -> str:
    return f"ELB {arn.partition('loadbalancer/')[2]}"


def _deleting(delete: Callable[..., Any]) -> Callable[..., Any]:
    def deleted(backend: Any, arn: str) -> Any:
        for eni in list(backend.ec2_backend.enis.values()):
            if eni.description == _described(arn):
                backend.ec2_backend.delete_network_interface(eni.id)
        return delete(backend, arn)

    return deleted


def _checked(told: Callable[..., Any]) -> Callable[..., Any]:
    """moto calls every target that runs healthy."""

    def health(group: Any, target: Any, ec2: Any) -> Any:
        found = told(group, target, ec2)
        if _is_on and found.status == "healthy":
            instance = ec2.get_instance_by_id(target["Id"])
            address = instance.private_ip if instance is not None else target["Id"]
            if not _health.get((str(address), int(found.port)), True):
                found.status, found.reason = "unhealthy", "Target.FailedHealthChecks"
                found.description = "Health checks failed"
        return found

    return health
