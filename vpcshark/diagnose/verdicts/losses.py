"""Lost, late and doubled segments; who loses them: chance, a policer, or the capture itself. Queues of a shaper.

Must not know black holes of large packets (``mtu``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vpcshark.diagnose.finding import LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, Flow, end, seconds
from vpcshark.diagnose.icmp import TOO_BIG
from vpcshark.diagnose.packet import RIGHT, WRONG, Packet
from vpcshark.diagnose.streams import COPY, LATE, NEW, RESENT, Hole, Pair, Segment, Stream
from vpcshark.diagnose.verdicts import rates
from vpcshark.diagnose.view import View

_FEWEST, _SHARE = 3, 0.005
"""Fewer segments lost than that are every network's: TCP mends them unseen."""
_STALL = 1.0 * SECOND
_TIMEOUT, _MANY = 180 * MILLISECOND, 0.3
"""No sender takes less for a time-out (RFC 6298 says 1 s, Linux 200 ms); the share of a server's connections."""
_MOST_BAD = 0.5
"""Where more checksums are wrong, a network card would have made them after the capture point."""


def judge(view: View) -> Iterator[Finding]:
    """For each direction of each connection."""
    for pair in view.pairs:
        for is_client in (True, False):
            stream, flow = pair.of(is_client), pair.way(is_client)
            if len(stream.segments) < 2:
                continue
            yield from _corrupt(view, stream, flow)
            yield from _lost(view, pair, stream, flow)
            yield from _late(view, stream, flow)
            yield from _doubled(view, stream, flow)
    yield from _by_capture(view)
    yield from _in_many(view)


def _in_many(view: View) -> Iterator[Finding]:
    """Short answers of one server that are lost in many of its connections, though in none of them often."""
    found: dict[tuple[bytes, int], list[tuple[Flow, Segment]]] = defaultdict(list)
    for pair in view.pairs:
        again = [s for s in lost_of(pair.server)[1] if s.first is not None and s.packet.at - s.first.at >= _TIMEOUT]
        if 0 < len(again) < _FEWEST and again[0].packet.at - _first_at(again[0]) < _STALL:
            found[pair.flow.target, pair.flow.target_port].append((pair.flow, again[0]))
    for (target, port), lost in found.items():
        if len(lost) < _FEWEST:
            continue
        total = sum(1 for p in view.pairs if (p.flow.target, p.flow.target_port) == (target, port))
        total += len(view.beside([(target, port)]))
        if len(lost) < _MANY * total:
            continue
        waited = max(s.packet.at - _first_at(s) for _, s in lost)
        sentence = (
            f"In {len(lost)} of {total} connections to {end(target, port)} data of its answer were lost behind this "
            f"capture point, and sent again after a time-out; the longest one was {seconds(waited)}."
        )
        checked = ("They were seen here before, and not acknowledged when they were sent again.",)
        advice = "Capture at the other end, too: vpcshark diagnose HERE THERE says between which points they vanish."
        packets = [p for _, s in lost[:6] for p in (s.first, s.packet) if p is not None]
        cause = ("loss", target, port)
        yield view.finding(
            Verdict("loss", LIKELY, sentence, checked, advice, len(lost) * waited / SECOND, cause),
            tuple(flow for flow, _ in lost),
            packets,
        )


def _first_at(segment: Segment) -> int:
    return segment.first.at if segment.first is not None else segment.packet.at


def lost_of(stream: Stream) -> tuple[list[Segment], list[Segment]]:
    """(sent again for what never came by here, sent again though it came by here and was not acknowledged)."""
    behind, ahead = [], []
    doubled = set(stream.doubled)
    for segment in stream.segments:
        if segment.kind != RESENT or segment.was_acked or (segment.start, segment.end) in doubled:
            continue
        if segment.first is not None and segment.start < segment_start(segment, stream):
            behind.append(segment)
        else:
            ahead.append(segment)
    return behind, ahead


def segment_start(segment: Segment, stream: Stream) -> int:
    """Where the packet begins that a resend is measured by: the one behind a gap, or the first sending."""
    assert segment.first is not None
    return stream.relative(segment.first.seq)


_BY_BOTH_ENDS = (
    "Capture at the other end, too: vpcshark diagnose HERE THERE says between which points they vanish. On AWS: "
    "ethtool -S (bw_in_allowance_exceeded, bw_out_, pps_, conntrack_) at both instances."
)


def _where(view: View, flow: Flow, behind: Sequence[Segment], ahead: Sequence[Segment]) -> str:
    """Of what is lost most never came by here, or most did. Nothing lies before a sender that stands here."""
    is_sender = view.stands_at(flow.source, flow.target)
    return "before this capture point" if len(behind) >= len(ahead) and not is_sender else "behind this capture point"


