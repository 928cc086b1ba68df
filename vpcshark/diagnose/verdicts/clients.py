"""Slow clients: one that lets the server wait for the rest of a request, or for the first one.

Must not know servers' delays.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from vpcshark.diagnose.finding import LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, seconds
from vpcshark.diagnose.packet import ACK, SYN, Packet, address
from vpcshark.diagnose.requests import BY_HAND, FAR, is_request, requests
from vpcshark.diagnose.streams import NEW, Pair
from vpcshark.diagnose.view import View

_THINKS = 500 * MILLISECOND


def judge(view: View) -> Iterator[Finding]:
    """For each connection of which the handshake tells how far away the other side is."""
    for pair in view.pairs:
        is_near = 0 < pair.round_trip < FAR and not pair.is_only_opening
        if is_near and pair.connection.is_sure and pair.flow.target_port not in BY_HAND:
            yield from _client(view, pair)


def _client(view: View, pair: Pair) -> Iterator[Finding]:
    asked = requests(pair)
    if asked and asked[0].answer is not None and pair.server.segments[0].packet.number >= asked[0].asked.number:
        yield from _half(view, pair)
        yield from _late(view, pair)


_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,15})\r\n", re.IGNORECASE)

_EXPECTS = re.compile(rb"\r\nexpect: *100-continue\r\n", re.IGNORECASE)
"""The client waits for leave to send the rest (RFC 9110, 10.1.1)."""


def _is_half(packet: Packet) -> bool:
    """Is this the beginning of a request that is not whole, and nothing was to be waited for? (Of its payload only a
    part may have been kept.)"""
    if not is_request(packet):
        return False
    head, end, _ = packet.payload.partition(b"\r\n\r\n")
    if _EXPECTS.search(head + b"\r\n"):
        return False
    if not end:
        return len(packet.payload) == packet.size
    length = _LENGTH.search(head + b"\r\n")
    return length is not None and packet.size - len(head) - 4 < int(length[1])


def _half(view: View, pair: Pair) -> Iterator[Finding]:
    """A client that lets the server wait for the rest of a request."""
    segments = [s for s in pair.client.segments if s.kind == NEW]
    for one, other in itertools.pairwise(segments):
        took = other.packet.at - one.packet.at
        if took < max(_THINKS, 5 * pair.round_trip) or not _is_half(one.packet):
            continue
        if any(one.packet.number < s.packet.number < other.packet.number for s in pair.server.segments):
            continue
        flow = pair.flow
        sentence = (
            f"{flow.client} sent the beginning of a request to {flow.server}, and the rest only {seconds(took)} "
            "later: the "
            "client is slow, not the network or the server."
        )
        checked = (
            "The first part was sent once, so it was not lost.",
            "The server can't answer before it has the rest.",
        )
        advice = f"On {address(flow.source)}: what does the client wait for amid a request (its own input, CPU)?"
        frames = [one.packet, other.packet]
        cause = ("client", flow.source)
        yield view.finding(
            Verdict("slow-client", PROVED, sentence, checked, advice, took / SECOND, cause), (flow,), frames
        )
        return


def _late(view: View, pair: Pair) -> Iterator[Finding]:
    """A client that opens a connection and lets it wait, without others beside it (browsers open some ahead)."""
    flow = pair.flow
    opened = next((p for p in pair.client.packets if p.flags & (SYN | ACK) == ACK), None)
    first = pair.client.segments[0].packet
    if opened is None or first.at - opened.at < max(_THINKS, 5 * pair.round_trip):
        return
    if view.sound.clients[flow.source] or any(o is not pair and o.flow.source == flow.source for o in view.pairs):
        return
    took = first.at - opened.at
    sentence = (
        f"{flow.client} opened a connection to {flow.server} and sent its request only {seconds(took)} later: "
        "neither the "
        "network nor the server was waited for, but the client."
    )
    checked = (f"The handshake took {seconds(pair.round_trip)}.", "The client has no other connection here meanwhile.")
    advice = (
        f"On {address(flow.source)}: what does the client do between connecting and asking (DNS, CPU, a proxy, TLS)?"
    )
    packets = [opened, first]
    cause = ("client", flow.source)
    yield view.finding(
        Verdict("slow-client", LIKELY, sentence, checked, advice, took / SECOND, cause), (flow,), packets
    )
