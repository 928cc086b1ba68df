"""A fleet's load balancer and endpoint, as AWS says them, in preflight's terms. Pure: data in, data out."""

from __future__ import annotations

from vpcshark.aws.balancing import facts
from vpcshark.preflight import picture


def balancer(found: facts.Balancer | None) -> picture.Balancer | None:
    """The load balancer with its listeners; None for none."""
    if found is None:
        return None
    return picture.Balancer(
        arn=found.arn,
        name=found.name,
        vpc=found.vpc,
        kind=found.kind,
        state=found.state,
        is_cross_zone=found.is_cross_zone,
        zones=found.zones,
        groups=found.groups,
        listeners=tuple(map(_listener, found.listeners)),
    )


def endpoint(found: facts.Endpoint | None) -> picture.Endpoint | None:
    """The endpoint; None for none."""
    if found is None:
        return None
    return picture.Endpoint(found.id, found.kind, found.vpc, found.state, found.subnets, found.service)


def _listener(found: facts.Listener) -> picture.Listener:
    members = tuple(picture.Registered(one.id, one.az, one.health, one.reason, one.port) for one in found.registered)
    return picture.Listener(found.id, found.protocol, found.port, found.target_group, members)
