"""All checks in the order of the packets' way. Pure."""

from __future__ import annotations

from vpcshark.preflight import acls, balancers, frames, groups, rights, routes, source, target
from vpcshark.preflight.finding import Finding
from vpcshark.preflight.picture import Picture

CHECKS = (
    source.kind,
    source.is_no_target,
    source.instance_type,
    source.sessions,
    target.state,
    balancers.balancer,
    balancers.endpoint,
    target.sources,
    routes.route,
    acls.acls,
    groups.groups,
    frames.mtu,
    target.zone,
    target.bandwidth,
    target.cost,
    rights.permissions,
)


def examine(picture: Picture) -> list[Finding]:
    """Everything that there is to say about a capture that has not begun."""
    return [finding for check in CHECKS for finding in check(picture)]
