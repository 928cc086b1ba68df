"""Path MTU black holes: large packets vanish, small ones pass, and nobody says why (RFC 2923, 2.1).

Must not know other losses.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import SECOND, Flow, seconds
from vpcshark.diagnose.packet import FIN, RST, SYN, Packet, address
from vpcshark.diagnose.streams import RESENT, Hole, Segment, Stream
from vpcshark.diagnose.view import View

_SMALLEST = 577
"""Each IPv4 host takes 576 bytes (RFC 791): a packet that is lost for its size is larger."""
_PAUSE = 1.0 * SECOND
_MOST = 9001
"""No packet on AWS is longer."""
_FIRST_FLIGHT = 10
"""Segments that are sent before the first ACK (RFC 6928): so many large ones may be missing at once."""
_KNOWN = (
    (1500, "an Internet gateway, a VPN or another Region's peering takes 1500"),
    (8500, "a transit gateway, a Gateway Load Balancer endpoint or peering between Regions takes 8500"),
    (9001, "a VPC's own network takes 9001"),
)


class Lost(NamedTuple):
    """One stretch that was sent again and again in vain, and the smaller packets after it that passed."""

    sent: list[Packet]
    length: int
    smaller: list[Packet]
    acks: list[Packet]


def judge(view: View) -> Iterator[Finding]:
    """For each direction of each connection."""
    passed = _passed(view)
    for pair in view.pairs:
        for is_client in (True, False):
            stream, flow = pair.of(is_client), pair.way(is_client)
            if _was_told(view, flow):
                continue
            biggest = passed.get((flow.source, flow.target), 0)
            found = _at_sender(view, stream, flow, biggest, pair.of(not is_client))
            if found is None:
                found = _at_receiver(view, stream, flow, pair.of(not is_client), pair.round_trip)
            if found is not None:
                yield found


def _was_told(view: View, flow: Flow) -> bool:
    return flow.source in view.told_too_big


def _passed(view: View) -> dict[tuple[bytes, bytes], int]:
    """From which host to which one: the longest packet that was acknowledged, by any connection."""
    found = dict(view.sound.passed)
    for pair in view.pairs:
        for is_client in (True, False):
            way = pair.way(is_client)
            ends = (way.source, way.target)
            found[ends] = max(found.get(ends, 0), _biggest(pair.of(is_client)))
    return found


def _biggest(stream: Stream) -> int:
    again = {s.start for s in stream.segments if s.kind == RESENT}
    lengths = [
        s.packet.length
        for s in stream.segments
        if s.start not in again and (s.end <= stream.acked or stream.is_sacked(s.start, s.end))
    ]
    return max(lengths, default=0)


def _at_sender(view: View, stream: Stream, flow: Flow, biggest: int, other: Stream) -> Finding | None:
    lost = _lost(stream)
    if lost is None or lost.length < _SMALLEST or biggest >= lost.length:
        return None
    if not all(p.is_whole for p in lost.sent):
        return None
    alive = [p for p in other.packets if p.at > lost.sent[0].at and not p.flags & RST]
    if not lost.smaller and not alive and not _opened(stream, other):
        return None  # nothing at all came back: the peer or the path is silent, whatever the size
    passed = max((p.length for p in lost.smaller), default=biggest)
    sure = PROVED if lost.smaller or (alive and passed) else LIKELY
    if not passed and not alive:
        sure = LIKELY
    return _told(view, flow, lost, passed, sure, other.options.mss)


def _opened(stream: Stream, other: Stream) -> bool:
    return any(p.flags & SYN for p in stream.packets) and any(not p.flags & SYN for p in other.packets)


def _lost(stream: Stream) -> Lost | None:
    """What was sent at least three times over more than a second, and was never acknowledged at that size."""
    by_start: dict[int, list[Segment]] = {}
    for segment in stream.segments:
        by_start.setdefault(segment.start, []).append(segment)
    for start, sent in by_start.items():
        length = min(s.packet.length for s in sent[1:]) if len(sent) > 1 else 0
        full = [s for s in sent if s.packet.length >= _SMALLEST]
        if len(full) < 3 or full[-1].packet.at - full[0].packet.at < _PAUSE:
            continue
        length = min(s.packet.length for s in full[1:])
        shrunk = [s for s in sent if s.packet.length < length and s.packet.at > full[-1].packet.at]
        if not shrunk:
            largest = max(s.packet.length for s in full[1:])
            shrunk = [s for s in full[2:] if s.packet.length < largest - 40]
            full = [s for s in full if s not in shrunk]
            length = min(s.packet.length for s in full[1:]) if len(full) > 1 else length
        if stream.acked > start and not (shrunk and len(full) >= 2):
            continue
        return Lost([s.packet for s in full], length, _smaller(stream, length, full[0], shrunk), [])
    return None


def _smaller(stream: Stream, length: int, first: Segment, shrunk: Sequence[Segment]) -> list[Packet]:
    """Smaller ones than ``length`` that arrived, from the first loss on; or data before it."""
    found = [s.packet for s in shrunk if stream.acked >= s.end]
    for segment in stream.segments:
        if segment.packet.length >= length or segment.start == first.start:
            continue
        if segment.end <= stream.acked or stream.is_sacked(segment.start, segment.end):
            found.append(segment.packet)
    return found[:8]


def _told(view: View, flow: Flow, lost: Lost, passed: int, sure: str, mss: int) -> Finding:
    count, length = len(lost.sent), lost.length
    lasted = lost.sent[-1].at - lost.sent[0].at
    small = f"packets of {passed} bytes pass" if passed else "only packets without data pass"
    uncut = "" if len(flow.source) == 16 else " with Don't Fragment"  # no IPv6 router cuts a packet (RFC 8200, 5)
    sentence = (
        f"{address(flow.source)} sent {length} bytes{uncut} {count} times in {seconds(lasted)} to "
        f"{address(flow.target)}, none arrived; {small}; no router said why: a hop between takes less than "
        f"{length} bytes "
        "and hides it."
    )
    offered = f"The receiver's MSS would allow {mss + 40} bytes." if mss else "The receiver's MSS was not seen."
    checked = (
        f"No packet of {length} bytes or more was acknowledged from this host to that one in the whole capture.",
        'No ICMP "fragmentation needed" or "packet too big" is in the capture.',
        offered,
    )
    packets = [*lost.sent, *lost.smaller]
    cause = (flow.source, flow.target)
    return view.finding(
        Verdict("pmtu-black-hole", sure, sentence, checked, mending(length, flow), lasted / SECOND, cause, length),
        (flow,),
        packets,
    )


def is_a_size(passed: int, lost: Sequence[Packet]) -> bool:
    """Between two points: is it for their size that these are lost? Whole ones of data passed, all of them smaller."""
    return _SMALLEST <= passed < min(p.length for p in lost) and all(p.is_whole for p in lost)


def mending(length: int, flow: Flow, passed: int = 0) -> str:
    """What mends it; ``passed``: the longest that came through, where that is known."""
    known = next((words for mtu, words in _KNOWN if mtu < length), "a tunnel takes less than 1500 (a VPN: 1446)")
    to = f" to {passed}" if passed else ""
    return (
        f"Likely: {known}. On {address(flow.source)}: ping -M do -s {max(length - 28, 0)} {address(flow.target)}; then "
        f"lower the MTU of its interface or route{to}, clamp the MSS on the device between, let ICMP type 3 code 4 "
        "(IPv6: type 2) through security group and network ACL, or set net.ipv4.tcp_mtu_probing=1."
    )


def _at_receiver(view: View, stream: Stream, flow: Flow, other: Stream, round_trip: int) -> Finding | None:
    """Seen from where large packets do not arrive: a gap that only small ones fill, or a later bare ACK's number."""
    got = [s.packet for s in stream.segments]
    largest = max((p.length for p in got), default=0)
    hole = next((h for h in stream.holes if _is_big_hole(h, largest, stream, other)), None)
    if hole is not None:
        return _hole_told(view, flow, hole, largest)
    if (shrunk := _shrunk(stream, largest, other)) is not None:
        return _shrunk_told(view, flow, shrunk, largest)
    ahead = [(p, n) for p, n in stream.ahead if n >= _SMALLEST - 40 and _stays(p, stream)]
    if not ahead or largest >= _SMALLEST or not _is_long(view, ahead[0][0], other, round_trip):
        return None
    if other.acked < 1 or not other.segments:
        return None
    return _ahead_told(view, flow, *ahead[0])


