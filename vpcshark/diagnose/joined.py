"""Two capture points of the same packets: where they are lost, how long they wait, what is changed on the way.

How they are joined is in ``sightings``. A proxy ends one connection and begins another: then nothing is joined, which
is said. Must not know what one point alone can tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vpcshark.diagnose import sightings
from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding
from vpcshark.diagnose.flows import MILLISECOND, SECOND, flow_of, seconds
from vpcshark.diagnose.joint import Arrived, Cut, Joint, is_probe, taken_size, was_taken
from vpcshark.diagnose.packet import RST, TCP, Packet, address
from vpcshark.diagnose.sightings import Direction, Matched, Way, matters
from vpcshark.diagnose.verdicts import marks, mtu, voice
from vpcshark.diagnose.view import View

_FEWEST_LOST, _LOST_SHARE = 3, 0.005
_EDGE = 200 * MILLISECOND
"""So near to a capture's beginning or end a packet may be outside of it."""
_STAMPING = 500_000
"""Nanoseconds by which stamps of virtual interfaces of one clock differ: a way there and back between two of them was
seen to take less than nothing, by 0.1 ms; five times that is allowed for."""


@dataclass
class Comparison:
    """``offset`` is the second clock minus the first, ``error`` at most how much it is off; -1: not known. ``points``
    are the numbers of more than two points that are compared, from 1 on; else there is none."""

    one: View
    other: View
    matched: Matched
    joints: list[Joint]
    offset: int
    error: int
    points: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """Between what."""
        return f"capture points {self.points[0]} and {self.points[1]}" if self.points else "the two capture points"


def compare(one: View, other: View, matched: Matched | None = None, points: tuple[int, ...] = ()) -> Comparison:
    """Join two points; ``matched`` is how their packets are, None: all of them are in the views."""
    matched = matched or sightings.match(one.packets, other.packets)
    offset, error = clocks(matched.ways)
    made = Comparison(one, other, matched, [], offset, error, points)
    ways = [way for way in matched.ways if way.first]
    made.joints = [_joint(made, way) for way in (*ways, *_unpaired(matched, ways))]
    return made


def clocks(ways: Sequence[Way]) -> tuple[int, int]:
    """Clock offset and its error, half of the shortest way there and back: which part is longer, nobody knows. It is
    never less than what stamps are worth."""
    there = [way.nearest for way in ways if way.first > 0]
    back = [way.nearest for way in ways if way.first < 0]
    if there and back:
        return (min(there) - min(back)) // 2, max((min(there) + min(back)) // 2, _STAMPING)
    if there or back:
        return (min(there) if there else -min(back)), -1
    return 0, -1


def _unpaired(matched: Matched, ways: Sequence[Way]) -> Iterator[Way]:
    """Directions of which nothing got through: the other one tells which point is nearer to the sender."""
    for place, packets in ((1, matched.alone), (-1, matched.gone)):
        known = {ends for way in matched.ways for ends in way.at(place)}
        back = {(ends[1], ends[0]) for way in ways if way.first == -place for ends in way.at(place)}
        for ends in sorted({(p.source, p.target) for p in packets} - known):
            if ends in back:
                yield Way(place, {ends})


def _joint(made: Comparison, way: Way) -> Joint:
    is_there = way.first > 0
    upper, lower = (made.one, made.other) if is_there else (made.other, made.one)
    above, below = (made.matched.alone, made.matched.gone) if is_there else (made.matched.gone, made.matched.alone)
    offset, points = (made.offset, made.points) if is_there else (-made.offset, made.points[::-1])
    joint = Joint(upper, lower, way, offset, points)
    begin, end = _overlap(joint)
    joint.lost = [p for p in above if (p.source, p.target) in way.upper and begin <= p.at <= end]
    joint.made = [p for p in below if (p.source, p.target) in way.lower]
    return joint


def _overlap(joint: Joint) -> tuple[int, int]:
    """From when until when, by the clock of ``upper``, what it saw should be at ``lower``, too."""
    upper, lower, offset = joint.upper, joint.lower, joint.offset
    begin, end = lower.begin - offset + _EDGE, lower.end - offset - _EDGE
    first, last = min(upper.begin, lower.begin - offset), max(upper.end, lower.end - offset)
    if lower.begin - offset - first < SECOND:
        begin = first
    if last - (lower.end - offset) < 3 * SECOND and lower.end:
        end = max(end, joint.way.last) if joint.way.pairs else last - _EDGE
    return begin, end


