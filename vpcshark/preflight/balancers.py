"""Targets that are no ENI: a Network Load Balancer, a Gateway Load Balancer endpoint, as describes show them. Pure.

https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-targets.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vpcshark.preflight import groups
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command, not_seen
from vpcshark.preflight.picture import Balancer, Listener, Picture, Registered
from vpcshark.traffic_mirroring import VXLAN_PORT

_UDP = ("UDP", "TCP_UDP")


def balancer(picture: Picture) -> Iterator[Finding]:
    """A listener for UDP 4789, healthy hosts behind it, cross-zone balancing, security groups."""
    found = picture.balancer
    if found is None:
        if "load balancer" in picture.unknown:
            yield not_seen("balancer", "", picture.unknown["load balancer"], "The load balancer is not known.")
        return
    if found.state not in ("active", "provisioning"):
        yield Finding("balancer", FAIL, found.arn, f"The load balancer {found.name} is {found.state}.")
    listener = next((x for x in found.listeners if x.protocol in _UDP and x.port == VXLAN_PORT), None)
    if listener is None:
        yield _unheard(picture, found)
    else:
        yield from _behind(picture, found, listener)
    if found.groups:
        yield groups.verdict(picture, found.groups, found.arn, found.vpc)


def _unheard(picture: Picture, found: Balancer) -> Finding:
    near = next((x for x in found.listeners if x.port == VXLAN_PORT), None) or next(iter(found.listeners), None)
    group = near.target_group if near is not None else ""
    return Finding(
        "balancer",
        FAIL,
        found.arn,
        f"The load balancer {found.name} has no listener for UDP {VXLAN_PORT}, so AWS drops the copies silently.",
        rule=near.id if near is not None else "",
        command=command(
            picture,
            "elbv2",
            "create-listener",
            load_balancer_arn=found.arn,
            protocol="UDP",
            port=VXLAN_PORT,
            default_actions=f"Type=forward,TargetGroupArn={group or 'TARGET_GROUP'}",
        ),
    )


def _behind(picture: Picture, found: Balancer, listener: Listener) -> Iterator[Finding]:
    healthy = [host for host in listener.registered if host.health == "healthy"]
    group = listener.target_group
    if not healthy:
        why = ", ".join(f"{host.id} is {host.health}" for host in listener.registered) or "none is registered"
        yield Finding(
            "balancer",
            FAIL,
            group or listener.id,
            f"The load balancer {found.name} has no healthy host for UDP {VXLAN_PORT}: {why}.",
            command=command(picture, "elbv2", "describe-target-health", target_group_arn=group)
            if listener.registered
            else command(picture, "elbv2", "register-targets", target_group_arn=group, targets="Id=INSTANCE"),
        )
        return
    for host in listener.registered:
        if host.health != "healthy":
            yield Finding(
                "balancer",
                WARN,
                group,
                f"{host.id} behind {found.name} is {host.health}, so it receives nothing.",
                rule=host.id,
                command=command(picture, "elbv2", "describe-target-health", target_group_arn=group),
            )
    yield _across_zones(picture, found, healthy)


def _across_zones(picture: Picture, found: Balancer, healthy: Sequence[Registered]) -> Finding:
    zones = {host.az for host in healthy if host.az}
    if not found.is_cross_zone and set(found.zones) - zones:
        empty = ", ".join(sorted(set(found.zones) - zones))
        return Finding(
            "balancer",
            WARN,
            found.arn,
            f"Cross-zone balancing of {found.name} is off, and {empty} has no healthy host, so copies that "
            "enter there are lost.",
            rule="load_balancing.cross_zone.enabled",
            command=command(
                picture,
                "elbv2",
                "modify-load-balancer-attributes",
                load_balancer_arn=found.arn,
                attributes="Key=load_balancing.cross_zone.enabled,Value=true",
            ),
        )
    return Finding("balancer", OK, found.arn, f"{found.name} sends UDP {VXLAN_PORT} to {len(healthy)} healthy hosts.")


def endpoint(picture: Picture) -> Iterator[Finding]:
    """Is the endpoint one of a Gateway Load Balancer, and available? What is behind it belongs to its provider."""
    found = picture.endpoint
    if found is None:
        return
    if found.kind != "GatewayLoadBalancer":
        yield Finding(
            "endpoint", FAIL, found.id, f"{found.id} is an endpoint of the type {found.kind}, which is no target."
        )
    elif found.state.lower() != "available":
        yield Finding("endpoint", FAIL, found.id, f"The endpoint {found.id} is {found.state}.")
    elif found.vpc != picture.source.vpc:
        yield Finding(
            "endpoint",
            WARN,
            found.id,
            f"{found.id} is in {found.vpc} and the source in {picture.source.vpc}; the way there is not looked at.",
        )
    else:
        yield Finding("endpoint", OK, found.id, f"The endpoint {found.id} is available.")
