"""Can the target take it: the capture host's state, its number of sources, availability zone and bandwidth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, attaching, starting
from vpcshark.preflight.picture import Interface, Picture
from vpcshark.text import many


class OfTarget(Protocol):
    """A mirror session, as far as its target is concerned."""

    @property
    def source(self) -> str: ...

    @property
    def target(self) -> str: ...


def sources_at(mirror_target: str, sessions: Iterable[OfTarget]) -> set[str]:
    """The ENIs that a mirror target has as sources already; one that is to be made ("") has none.

    AWS words the quota as "sources per target", and the target is the mirror resource: we take another one on the same
    ENI not to count. No page says so; where AWS counts otherwise it refuses the session, and says why."""
    return {session.source for session in sessions if mirror_target and session.target == mirror_target}


def state(picture: Picture) -> Iterator[Finding]:
    """Is the capture host there, and does it run?"""
    target = picture.target
    if target is None:
        if picture.balancer is None and picture.endpoint is None:
            yield Finding(
                "target",
                WARN,
                "",
                "The target cannot be seen in this account, so its security groups, routes and state are not known.",
            )
        return
    if target.kind != "interface":
        yield Finding("target", FAIL, target.id, f"{target.id} is of the type {target.kind}, which cannot be a target.")
    elif target.attachment != "attached":
        yield Finding(
            "target",
            FAIL,
            target.id,
            f"The target {target.id} is attached to no instance, so nobody receives.",
            command=attaching(picture, target.id),
        )
    elif target.instance_state not in ("running", ""):
        yield Finding(
            "target",
            FAIL,
            target.instance,
            f"The capture host {target.instance} is {target.instance_state}, so nobody receives.",
            command=starting(picture, target.instance),
        )
    elif not target.address:
        yield Finding(
            "target",
            WARN,
            target.id,
            f"The target {target.id} has no private IPv4 address; the way to its IPv6 address is not looked at.",
        )
    else:
        yield Finding("target", OK, target.id, f"The capture host {target.instance} runs.")


def sources(picture: Picture) -> Iterator[Finding]:
    """How many sources a target may have depends on its instance type."""
    target = picture.target
    if target is None or "sessions" in picture.unknown:
        return
    others = sources_at(picture.plan.mirror_target, picture.sessions) - {picture.source.id}
    most, what = target.most_sources, picture.plan.mirror_target or "The capture's mirror target"
    if len(others) >= most:
        yield Finding(
            "sources",
            FAIL,
            target.id,
            f"{what} has {many(len(others), 'source')}, and one on a {target.instance_type or 'host'} may have {most}; "
            "choose another capture host.",
        )
    else:
        yield Finding("sources", OK, target.id, f"{what} on {target.id} has {len(others)} of {many(most, 'source')}.")


def zone(picture: Picture) -> Iterator[Finding]:
    """The same availability zone, or what the way to another one costs."""
    source, target, plan = picture.source, picture.target, picture.plan
    if target is None or not source.az or not target.az:
        return
    if source.az == target.az:
        yield Finding("zone", OK, target.az, f"Source and target are both in {source.az}; the way costs nothing.")
        return
    price = (
        f" That costs about {plan.zone_gb:.2f} USD per GB of mirrored traffic (as of {plan.priced})."
        if plan.priced
        else ""
    )
    yield Finding(
        "zone",
        WARN,
        target.az,
        f"The source is in {source.az} and the target in {target.az}.{price} A capture host in {source.az} is cheaper.",
    )


def bandwidth(picture: Picture) -> Iterator[Finding]:
    """Mirrored bytes count against the source's bandwidth, and go first where it is short: a note, not a fault."""
    source = picture.source
    speed = picture.bandwidth.get(source.instance_type, "")
    if not speed:
        return
    target = picture.target
    end = _speed(picture, target) if target is not None else ""
    yield Finding(
        "bandwidth",
        OK,
        source.instance,
        f"Copies count against the bandwidth of {source.instance_type} ({speed}){end}; where it is short, AWS drops "
        "the copies first.",
    )


def _speed(picture: Picture, target: Interface) -> str:
    speed = picture.bandwidth.get(target.instance_type, "")
    return f" and of the target's {target.instance_type} ({speed})" if speed else ""


def cost(picture: Picture) -> Iterator[Finding]:
    """What AWS takes for the session, and for a host that is launched for it."""
    plan = picture.plan
    if plan.priced:
        hourly = f" about {plan.host_hour:.3f} USD" if plan.host_hour else ", at a price that is not known here"
        host = f" The host, a {plan.host_type}, costs{hourly} per hour until it ends." if plan.host_type else ""
        yield Finding(
            "cost",
            OK,
            picture.source.id,
            f"A session costs about {plan.session_hour:.3f} USD per hour (as of {plan.priced}), plus data transfer."
            + host,
        )