def is_place(finding: Finding) -> bool:
    """Does it say between which points packets are lost?"""
    return isinstance(finding.cause, tuple) and finding.cause[:1] == ("between",)


def is_whole_elsewhere(finding: Finding, compared: Sequence[Comparison]) -> bool:
    """Is it open why one direction is missing, and another point has both? Then the first capture did not take it."""
    if finding.kind != "one-direction" or finding.confidence != CANNOT_TELL:
        return False
    views = [view for made in compared for view in (made.one, made.other)]
    return all(any(v.has_flow(f) and v.has_flow(f.reversed()) for v in views) for f in finding.flows)


def nearest(findings: Sequence[Finding], compared: Sequence[Comparison]) -> list[Finding]:
    """Without the places of a loss of which a narrower one is known: what is lost between the first and the second
    point is also lost between the first and the third."""
    before = Counter((joint.way.ends, joint.points[1]) for made in compared for joint in made.joints if joint.points)

    def span(finding: Finding) -> tuple[int, int] | None:
        if not isinstance(finding.cause, tuple) or not is_place(finding) or not finding.cause[3]:
            return None
        _, source, target, (upper, lower) = finding.cause
        return before[(source, target), upper], before[(source, target), lower]

    spans = [(each.ends, place) for each in findings if (place := span(each)) is not None]

    def is_wide(finding: Finding) -> bool:
        own = span(finding)
        return own is not None and any(
            ends == finding.ends and each != own and own[0] <= each[0] and each[1] <= own[1] for ends, each in spans
        )

    return [_of_its_ends(each) for each in findings if not is_wide(each)]


def _of_its_ends(finding: Finding) -> Finding:
    """A black hole that each point saw alone is the one that lies between two of them."""
    if finding.kind != "pmtu-black-hole" or not is_place(finding) or not isinstance(finding.cause, tuple):
        return finding
    return replace(finding, cause=finding.cause[1:3])


def judge(made: Comparison) -> Iterator[Finding]:
    """What two points prove together."""
    for joint in made.joints:
        yield from _lost(made, joint)
        yield from _resets(joint)
        yield from marks.judge(joint.upper, joint.lower, joint.way)
        yield from _queue(joint)
    yield from marks.clamped(made.one, made.other, made.matched.ways)
    yield from _silenced_voice(made)


def _lost(made: Comparison, joint: Joint) -> Iterator[Finding]:
    """Packets that left the upper point and are not at the lower one."""
    way, cut, arrived = joint.way, Cut(joint), Arrived(joint)
    missing = [p for p in joint.lost if matters(p) and not cut.has(p)]
    found = [p for p in missing if p.length <= taken_size(joint, p) and not was_taken(joint, p)]
    found = [p for p in found if not is_probe(way, p) and not arrived.has(p)]
    by_ends: dict[Direction, list[Packet]] = defaultdict(list)
    for packet in found:
        by_ends[packet.source, packet.target].append(packet)
    for (source, target), lost in by_ends.items():
        total = way.passed + len(lost)
        if len(lost) < _FEWEST_LOST or len(lost) < _LOST_SHARE * total:
            continue
        flows = tuple(dict.fromkeys(flow_of(p) for p in lost))
        biggest, smallest = way.biggest, min(p.length for p in lost)
        size = f" All of them have {smallest} bytes or more, all that passed have {biggest} or less." * (
            biggest < smallest
        )
        sentence = (
            f"{len(lost)} of {total} packets from {address(source)} to {address(target)} are lost between "
            f"{made.where}.{size}"
        )
        checked = (
            "They are in the one capture and not in the other, which was running.",
            "The other side acknowledged none of them at the second point: it did not lose them by capturing.",
        )
        advice = "The fault is between these two points: look at what lies there, or take a point in the middle."
        frames = tuple(marks.frame(joint.upper, p) for p in lost[:12])
        cause = ("between", source, target, joint.points)
        weight = len(lost) / 50
        if mtu.is_a_size(biggest, lost):
            advice = mtu.mending(smallest, flows[0], biggest)
            said = f"{sentence} No router said why: a hop between takes less than {smallest} bytes and hides it."
            hole = Finding(
                "pmtu-black-hole", PROVED, said, flows, frames, checked, advice, weight=weight, size=smallest
            )
            yield replace(hole, cause=cause)
            continue
        yield Finding("loss", PROVED, sentence, flows, frames, checked, advice, weight=weight, cause=cause)


