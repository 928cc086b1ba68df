"""What devices between rewrite, seen at two points: DSCP, ECN, the MSS of SYNs in one direction alone.

Must not know losses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vpcshark.diagnose.finding import PROVED, Finding, Frame
from vpcshark.diagnose.flows import flow_of, options_of
from vpcshark.diagnose.packet import ACK, Packet, address
from vpcshark.diagnose.sightings import Both, Way
from vpcshark.diagnose.view import View

_CE = 3


def judge(upper: View, lower: View, way: Way) -> Iterator[Finding]:
    """``way``: what both points know of the packets of one direction."""
    if not way.marks:
        return
    changed = way.changed
    (before, after), _ = way.marks.most_common(1)[0]
    count = sum(way.marks.values())
    flow = flow_of(changed[0][0])
    what = (
        "a queue on the way is full and says so (ECN)" if _is_congestion(before, after) else "something rewrites them"
    )
    sentence = (
        f"{count} of {way.pairs} packets from {address(flow.source)} to {address(flow.target)} change from "
        f"{mark(before)} to "
        f"{mark(after)} between the two points: {what}."
    )
    checked = ("Each is compared with itself at the other point (sequence numbers, identification).",)
    advice = "Say in the policy of the devices between what they trust; on AWS marks pass, but queues go by none."
    frames = tuple(f for a, b in changed[:8] for f in (frame(upper, a), frame(lower, b)))
    flows = tuple(dict.fromkeys(flow_of(a) for a, _ in changed))[:20]
    yield Finding("marks-changed", PROVED, sentence, flows, frames, checked, advice, "", 0.1, ("marks", before, after))


def _is_congestion(before: int, after: int) -> bool:
    return after & 3 == _CE and before & 3 in (1, 2) and before >> 2 == after >> 2


def mark(tos: int) -> str:
    """The type of service in words."""
    names = {0: "CS0", 46: "EF", 8: "CS1", 16: "CS2", 24: "CS3", 32: "CS4", 40: "CS5", 48: "CS6", 56: "CS7"}
    ecn = ("", "/ECT(1)", "/ECT(0)", "/CE")[tos & 3]
    return f"DSCP {names.get(tos >> 2, tos >> 2)}{ecn}"


def frame(view: View, packet: Packet) -> Frame:
    """Where it is."""
    return Frame(view.point.file, packet.number)


def clamped(one: View, other: View, ways: Sequence[Way]) -> Iterator[Finding]:
    """Is only one SYN's MSS changed, that of the client's or that of the answer?"""
    for pair in openings(ways):
        if len(pair) < 2:
            continue
        changed = {key: options_of(a).mss != options_of(b).mss for key, (a, b) in pair.items()}
        if changed[True] == changed[False]:
            continue
        yield _half(one, other, pair, is_answer=changed[True])


def _half(one: View, other: View, pair: dict[bool, Both], *, is_answer: bool) -> Finding:
    a, b = pair[is_answer]
    untouched = options_of(pair[not is_answer][0]).mss
    sizes = sorted((options_of(a).mss, options_of(b).mss))
    flow = flow_of(pair[False][0])
    which, rest = ("SYN-ACK", "SYN") if is_answer else ("SYN", "SYN-ACK")
    sentence = (
        f"A device between lowers the MSS of the {which} from {sizes[1]} to {sizes[0]}, but leaves that of the {rest} "
        f"({untouched}): one direction still sends full packets."
    )
    checked = ("Both SYN and SYN-ACK are seen at both points.",)
    advice = "Clamp both directions (nft: tcp flags syn tcp option maxseg size set rt mtu, in and out)."
    frames = tuple(sorted(f for x, y in pair.values() for f in (frame(one, x), frame(other, y))))
    return Finding(
        "mss-clamp-one-way", PROVED, sentence, (flow,), frames, checked, advice, "", 0.5, ("mss", flow.target)
    )


def openings(ways: Sequence[Way]) -> list[dict[bool, Both]]:
    """Of each connection whose SYN or SYN-ACK both points have: these, by whether it is the answer, each as (at the
    first point, at the second)."""
    found: dict[frozenset[tuple[bytes, int]], dict[bool, Both]] = {}
    for way in ways:
        for a, b in way.by_point(way.opened):
            if options_of(a).mss and options_of(b).mss:
                ends = frozenset(((a.source, a.sport), (a.target, a.dport)))
                found.setdefault(ends, {})[bool(a.flags & ACK)] = (a, b)
    return list(found.values())
