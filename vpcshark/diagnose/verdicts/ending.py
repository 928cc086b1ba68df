"""How connections end before their time: idle time-outs, resets by the peer or by a device between, one direction only.

Must not know openings.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import SECOND, Flow, seconds
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN, WRONG, Packet, address
from vpcshark.diagnose.streams import PROBE, RESENT, Pair, Segment
from vpcshark.diagnose.view import View

_IDLE = 3 * SECOND
_GONE = 1.2 * SECOND
_KNOWN = (
    (350, "350 s is the idle time-out of NAT gateways, Network and Gateway Load Balancers, and of Nitro v6 instances"),
    (60, "60 s is the idle time-out of Application and Classic Load Balancers"),
    (180, "180 s is that of UDP streams in security groups"),
    (4000, "more than an hour: a firewall's default"),
)


def judge(view: View) -> Iterator[Finding]:
    """For each connection that was open."""
    for pair in view.pairs:
        if not pair.is_established:
            continue
        found = list(_idle(view, pair))
        yield from found
        if not found:
            yield from _reset(view, pair)
            yield from _injected(view, pair)
    yield from _one_direction(view)


def _idle(view: View, pair: Pair) -> Iterator[Finding]:
    gap = _last_gap(pair)
    if gap is None:
        return
    before, after = gap
    packets = pair.connection.packets
    rest = packets[packets.index(after) :]
    is_client = pair.connection.of_client(after)
    back = [p for p in rest if pair.connection.of_client(p) != is_client]
    if not back:
        yield from _idle_silent(view, pair, before, rest, is_client)
        return
    first = back[0]
    if first.flags & RST and _is_foreign(view, pair, first):
        yield _idle_told(view, pair, before, [after, first], is_client, "a reset by another device answers", PROVED)


def _last_gap(pair: Pair) -> tuple[Packet, Packet] | None:
    """The last long silence after which somebody sent data or a keep-alive, while the connection was open."""
    packets = pair.connection.packets
    found = None
    for place, (before, after) in enumerate(itertools.pairwise(packets)):
        if before.flags & (FIN | RST) or after.flags & (FIN | RST | SYN):
            if before.flags & FIN:
                break
            continue
        if after.at - before.at >= _IDLE and after.size and place >= 3 and not _is_resend(pair, after):
            found = (before, after)
    return found


def _is_resend(pair: Pair, packet: Packet) -> bool:
    stream = pair.of(pair.connection.of_client(packet))
    return any(s.packet is packet and s.kind in (RESENT, PROBE) for s in stream.segments)


def _idle_silent(view: View, pair: Pair, before: Packet, rest: Sequence[Packet], is_client: bool) -> Iterator[Finding]:
    stream = pair.of(is_client)
    sent = [s for s in stream.segments if s.packet.at >= rest[0].at and s.end > stream.acked]
    again = [s for s in sent if s.kind == RESENT]
    settled = all(s.end <= stream.acked for s in stream.segments if s.packet.at <= before.at)
    if len(again) < 2 or rest[-1].at - rest[0].at < _GONE or not settled or not _had_both(pair, before):
        return
    if _larger_than_before(stream.segments, rest[0]):
        return
    packets = [before, *(s.packet for s in sent)]
    yield _idle_told(view, pair, before, packets[1:], is_client, f"{len(sent)} packets get no answer", LIKELY)


def _had_both(pair: Pair, before: Packet) -> bool:
    return any(s.packet.at <= before.at for s in pair.client.segments) or any(
        s.packet.at <= before.at for s in pair.server.segments
    )


def _larger_than_before(segments: Sequence[Segment], first: Packet) -> bool:
    """Is what is lost larger than all that passed before? Then its size may be to blame."""
    passed = max((s.packet.length for s in segments if s.packet.at < first.at), default=0)
    return first.length > max(passed, 576)


def _idle_told(
    view: View, pair: Pair, before: Packet, packets: Sequence[Packet], is_client: bool, what: str, sure: str
) -> Finding:
    flow = pair.flow
    gap = packets[0].at - before.at
    near = next((words for each, words in _KNOWN if each <= gap / SECOND <= each * 1.3), "")
    sentence = (
        f"The connection of {flow.client} to {flow.server} worked, was idle for {seconds(gap)}, and then {what}: a "
        "device "
        f"between has forgotten it.{f' {near}.' if near else ''}"
    )
    last = packets[0].at
    others = sum(1 for o in view.pairs if o is not pair and o.connection.packets[-1].at > last and o.is_established)
    others += view.sound.after(last)
    checked = (
        "All that was sent before the silence was acknowledged.",
        f"{others} other connections go on meanwhile." if others else "There is no other connection to compare.",
        "The first packet after the silence is no larger than what passed before.",
    )
    advice = (
        "Send keep-alives more often than the shortest time-out on the way (net.ipv4.tcp_keepalive_time=120 and "
        "SO_KEEPALIVE), or raise it: aws elbv2 modify-listener-attributes --attributes Key=tcp.idle_timeout.seconds,…"
    )
    frames = [before, *packets]
    cause = ("idle", flow.target, flow.target_port)
    return view.finding(Verdict("idle-timeout", sure, sentence, checked, advice, 10.0, cause), (flow,), frames)


def _is_foreign(view: View, pair: Pair, reset: Packet) -> bool:
    """Has the reset a TTL that no other packet of its sender has?"""
    own = [p for p in pair.connection.packets if p.source == reset.source and not p.flags & RST]
    known = {p.ttl for p in own} | set(view.ttls(reset.source))
    return bool(own) and bool(known) and reset.ttl not in known and max(known) - min(known) <= 2


def _reset(view: View, pair: Pair) -> Iterator[Finding]:
    packets = pair.connection.packets
    resets = [p for p in packets if p.flags & RST]
    if not resets:
        return
    first = resets[0]
    earlier = [p for p in packets if p.number < first.number]
    if any(p.flags & FIN for p in earlier) or not any(p.flags & ACK and not p.flags & SYN for p in earlier):
        return
    foreign = [p for p in resets if _is_foreign(view, pair, p)]
    if first in foreign:
        yield _by_device(view, pair, foreign)
    elif not pair.connection.of_client(first):
        yield from _by_server(view, pair, first)


def _by_device(view: View, pair: Pair, resets: Sequence[Packet]) -> Finding:
    flow, first = pair.flow, resets[0]
    usual = next(p.ttl for p in pair.connection.packets if p.source == first.source and not p.flags & RST)
    both = len({p.source for p in resets}) == 2
    sentence = (
        f"The connection of {flow.client} to {flow.server} is reset by a device between, in the name of "
        f"{address(first.source)}{' and of the other side too' if both else ''}: the reset's TTL is {first.ttl}, that "
        f"host's other packets have {usual}."
    )
    checked = ("No side had ended the connection before.", "All other packets of that host have its usual TTL.")
    advice = "Find the firewall, IPS or load balancer on the way whose distance fits that TTL, and look at its log."
    before = [p for p in pair.connection.packets if p.number < first.number][-2:]
    cause = ("device", flow.target, flow.target_port)
    sure = PROVED if both or abs(first.ttl - usual) > 0 else LIKELY
    return view.finding(
        Verdict("reset-by-middlebox", sure, sentence, checked, advice, 2.0, cause), (flow,), [*before, *resets[:4]]
    )


def _by_server(view: View, pair: Pair, reset: Packet) -> Iterator[Finding]:
    """The server ends it while it owes something: a request, or the rest of an answer."""
    stream = pair.client
    asked = [s for s in stream.segments if s.packet.number < reset.number and s.kind != PROBE]
    answered = [s for s in pair.server.segments if s.packet.number < reset.number]
    if not asked:
        return
    if answered and answered[-1].packet.number > asked[-1].packet.number:
        yield from _amid(view, pair, reset, answered[-1].packet)
        return
    last = asked[-1]
    if last.packet.payload[:1] == b"\x15" or any(p.flags & FIN for p in pair.connection.packets if p.at < reset.at):
        return
    flow = pair.flow
    sentence = (
        f"{flow.server} resets the connection {seconds(reset.at - last.packet.at)} after a request of {flow.client}, "
        "without an answer."
    )
    own = {p.ttl for p in pair.server.packets if not p.flags & RST}
    checked = (f"The reset's TTL {reset.ttl} is that of the server's other packets: no device between sent it.",)
    if reset.ttl not in own:
        checked = (f"The reset's TTL is {reset.ttl}, the server's other packets have {sorted(own)}.",)
    advice = f"Look at the service's log on {address(flow.target)}: a crash, a limit, a time-out of its own."
    cause = ("reset", flow.target, flow.target_port)
    yield view.finding(
        Verdict("reset-by-peer", PROVED, sentence, checked, advice, 1.0, cause), (flow,), [last.packet, reset]
    )


_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,15})\r\n", re.IGNORECASE)


def _amid(view: View, pair: Pair, reset: Packet, last: Packet) -> Iterator[Finding]:
    """A reset amid an answer whose length is known."""
    begun = next((s for s in reversed(pair.server.segments) if s.packet.payload.startswith(b"HTTP/1.")), None)
    if begun is None:
        return
    head, end, _ = begun.packet.payload.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    if not end or length is None:
        return
    came = pair.server.next - begun.start - len(head) - 4
    if came >= int(length[1]):
        return
    flow = pair.flow
    sentence = (
        f"{flow.server} resets the connection to {flow.client} amid an answer: {came} of {int(length[1])} bytes "
        "had come."
    )
    own = sorted({p.ttl for p in pair.server.packets if not p.flags & RST})
    checked = (f"The reset's TTL is {reset.ttl}, the server's other packets have {own}: no device between sent it.",)
    advice = f"Look at the service's log on {address(flow.target)}: a crash, a limit, a deploy."
    cause = ("reset", flow.target, flow.target_port)
    frames = [begun.packet, last, reset]
    yield view.finding(Verdict("reset-by-peer", PROVED, sentence, checked, advice, 1.0, cause), (flow,), frames)


def _injected(view: View, pair: Pair) -> Iterator[Finding]:
    """Two different contents for the same bytes: one of them is not the server's."""
    for is_client in (True, False):
        stream, flow = pair.of(is_client), pair.way(is_client)
        first: dict[int, Packet] = {}
        for segment in stream.segments:
            if segment.kind == PROBE or not segment.packet.payload or segment.packet.checksum == WRONG:
                continue  # what is damaged is nobody's second answer
            known = first.setdefault(segment.start, segment.packet)
            both = min(len(known.payload), len(segment.packet.payload))
            if known is not segment.packet and both >= 8 and known.payload[:both] != segment.packet.payload[:both]:
                yield _two_contents(view, flow, known, segment.packet)
                break


