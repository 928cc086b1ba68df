"""A set of packets -> the shortest and tightest list of rejects and accepts that lets all of it through. Pure.

The rejects stand first and reject nothing that is wanted; the accepts behind them take in everything that is wanted,
and, where the list must be shorter, more. Not the optimum (that is set cover), but greedy with exact accounting: what
a list lets through too much is counted cell by cell. Must not know text, directions or rule numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from vpcshark.wire.mirror_rules.packet_sets import Space
from vpcshark.wire.mirror_rules.primitives import Network, Pattern

__all__ = ["RuleList", "rule_lists"]

_MOST_BOXES = 100
_WORTH_A_RULE = 0.002  # of the traffic
_MOST_REJECTS_TRIED = 24
_PORTS = ("source_ports", "destination_ports")
_ADDRESSES = ("source", "destination")
_ORDERS = (
    ("source", "destination", "source_ports", "destination_ports", "protocol"),
    ("destination", "source", "destination_ports", "source_ports", "protocol"),
    ("source_ports", "destination_ports", "protocol", "source", "destination"),
    ("destination_ports", "source_ports", "protocol", "destination", "source"),
)


@dataclass(frozen=True)
class RuleList:
    """Rejects, then accepts. ``surplus`` are the cells let through unwanted, ``weight`` their share of the traffic."""

    rejects: tuple[Pattern, ...] = ()
    accepts: tuple[Pattern, ...] = ()
    surplus: int = 0
    weight: float = 0.0

    def __len__(self) -> int:
        return len(self.rejects) + len(self.accepts)


def rule_lists(space: Space, wanted: int, most: int) -> list[RuleList]:
    """Lists of 1 to ``most`` rules, each tighter than those before it; an empty one if nothing is wanted."""
    if not wanted:
        return [RuleList()]
    best: dict[int, RuleList] = {}
    covers: dict[int, list[list[Pattern]]] = {}
    for accepts in range(1, most + 1):
        for found in _with_rejects(space, wanted, accepts, most, covers):
            known = best.get(len(found))
            if known is None or found.weight < known.weight:
                best[len(found)] = found
    frontier: list[RuleList] = []
    for length in sorted(best):
        gain = frontier[-1].weight - best[length].weight if frontier else 1.0
        if gain > _WORTH_A_RULE or (gain > 0 and not best[length].surplus):
            frontier.append(best[length])
    return frontier


def _with_rejects(
    space: Space, wanted: int, accepts: int, most: int, covers: dict[int, list[list[Pattern]]]
) -> Iterator[RuleList]:
    """Lists with at most so many accepts, and one reject more each time. ``covers`` remembers what was worked out."""
    rejects: list[Pattern] = []
    while True:
        rejected = _union(space, rejects)
        if rejected not in covers:
            covers[rejected] = _merged(space, _cover(space, wanted, rejected), wanted | rejected)
        boxes = next(boxes for boxes in covers[rejected] if len(boxes) <= accepts)
        surplus = _union(space, boxes) & ~rejected & ~wanted
        yield RuleList(tuple(rejects), tuple(boxes), surplus, space.weight(surplus))
        if not surplus or len(rejects) + accepts >= most:
            return
        reject = _best_reject(space, wanted, surplus)
        if reject is None:
            return
        rejects.append(reject)


def _union(space: Space, patterns: Iterable[Pattern]) -> int:
    return reduce(or_, map(space.cells, patterns), 0)


def _best_reject(space: Space, wanted: int, surplus: int) -> Pattern | None:
    """The one that keeps away most of the surplus and nothing that is wanted."""
    best, most, left = None, 0.0, surplus
    for _ in range(_MOST_REJECTS_TRIED):
        if not left:
            break
        start = space.closure(_lowest(left))
        left &= left - 1
        if space.cells(start) & wanted:
            continue
        for grown in _grown(space, start, ~wanted):
            left &= ~space.cells(grown)
            weight = space.weight(space.cells(grown) & surplus)
            if weight > most:
                best, most = grown, weight
    return best


def _lowest(cells: int) -> int:
    return (cells & -cells).bit_length() - 1


def _cover(space: Space, wanted: int, free: int) -> list[Pattern]:
    """Boxes that together hold all that is wanted, as little more as boxes can; ``free`` cells cost nothing."""
    left, boxes = wanted & ~free, []
    while left:
        start = space.closure(_lowest(left))
        allowed = wanted | free | space.cells(start)
        box = max(_grown(space, start, allowed), key=lambda grown: space.weight(space.cells(grown) & left))
        boxes.append(box)
        left &= ~space.cells(box)
        if len(boxes) > _MOST_BOXES:
            return [Pattern(space.version)]
    return _without_needless(space, boxes, wanted & ~free)


def _without_needless(space: Space, boxes: list[Pattern], wanted: int) -> list[Pattern]:
    for box in sorted(boxes, key=lambda box: space.weight(space.cells(box))):
        others = [other for other in boxes if other is not box]
        if not wanted & ~_union(space, others):
            boxes = others
    return boxes


def _grown(space: Space, start: Pattern, allowed: int) -> Iterator[Pattern]:
    """``start`` widened as far as it stays within ``allowed``; which side goes first makes the difference."""
    for order in _ORDERS:
        box = start
        for side in order:
            wider = _wider(space, box, side)
            box = next((one for one in wider if not space.cells(one) & ~allowed), box)
            if side in _PORTS:
                box = _stretched(space, box, side, allowed)
        yield box


def _wider(space: Space, box: Pattern, side: str) -> Iterator[Pattern]:
    """All that ``side`` could be widened to, the widest first."""
    if side in _ADDRESSES:
        held: Network | None = getattr(box, side)
        if held is not None:
            yield box._replace(**_side(side, None))
            outer = [n for n in space.networks[_ADDRESSES.index(side)] if n.meet(held) == n != space.root]
            yield from (box._replace(**_side(side, network)) for network in reversed(outer))
    elif side in _PORTS or not (box.source_ports or box.destination_ports):
        yield box._replace(**_side(side, None))


def _stretched(space: Space, box: Pattern, side: str, allowed: int) -> Pattern:
    """A port range made longer at both ends, span by span."""
    for direction in (1, -1):
        for span in space.spans[_PORTS.index(side)][1:][::direction]:
            held = getattr(box, side)
            if span is None or held is None:
                break
            if span[0] == held[1] + 1 or span[1] == held[0] - 1:
                longer = box._replace(**_side(side, (min(span[0], held[0]), max(span[1], held[1]))))
                box = box if space.cells(longer) & ~allowed else longer
    return box


def _side(side: str, value: object) -> dict[str, Any]:
    return {side: value}


def _merged(space: Space, boxes: list[Pattern], costless: int) -> list[list[Pattern]]:
    """These boxes, and shorter and shorter lists that hold them: the two with the cheapest common hull become one."""
    costs: dict[Pattern, float] = {}

    def cost(box: Pattern) -> float:
        if box not in costs:
            costs[box] = space.weight(space.cells(box) & ~costless)
        return costs[box]

    def priced(left: Pattern, right: Pattern) -> tuple[float, Pattern, Pattern, Pattern]:
        hull = _hull(left, right)
        return cost(hull) - cost(left) - cost(right), hull, left, right

    lists = [boxes]
    pairs = [priced(left, right) for i, left in enumerate(boxes) for right in boxes[i + 1 :]]
    while len(boxes) > 1:
        _, hull, *_ = min(pairs, key=lambda pair: pair[0])
        inside = space.cells(hull)
        boxes = [box for box in boxes if space.cells(box) & ~inside]
        pairs = [pair for pair in pairs if pair[2] in boxes and pair[3] in boxes]
        pairs += [priced(box, hull) for box in boxes]
        boxes = [*boxes, hull]
        lists.append(boxes)
    return lists


def _hull(left: Pattern, right: Pattern) -> Pattern:
    protocol = left.protocol if left.protocol == right.protocol else None
    sides = {side: _meet(getattr(left, side), getattr(right, side)) for side in _ADDRESSES}
    if protocol is None:
        return Pattern(left.version, None, sides["source"], sides["destination"])
    ports = {side: _span(getattr(left, side), getattr(right, side)) for side in _PORTS}
    return Pattern(left.version, protocol, **sides, **ports)  # type: ignore[arg-type]


def _meet(left: Network | None, right: Network | None) -> Network | None:
    both = left.meet(right) if left is not None and right is not None else None
    return both if both is not None and both.length else None


def _span(left: tuple[int, int] | None, right: tuple[int, int] | None) -> tuple[int, int] | None:
    return (min(left[0], right[0]), max(left[1], right[1])) if left and right else None
