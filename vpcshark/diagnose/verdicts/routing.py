"""IP itself: routing loops, fragments that lack their rest, datagrams that ICMP refuses, and captures that say nothing.

Must not know TCP.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import Flow, flow_of
from vpcshark.diagnose.icmp import EXPIRED, REASSEMBLY, TOO_BIG, UNREACHABLE, Quote
from vpcshark.diagnose.keep import METHODS
from vpcshark.diagnose.packet import TCP, UDP, Packet, address
from vpcshark.diagnose.table import Point
from vpcshark.diagnose.view import View
from vpcshark.text import many

_PROBE_TTL = 32
"""Traceroute begins at 1 and ends at 30: what was sent with more was not meant to expire."""
_TRACED_PORTS = range(33434, 33535)
_SIGHTINGS = 4


def judge(view: View) -> Iterator[Finding]:
    """All of the point."""
    yield from _loops(view)
    yield from _fragments(view)
    yield from _refused(view)
    yield from _carriers(view)


def _loops(view: View) -> Iterator[Finding]:
    seen = [found for found in view.loops if len(found) >= _SIGHTINGS]
    for found in seen:
        flow = flow_of(found[0])
        sentence = (
            f"The same packet from {address(flow.source)} to {address(flow.target)} comes by {len(found)} times "
            "with its TTL "
            f"falling from {found[0].ttl} to {found[-1].ttl}: routers send it round in a circle."
        )
        yield _loop(view, flow, found, sentence)
    expired = [quote for quote in view.quotes if quote.says == EXPIRED and not seen]
    sent_as = _by_ident(view) if expired else {}
    for quote in expired:
        known = sent_as.get((quote.flow.source, quote.flow.target, quote.ident))
        sent = known if quote.ident > 0 else _untold(view, quote)
        if sent is not None:
            flow = flow_of(sent)
            sentence = (
                f"{address(quote.packet.source)} reports that a packet from {address(flow.source)} to "
                f"{address(flow.target)} "
                f"ran out of hops; it was sent with a TTL of {sent.ttl}: routers send it round in a circle."
            )
            yield _loop(view, flow, [sent, quote.packet], sentence)


def _loop(view: View, flow: Flow, packets: Sequence[Packet], sentence: str) -> Finding:
    told = "one IP identification" if packets[0].ident > 0 else "the same numbers, size and beginning"
    checked = ("It is no traceroute: that sends with TTLs from 1 to 30.", f"All sightings have {told}.")
    advice = "Compare the route tables of the two hops that the packet goes between: each takes the other for the way."
    return view.finding(
        Verdict("routing-loop", PROVED, sentence, checked, advice, 5.0, ("loop", flow.target)), (flow,), packets
    )


def _by_ident(view: View) -> dict[tuple[bytes, bytes, int], Packet]:
    """The first packets that were sent here with a TTL for any distance, by what an ICMP error quotes of them."""
    found: dict[tuple[bytes, bytes, int], Packet] = {}
    for packet in view.packets:
        if packet.ttl >= _PROBE_TTL:
            found.setdefault((packet.source, packet.target, packet.ident), packet)
    return found


def _untold(view: View, quote: Quote) -> Packet | None:
    """What was sent without an identification (IPv6): any of the flow's, if none of them is a traceroute's."""
    before = [p for p in view.packets if p.number < quote.packet.number and flow_of(p) == quote.flow]
    return before[-1] if before and all(p.ttl >= _PROBE_TTL for p in before) else None


def _fragments(view: View) -> Iterator[Finding]:
    parts: dict[tuple[bytes, bytes, int, int], list[Packet]] = defaultdict(list)
    for packet in view.packets:
        if packet.has_more or packet.shift:
            parts[packet.source, packet.target, packet.protocol, packet.ident].append(packet)
    by_ends: dict[tuple[bytes, bytes], list[list[Packet]]] = defaultdict(list)
    for (source, target, _, _), found in parts.items():
        by_ends[source, target].append(found)
    for (source, _), groups in by_ends.items():
        torn = [found for found in groups if not any(not p.has_more for p in found)]
        told = [q.packet for q in view.quotes if q.says == REASSEMBLY and q.flow.source == source]
        if (len(torn) >= 2 and len(torn) == len(groups) and not _answers(view, torn)) or (told and len(torn) >= 1):
            yield _torn(view, [p for found in torn for p in found], told, len(groups))


def _answers(view: View, torn: Sequence[Sequence[Packet]]) -> bool:
    """Does the other side answer one of them, before anything else is sent? Then only the capture lacks the rest."""
    first = torn[0][0]
    waiting = {id(p) for found in torn for p in found if not p.shift}
    ends, is_waiting = (first.source, first.target), False
    for packet in view.packets:
        if packet.protocol != first.protocol:
            continue
        if (packet.source, packet.target) == ends:
            is_waiting = id(packet) in waiting or (is_waiting and bool(packet.shift))
        elif is_waiting and (packet.target, packet.source) == ends:
            return True
    return False


def _torn(view: View, packets: Sequence[Packet], told: Sequence[Packet], total: int) -> Finding:
    flow = flow_of(packets[0])
    sentence = (
        f"Of {total} fragmented packets from {address(flow.source)} to {address(flow.target)} only first fragments "
        "come: "
        "something on the way drops the later ones, which have no ports."
    )
    reported = (
        "The receiver reports it by ICMP (reassembly time exceeded)." if told else "No answer came to any of them."
    )
    checked = (reported, "It is no accident: no datagram of these two hosts is whole.")
    advice = (
        "Network ACLs and firewalls that go by port drop later fragments: allow the addresses, or send smaller "
        "datagrams "
        "(EDNS 1232, a lower MTU in the tunnel)."
    )
    sure = PROVED if told else LIKELY
    cause = ("fragments", flow.source, flow.target)
    return view.finding(
        Verdict("fragments-lost", sure, sentence, checked, advice, 2.0, cause), (flow,), [*packets, *told]
    )


def _refused(view: View) -> Iterator[Finding]:
    """ICMP errors about datagrams; about SYNs ``opening`` tells."""
    traced = _traced(view)
    for quote in view.quotes:
        flow = quote.flow
        if quote.says != UNREACHABLE or flow.protocol == TCP or (flow.source, flow.target) in traced:
            continue
        if flow.protocol == UDP and (not view.has_flow(flow) or view.has_flow(flow.reversed())):
            continue  # late answers find the asker's port closed, which is nobody's fault
        by = address(quote.packet.source)
        sentence = (
            f'{flow.client} sends to {flow.server} by {flow.name.upper()}; {by} refuses it by ICMP: "{quote.words}".'
        )
        own = quote.packet.source == flow.target
        checked = (
            "It is no traceroute and no answer that came too late.",
            "The target itself says so." if own else "It is not the target that says so, but a device on the way.",
        )
        advice = f"On {by}: ss -lun - does anything listen?" if own else f"Look at the rules and routes of {by}."
        packets = [p for p in view.datagrams.get(flow, [])[:1]] + [quote.packet]
        cause = (quote.packet.source, flow.target, flow.target_port)
        yield view.finding(Verdict("icmp-refused", PROVED, sentence, checked, advice, 1.0, cause), (flow,), packets)


def _carriers(view: View) -> Iterator[Finding]:
    """ICMP errors about the carriers of mirrored frames, or of an overlay's: somebody on their way loses them."""
    found: dict[tuple[Flow, bytes, str], list[Quote]] = defaultdict(list)
    for quote in view.carriers:
        found[quote.flow._replace(source_port=0), quote.packet.source, _said(quote)].append(quote)
    for (flow, source, said), quotes in found.items():
        is_refused = quotes[0].says == UNREACHABLE
        sentence = (
            f"{address(source)} tells {address(flow.source)} {many(len(quotes), 'time')} of carriers of tunnelled "
            f"frames to {flow.server}: {said}. Such frames are missing behind it."
        )
        checked = ("Each of these ICMP messages quotes UDP to a tunnel's port, not what is carried.",)
        advice = f"Look at the rules, routes and MTU of {address(source)}. VXLAN takes 50 bytes of a carrier's size."
        kind = "icmp-refused" if is_refused else "mirror-artefact"
        cause = ("carriers", source, flow.target, said)
        flows = tuple(dict.fromkeys(flow_of(quote.packet) for quote in quotes))
        packets = [quote.packet for quote in quotes]
        yield view.finding(Verdict(kind, PROVED, sentence, checked, advice, 1.0, cause), flows, packets)