def _stays(packet: Packet, stream: Stream) -> bool:
    """Nothing fills what this ACK left behind it."""
    return not any(
        s.packet.at > packet.at and s.kind == RESENT and s.packet.length >= _SMALLEST for s in stream.segments
    )


def _is_long(view: View, packet: Packet, other: Stream, round_trip: int) -> bool:
    """Three time-outs at least passed between the request and that ACK, or after it."""
    asked = other.segments[0].packet.at if other.segments else packet.at
    return max(packet.at - asked, view.end - packet.at) > max(_PAUSE, 3 * round_trip)


def _is_big_hole(hole: Hole, largest: int, stream: Stream, other: Stream) -> bool:
    """The first large packet is missing though a later short one came, and long after only short ones filled it."""
    size = hole.end - hole.start
    if size < _SMALLEST - 40 or largest - 40 >= size or hole.by.length - 40 >= size:
        return False
    if largest >= _full(other) or size > max(_MOST, _FIRST_FLIGHT * other.options.mss):
        return False
    if hole.filled:
        return hole.filled[0].at - hole.by.at >= _PAUSE and all(p.length < size for p in hole.filled)
    waited = max((p.at for p in (*stream.packets, *other.packets)), default=hole.by.at) - hole.by.at
    return hole.acked_by is None and waited >= 3 * _PAUSE


def _full(other: Stream) -> int:
    """How long a full packet is at least, by the receiver's MSS: timestamps and SACK may take 60 bytes of it."""
    return other.options.mss + 40 - 60 if other.options.mss else _MOST


