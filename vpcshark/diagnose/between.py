"""What two capture points say of what lies between them, without a fault: clocks, hops, waits, what is rewritten.

Must not know findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from vpcshark.diagnose.flows import MILLISECOND, flow_of, options_of
from vpcshark.diagnose.joined import Comparison
from vpcshark.diagnose.packet import address
from vpcshark.diagnose.sightings import Way
from vpcshark.diagnose.verdicts.marks import mark, openings
from vpcshark.text import many

_FEWEST = 20
_MOST_MOVED = 4


def told(made: Comparison) -> str:
    """One remark."""
    said = " ".join(_sentences(made)).removesuffix(".")
    return f"{made.one.point.called} and {made.other.point.called} together: {said}"


def _sentences(made: Comparison) -> Iterator[str]:
    ways = made.matched.ways
    if not ways:
        yield "no packet is at both points: between them is a proxy, or they are not on one path."
        return
    yield f"{sum(way.pairs for way in ways)} packets are at both points; {_clocks(made)}."
    yield from filter(None, (_hops(ways), _moved(ways), _sizes(ways), _marked(ways)))
    yield from (_waits(way) for way in ways if len(way.delays) >= _FEWEST and way.first)
    if made.matched.left_out:
        yield f"{made.matched.left_out} more packets are at one point alone, and were not looked at one by one."


def _clocks(made: Comparison) -> str:
    if made.error < 0:
        return "all of one direction, or without telling which point is first: the clocks can't be compared"
    if abs(made.offset) <= made.error:
        return f"the two clocks agree, as far as can be told: to {made.error / MILLISECOND:.3f} ms"
    return (
        f"the second clock is {made.offset / MILLISECOND:+.3f} ms off, with an error of at most "
        f"{made.error / MILLISECOND:.3f} ms (half of the way there and back, or what stamps are worth)"
    )


def _hops(ways: Sequence[Way]) -> str:
    counts = sorted({hops for way in ways if way.first for hops, count in way.hops.items() if 5 * count >= way.pairs})
    if not counts:
        return ""
    routers = " or ".join(many(hops, "router") if hops else "no router" for hops in counts)
    return f"Between them {'lies' if counts[-1] < 2 else 'lie'} {routers}, by the TTL."


def _moved(ways: Sequence[Way]) -> str:
    """NAT, each rewriting once."""
    found: dict[str, None] = {}
    for way in ways:
        for a, b in way.by_point(way.moved):
            here, there = flow_of(a), flow_of(b)
            for one, other in ((here.client, there.client), (here.server, there.server)):
                if one != other:
                    found[f"{one} is {other}"] = None
    if not found:
        return ""
    more = f" and {len(found) - _MOST_MOVED} more" if len(found) > _MOST_MOVED else ""
    return f"NAT is between them; at the second point {', '.join([*found][:_MOST_MOVED])}{more}."


def _sizes(ways: Sequence[Way]) -> str:
    """An MSS that is lowered in both directions, as it should be."""
    changes: Counter[tuple[int, int]] = Counter()
    for pair in openings(ways):
        for a, b in pair.values():
            if options_of(a).mss != options_of(b).mss:
                changes[options_of(a).mss, options_of(b).mss] += 1
    said = ", ".join(f"{before} to {after}" for (before, after), _ in changes.most_common(2))
    return f"The MSS of SYNs is rewritten between them: {said}." if said else ""


def _marked(ways: Sequence[Way]) -> str:
    marks = sum((way.marks for way in ways), Counter[tuple[int, int]]())
    said = ", ".join(f"{mark(before)} to {mark(after)}" for (before, after), _ in marks.most_common(2))
    return f"Marks are rewritten: {said}." if said else ""


def _waits(way: Way) -> str:
    """Beyond the fastest packet, which needs no common clock."""
    waits = sorted(took - way.nearest for took in way.delays)
    usual, long = waits[len(waits) // 2], waits[len(waits) * 19 // 20]
    source, target = way.ends
    return (
        f"From {address(source)} to {address(target)} full packets wait {_ms(usual)} beyond the fastest one, "
        f"one in twenty {_ms(long)}."
    )


def _ms(nanoseconds: int) -> str:
    return f"{round(nanoseconds / MILLISECOND, 3):g} ms"