def _lost(view: View, pair: Pair, stream: Stream, flow: Flow) -> Iterator[Finding]:
    behind, ahead = lost_of(stream)
    told = _told_too_big(view, flow)
    behind, ahead = ([s for s in each if not _was_cut(s, told)] for each in (behind, ahead))
    if _was_discovered(pair, stream, behind):
        behind = []
    total = sum(1 for s in stream.segments if s.kind in (NEW, RESENT))
    lost = max(len(behind), _missing(stream, behind)) + len(ahead)
    total += lost - len(behind) - len(ahead)
    stall, at = _longest_stall([*behind, *ahead])
    if (lost < _FEWEST or lost < _SHARE * total) and (stall < _STALL or not lost):
        return
    again = sorted([*behind, *ahead], key=lambda s: s.packet.number)
    if _never_passed(stream, again):
        return
    policed = rates.policed(pair, stream, again)
    if policed is not None:
        yield _policed(view, stream, flow, again, policed)
        return
    where = _where(view, flow, behind, ahead)
    sentence = (
        f"{lost} of {total} data packets from {flow.client} to {flow.server} were lost {where} and sent again "
        f"({100 * lost / total:.2g} %); the longest wait for one was {seconds(stall)}."
    )
    how = "their IP identifications are newer than those around them" if stream.uses_ident else "by their times"
    late = sum(1 for s in stream.segments if s.kind == LATE)
    checked = (
        f"They are no reordered packets: {how}; {late} others came late.",
        "They are not sent without need: none was acknowledged before.",
    )
    packets = [p for s in again[:10] for p in (s.packet, at) if p is not None]
    sure = PROVED if stream.uses_ident or ahead else LIKELY
    cause = ("loss", flow.source, flow.target)
    packets = sorted(dict.fromkeys(packets), key=lambda p: p.number)
    yield view.finding(
        Verdict("loss", sure, sentence, checked, _BY_BOTH_ENDS, stall / SECOND + lost / 100, cause), (flow,), packets
    )


def _missing(stream: Stream, behind: Sequence[Segment]) -> int:
    """How many segments the gaps had room for that were filled by what is sent again, at least in part."""
    again, found = {id(s.packet): s.end - s.start for s in behind}, 0
    for hole in stream.holes:
        sizes = [again[id(p)] for p in hole.filled if id(p) in again]
        have = sum(min(high, hole.end) - max(low, hole.start) for low, high in _sacked_in(stream, hole))
        if sizes and hole.rest > 0:
            found += len(sizes) + max(hole.rest - have, 0) // max(sizes)
        else:
            found += len(sizes)
    return found


def _sacked_in(stream: Stream, hole: Hole) -> set[tuple[int, int]]:
    """What the receiver said it had of a gap: bytes that came before the capture began."""
    return {each for each in stream.sacked if each[0] >= hole.start and each[1] <= hole.end}


def _told_too_big(view: View, flow: Flow) -> dict[int, int]:
    """Sequence numbers of packets that a router refused for their size, with the size that it takes."""
    return {q.seq: q.mtu for q in view.quotes_of(flow) if q.says == TOO_BIG}


def _was_discovered(pair: Pair, stream: Stream, behind: Sequence[Segment]) -> bool:
    """The same, seen where the router's word does not come by: the first large packets are missing, come again soon in
    smaller ones, and none as large as the receiver offers ever comes."""
    other = pair.of(stream is not pair.client)
    longest = max((s.packet.length for s in stream.segments), default=0)
    if not behind or not other.options.mss or longest >= other.options.mss + 40 - 60:
        return False
    first = next((h for h in stream.holes if h.filled), None)
    if first is None or first.end - first.start < longest - 40:
        return False
    before = max((s.packet.length for s in stream.segments if s.end <= first.start and s.kind == NEW), default=0)
    soon = all(s.first is not None and s.packet.at - s.first.at < _STALL for s in behind)
    return soon and before < longest and all(first.start <= s.start < first.end for s in behind)


def _was_cut(segment: Segment, told: dict[int, int]) -> bool:
    """Is this path MTU discovery at work: sent again in smaller packets, as a router has said?"""
    return bool(told) and segment.packet.length <= max(told.values())


def _longest_stall(again: Sequence[Segment]) -> tuple[int, Packet | None]:
    """How long the longest wait was, and the packet that it began with."""
    waits = [(s.packet.at - s.first.at, s.first) for s in again if s.first is not None]
    return max(waits, key=lambda each: each[0], default=(0, None))


def _never_passed(stream: Stream, again: Sequence[Segment]) -> bool:
    """Nothing of what is sent again was acknowledged: the other side is silent, which is no loss rate."""
    return bool(again) and all(s.end > stream.acked for s in again) and len({s.start for s in again}) <= 2


def _policed(view: View, stream: Stream, flow: Flow, again: Sequence[Segment], rate: float) -> Finding:
    total = sum(1 for s in stream.segments if s.kind in (NEW, RESENT))
    sentence = (
        f"{flow.client} to {flow.server} is cut to {rate / 1e6:.2g} MB/s by dropping: {len(again)} of {total} data "
        "packets "
        "were lost, whenever more than that came, and the round trip stays flat: a policer, not a full queue."
    )
    checked = (
        "What passes is a steady rate after a first burst: random loss follows no rate.",
        "The round trip does not grow before losses: a queue would.",
    )
    advice = (
        "Look for a rate limit: the instance's allowance (ethtool -S: bw_out_allowance_exceeded), a VPN's 1.25 "
        "Gbit/s, an "
        "appliance's policy. Shaping at the sender (tc, fq) below that rate avoids the losses."
    )
    packets = [s.packet for s in again]
    cause = ("policer", flow.source, flow.target)
    return view.finding(Verdict("policer", LIKELY, sentence, checked, advice, len(again) / 10, cause), (flow,), packets)


