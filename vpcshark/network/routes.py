"""VPC route tables: which route a destination takes.

Sources: VPC User Guide, "Route priority" (route-tables-priority), and the Site-to-Site VPN User Guide, "Route tables
and VPN route priority". The longest prefix wins, whatever it is; of the same length the local route, then a static one,
then one of a prefix list, then a propagated one. A propagated route never wins from the local one, not even with a
longer prefix. A blackhole is not skipped: it drops. Must not know what a target does with the packet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vpcshark.network.decision import Rule, Unclear
from vpcshark.network.facts import PrefixList, Route, RouteTable
from vpcshark.network.packet import contains, length, overlaps

LOCAL, STATIC, LISTED, PROPAGATED = range(4)
UNROUTED = ("169.254.168.0/22", "fd00:ec2::/32")  # VPC User Guide: packets to these are not forwarded
Lists = Callable[[str], PrefixList]


@dataclass(frozen=True)
class Candidate:
    """A route that has the destination; ``cidr`` is its own, or that of a prefix list's entry."""

    cidr: str
    rank: int
    route: Route


def look_up(table: RouteTable, address: str, lists: Lists) -> tuple[Route | None, Rule | None, tuple[str, ...]]:
    """(the route, the rule to show, the routes that it beat). ``lists`` reads a prefix list, or raises Unclear. Raises
    Unclear where AWS's choice can't be foreseen."""
    if any(contains(cidr, address) for cidr in UNROUTED):
        return None, None, ()
    found, unread = _candidates(table, address, lists)
    locals_ = [each.cidr for each in found if each.rank == LOCAL]
    found = [each for each in found if not _yields(each, locals_)]
    found.sort(key=lambda each: (-length(each.cidr), each.rank))
    best = found[0] if found else None
    _refuse_unread(best, unread, address)
    if best is None:
        return None, None, tuple(map(str, table.routes))
    ties = [each for each in found if (length(each.cidr), each.rank) == (length(best.cidr), best.rank)]
    if len({each.route.target for each in ties}) > 1:
        raise Unclear(f"{table.id} has several routes of one rank to {best.cidr}: " + _named(ties) + "; AWS chooses.")
    text = str(best.route) if best.rank != LISTED else f"{best.route} by its entry {best.cidr}"
    return best.route, Rule(table.id, None, text, best.route), tuple(str(each.route) for each in found[1:])


def _candidates(table: RouteTable, address: str, lists: Lists) -> tuple[list[Candidate], list[tuple[Route, str]]]:
    """What has the address, and the routes whose prefix list can't be read, each with why."""
    found: list[Candidate] = []
    unread: list[tuple[Route, str]] = []
    for route in table.routes:
        if route.state == "filtered":
            continue
        if not route.destination.startswith("pl-"):
            rank = LOCAL if route.is_local else PROPAGATED if route.is_propagated else STATIC
            found += [Candidate(route.destination, rank, route)] if contains(route.destination, address) else []
            continue
        try:
            cidrs = lists(route.destination).cidrs
        except Unclear as doubt:
            unread.append((route, doubt.text))
            continue
        found += [Candidate(cidr, LISTED, route) for cidr in cidrs if contains(cidr, address)]
    return found, unread


def _yields(candidate: Candidate, locals_: list[str]) -> bool:
    """A propagated route of a gateway never wins from the local one."""
    return candidate.route.origin == "EnableVgwRoutePropagation" and any(
        overlaps(candidate.cidr, each) for each in locals_
    )


def _refuse_unread(best: Candidate | None, unread: list[tuple[Route, str]], address: str) -> None:
    """A prefix list that can't be read may have a longer prefix, unless nothing is longer or it leads the same way."""
    full = 128 if ":" in address else 32
    for route, why in unread:
        if best is None or (length(best.cidr) < full and best.route.target != route.target):
            raise Unclear(f"The route {route} may be the one, but its prefix list is unknown: {why}")


def _named(ties: list[Candidate]) -> str:
    return " and ".join(str(each.route) for each in ties)
