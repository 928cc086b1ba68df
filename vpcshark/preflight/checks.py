"""All checks in the order of the packets' way, and what they need to be told besides. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Questions:
    """What must be asked besides, because the verdict hangs on it: what joins VPCs, prefix lists' entries, routes of
    transit gateways, the ids of the rules of groups that do not admit."""

    joints: bool = False
    prefix_lists: tuple[str, ...] = ()
    gateway_tables: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joints or self.prefix_lists or self.gateway_tables or self.groups)


def questions(picture: Picture) -> Questions:
    """What ``picture`` leaves open that decides. Empty for the plain case, so that a capture asks once."""
    target, balancer = picture.target, picture.balancer
    asked = [_of_way(way) for way in picture.ways]
    leaves = balancer is not None and balancer.vpc != picture.source.vpc and not picture.knows_joints
    of_balancer = _lists_of_rules(picture, balancer.groups) if balancer is not None else ()
    return Questions(
        leaves or any(each.joints for each in asked),
        tuple(sorted({*of_balancer, *(one for each in asked for one in each.prefix_lists)})),
        tuple(sorted({one for each in asked for one in each.gateway_tables})),
        asked[0].groups if target is not None else (),
    )


def _of_way(picture: Picture) -> Questions:
    """Those of one target."""
    assert picture.target is not None
    lists = set() if groups.is_admitted(picture) else set(_lists_of_rules(picture, picture.target.groups))
    return Questions(
        not picture.knows_joints and _leaves_the_vpc(picture),
        tuple(lists | _lists_of_routes(picture)),
        _gateway_tables(picture),
        () if groups.is_admitted(picture) or not picture.rules else picture.target.groups,
    )


def _leaves_the_vpc(picture: Picture) -> bool:
    """Is the target in another VPC, or does the route to it lead there?"""
    assert picture.target is not None
    found = routes.way(picture, picture.target)
    via = found.route.via if found is not None and found.route is not None else ""
    return picture.target.vpc != picture.source.vpc or via.startswith(("pcx-", "tgw-"))


def _lists_of_rules(picture: Picture, of_target: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        each.rule.prefix_list
        for each in groups.judge(picture, of_target)
        if each.protocol and each.port and each.rule.prefix_list
    )


def _lists_of_routes(picture: Picture) -> set[str]:
    """A list in the source's route table may have a longer prefix than the route that is seen; the VPC's own lists of
    AWS's services (gateway endpoints) never hold an instance."""
    table = picture.table_of(picture.source.subnet, picture.source.vpc)
    routes_of = table.routes if table is not None else ()
    return {
        route.destination
        for route in routes_of
        if route.destination.startswith("pl-") and not route.via.startswith("vpce-")
    }


def _gateway_tables(picture: Picture) -> tuple[str, ...]:
    """Every table that the source's VPC is associated with where its routes may lead to a transit gateway."""
    table = picture.table_of(picture.source.subnet, picture.source.vpc)
    gateways = {route.via for route in table.routes if route.via.startswith("tgw-")} if table is not None else set()
    through = routes.gateway_of(picture)
    wanted = {through} if through else set() if not _lists_of_routes(picture) else gateways
    return tuple(
        sorted(
            {
                a.table
                for a in picture.attachments
                if a.gateway in wanted and a.resource == picture.source.vpc and a.table
            }
        )
    )