def _two_contents(view: View, flow: Flow, one: Packet, other: Packet) -> Finding:
    sentence = (
        f"Two different contents came for the same bytes from {flow.client} to {flow.server} (frames {one.number} and "
        f"{other.number}): one of them is not the sender's, somebody on the way answers in its name."
    )
    checked = (f"A resend would have the same bytes; TTLs are {one.ttl} and {other.ttl}.",)
    advice = "Find who intercepts this traffic (a proxy, a portal, an IPS); TLS makes it visible and harmless."
    return view.finding(
        Verdict("injected-data", PROVED, sentence, checked, advice, 2.0, ("inject", flow)), (flow,), [one, other]
    )


def _one_direction(view: View) -> Iterator[Finding]:
    """Flows of which one side is missing though it must have spoken: it acknowledges, and is acknowledged."""
    lone = [p for p in view.pairs if _is_lone(p)]
    whole = sum(1 for p in view.pairs if p.is_established) + len(view.sound.lasts)
    if not lone:
        return
    for pair in lone:
        is_client = bool(pair.client.packets)
        flow = pair.way(is_client)
        seen = pair.of(is_client).packets
        sure = LIKELY if whole else CANNOT_TELL
        sentence = (
            f"Of the connection between {flow.client} and {flow.server} only the packets of {address(flow.source)} "
            "are in "
            "the capture, though these acknowledge data of the other side: the other direction takes another way"
            + (" (other connections are here with both)." if whole else ", or the capture does not take it.")
        )
        checked = (
            f"{whole} connections are in this capture with both directions.",
            "The side that is seen acknowledges more and more, so the other one does answer.",
        )
        advice = (
            "Compare the routes there and back (transit gateway: appliance mode; targets in the same zone), and "
            "the filter "
            "of the mirror session: does it take both directions?"
        )
        yield view.finding(
            Verdict("one-direction", sure, sentence, checked, advice, 1.0, "one-direction"), (flow,), seen[:6]
        )


def _is_lone(pair: Pair) -> bool:
    if bool(pair.client.packets) == bool(pair.server.packets):
        return False
    seen = (pair.client if pair.client.packets else pair.server).packets
    acks = {p.ack for p in seen if p.flags & ACK and not p.flags & RST}
    opened = any(p.flags & SYN for p in seen) and any(not p.flags & (SYN | RST) for p in seen)
    return (len(acks) >= 2 or opened) and not all(p.flags & RST for p in seen)
