"""Two capture points of the same packets: where they are lost, how long they wait, what is changed on the way.

Packets are joined on what no router or NAT changes: sequence numbers, IP identification, length. A proxy ends one
connection and begins another: then nothing is joined, which is said. Must not know what one point alone can tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from vpcshark.diagnose.finding import LIKELY, PROVED, Finding
from vpcshark.diagnose.flows import MILLISECOND, SECOND, flow_of, seconds
from vpcshark.diagnose.icmp import TOO_BIG
from vpcshark.diagnose.packet import FIN, RST, SYN, TCP, UDP, Packet, address
from vpcshark.diagnose.verdicts import marks, voice
from vpcshark.diagnose.view import View

Direction = tuple[bytes, bytes]
Both = tuple[Packet, Packet]
_FEWEST_LOST, _LOST_SHARE = 3, 0.005
_PROBE_TTL = 32
_EDGE = 200 * MILLISECOND
"""So near to a capture's beginning or end a packet may be outside of it."""


@dataclass
class Joint:
    """``upper`` sees each packet of ``direction`` first. Times of ``lower`` minus ``offset`` are those of ``upper``."""

    upper: View
    lower: View
    direction: Direction
    both: list[Both] = field(default_factory=list)
    lost: list[Packet] = field(default_factory=list)
    offset: int = 0


@dataclass
class Comparison:
    """``offset`` is the second clock minus the first, ``error`` at most how much it is off; -1: not known."""

    one: View
    other: View
    both: list[Both]
    joints: list[Joint]
    offset: int
    error: int

    @property
    def sentence(self) -> str:
        """What the comparison itself says."""
        if not self.both:
            return "No packet is at both points: between them is a proxy, or they are not on one path."
        if self.error < 0:
            return f"{len(self.both)} packets are at both points, all of one direction: the clocks can't be compared."
        return (
            f"{len(self.both)} packets are at both points; the second clock is {self.offset / MILLISECOND:+.3f} ms "
            "off, with an "
            f"error of at most {self.error / MILLISECOND:.3f} ms (half of the way there and back)."
        )


def compare(one: View, other: View) -> Comparison:
    """Join two points."""
    both, alone, gone = _match(one, other)
    ways: dict[Direction, list[Both]] = defaultdict(list)
    for a, b in both:
        ways[a.source, a.target].append((a, b))
    falls = {way: _is_first(pairs) for way, pairs in ways.items()}
    there = [b.at - a.at for way, pairs in ways.items() if falls[way] > 0 for a, b in pairs]
    back = [a.at - b.at for way, pairs in ways.items() if falls[way] < 0 for a, b in pairs]
    offset, error = 0, -1
    if there and back:
        offset, error = (min(there) - min(back)) // 2, max((min(there) + min(back)) // 2, 0)
    elif there or back:
        offset = min(there) if there else -min(back)
    made = Comparison(one, other, both, [], offset, error)
    for way, pairs in ways.items():
        if falls[way]:
            made.joints.append(_joint(made, way, pairs, alone, gone, is_there=falls[way] > 0))
    made.joints += _unpaired(made, set(ways), falls, alone, gone)
    return made


def _unpaired(
    made: Comparison,
    known: set[Direction],
    falls: dict[Direction, int],
    alone: Sequence[Packet],
    gone: Sequence[Packet],
) -> Iterator[Joint]:
    """Directions of which nothing got through: the other one tells which point is nearer to the sender."""
    for is_there, packets in ((True, alone), (False, gone)):
        for way in {(p.source, p.target) for p in packets} - known:
            back = falls.get((way[1], way[0]), 0)
            if (back < 0 and is_there) or (back > 0 and not is_there):
                yield _joint(made, way, [], alone, gone, is_there=is_there)


