"""DNS: no answer, too many queries, errors, answers cut without TCP to fetch them. Must not know resolvers' zones."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence

from vpcshark.diagnose import lookups
from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import SECOND, Flow, end, flow_of, seconds
from vpcshark.diagnose.lookups import Query
from vpcshark.diagnose.packet import ACK, SYN, UDP, Packet, address
from vpcshark.diagnose.readers import dns
from vpcshark.diagnose.streams import Pair
from vpcshark.diagnose.view import View

_PORT = 53
_WAIT = 2 * SECOND
_MANY, _MOST_TRIES = 20, 10
_SEARCHED_WITHIN = 2 * SECOND
_ON_THE_CHANCE = {"wpad", "isatap"}
"""Computers ask for these by themselves: for a proxy's settings, and for a tunnel (RFC 5214, 8.3.2)."""
_RESOLVER = (
    "A VPC's resolver answers 1024 packets a second per ENI: ethtool -S (linklocal_allowance_exceeded). Cache on the "
    "instance (systemd-resolved, nscd, dnsmasq), or spread the queries."
)


def judge(view: View) -> Iterator[Finding]:
    """By resolver and client."""
    queries = _queries(view)
    by_server: dict[tuple[bytes, bytes], list[Query]] = defaultdict(list)
    for query in queries:
        by_server[query.flow.source, query.flow.target].append(query)
    for asked in by_server.values():
        yield from _unanswered(view, asked)
    known, tries = lookups.Known(queries), _Tries(view)
    for query in queries:
        yield from _answered(view, query, known, tries)


def _queries(view: View) -> list[Query]:
    found: dict[tuple[Flow, int, str, int], Query] = {}
    for packet in view.packets:
        if packet.protocol != UDP or _PORT not in (packet.sport, packet.dport):
            continue
        message = dns.read(packet.payload)
        if message is None:
            continue
        flow = flow_of(packet)
        if not message.is_answer and packet.dport == _PORT:
            key = (flow, message.ident, message.name, message.kind)
            found.setdefault(key, Query(flow, message, [], [])).sent.append(packet)
        elif message.is_answer and packet.sport == _PORT:
            query = found.get((flow.reversed(), message.ident, message.name, message.kind))
            if query is not None:
                query.answers.append((packet, message))
    return list(found.values())


def _unanswered(view: View, asked: Sequence[Query]) -> Iterator[Finding]:
    """Silence of one resolver to one client."""
    silent = [q for q in asked if not q.answers and view.end - q.sent[-1].at >= 0 and not view.quotes_of(q.flow)]
    answered = [q for q in asked if q.answers]
    if not silent:
        return
    if len(answered) >= 10 and len(silent) >= 5 and len(asked) >= _MANY and _is_rate(asked, silent):
        yield _limited(view, asked, silent, answered)
        return
    given_up = [q for q in silent if view.end - q.sent[0].at >= _WAIT]
    names: dict[tuple[str, int], list[Query]] = defaultdict(list)
    for query in asked:
        names[query.message.name, query.message.kind].append(query)
    found = {key for key, alike in names.items() if any(query.answers for query in alike)}
    dead = [q for q in given_up if (q.message.name, q.message.kind) not in found]
    often = [q for q in dead if len(q.sent) >= 2 or len(names[q.message.name, q.message.kind]) >= 2]
    if not often and (len(dead) < 2 or answered):
        return
    if not view.hides_answers(dead[0].flow.source):
        yield _dead(view, dead, answered)
    elif again := [q for q in dead if len(q.sent) >= 2]:  # who has its answer does not send the query again
        yield _dead(view, again, answered)
    else:
        yield _unseen(view, dead)


def _is_rate(asked: Sequence[Query], silent: Sequence[Query]) -> bool:
    """Do silences come where queries come fast, and answers where they do not?"""
    times = sorted(q.sent[0].at for q in asked)
    lasted = max(times[-1] - times[0], 1) / SECOND
    return len(times) / lasted >= 10 and len(silent) >= 0.05 * len(asked)