def _shrunk(stream: Stream, largest: int, other: Stream) -> tuple[Packet, Packet] | None:
    """A silence in which, by IP identifications, the sender sent packets that never came; then only small ones do."""
    if not stream.uses_ident or not other.options.mss or largest >= _full(other) or len(stream.segments) < 3:
        return None
    own = [p for p in stream.packets if not p.flags & (SYN | RST)]
    for before, after in itertools.pairwise(own):
        step = after.ident - before.ident & 0xFFFF
        if after.at - before.at >= _PAUSE and after.size >= 256 and 3 <= step < 64:
            same = sum(1 for s in stream.segments if s.packet.length == after.length)
            return (before, after) if same >= 2 else None
    return None


def _shrunk_told(view: View, flow: Flow, around: tuple[Packet, Packet], largest: int) -> Finding:
    before, after = around
    count = (after.ident - before.ident & 0xFFFF) - 1
    until = after.at - before.at
    sentence = (
        f"In a silence of {seconds(until)} {address(flow.source)} sent {count} packets to {address(flow.target)} "
        "that never "
        f"came (its IP identifications go on from {before.ident} to {after.ident}); then it sends packets of "
        f"{largest} bytes "
        "at most, less than the receiver offers, and these come: a hop between takes no large packets and hides it."
    )
    checked = (
        "It is no slow server: it was sending.",
        "No full packet of this connection ever came; all small ones did.",
        "No ICMP about a packet too big is in the capture (it would go to the sender).",
    )
    cause = (flow.source, flow.target)
    advice = mending(1501, flow)
    return view.finding(
        Verdict("pmtu-black-hole", LIKELY, sentence, checked, advice, until / SECOND, cause), (flow,), [before, after]
    )


def _hole_told(view: View, flow: Flow, hole: Hole, largest: int) -> Finding:
    size = hole.end - hole.start
    until = hole.filled[0].at - hole.by.at if hole.filled else view.end - hole.by.at
    sentence = (
        f"{size} bytes that {address(flow.source)} sent to {address(flow.target)} did not arrive, shorter packets "
        "behind "
        f"them did (the longest has {largest} bytes); after {seconds(until)} "
        + ("they came in small packets: " if hole.filled else "they are still missing: ")
        + "a hop between takes no large packets and hides it."
    )
    checked = (
        "No packet as large as the missing one ever came from this host on this connection.",
        "No ICMP about a packet too big is in the capture (it would go to the sender).",
    )
    packets = [hole.by, *hole.filled[:6]]
    sure = LIKELY
    cause = (flow.source, flow.target)
    return view.finding(
        Verdict("pmtu-black-hole", sure, sentence, checked, mending(1500, flow), until / SECOND, cause),
        (flow,),
        packets,
    )


def _ahead_told(view: View, flow: Flow, packet: Packet, count: int) -> Finding:
    sentence = (
        f"By its sequence number in frame {packet.number}, {address(flow.source)} has sent {count} bytes to "
        f"{address(flow.target)} that never came here, while its packets without data pass: large packets are lost on "
        "the way and nobody says why."
    )
    checked = (
        "It is no slow server: a server that had sent nothing would not count on.",
        "No large packet of this connection came from this host.",
    )
    cause = (flow.source, flow.target)
    advice = mending(1501, flow) + " A capture at the server's ENI shows the size."
    return view.finding(Verdict("pmtu-black-hole", LIKELY, sentence, checked, advice, 10.0, cause), (flow,), [packet])


def unproved(view: View) -> Iterator[Finding]:
    """What was sent again and again with nothing coming back at all: one capture cannot say why."""
    for pair in view.pairs:
        for is_client in (True, False):
            stream, other, flow = pair.of(is_client), pair.of(not is_client), pair.way(is_client)
            if other.packets or _was_told(view, flow):
                continue
            sent = _most_often(stream)
            if len(sent) < 3 or sent[-1].at - sent[0].at < _PAUSE or sent[-1].flags & FIN:
                continue
            yield _silent(view, flow, sent)


def _most_often(stream: Stream) -> list[Packet]:
    found: dict[int, list[Packet]] = {}
    for segment in stream.segments:
        found.setdefault(segment.start, []).append(segment.packet)
    return max(found.values(), key=len, default=[])


def _silent(view: View, flow: Flow, sent: Sequence[Packet]) -> Finding:
    lasted = sent[-1].at - sent[0].at
    sentence = (
        f"{flow.client} sent the same {sent[0].size} bytes to {flow.server} {len(sent)} times in "
        f"{seconds(lasted)}, and "
        "nothing came back: the peer is gone, or the path is broken in one direction, or this point sees one alone."
    )
    checked = ("No smaller packet passed either, so the size is not to blame by this capture.",)
    advice = f"Capture at {address(flow.target)}, too: do these packets arrive, and does it answer?"
    return view.finding(
        Verdict("peer-silent", CANNOT_TELL, sentence, checked, advice, lasted / SECOND, (flow.source, flow.target)),
        (flow,),
        sent,
    )
