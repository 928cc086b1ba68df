"""Instances and security groups as EC2's eventual consistency shows them: known and listed some time after the create.

What ``lag`` says holds also for what moto keeps. Changes moto for the whole process. Must not know Traffic Mirroring.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.security_groups import SecurityGroups

from vpcshark.lab.api.lag import LAG

_create_group = EC2Backend.create_security_group
_instances, _groups = InstanceResponse.describe_instances, SecurityGroups.describe_security_groups


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    EC2Backend.create_security_group = _create
    InstanceResponse.describe_instances = _describe_instances
    SecurityGroups.describe_security_groups = _describe_groups


def _create(backend: Any, *arguments: Any, **more: Any) -> Any:
    group = _create_group(backend, *arguments, **more)
    LAG.born(group.id)
    return group


def _describe_instances(response: Any) -> ActionResult:
    answer = _instances(response)
    shown = [one for one in answer.result["Reservations"] if all(LAG.is_shown(each.id) for each in one.instances)]
    return ActionResult({**answer.result, "Reservations": shown})


def _describe_groups(response: Any) -> ActionResult:
    answer = _groups(response)
    shown = [group for group in answer.result["SecurityGroups"] if LAG.is_shown(group.id)]
    return ActionResult({**answer.result, "SecurityGroups": shown})