def _late(view: View, stream: Stream, flow: Flow) -> Iterator[Finding]:
    late = [s for s in stream.segments if s.kind == LATE]
    total = len(stream.segments)
    if len(late) < 5 or len(late) < 0.01 * total or not stream.uses_ident:
        return
    waits = [s.packet.at - s.first.at for s in late if s.first is not None]
    if max(waits, default=0) < MILLISECOND / 2:
        return
    asked = len(stream.duplicate_acks)
    sentence = (
        f"{len(late)} of {total} data packets from {flow.client} to {flow.server} were overtaken by later ones, by "
        f"{seconds(max(waits))} at most: two ways of different length, or a parallel device."
    )
    checked = (
        "They are no resends: their IP identifications are older than those of the packets before them.",
        f"{asked} duplicate ACKs came of it.",
    )
    advice = "Look for several paths (ECMP, a pair of VPN tunnels, link aggregation per packet) between the two."
    packets = [s.packet for s in late]
    cause = ("late", flow.source, flow.target)
    yield view.finding(
        Verdict("reordering", PROVED, sentence, checked, advice, len(late) / 100, cause), (flow,), packets
    )


def _doubled(view: View, stream: Stream, flow: Flow) -> Iterator[Finding]:
    copies = [s for s in stream.segments if s.kind == COPY]
    if len(copies) < 3 or len(copies) < 0.005 * len(stream.segments):
        return
    sentence = (
        f"{len(copies)} of {len(stream.segments)} data packets from {flow.client} to {flow.server} came twice, "
        "with the "
        "same IP identification: something on the way copies them."
    )
    checked = (
        "The sender did not send them again: it would have given them new identifications.",
        "The capture did not double them: it has most packets once.",
    )
    advice = "Look for a mirror, a bridge loop or a hub in front of this point; TCP itself takes no harm from a few."
    packets = [p for s in copies[:8] for p in (s.first, s.packet) if p is not None]
    cause = ("copy", flow.source, flow.target)
    yield view.finding(
        Verdict("duplicates", PROVED, sentence, checked, advice, len(copies) / 1000, cause), (flow,), packets
    )


def _corrupt(view: View, stream: Stream, flow: Flow) -> Iterator[Finding]:
    bad = [s for s in stream.segments if s.packet.checksum == WRONG]
    good = sum(1 for s in stream.segments if s.packet.checksum == RIGHT)
    if len(bad) < 2 or len(bad) >= _MOST_BAD * (len(bad) + good):
        return
    again = {s.start for s in stream.segments if s.kind == RESENT}
    mended = [s for s in bad if s.start in again]
    if len(mended) < 2:
        return
    sentence = (
        f"{len(bad)} of {len(stream.segments)} data packets from {flow.client} to {flow.server} arrive with a wrong "
        f"checksum, and {len(mended)} of them are sent again: they are damaged on the way."
    )
    checked = (
        f"It is no checksum offload: {good} packets of the same sender are right.",
        "The receiver did not take them: the same bytes come again.",
    )
    advice = (
        "Look at the devices between for what rewrites packets or has bad memory: each hop's own checksum was right."
    )
    packets = [s.packet for s in bad]
    cause = ("corrupt", flow.source, flow.target)
    yield view.finding(Verdict("corruption", PROVED, sentence, checked, advice, len(bad) / 10, cause), (flow,), packets)


def _by_capture(view: View) -> Iterator[Finding]:
    """Bytes that the receiver has acknowledged and that nobody sent again, but which are not in the file."""
    for pair in view.pairs:
        for is_client in (True, False):
            stream, flow = pair.of(is_client), pair.way(is_client)
            missing = [h for h in stream.holes if h.rest > 0 and h.acked_by is not None and _is_sound(h)]
            if not missing or not pair.of(not is_client).packets:
                continue
            packets = [p for h in missing[:6] for p in (h.by, h.acked_by) if p is not None]
            count = sum(h.rest for h in missing)
            sentence = (
                f"{count} bytes from {flow.client} to {flow.server} are not in the capture, though the receiver has "
                "acknowledged them and nobody sent them again: the capture lost them, not the network."
            )
            checked = ("The receiver's ACK covers the missing bytes.", "No resend of them is in the file.")
            advice = "Capture again with a larger buffer (-B), a capture filter, or fewer bytes of each packet (-s)."
            yield view.finding(
                Verdict("capture-lost-packets", PROVED, sentence, checked, advice, 0.0, "capture"), (flow,), packets
            )


def _is_sound(hole: Hole) -> bool:
    return hole.end - hole.start < 1 << 30