def _key(packet: Packet) -> Hashable:
    if packet.protocol == TCP and not packet.shift:
        size = 0 if packet.flags & SYN else packet.size  # some pad a SYN
        return packet.protocol, packet.ident, packet.seq, packet.ack, packet.flags & ~0xC0, size
    if packet.ident <= 0 and len(packet.payload) < 8:
        return None
    head = packet.payload[:32] if not packet.shift else b""
    return packet.protocol, packet.ident, packet.length, packet.shift, head


def _match(one: View, other: View) -> tuple[list[Both], list[Packet], list[Packet]]:
    """(packets at both, only at the first, only at the second)."""
    waiting: dict[Hashable, list[Packet]] = defaultdict(list)
    for packet in reversed(other.packets):
        if (key := _key(packet)) is not None:
            waiting[key].append(packet)
    both, alone = [], []
    for packet in one.packets:
        found = waiting.get(_key(packet))
        if found:
            both.append((packet, found.pop()))
        else:
            alone.append(packet)
    rest = sorted((p for each in waiting.values() for p in each), key=lambda p: p.number)
    return both, alone, rest


def _is_first(pairs: Sequence[Both]) -> int:
    """1: the TTL falls from the first point to the second, -1: the other way; 0: it does not tell."""
    falls = sum((a.ttl > b.ttl) - (a.ttl < b.ttl) for a, b in pairs)
    return (falls > 0) - (falls < 0)


def _joint(
    made: Comparison,
    way: Direction,
    pairs: Sequence[Both],
    alone: Sequence[Packet],
    gone: Sequence[Packet],
    *,
    is_there: bool,
) -> Joint:
    upper, lower = (made.one, made.other) if is_there else (made.other, made.one)
    offset = made.offset if is_there else -made.offset
    joint = Joint(upper, lower, way, [(a, b) if is_there else (b, a) for a, b in pairs], [], offset)
    begin, end = lower.begin - offset + _EDGE, lower.end - offset - _EDGE
    first, last = min(upper.begin, lower.begin - offset), max(upper.end, lower.end - offset)
    if lower.begin - offset - first < SECOND:
        begin = first
    if last - (lower.end - offset) < 3 * SECOND and lower.packets:
        end = last - _EDGE if not pairs else max(end, joint.both[-1][0].at if joint.both else end)
    for packet in alone if is_there else gone:
        if (packet.source, packet.target) == way and begin <= packet.at <= end:
            joint.lost.append(packet)
    return joint


def is_place(finding: Finding) -> bool:
    """Does it say between which points packets are lost?"""
    return isinstance(finding.cause, tuple) and finding.cause[:1] == ("between",)


def judge(made: Comparison) -> Iterator[Finding]:
    """What two points prove together."""
    for joint in made.joints:
        yield from _lost(made, joint)
        yield from _resets(made, joint)
        yield from marks.judge(joint.upper, joint.lower, joint.both)
        yield from _queue(made, joint)
    yield from marks.clamped(made.one, made.other, made.both)
    yield from _silenced_voice(made)


def _matters(packet: Packet) -> bool:
    """Is its loss one? That of a bare ACK is mended by the next one; a traceroute's packets are meant to end early."""
    if packet.ttl < _PROBE_TTL:
        return False
    if packet.protocol == TCP:
        return bool(packet.size or packet.flags & (SYN | FIN)) and not packet.flags & RST
    return packet.protocol == UDP or packet.shift > 0


