"""How TCP connections begin: SYN, SYN-ACK or ACK without an answer, refused, a full listen queue, a NAT without ports.

Must not know what follows a handshake.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address

from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import SECOND, Flow, seconds
from vpcshark.diagnose.icmp import UNREACHABLE
from vpcshark.diagnose.openings import Opening
from vpcshark.diagnose.packet import FIN, RST, SYN, Packet, address
from vpcshark.diagnose.resets import origin
from vpcshark.diagnose.sightings import PROBE_TTL
from vpcshark.diagnose.view import View, confidence

_WATCHED = 2.5 * SECOND
"""A SYN is unanswered if nothing came for so long: three round trips to the Moon, and two resends of Linux."""
_RESENT = 0.7 * SECOND
_SYN_ADVICE = (
    "Look at the target's security group (inbound), the network ACLs of both subnets (also ephemeral ports "
    "1024-65535 on the way back) and the routes: vpcshark walk {client} {server}"
)
Server = tuple[bytes, int]


def judge(view: View) -> Iterator[Finding]:
    """What is wrong with the openings."""
    by_server: dict[Server, list[Opening]] = defaultdict(list)
    older: dict[Server, list[Opening]] = defaultdict(list)
    for pair in view.pairs:
        opening = Opening(pair)
        where = by_server if opening.syns or opening.answers else older
        where[pair.flow.target, pair.flow.target_port].append(opening)
    odd = [server for server, openings in by_server.items() if any(o.is_odd for o in openings)]
    for opening in (Opening(pair) for pair in view.beside(odd)):
        by_server[opening.flow.target, opening.flow.target_port].append(opening)
    for server, openings in by_server.items():
        yield from _server(view, openings, older[server])


def _server(view: View, openings: Sequence[Opening], older: Sequence[Opening]) -> Iterator[Finding]:
    """``older``: connections whose beginning is not in the capture."""
    silent = [o for o in openings if _is_silent(view, o)]
    slow = [o for o in openings if len(o.syns) > 1 and o.waited >= _RESENT and not o.resets and not o.was_put_off]
    slow = [o for o in slow if not o.is_far]
    served = [o for o in openings if o.answers]
    yield from _refusals(view, openings)
    for opening in openings:
        yield from _answer_unheard(view, opening, served)
    if silent or slow:
        yield from _silent(view, silent, slow, [*served, *_running(older)])


def _is_silent(view: View, opening: Opening) -> bool:
    """No answer at all, and time enough for one."""
    if not opening.syns or opening.replies or opening.followed or view.quotes_of(opening.flow):
        return False  # what follows a SYN acknowledges an answer, whether it is in the capture or not
    if all(p.ttl < PROBE_TTL for p in opening.syns):  # who traces a route counts on hops that say nothing
        return False
    if any(p.flags & (RST | FIN) for p in opening.pair.connection.packets):
        return False
    return view.end - opening.syns[0].at >= _WATCHED or len(opening.syns) > 1


def _silent(
    view: View, silent: Sequence[Opening], slow: Sequence[Opening], served: Sequence[Opening]
) -> Iterator[Finding]:
    held = [o for o in (*silent, *slow)]
    first = min(o.syns[0].at for o in held)
    older = [o for o in served if not o.answers]
    served = [o for o in served if o.answers]
    before = [o for o in served if o not in slow and o.answers[0].at <= first + SECOND]
    if before and _is_backlog(view, held, before):
        yield _backlog(view, held, before)
    elif len(before) >= 3 and len(held) >= 2 and _is_nat(held, before):
        yield _nat(view, held, before)
    elif len(older) >= 3 and len(held) >= 2 and _needs_nat(view, held[0].flow) and _is_nat(held, older):
        yield _nat(view, held, older)
    else:
        flow = held[0].flow
        more = view.sound.unheard.pop((flow.target, flow.target_port), 0)
        for opening in silent:
            yield replace(_syn(view, opening, served), more=more)
            more = 0
        for opening in slow:
            yield _late(view, opening)


def _is_backlog(view: View, held: Sequence[Opening], before: Sequence[Opening]) -> bool:
    """The first ones were let in and served nothing, or the server's own host is seen to be silent."""
    starving = [o for o in before if not o.has_served and not any(p.flags & FIN for p in o.replies)]
    if len(starving) == len(before) and len(held) + len(before) >= 3:
        return True
    is_here = view.stands_at(held[0].flow.target, held[0].flow.source)
    return is_here and len(held) >= 2 and len(starving) >= 1


