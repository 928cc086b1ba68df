"""What a load balancer sends its traffic to. Its own ENIs are AWS's and cannot be mirrored; its targets' can.

https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-network-limitations.html (Sources). Must not know
which ENIs the targets have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.balancing import load_balancers
from vpcshark.aws.errors import mapped
from vpcshark.aws.paging import pages

_SERVICE = "elasticloadbalancing"
_AT_ONCE = 8


@dataclass(frozen=True)
class Registered:
    """A registered target: exactly one of ``instance`` (its id) and ``address`` (within ``vpc``) is not ""."""

    instance: str = ""
    address: str = ""
    vpc: str = ""


def registered(elbv2: Any, name: str) -> list[Registered]:
    """The targets of every target group of the load balancer ``name`` (Network, Application or Gateway), healthy or
    not; those of an Application Load Balancer that is itself a target in its place. Mistake if there is no such load
    balancer; AwsError."""
    return list(dict.fromkeys(_behind(elbv2, load_balancers.arn_of(elbv2, name))))


def _behind(elbv2: Any, balancer: str) -> Iterator[Registered]:
    with mapped("list the target groups", service=_SERVICE):
        groups = list(pages(elbv2, "describe_target_groups", "TargetGroups", LoadBalancerArn=balancer))
    listed = threads.together([partial(_targets, elbv2, group["TargetGroupArn"]) for group in groups], _AT_ONCE)
    for group, targets in zip(groups, listed, strict=True):
        for target in targets:
            if group.get("TargetType") == "alb":
                yield from _behind(elbv2, target)
            elif group.get("TargetType") != "lambda":
                yield _one(group, target)


def _targets(elbv2: Any, group: str) -> list[str]:
    with mapped("list the targets of a load balancer", service=_SERVICE):
        answer = elbv2.describe_target_health(TargetGroupArn=group)
    return [str(one["Target"]["Id"]) for one in answer["TargetHealthDescriptions"]]


def _one(group: Mapping[str, Any], target: str) -> Registered:
    if group.get("TargetType") == "ip":
        return Registered(address=target, vpc=group.get("VpcId", ""))
    return Registered(instance=target)
