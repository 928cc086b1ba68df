"""The walk itself: from place to place, until it is there or nobody knows further.

Each kind of place has one function that says what happens to the packet and where it goes next; it may go several ways,
of which AWS takes one. A walk goes on past what blocks it, as far as that can be said. Must not know what a place does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from vpcshark.network import appliances, inside, internet, joints, places, transit
from vpcshark.network.decision import Unclear
from vpcshark.network.inside import Step
from vpcshark.network.trail import DROP, INTERNET, UNKNOWN, Context, Trail

MOST_STEPS = 64  # places on one way: some five networks one after the other
MOST_WAYS = 32  # that AWS may choose from

STEPS: Mapping[type, Callable[[Context, Trail, Any], Step]] = {
    places.Leaving: inside.leave,
    places.Departing: inside.depart,
    places.Routing: inside.route,
    places.Arriving: inside.arrive,
    places.IntoInterface: inside.enter,
    places.IntoNat: internet.into_nat,
    places.OutByGateway: internet.out,
    places.Outside: internet.outside,
    places.IntoMiddlebox: appliances.into_middlebox,
    places.IntoTransit: transit.come_in,
    places.InTransit: transit.look_up,
    places.OutOfTransit: transit.go_out,
    places.IntoPeering: joints.into_peering,
    places.IntoEndpoint: joints.into_endpoint,
    places.Beyond: joints.beyond,
}


def run(ctx: Context, trail: Trail, place: places.Place, shunned: tuple[type, ...] = ()) -> list[Trail]:
    """Every way that the packet may take from here. It is not followed into places that are ``shunned``: there is a hop
    that says so, and it goes on as after a block."""
    ways: list[tuple[Trail, places.Place | None, int]] = [(trail, place, 0)]  # the next one last
    done: list[Trail] = []
    while ways:
        trail, here, count = ways.pop()
        if here is None:
            done.append(trail)
            continue
        steps = _shun(ctx, trail, here) if isinstance(here, shunned) else _step(ctx, trail, here, count)
        ways += [(after, there, count + 1) for after, there in reversed(steps)]
        if len(ways) + len(done) > MOST_WAYS:
            ways = ways[-max(1, MOST_WAYS - len(done)) :]
    return done


def _shun(ctx: Context, trail: Trail, here: places.Place) -> Step:
    kind, resource = _named(here)
    said = "what comes there is not followed"
    return inside.as_if(ctx, trail.add(kind, resource, UNKNOWN, code="WALK_NOT_FOLLOWED", text=said))


def _step(ctx: Context, trail: Trail, here: places.Place, count: int) -> Step:
    visited = trail.visit((here, trail.packet))
    if count > MOST_STEPS or visited is None:
        said = "the packet comes back to where it was: a loop"
        kind, resource = trail.last if any(trail.last) else ("loop", "")
        return [(trail.add(kind, resource, DROP, code="WALK_LOOP", text=said), None)]
    trail = visited
    try:
        return STEPS[type(here)](ctx, trail, here)
    except Unclear as doubt:
        kind, resource = _named(here)
        return inside.as_if(ctx, trail.add(kind, resource, UNKNOWN, code=doubt.code, text=doubt.text))


_KINDS: Mapping[type, str] = {
    places.Leaving: "interface",
    places.IntoInterface: "interface",
    places.IntoMiddlebox: "interface",
    places.Departing: "subnet",
    places.IntoNat: "nat-gateway",
    places.OutByGateway: "internet-gateway",
    places.IntoTransit: "transit-gateway",
    places.InTransit: "attachment",
    places.OutOfTransit: "attachment",
    places.IntoPeering: "peering",
    places.IntoEndpoint: "vpc-endpoint",
    places.Routing: "vpc",
    places.Arriving: "vpc",
}


def _named(here: places.Place) -> tuple[str, str]:
    """Kind and id of a place, for a hop about which nothing else is known: the first thing that a place holds."""
    held = [getattr(here, each.name) for each in fields(here)[:1]] or [INTERNET]
    return _KINDS.get(type(here), INTERNET), held[0] if isinstance(held[0], str) else held[0].id
