"""HTTP/1 in the clear: 502 and 504, by whom and after how long; the race of a keep-alive's end with a request.

Must not know HTTP/2, which is not readable without keys.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from vpcshark.diagnose.finding import LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, seconds
from vpcshark.diagnose.keep import METHODS
from vpcshark.diagnose.packet import FIN, RST, Packet, address
from vpcshark.diagnose.streams import Pair
from vpcshark.diagnose.view import View
from vpcshark.text import line

_STATUS = re.compile(rb"HTTP/1\.[01] (50[24])\b")
_SERVER = re.compile(rb"\r\nServer: *([^\r\n]{1,80})", re.IGNORECASE)
_ADVICE = {
    "http-502": (
        "The target ended or refused the connection as the request came. Its keep-alive time-out must be longer "
        "than the "
        "load balancer's idle time-out (60 s); capture at the target's ENI: is there a FIN or reset just before?"
    ),
    "http-504": (
        "The target did not answer in the load balancer's time. Capture at the target's ENI: did the request "
        "arrive, and "
        "what does the service wait for?"
    ),
}


def judge(view: View) -> Iterator[Finding]:
    """For each connection."""
    for pair in view.pairs:
        for answer in _answers(pair):
            if (found := _STATUS.match(answer.payload)) is not None:
                yield _told(view, pair, answer, f"http-{found[1].decode()}")
        yield from _race(view, pair)


def _answers(pair: Pair) -> Iterator[Packet]:
    """Packets that begin an answer: after the head of one only what the client says next is answered by another, so
    that a page about status lines is none."""
    asked = sorted(s.packet.number for s in pair.client.segments)
    owed_from = 0
    for segment in pair.server.segments:
        packet = segment.packet
        if not packet.payload.startswith(b"HTTP/1."):
            continue
        if (
            not owed_from
            or not asked
            or bisect.bisect_left(asked, owed_from) < bisect.bisect_left(asked, packet.number)
        ):
            yield packet
            owed_from = 0 if packet.payload[8:10] == b" 1" else packet.number


def _told(view: View, pair: Pair, answer: Packet, kind: str) -> Finding:
    flow = pair.flow
    asked = next((s.packet for s in reversed(pair.client.segments) if s.packet.number < answer.number), None)
    after = answer.at - asked.at if asked else 0
    server = _SERVER.search(answer.payload)
    author = line(server[1].decode("latin-1"), 80) if server else ""
    whose = f' The author calls itself "{author}"' if author else " No Server header names the author"
    whose += ": an Application Load Balancer." if author.startswith("awselb") else "."
    took = f" {seconds(after)} after the request" if asked else ""
    sentence = f"{flow.server} answers {flow.client} with {kind[5:]}{took}.{whose}"
    quick = (
        "at once: it did not wait for a target" if after < SECOND else f"after {seconds(after)}: it waited for a target"
    )
    checked = ("The status line begins an answer of the server.", f"The answer came {quick}.")
    frames = [p for p in (asked, answer) if p is not None]
    cause = (kind, flow.target, flow.target_port)
    return view.finding(
        Verdict(kind, PROVED, sentence, checked, _ADVICE[kind], 1 + after / SECOND, cause), (flow,), frames
    )


def _race(view: View, pair: Pair) -> Iterator[Finding]:
    """At the target: a request that meets the target's own FIN, and is answered by a reset."""
    fin, connection = pair.server.fin, pair.connection
    if fin is None or (pair.client.fin is not None and pair.client.fin.number < fin.number):
        return
    late = [s.packet for s in pair.client.segments if s.packet.number > fin.number]
    late = [
        p for p in late if p.payload.startswith(METHODS) and p.at - fin.at < max(pair.round_trip * 3, 50 * MILLISECOND)
    ]
    reset = next((p for p in pair.server.packets if p.flags & RST and p.number > fin.number), None)
    if not late or reset is None or not fin.flags & FIN or connection.of_client(reset):
        return
    flow = pair.flow
    sentence = (
        f"{flow.client} sends a request {seconds(late[0].at - fin.at)} after {flow.server} has closed the idle "
        "connection, "
        "and gets a reset: a load balancer makes a 502 of it."
    )
    checked = ("The server closed first, without having been asked to.", "The request met the FIN on its way.")
    frames = [fin, late[0], reset]
    advice = f"Make the keep-alive time-out of {address(flow.target)} longer than the idle time-out of who asks (60 s)."
    yield view.finding(
        Verdict("http-502", LIKELY, sentence, checked, advice, 1.0, ("race", flow.target)), (flow,), frames
    )
