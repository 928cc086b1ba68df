"""Who keeps whom waiting: a receiver that does not read, a slow server, a slow path.

A request is data of the client after which the server speaks. Must not know losses: a request that was sent again is
left out.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence

from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, seconds
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN, Packet, address
from vpcshark.diagnose.requests import BY_HAND, FAR, Request, is_request, requests
from vpcshark.diagnose.streams import NEW, PROBE, Pair
from vpcshark.diagnose.view import View, confidence

_STOPPED = 200 * MILLISECOND
_THINKS = 500 * MILLISECOND
_SILENT = 3 * SECOND
_ACK_DELAY = 250 * MILLISECOND
_TIMED, _TICK = 5 * SECOND, 20 * MILLISECOND
"""Holds of so many whole seconds are common, and exact to so much."""


def judge(view: View) -> Iterator[Finding]:
    """For each connection."""
    for pair in view.pairs:
        for is_client in (True, False):
            yield from _stopped(view, pair, is_client)
        if pair.connection.is_sure and pair.flow.target_port not in BY_HAND:
            yield from _slow(view, pair)


def _stopped(view: View, pair: Pair, is_client: bool) -> Iterator[Finding]:
    longest, at, until = _longest_stop(pair, is_client)
    if at is None or longest < max(_STOPPED, 2 * pair.round_trip):
        return
    flow = pair.way(is_client)
    other = pair.of(not is_client)
    probes = [s.packet for s in other.segments if s.kind == PROBE and s.packet.at >= at.at]
    ended = (
        f"opened it after {seconds(longest)}"
        if until
        else f"had not opened it by the connection's last packet, {seconds(longest)} later"
    )
    sentence = (
        f"{flow.client} closed its receive window to {flow.server} and {ended}: the application there does not "
        "read; the network is idle meanwhile."
    )
    checked = (
        f"The window field is 0, whatever its scale; {len(probes)} probes of the other side ask again.",
        "It is no dip of some milliseconds: it lasted longer than two round trips and 200 ms.",
    )
    advice = (
        f"On {address(flow.source)}: why does the application not read (CPU, disk, garbage collection, a lock)? ss -tmi"
    )
    packets = [p for p in (at, *probes[:6], until) if p is not None]
    sure = confidence(longest >= _STOPPED)
    cause = ("stopped", flow.source, flow.source_port)
    yield view.finding(
        Verdict("zero-window", sure, sentence, checked, advice, longest / SECOND, cause), (flow,), packets
    )


def _longest_stop(pair: Pair, is_client: bool) -> tuple[int, Packet | None, Packet | None]:
    """(how long the window of that side was 0, from which packet, until which)."""
    best: tuple[int, Packet | None, Packet | None] = (0, None, None)
    since: Packet | None = None
    packets = pair.connection.packets
    for packet in packets:
        if pair.connection.of_client(packet) != is_client or packet.flags & SYN:
            continue
        if packet.flags & (RST | FIN) and not packet.window and since is None:
            continue
        is_open = packet.window > 0 or bool(packet.flags & RST)
        if since is None and not is_open:
            since = packet
        elif since is not None and is_open:
            if packet.at - since.at > best[0]:
                best = (packet.at - since.at, since, packet)
            since = None
    if since is not None and packets[-1].at - since.at > best[0]:
        best = (packets[-1].at - since.at, since, None)
    return best


def _slow(view: View, pair: Pair) -> Iterator[Finding]:
    asked = requests(pair)
    if pair.round_trip >= FAR:
        yield from _far(view, pair, asked)
        return
    yield from _gave_up(view, pair)
    if not pair.round_trip or pair.is_only_opening:
        return
    thinking = [(r, _think(pair, r)) for r in asked if r.answer is not None and not r.was_resent]
    slow = [(r, t) for r, t in thinking if t > max(5 * pair.round_trip, _THINKS) and _was_acked(pair, r)]
    is_due = _waits_for_answers(pair)
    slow = [(r, t) for r, t in slow if not _sent_meanwhile(pair, r) and (is_due or is_request(r.asked))]
    slow = [(r, t) for r, t in slow if not r.may_be_held]
    if sum(1 for _, took in thinking if took <= _THINKS / 2) < len(slow):
        slow = [(r, t) for r, t in slow if _is_owed(pair, r)]
    if slow:
        yield _thinks(view, pair, slow, len(thinking), _sure(pair, slow))
    yield from _silent(view, pair, asked)


def _is_owed(pair: Pair, request: Request) -> bool:
    """Is it known that an answer is due at once? Of protocols that nobody knows here only what is asked first is such:
    later a side may speak when it likes (replication, heartbeats), or be asked to wait for news (long polls)."""
    return is_request(request.asked) or pair.server.segments[0].packet.number > request.asked.number


def _sure(pair: Pair, slow: Sequence[tuple[Request, int]]) -> str:
    """What is asked later in a protocol that can't be read may be asked to be held; whole seconds are a timer's."""
    if any(_is_owed(pair, r) for r, _ in slow):
        return PROVED
    is_timed = all(t >= _TIMED and abs(t - round(t / SECOND) * SECOND) <= _TICK for _, t in slow)
    return CANNOT_TELL if is_timed else LIKELY


def _waits_for_answers(pair: Pair) -> bool:
    """Does the client ask and wait? One that goes on to say things (heartbeats) is owed no answer to each."""
    mine = [s.packet for s in pair.client.segments if s.kind == NEW]
    theirs = [s.packet.at for s in pair.server.segments]
    pauses = [(one.at, other.at) for one, other in itertools.pairwise(mine) if other.at - one.at >= _THINKS]
    return all(bisect.bisect_left(theirs, one) < bisect.bisect_left(theirs, other) for one, other in pauses)


def _think(pair: Pair, request: Request) -> int:
    """From the request to its answer at the server: what lies between here and there is taken off."""
    assert request.answer is not None
    return request.answer.at - request.asked.at - pair.to_server


def _was_acked(pair: Pair, request: Request) -> bool:
    """Soon, and by itself: so the network was quick both ways while the answer was waited for."""
    if request.acked is None:
        return False
    prompt = request.acked.at - request.asked.at <= 2 * pair.round_trip + _ACK_DELAY
    return prompt and request.acked is not request.answer


def _sent_meanwhile(pair: Pair, request: Request) -> bool:
    """By the IP identifications, did the server send packets while it seemed to think, which never came?"""
    if not pair.server.uses_ident or request.acked is None or request.answer is None:
        return False
    step = request.answer.ident - request.acked.ident & 0xFFFF
    between = [p for p in pair.server.packets if request.acked.number < p.number < request.answer.number]
    return 3 <= step - len(between) < 64


def _thinks(view: View, pair: Pair, slow: Sequence[tuple[Request, int]], total: int, sure: str) -> Finding:
    worst, took = max(slow, key=lambda each: each[1])
    flow = pair.flow
    assert worst.answer is not None
    assert worst.acked is not None
    sentence = (
        f"{flow.server} took {seconds(took)} until the first byte of its answer to {flow.client} ({len(slow)} of "
        f"{total} requests are slow); it had acknowledged the request after "
        f"{seconds(worst.acked.at - worst.asked.at)}, so the network was quick: "
        f"the server's application {'is slow' if sure == PROVED else 'is slow, or was asked to wait for news'}."
    )
    checked = (
        f"The round trip of the handshake is {seconds(pair.round_trip)}.",
        "The request was sent once, and acknowledged at once.",
    )
    advice = f"On {address(flow.target)}: what does the service wait for (its log, its database, what it calls)?"
    packets = [p for r, _ in slow[:5] for p in (r.asked, r.acked, r.answer) if p is not None]
    packets = sorted(dict.fromkeys(packets), key=lambda p: p.number)
    weight = sum(t for _, t in slow) / SECOND
    cause = ("slow", flow.target, flow.target_port)
    return view.finding(Verdict("slow-server", sure, sentence, checked, advice, weight, cause), (flow,), packets)


def _silent(view: View, pair: Pair, asked: Sequence[Request]) -> Iterator[Finding]:
    """The last request was acknowledged and never answered."""
    last = asked[-1] if asked else None
    if last is None or last.answer is not None or last.acked is None or last.was_resent:
        return
    packets, flow = pair.connection.packets, pair.flow
    ended = next((p for p in packets if p.at > last.asked.at and p.flags & (FIN | RST)), None)
    lasted = (ended.at if ended else view.end) - last.asked.at
    if lasted < _SILENT or pair.server.ahead or not is_request(last.asked) or last.may_be_held:
        return
    later = [p for p in packets if p.at > last.asked.at + SECOND and not pair.connection.of_client(p)]
    bare = [p for p in later if not p.flags & RST and not p.size]
    sure = LIKELY if bare or view.stands_at(flow.target, flow.source) else CANNOT_TELL
    sentence = f"{flow.server} acknowledged a request of {flow.client} and sent no answer in {seconds(lasted)}."
    if sure == CANNOT_TELL:
        sentence += " It still works on it, or large packets of its answer are lost on the way: both look so from here."
    checked = (
        "The sequence number of its later packets shows that it sent nothing."
        if bare
        else "No later packet of the server came, whose sequence number would decide.",
    )
    advice = (
        f"Capture at {address(flow.target)}: does the answer leave there? Or wait for the client's end or keep-alive."
    )
    frames = [p for p in (last.asked, last.acked, *bare[:2]) if p is not None]
    cause = ("slow", flow.target, flow.target_port)
    yield view.finding(Verdict("slow-server", sure, sentence, checked, advice, lasted / SECOND, cause), (flow,), frames)


def _far(view: View, pair: Pair, asked: Sequence[Request]) -> Iterator[Finding]:
    acks = [r.acked.at - r.asked.at for r in asked if r.acked is not None and not r.was_resent]
    if acks and min(acks) < pair.to_server / 3 and pair.to_server > pair.to_client:
        return  # only the handshake was slow: not the path, but whoever answers it
    flow, connection = pair.flow, pair.connection
    also = f", and the ACK of a request took {seconds(max(acks))}" if acks else ""
    sentence = (
        f"The way between {flow.client} and {flow.server} is slow: the handshake's round trip took "
        f"{seconds(pair.round_trip)}{also}."
    )
    checked = (
        "SYN, SYN-ACK and ACK are answered by kernels at once: no application is in this time.",
        "No SYN was sent again before its answer."
        if sum(1 for p in connection.sent_by(True) if p.flags & SYN) < 2
        else "A SYN was sent again before its answer: it is measured from the last one.",
    )
    advice = "Look at the path: mtr from both ends, another Region, a VPN over the Internet, a full link (queue)."
    packets = [p for p in connection.packets if p.flags & SYN]
    packets += [p for r in asked[:2] for p in (r.asked, r.acked) if p is not None]
    sure = PROVED if acks else LIKELY
    cause = ("far", flow.source, flow.target)
    yield view.finding(
        Verdict("slow-network", sure, sentence, checked, advice, pair.round_trip / SECOND, cause), (flow,), packets
    )


def _gave_up(view: View, pair: Pair) -> Iterator[Finding]:
    """The client ended it before the server's answer to its SYN was here."""
    connection, flow = pair.connection, pair.flow
    answer = connection.first(False, SYN | ACK, SYN | ACK)
    left = next((p for p in connection.sent_by(True) if p.flags & (FIN | RST)), None)
    if answer is None or left is None or left.at >= answer.at or answer.at - left.at > 10 * SECOND:
        return
    if connection.sent_by(False)[0].at <= left.at:  # it was answered by something else, and did not give up
        return
    begun = connection.packets[0]
    waited = answer.at - begun.at
    if waited < _ACK_DELAY or not begun.flags & SYN:
        return
    sentence = (
        f"{flow.client} gave up {seconds(left.at - begun.at)} after its SYN; the answer of {flow.server} came after "
        f"{seconds(waited)}: a slow way and a client that waits too shortly."
    )
    checked = ("The SYN-ACK did come: the server is not down.", "The resets after it only say that nobody is there.")
    advice = "Raise the client's connect timeout above the round trip, or shorten the way."
    cause = ("far", flow.source, flow.target)
    yield view.finding(
        Verdict("slow-network", LIKELY, sentence, checked, advice, waited / SECOND, cause),
        (flow,),
        [begun, left, answer],
    )