def _limited(view: View, asked: Sequence[Query], silent: Sequence[Query], answered: Sequence[Query]) -> Finding:
    times = sorted(q.sent[0].at for q in asked)
    lasted = max(times[-1] - times[0], 1) / SECOND
    flow = asked[0].flow
    sentence = (
        f"{address(flow.source)} asks {end(flow.target, _PORT)} {len(asked) / lasted:.3g} questions a second; "
        f"{len(silent)} of {len(asked)} get no answer, the others do ({len(answered) / lasted:.3g} answers a "
        "second): the "
        "rate is limited."
    )
    checked = ("Questions of the same kind are answered before and between: the resolver works and is reached.",)
    flows = tuple(dict.fromkeys(q.flow for q in silent))[:40]
    packets = [q.sent[0] for q in silent]
    cause = ("limited", flow.source, flow.target)
    return view.finding(
        Verdict("dns-rate-limited", LIKELY, sentence, checked, _RESOLVER, float(len(silent)), cause), flows, packets
    )


def _dead(view: View, dead: Sequence[Query], answered: Sequence[Query]) -> Finding:
    flow = dead[0].flow
    flows = tuple(dict.fromkeys(q.flow for q in dead))
    mine = [p for q in dead for p in q.sent]
    sentence = (
        f"{end(flow.target, _PORT)} answers none of {len(mine)} DNS queries of {address(flow.source)}; to the first "
        f"one (for {dead[0].name}) nothing came in {seconds(view.end - dead[0].sent[0].at)}."
    )
    checked = (
        "No DNS answer and no ICMP about these queries is in the capture.",
        f"{len(answered)} other queries to this resolver were answered.",
    )
    advice = (
        "Look at the way to the resolver: security group and network ACL for UDP 53 both ways, the route, and whether "
        f"{address(flow.target)} is a resolver at all: dig @{address(flow.target)} . NS"
    )
    return view.finding(
        Verdict("dns-unanswered", PROVED, sentence, checked, advice, float(len(mine)), ("dns", flow.source)),
        flows,
        mine,
    )


def _unseen(view: View, asked: Sequence[Query]) -> Finding:
    flow = asked[0].flow
    client, packets = address(flow.source), [p for q in asked for p in q.sent]
    sentence = (
        f"Of {len(packets)} DNS queries of {client} to {end(flow.target, _PORT)} no answer is in the capture, but "
        f"nothing else that is sent to {client} either, though by its ACKs others do answer it: whether the resolver "
        "does can't be told."
    )
    checked = ("No query was sent again, as it would be without an answer.",)
    advice = "Let the mirror's filter, or the capture's, take both directions."
    cause = ("dns", flow.source)
    flows = tuple(dict.fromkeys(q.flow for q in asked))
    verdict = Verdict("dns-unanswered", CANNOT_TELL, sentence, checked, advice, float(len(packets)), cause)
    return view.finding(verdict, flows, packets)


def _answered(view: View, query: Query, known: lookups.Known, tries: _Tries) -> Iterator[Finding]:
    if not query.answers:
        return
    packet, message = query.answers[0]
    server = end(query.flow.target, _PORT)
    frames = [query.sent[0], packet]
    if message.is_truncated:
        yield from _truncated(view, query, packet, tries)
    elif message.code == dns.SERVFAIL and not known.is_right_later(query):
        sentence = f"{server} answers SERVFAIL for {query.name}: it could not find out, which says nothing of the name."
        checked = ("The resolver itself is reached and answers.", "No later query for the name was answered well.")
        advice = (
            f"Look behind the resolver: does it reach the zone's servers? dig +trace {_shell(query)}; DNSSEC: dig +cd"
        )
        cause = ("servfail", query.flow.source, query.flow.target)
        yield from _behind(view, tries.unheard.pop(query.flow.target, []))
        yield view.finding(
            Verdict("dns-servfail", PROVED, sentence, checked, advice, 1.0, cause), (query.flow,), frames
        )
    elif message.code == dns.NXDOMAIN and not _is_search(query, known):
        sentence = f"{server} says that {query.name} does not exist (NXDOMAIN)."
        checked = ("The answer came: the resolver works.", "No longer or shorter form of the name was found after it.")
        advice = "Is the name right, and the zone the one that this VPC sees (private hosted zone, resolver rules)?"
        cause = ("nxdomain", query.flow.source, query.flow.target)
        yield view.finding(
            Verdict("dns-nxdomain", PROVED, sentence, checked, advice, 0.5, cause), (query.flow,), frames
        )
    elif message.code == dns.REFUSED and not known.is_right_later(query):
        sentence = f"{server} refuses to answer {address(query.flow.source)} (REFUSED, for {query.name})."
        checked = ("It is reached and answers: no packet is lost.", "No later query for the name was answered well.")
        advice = "Is this client among those that the resolver serves (its access list, its VPC)?"
        cause = ("refused", query.flow.source, query.flow.target)
        yield view.finding(Verdict("dns-refused", PROVED, sentence, checked, advice, 1.0, cause), (query.flow,), frames)