def _said(quote: Quote) -> str:
    """What a router says of a packet."""
    return {
        TOO_BIG: f"they are too big, and only {quote.mtu} bytes pass",
        EXPIRED: "they ran out of hops",
        REASSEMBLY: "they lack fragments",
    }.get(quote.says, f'"{quote.words}"')


def _traced(view: View) -> set[tuple[bytes, bytes]]:
    """Ends between which somebody looks for the way: there port unreachable is the wanted end."""
    ports: dict[tuple[bytes, bytes], set[int]] = defaultdict(set)
    found = set()
    for quote in view.quotes:
        ends = (quote.flow.source, quote.flow.target)
        if quote.says in (EXPIRED, TOO_BIG) or quote.flow.target_port in _TRACED_PORTS:
            found.add(ends)
        ports[ends].add(quote.flow.target_port)
    return found | {ends for ends, several in ports.items() if len(several) >= 5}


def unsaid(view: View) -> Iterator[Finding]:
    """A capture in which nothing can be seen to have gone well or wrong."""
    if not view.packets:
        if not view.removed and not view.findings:
            said, advice = _nothing(view.point)
            sentence = f"{said}: whether anything is wrong can't be told."
            yield view.finding(Verdict("nothing-to-tell", CANNOT_TELL, sentence, next=advice), (), ())
        return
    asked = [s.packet for pair in view.pairs for s in pair.client.segments if s.packet.payload.startswith(METHODS)]
    if len(view.packets) < 3 and asked and not any(pair.server.packets for pair in view.pairs):
        flow = flow_of(asked[0])
        sentence = f"{flow.client} asks {flow.server}, and the capture ends: whether an answer came can't be told."
        yield view.finding(
            Verdict("nothing-to-tell", CANNOT_TELL, sentence, ("Nothing follows it.",), _MORE), (flow,), asked
        )


def _nothing(point: Point) -> tuple[str, str]:
    """(why there is nothing to look at, what to do)."""
    if point.cut:
        said = f"Of the {many(point.strange, 'packet')} in this capture {point.cut} are cut off in their headers"
        others = "" if point.cut == point.strange else ", and no other is an IP packet that was captured"
        return said + others, _LONGER
    if point.strange:
        return f"Of the {many(point.strange, 'packet')} in this capture none is an IP packet that was captured", _MORE
    return _NONE, _MORE


_NONE = "There is no packet in this capture"
_LONGER = "Capture more of each packet: 128 bytes hold the headers, 200 those of mirrored frames (tcpdump -s 200)."
_MORE = "Capture longer, at this place or at the other end, while the fault is there."