def _backlog(view: View, held: Sequence[Opening], before: Sequence[Opening]) -> Finding:
    here = view.stands_at(held[0].flow.target, held[0].flow.source)
    sentence = (
        f"{held[0].flow.server} answered {len(before)} connections without serving any, then no further SYN "
        f"({len(held)} connections): its listen queue is full, the application does not accept."
    )
    checked = [f"The same server answered {len(before)} SYNs before: address, route and rules let it through."]
    checked.append("The server stands at this capture point." if here else "Seen from afar: the SYNs may be lost, too.")
    flows = tuple(o.flow for o in (*held, *before))
    packets = [p for o in held[:6] for p in o.syns[:3]]
    advice = "On the server: ss -ltn (Recv-Q beside Send-Q), nstat TcpExtListenOverflows; see why it does not accept."
    return view.finding(
        Verdict("backlog-full", LIKELY, sentence, tuple(checked), advice, _waited(view, held)), flows, packets
    )


def _running(older: Sequence[Opening]) -> list[Opening]:
    """Those that carry data both ways."""
    return [o for o in older if o.has_served and o.pair.client.segments]


def _needs_nat(view: View, flow: Flow) -> bool:
    """From a private address to a public one, seen on the private side: else a rule that was changed since would do."""
    ends = [ip_address(each) for each in (flow.source, flow.target)]
    return ends[0].is_private and not ends[1].is_private and not view.is_here(flow.target)


def _is_nat(held: Sequence[Opening], before: Sequence[Opening]) -> bool:
    """Older connections carry data on while new ones wait, all from one client."""
    one = len({o.flow.source for o in (*held, *before)}) == 1
    since = min(o.syns[0].at for o in held)
    alive = [o for o in before if o.has_served and o.pair.connection.packets[-1].at > since]
    return one and len(alive) >= 3


def _nat(view: View, held: Sequence[Opening], before: Sequence[Opening]) -> Finding:
    sentence = (
        f"{len(held)} new connections of {address(held[0].flow.source)} to {held[0].flow.server} waited for an answer "
        f"while {len(before)} older ones to it went on: a NAT on the way has no port left for this destination."
    )
    checked = ("Older connections to the same server carry data.", "The server serves those that it has: it accepts.")
    advice = (
        "CloudWatch, NAT gateway: ErrorPortAllocation. A NAT gateway has 55,000 ports per destination and address: add "
        "addresses (up to 8), close idle connections, or spread the destinations."
    )
    flows = tuple(o.flow for o in held)
    packets = [p for o in held[:6] for p in o.syns[:3]]
    return view.finding(
        Verdict("nat-ports-exhausted", LIKELY, sentence, checked, advice, _waited(view, held)), flows, packets
    )


def _waited(view: View, held: Sequence[Opening]) -> float:
    return sum((o.waited or view.end - o.syns[0].at) / SECOND for o in held)