class _Tries:
    """Connections to port 53: by (client, server), the last ones last; and by client those that nothing answers."""

    def __init__(self, view: View) -> None:
        self.unheard: dict[bytes, list[Pair]] = defaultdict(list)
        self._tries: dict[tuple[bytes, bytes], list[Pair]] = defaultdict(list)
        self._opened: dict[tuple[bytes, bytes], int] = {}
        """When the last packet came of any that was opened."""
        for pair in sorted((p for p in view.pairs if p.flow.target_port == _PORT), key=_last):
            ends = pair.flow.source, pair.flow.target
            self._tries[ends].append(pair)
            if pair.connection.first(False, SYN | ACK, SYN | ACK):
                self._opened[ends] = _last(pair)
            if not pair.server.packets:
                self.unheard[pair.flow.source].append(pair)

    def after(self, flow: Flow, packet: Packet) -> list[Pair] | None:
        """Some of those in vain that go on after ``packet``; None: one succeeds."""
        ends = flow.source, flow.target
        if self._opened.get(ends, -1) >= packet.at:
            return None
        tries = self._tries[ends]
        first = bisect.bisect_left(tries, packet.at, key=_last)
        return tries[first : first + _MOST_TRIES]


def _last(pair: Pair) -> int:
    return pair.connection.packets[-1].at


def _behind(view: View, tries: Sequence[Pair]) -> Iterator[Finding]:
    """At the resolver itself: whom it asks by TCP in vain, as far as the capture goes."""
    for pair in tries:
        flow = pair.flow
        sentence = (
            f"Behind the SERVFAIL: {flow.client} connects to {flow.server} by TCP, and within the capture no "
            "answer comes."
        )
        checked = ("The capture ends too soon to say more than that.",)
        advice = f"Capture longer at the resolver; from there: dig +tcp @{address(flow.target)} . NS"
        packets = pair.client.packets
        yield view.finding(
            Verdict("syn-unanswered", CANNOT_TELL, sentence, checked, advice, 0.5, ("dns", flow)), (flow,), packets
        )


def _shell(query: Query) -> str:
    """The name as an argument: only what can be a host's name."""
    name = query.message.name
    return name if name and all(c.isascii() and (c.isalnum() or c in "-._") for c in name) else "NAME"


def _is_search(query: Query, known: lookups.Known) -> bool:
    """Is "no" a good answer? One step of a search list, or of a look at both kinds of address: another form of the
    name is found near. Or who asks does so on the chance: whether an address is listed, whether there is a service."""
    name = query.message.name
    if (
        name.endswith((".arpa", ".local"))
        or name.startswith("_")
        or _is_listing(name)
        or name.split(".")[0].lower() in _ON_THE_CHANCE
    ):
        return True
    return known.has_near_form(query, _SEARCHED_WITHIN)


def _is_listing(name: str) -> bool:
    """An address, reversed, in the zone of a list: those that are not on it do not exist there (RFC 5782, 2)."""
    labels = name.split(".")
    is_four = len(labels) > 5 and all(label.isdecimal() and len(label) < 4 for label in labels[:4])
    return is_four or (len(labels) > 33 and all(len(label) == 1 for label in labels[:32]))


def _truncated(view: View, query: Query, packet: Packet, by_tcp: _Tries) -> Iterator[Finding]:
    """TC without a TCP connection that succeeds (RFC 7766, 5)."""
    flow = query.flow
    tries = by_tcp.after(flow, packet)
    if tries is None or view.end - packet.at < SECOND / 2:
        return
    if any(m.code == dns.NOERROR and not m.is_truncated for _, m in query.answers):
        return
    then = "its TCP connection gets no answer" if tries else "the client does not ask again by TCP"
    sentence = f"{end(flow.target, _PORT)} cuts its answer for {query.name} (TC), and {then}: the name is not resolved."
    checked = ("No TCP connection to port 53 was established after the cut answer.",)
    advice = "Let TCP 53 through security group and network ACL, both ways; or have the client use EDNS (RFC 6891)."
    packets = [query.sent[0], packet, *(p for each in tries for p in each.connection.packets[:3])]
    sure = PROVED if tries else LIKELY
    flows = (flow, *(p.flow for p in tries))
    yield view.finding(
        Verdict("dns-truncated", sure, sentence, checked, advice, 1.0, ("tc", flow.target)), flows, packets
    )