def _lost(made: Comparison, joint: Joint) -> Iterator[Finding]:
    """Packets that left the upper point and are not at the lower one."""
    by_flow: dict[Direction, list[Packet]] = defaultdict(list)
    for packet in joint.lost:
        if _matters(packet) and packet.length <= _taken_size(joint, packet) and not _was_taken(joint, packet):
            by_flow[joint.direction].append(packet)
    passed = sum(1 for a, _ in joint.both if _matters(a))
    for (source, target), lost in by_flow.items():
        total = passed + len(lost)
        if len(lost) < _FEWEST_LOST or len(lost) < _LOST_SHARE * total:
            continue
        flows = tuple(dict.fromkeys(flow_of(p) for p in lost))
        biggest = max((a.length for a, _ in joint.both), default=0)
        smallest = min(p.length for p in lost)
        size = f" All of them have {smallest} bytes or more, all that passed have {biggest} or less." * (
            biggest < smallest
        )
        sentence = (
            f"{len(lost)} of {total} packets from {address(source)} to {address(target)} are lost between the two "
            "capture "
            f"points.{size}"
        )
        checked = (
            "They are in the one capture and not in the other, which was running.",
            "The other side acknowledged none of them at the second point: it did not lose them by capturing.",
        )
        advice = "The fault is between these two points: look at what lies there, or take a point in the middle."
        frames = tuple(marks.frame(joint.upper, p) for p in lost[:12])
        yield Finding(
            *("loss", PROVED, sentence, flows, frames, checked, advice, "", len(lost) / 50, ("between", source, target))
        )


def _taken_size(joint: Joint, packet: Packet) -> int:
    """The size that a router has told the sender to keep to; path MTU discovery that works is no loss."""
    told = [q.mtu for q in joint.upper.quotes if q.says == TOO_BIG and q.flow.target == packet.target and q.mtu]
    return min(told, default=1 << 20)


def _was_taken(joint: Joint, packet: Packet) -> bool:
    """Has the receiver acknowledged it, at the lower point, without it being sent again? Then that capture lost it."""
    if packet.protocol != TCP or not packet.size:
        return False
    end = packet.seq + packet.size & 0xFFFFFFFF
    for pair in joint.lower.pairs:
        is_client = pair.flow == flow_of(packet)
        if not is_client and pair.flow.reversed() != flow_of(packet):
            continue
        stream = pair.of(is_client)
        if not stream.has_base:
            return False
        place = stream.relative(end)
        came = any(s.start <= place - packet.size and s.end >= place for s in stream.segments)
        return stream.acked >= place and not came and any(h.rest > 0 and h.start < place <= h.end for h in stream.holes)
    return False


def _resets(made: Comparison, joint: Joint) -> Iterator[Finding]:
    """A reset that arrives and was never sent at the point nearer to its sender."""
    passed = {id(b) for _, b in joint.both}
    for packet in joint.lower.packets:
        if not packet.flags & RST or packet.protocol != TCP or (packet.source, packet.target) != joint.direction:
            continue
        if id(packet) in passed or not joint.upper.begin <= packet.at - joint.offset <= joint.upper.end + SECOND:
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
        cause = ("device", frozenset(joint.direction))
        yield Finding("reset-by-middlebox", PROVED, sentence, (flow,), frames, checked, advice, "", 2.0, cause)


_WAITS = 100 * MILLISECOND


def _queue(made: Comparison, joint: Joint) -> Iterator[Finding]:
    """How much longer packets take than the fastest one: needs no common clock."""
    times = [(b.at - a.at, a, b) for a, b in joint.both if a.size > 500]
    if len(times) < 50:
        return
    shortest = min(b.at - a.at for a, b in joint.both)
    late = sorted(t - shortest for t, _, _ in times[len(times) // 2 :])
    usual = late[len(late) // 2]
    lost = sum(1 for p in joint.lost if p.size)
    if usual < _WAITS or lost > 0.01 * len(times) or late[len(late) // 10] < _WAITS / 4:
        return
    source, target = joint.direction
    sentence = (
        f"Packets from {address(source)} to {address(target)} wait {seconds(usual)} between the two points, behind "
        "others in "
        f"a queue (the fastest waits 0), and {lost} of {len(times)} are lost: a shaper or the slowest link is there."
    )
    checked = ("Only differences are compared, so the clocks do not matter.",)
    worst = sorted(times, key=lambda each: each[0])[-4:]
    frames = tuple(f for _, a, b in worst for f in (marks.frame(joint.upper, a), marks.frame(joint.lower, b)))
    flows = tuple(dict.fromkeys(flow_of(a) for _, a, _ in times))[:10]
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