def _syn(view: View, opening: Opening, served: Sequence[Opening]) -> Finding:
    flow, count = opening.flow, len(opening.syns)
    lasted = max(opening.syns[-1].at, view.end) - opening.syns[0].at
    often = (count >= 2 and lasted >= _WATCHED) or (count >= 3 and lasted >= SECOND)
    sure = PROVED if often else LIKELY if lasted >= _WATCHED else CANNOT_TELL
    took, rest = opening.syns[-1].at - opening.syns[0].at, view.end - opening.syns[-1].at
    until = f", up to the capture's end {seconds(rest)} later" if rest > 0 else ""
    sentence = (
        f"{flow.client} sent {count} SYNs to {flow.server} in {seconds(took)} and got no answer at this point{until}."
    )
    if count == 1:
        sentence = f"{flow.client} sent a SYN to {flow.server}; no answer came in the {seconds(lasted)} that follow."
    checked = ["No SYN-ACK, no reset and no ICMP about it is in the capture."]
    back = view.spoke(flow.target)
    checked.append(
        f"{len(served)} other connections to {flow.server} were answered: it is not down for all."
        if served
        else f"{address(flow.target)} {'sent other packets' if back else 'sent nothing else'} in this capture."
    )
    advice = _SYN_ADVICE.format(client=address(flow.source), server=flow.server)
    cause = (flow.target, flow.target_port)
    return view.finding(
        Verdict("syn-unanswered", sure, sentence, tuple(checked), advice, lasted / SECOND, cause), (flow,), opening.syns
    )


def _late(view: View, opening: Opening) -> Finding:
    flow, count = opening.flow, len(opening.syns)
    sentence = (
        f"{flow.server} answered {flow.client} after {seconds(opening.waited)}, at the SYN number {count}: the "
        "ones before it, or their answers, were lost."
    )
    checked = ["The same connection was then opened: rules and routes let it through."]
    is_near = 0 < opening.round_trip < opening.waited / 2
    if is_near:
        checked.append(f"It is no slow way: the next ACK of {flow.server} took {seconds(opening.round_trip)}.")
    elif opening.answers_a_later_syn:
        checked.append("It is no slow way: the answer echoes the time stamp of a later SYN.")
    sure = confidence(is_near or opening.answers_a_later_syn)
    advice = "If it is seldom, it is loss; if it comes with load, look at the listen queue (nstat TcpExtListenDrops)."
    cause = ("opening", flow.source, flow.target)
    packets = [*opening.syns, *opening.answers[:1]]
    return view.finding(
        Verdict("loss", sure, sentence, tuple(checked), advice, opening.waited / SECOND, cause), (flow,), packets
    )


def _answer_unheard(view: View, opening: Opening, served: Sequence[Opening]) -> Iterator[Finding]:
    """The SYN-ACK comes again and again."""
    answers = opening.answers
    if len(answers) < 2 or answers[-1].at - answers[0].at < _RESENT or opening.resets or opening.has_served:
        return
    last = answers[-1].at
    if opening.followed:
        unheard = [a for a in answers if a.at > opening.followed[0].at]
        if len(unheard) >= 2 and opening.pair.client.acked <= 1:
            yield _ack(view, opening, served, unheard)
        return
    if any(p.flags & RST for p in opening.pair.connection.packets):
        return
    again = [p for p in opening.syns if answers[0].at < p.at]
    if again:
        yield _synack(view, opening)
    elif view.end - answers[0].at >= _WATCHED and last - answers[0].at >= _WATCHED:
        yield _ack_behind(view, opening)


def _ack(view: View, opening: Opening, served: Sequence[Opening], unheard: Sequence[Packet]) -> Finding:
    flow = opening.flow
    starving = [o for o in served if o is not opening and not o.has_served and o.pair.client.acked > 1]
    if starving:
        return _backlog(view, [opening], starving)
    sentence = (
        f"{flow.client} has acknowledged the SYN-ACK of {flow.server} and goes on, but the server repeats its SYN-ACK "
        f"{len(unheard)} times: what the client sends after its SYN does not arrive."
    )
    checked = ("The SYN itself arrived, for it was answered.", "No data of the client was acknowledged.")
    advice = (
        "A stateful device saw one direction only, or its rules let SYNs alone through: compare routes both ways; else "
        "the listen queue is full (nstat TcpExtListenOverflows on the server)."
    )
    packets = [*opening.followed[:6], *unheard[:6]]
    return view.finding(
        Verdict("ack-unanswered", PROVED, sentence, checked, advice, 1.0, ("ack", flow.target)), (flow,), packets
    )


