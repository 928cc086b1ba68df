"""A set of packets -> the shortest and tightest list of rejects and accepts that lets all of it through. Pure.

The rejects stand first and reject nothing that is wanted; the accepts behind them take in everything that is wanted,
and, where the list must be shorter, more. Not the optimum (that is set cover), but greedy with exact accounting: what
a list lets through too much is counted cell by cell. Must not know text, directions or rule numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import or_

from vpcshark.wire.mirror_rules.packet_sets import ADDRESSES, PORTS, Box, Space, Span, block

_MOST_BOXES = 60
_MOST_REJECTS_TRIED = 24
_ORDERS = ((1, 2, 3, 4, 0), (2, 1, 4, 3, 0), (3, 4, 0, 1, 2), (4, 3, 0, 2, 1))  # dimensions


@dataclass(frozen=True)
class RuleList:
    """Rejects, then accepts. ``surplus`` are the cells let through unwanted, ``weight`` their share of the traffic."""

    rejects: tuple[Box, ...] = ()
    accepts: tuple[Box, ...] = ()
    surplus: int = 0
    weight: float = 0.0

    def __len__(self) -> int:
        return len(self.rejects) + len(self.accepts)

    def boxes(self) -> list[tuple[str, Box]]:
        """(action, box) in the order of the rules."""
        return [*(("reject", box) for box in self.rejects), *(("accept", box) for box in self.accepts)]


def rule_lists(space: Space, wanted: int, most: int) -> list[RuleList]:
    """The tightest list of each length up to ``most`` that was found; an empty one if nothing is wanted."""
    if not wanted:
        return [RuleList()]
    best: dict[int, RuleList] = {}
    covers: dict[int, list[list[Box]]] = {}
    for accepts in range(1, most + 1):
        for found in _with_rejects(space, wanted, accepts, most, covers):
            if len(found) not in best or found.weight < best[len(found)].weight:
                best[len(found)] = found
    return list(best.values())


def _with_rejects(
    space: Space, wanted: int, accepts: int, most: int, covers: dict[int, list[list[Box]]]
) -> Iterator[RuleList]:
    """Lists with at most so many accepts, and one reject more each time. ``covers`` remembers what was worked out."""
    rejects: list[Box] = []
    while True:
        rejected = _union(space, rejects)
        if rejected not in covers:
            covers[rejected] = _merged(space, _cover(space, wanted, rejected), wanted | rejected)
        boxes = next(boxes for boxes in covers[rejected] if len(boxes) <= accepts)
        surplus = _union(space, boxes) & ~rejected & ~wanted
        yield RuleList(tuple(rejects), tuple(boxes), surplus, space.weight(surplus))
        reject = _best_reject(space, wanted, surplus) if len(rejects) + accepts < most else None
        if reject is None:
            return
        rejects.append(reject)


def _union(space: Space, boxes: Iterable[Box]) -> int:
    return reduce(or_, map(space.cells, boxes), 0)


def _best_reject(space: Space, wanted: int, surplus: int) -> Box | None:
    """The one that keeps away most of the surplus and nothing that is wanted."""
    found: list[Box] = []
    left = surplus
    for _ in range(_MOST_REJECTS_TRIED):
        if left:
            start = _first(space, left)
            left &= ~space.cells(start)
            found += [] if space.cells(start) & wanted else _grown(space, start, ~wanted)
            left &= ~_union(space, found)
    return max(found, key=lambda box: space.weight(space.cells(box) & surplus), default=None)


def _first(space: Space, cells: int) -> Box:
    return space.closure((cells & -cells).bit_length() - 1)


def _cover(space: Space, wanted: int, free: int) -> list[Box]:
    """Boxes that together hold all that is wanted, as little more as boxes can; ``free`` cells cost nothing."""
    left, boxes = wanted & ~free, []
    while left:
        start = _first(space, left)
        allowed = wanted | free | space.cells(start)
        boxes.append(max(_grown(space, start, allowed), key=lambda box: space.weight(space.cells(box) & left)))
        left &= ~space.cells(boxes[-1])
        if len(boxes) > _MOST_BOXES:
            return [Box()]
    for box in sorted(boxes, key=lambda box: space.weight(space.cells(box))):
        others = [other for other in boxes if other is not box]
        boxes = boxes if wanted & ~free & ~_union(space, others) else others
    return boxes


def _grown(space: Space, start: Box, allowed: int) -> Iterator[Box]:
    """``start`` widened as far as it stays within ``allowed``; which side goes first makes the difference."""
    for order in _ORDERS:
        box = start
        for side in order:
            outer = space.networks[side] if side in ADDRESSES else space.atoms[side][1:] if side in PORTS else []
            for span in (*outer, None):
                wider = box.having(side, _joined(space, side, box[side], span))
                is_rule = wider.protocol or not (wider.source_ports or wider.destination_ports)
                box = wider if is_rule and not space.cells(wider) & ~allowed else box
        yield box


def _joined(space: Space, side: int, one: Span | None, other: Span | None) -> Span | None:
    """The narrowest that a rule can say of both; None: anything."""
    if one is None or other is None or one == other:
        return one and other
    span = (min(one + other), max(one + other))
    if side in PORTS:
        return span
    return block(*span) if side in ADDRESSES and block(*span) in space.networks[side][:-1] else None


def _hull(space: Space, left: Box, right: Box) -> Box:
    hull = Box._make(_joined(space, side, *ends) for side, ends in enumerate(zip(left, right, strict=True)))
    return hull if hull.protocol else hull._replace(source_ports=None, destination_ports=None)


def _merged(space: Space, boxes: list[Box], costless: int) -> list[list[Box]]:
    """These boxes, and shorter and shorter lists that hold them: the two with the cheapest common hull become one."""
    costs: dict[Box, float] = {}

    def cost(box: Box) -> float:
        if box not in costs:
            costs[box] = space.weight(space.cells(box) & ~costless)
        return costs[box]

    def priced(left: Box, right: Box) -> tuple[float, Box]:
        hull = _hull(space, left, right)
        return cost(hull) - cost(left) - cost(right), hull

    lists = [boxes]
    while len(boxes) > 1:
        _, hull = min((priced(*pair) for pair in combinations(boxes, 2)), key=lambda found: found[0])
        boxes = [*(box for box in boxes if space.cells(box) & ~space.cells(hull)), hull]
        lists.append(boxes)
    return lists
