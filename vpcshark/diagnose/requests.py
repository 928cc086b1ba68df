"""What a client asks on a connection, and when the answer came: runs of its data after which the server speaks.

Must not know verdicts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vpcshark.diagnose.flows import MILLISECOND
from vpcshark.diagnose.keep import METHODS
from vpcshark.diagnose.packet import ACK, Packet
from vpcshark.diagnose.streams import NEW, PROBE, Pair

FAR = 400 * MILLISECOND
"""A round trip that is a fault by itself."""
BY_HAND = (22, 23, 513, 514, 3389, 5900)
"""Ports where a person types: how long nobody answers says nothing."""
_WAITS = re.compile(
    rb"^[A-Z]+ [^ \r\n]*\b(?:long[-_]?)?poll(?:ing)?\b|"
    rb"[?&](?:wait|long_?poll|poll|waittime(?:seconds|out)?)=|\r\nPrefer:[^\r\n]*\bwait=\d|"
    rb"\r\nX-Amz-Target:[^\r\n]*\.(?:ReceiveMessage|GetActivityTask|PollFor\w+)\r\n|"
    rb"\bAction=ReceiveMessage\b|\"WaitTimeSeconds\"\s*:\s*[1-9]|^GET [^ \r\n]*/runtime/invocation/next ",
    re.IGNORECASE,
)
"""A request that says itself for how long it may be held: Consul's, SQS's, and RFC 7240, 4.3. SQS's may also be held as
its queue says (ReceiveMessageWaitTimeSeconds of the SQS API); activities of Step Functions and SWF, and a Lambda
function's next event, always are (their APIs' GetActivityTask, PollForActivityTask and "Next invocation")."""
_SWITCHED = (b"HTTP/1.1 101", b"HTTP/1.0 101")


class Request(NamedTuple):
    """The last packet of a request, the packet that acknowledges it, and the answer's first one (None: none came).
    ``may_be_held``: does it ask for news, and to be answered when there are some (a long poll), in any packet?"""

    asked: Packet
    acked: Packet | None
    answer: Packet | None
    was_resent: bool
    may_be_held: bool


def requests(pair: Pair) -> list[Request]:
    """The client's requests: runs of its data, each with what followed. After an answer that switches to another
    protocol (RFC 9110, 15.2.2: WebSocket and others) nobody knows what is one."""
    found: list[Request] = []
    asked: Packet | None = None
    acked: Packet | None = None
    resent, held, upto = False, False, 0
    kinds = {id(s.packet): s for s in (*pair.client.segments, *pair.server.segments)}
    for packet in pair.connection.packets:
        segment = kinds.get(id(packet))
        if pair.connection.of_client(packet):
            if segment is None or segment.kind == PROBE:
                continue
            resent = segment.kind != NEW or (resent and asked is not None)
            held = _may_be_held(packet) or (held and asked is not None)
            asked, acked, upto = packet, None, max(upto, segment.end)
        elif asked is not None:
            if acked is None and packet.flags & ACK and pair.client.relative(packet.ack) >= upto:
                acked = packet
            if segment is not None and segment.kind != PROBE:
                found.append(Request(asked, acked, packet, resent, held))
                if packet.payload.startswith(_SWITCHED):
                    return found
                asked, acked, resent = None, None, False
    if asked is not None:
        found.append(Request(asked, acked, None, resent, held))
    return found


def _may_be_held(packet: Packet) -> bool:
    return _WAITS.search(packet.payload) is not None


def is_request(packet: Packet) -> bool:
    """Is it known that an answer is due? (Of TLS ``tls`` knows.)"""
    return packet.payload.startswith(METHODS)