def _ack_behind(view: View, opening: Opening) -> Finding:
    flow, answers = opening.flow, opening.answers
    sentence = (
        f"{flow.server} repeats its SYN-ACK to {flow.client} {len(answers)} times and gets no ACK; the client does not "
        "repeat its SYN, so it has the answer, and its ACK is lost on the way here."
    )
    checked = ("The client sent its SYN once: without an answer it would have sent it again.",)
    advice = "Look at what lets SYNs through but no ACKs: a stateful device that sees one direction only, or its rules."
    return view.finding(
        Verdict("ack-unanswered", LIKELY, sentence, checked, advice, 1.0, ("ack", flow.target)), (flow,), answers
    )


def _synack(view: View, opening: Opening) -> Finding:
    flow = opening.flow
    sentence = (
        f"{flow.server} answered the SYN of {flow.client} {len(opening.answers)} times, and the client repeats its "
        "SYN: the SYN-ACK does not reach it."
    )
    checked = ("SYN and SYN-ACK are both in the capture, an ACK is not.", "No reset and no ICMP came back.")
    advice = (
        "Look at the way back: network ACL outbound of the server's subnet and inbound of the client's (ephemeral "
        f"ports), the return route, a device that saw no SYN: vpcshark walk {address(flow.source)} {flow.server}"
    )
    packets = sorted([*opening.syns, *opening.answers], key=lambda p: p.number)
    return view.finding(
        Verdict("synack-unanswered", PROVED, sentence, checked, advice, 1.0, ("synack", flow.target)), (flow,), packets
    )


def _refusals(view: View, openings: Sequence[Opening]) -> Iterator[Finding]:
    for opening in openings:
        for finding in _refused(view, opening):
            more = view.sound.refused.pop((opening.flow.target, opening.flow.target_port), 0)
            yield replace(finding, more=more)


def _refused(view: View, opening: Opening) -> Iterator[Finding]:
    """A reset in place of a SYN-ACK, or ICMP."""
    flow = opening.flow
    refusals = [q for q in view.quotes_of(flow) if q.says == UNREACHABLE]
    if refusals and not opening.answers:
        quote = refusals[0]
        by = address(quote.packet.source)
        sentence = f'The SYN of {flow.client} to {flow.server} is refused by {by}, by ICMP: "{quote.words}".'
        checked = ("The ICMP quotes this very SYN's addresses and ports.", "No SYN-ACK came.")
        whose = "the target itself" if quote.packet.source == flow.target else "a device on the way"
        advice = f"{by} is {whose}: look at its firewall. Security groups and network ACLs never send ICMP."
        packets = [*opening.syns[:3], *(q.packet for q in refusals[:3])]
        cause = (quote.packet.source, flow.target, flow.target_port)
        yield view.finding(Verdict("icmp-refused", PROVED, sentence, checked, advice, 1.0, cause), (flow,), packets)
        return
    if not opening.resets or opening.answers or not opening.syns or opening.pair.server.segments:
        return
    reset = opening.resets[0]
    if any(p.number < reset.number for p in opening.followed):
        return  # what follows a SYN acknowledges an answer, whether it is in the capture or not
    source = origin(view, reset)
    sentence = f"{flow.server} refuses the connection of {flow.client}: a reset answers the SYN, {source.by}."
    checked = (source.why, f"It came {seconds(reset.at - opening.syns[0].at)} after the SYN, and no SYN-ACK before it.")
    advice = f"On the target: ss -ltn 'sport = :{flow.target_port}' - does the service listen, and on this address?"
    packets = [p for p in opening.pair.connection.packets if p.flags & (SYN | RST)]
    weight = 1.0 + source.rank / 100  # of several points that one's sentence is told which knows most
    yield view.finding(
        Verdict("refused", PROVED, sentence, checked, advice, weight, (flow.target, flow.target_port)), (flow,), packets
    )