def _resets(joint: Joint) -> Iterator[Finding]:
    """A reset that arrives and was never sent at the point nearer to its sender."""
    sent = {(flow_of(p), p.seq) for pair in joint.upper.pairs for p in pair.connection.packets if p.flags & RST}
    for packet in joint.made:
        if not packet.flags & RST or packet.protocol != TCP:
            continue
        if (flow_of(packet), packet.seq) in sent:  # a router with one interface is seen to take it and to pass it on
            continue
        if not joint.upper.begin <= packet.at - joint.offset <= joint.upper.end + SECOND:
            continue
        flow = flow_of(packet)
        sentence = (
            f"A reset in the name of {flow.client} reaches {flow.server}, but {address(packet.source)} did not "
            "send it: it is "
            "not at the capture point that is nearer to that host. A device between made it."
        )
        checked = ("Both captures were running, and other packets of this direction are in both.",)
        advice = "Look at the log of what lies between the two points (firewall, load balancer, NAT)."
        frames = (marks.frame(joint.lower, packet),)
        cause = ("device", frozenset((packet.source, packet.target)))
        yield Finding("reset-by-middlebox", PROVED, sentence, (flow,), frames, checked, advice, "", 2.0, cause)


_WAITS, _FEWEST_TIMES = 100 * MILLISECOND, 50


def _queue(joint: Joint) -> Iterator[Finding]:
    """How much longer packets take than the fastest one: needs no common clock."""
    way = joint.way
    if len(way.delays) < _FEWEST_TIMES:
        return
    late = sorted(took - way.nearest for took in way.delays[len(way.delays) // 2 :])
    usual = late[len(late) // 2]
    lost = sum(1 for p in joint.lost if p.size)
    if usual < _WAITS or lost > 0.01 * len(way.delays) or late[len(late) // 10] < _WAITS / 4:
        return
    source, target = way.ends
    sentence = (
        f"Packets from {address(source)} to {address(target)} wait {seconds(usual)} between the two points, behind "
        "others in "
        f"a queue (the fastest waits 0), and {lost} of {len(way.delays)} are lost: a shaper or "
        "the slowest link is there."
    )
    checked = ("Only differences are compared, so the clocks do not matter.",)
    frames = tuple(f for a, b in way.late for f in (marks.frame(joint.upper, a), marks.frame(joint.lower, b)))
    flows = way.flows[:10]
    advice = "Look for the slowest hop between the two points: an allowance, a VPN, a tc qdisc."
    cause = ("shaper", source, target)
    yield Finding("shaper", LIKELY, sentence, flows, frames, checked, advice, "", usual / SECOND, cause)


def _silenced_voice(made: Comparison) -> Iterator[Finding]:
    """RTP of which one point has both directions, the other one only one."""
    for here, there in ((made.one, made.other), (made.other, made.one)):
        voices = {flow: v for flow, packets in here.datagrams.items() if (v := voice.voices_of(flow, packets))}
        for flow, found in voices.items():
            if flow.reversed() not in voices or flow in there.datagrams or flow.reversed() not in there.datagrams:
                continue
            sentence = (
                f"Audio between {flow.client} and {flow.server} goes one way: RTP from {flow.client} leaves at one "
                "point, and "
                "none of it is at the other one, which has the other direction."
            )
            checked = ("The other direction is at both points.",)
            advice = "Look at security groups and network ACLs for the UDP ports of this direction, and at NAT."
            frames = tuple(marks.frame(here, p) for p in found[0].packets[:8])
            yield Finding("rtp-one-way", PROVED, sentence, (flow,), frames, checked, advice, "", 5.0, ("oneway", flow))
