"""TLS handshakes that fail, by what is in the clear: alerts, versions, names, certificates, a port without TLS.

Must not know what goes through a connection that stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vpcshark.diagnose.certificates import Certificate, certificate_of
from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import SECOND, seconds
from vpcshark.diagnose.packet import FIN, RST, Packet
from vpcshark.diagnose.readers import tls
from vpcshark.diagnose.streams import Pair, Stream
from vpcshark.diagnose.view import View
from vpcshark.text import line

_SILENT = 2 * SECOND
_KINDS = {45: "tls-expired", 70: "tls-version", 86: "tls-version", 71: "tls-cipher", 112: "tls-name"}
_CERTIFICATE = (42, 43, 44, 45, 46, 48, 49)
_ADVICE = {
    "tls-expired": "Renew the certificate (ACM does it by itself), or look at the clock of whoever refuses it.",
    "tls-version": "Let both ends speak a common version: the load balancer's security policy, the client's settings.",
    "tls-cipher": "Let both ends share a cipher suite, key type and group: see the listener's security policy.",
    "tls-name": "Use a name that the certificate has, or give the listener a certificate for it (SNI).",
    "tls-alert": "Look at the log of whoever sent the alert: it knows why.",
}


class Talk(NamedTuple):
    """A connection that begins with TLS."""

    pair: Pair
    client: tls.Said
    server: tls.Said
    answer: bytes
    hello: tls.Hello | None
    back: tls.Hello | None

    @property
    def name(self) -> str:
        """The name that the client asks for, fit to be shown."""
        return line(self.hello.name, 100) if self.hello and self.hello.name else ""

    @property
    def is_up(self) -> bool:
        """Did application data go both ways?"""
        return all(any(r.kind == tls.DATA for r in said.records) for said in (self.client, self.server))


def judge(view: View) -> Iterator[Finding]:
    """For each connection whose client begins with a TLS record."""
    for pair in (*view.pairs, *view.handshakes):
        asked = pair.client.content()
        if not tls.is_tls(asked):
            continue
        said, answer = tls.read(asked), pair.server.content()
        back = tls.read(answer)
        hello = tls.hello(said.message(tls.CLIENT_HELLO) or b"", is_client=True)
        found = tls.hello(back.message(tls.SERVER_HELLO) or b"", is_client=False)
        yield from _talk(view, Talk(pair, said, back, answer, hello, found))


def _talk(view: View, talk: Talk) -> Iterator[Finding]:
    if not talk.client.has(tls.CLIENT_HELLO):
        return
    if not tls.is_tls(talk.answer):
        yield from _no_answer(view, talk)
        return
    fault, is_clients = _alert(view, talk)
    certificate = certificate_of(tls.first_certificate(talk.server.message(tls.CERTIFICATE) or b""))
    if certificate is not None:
        yield from _certificate(view, talk, certificate, fault if is_clients else None)
    is_its_reason = is_clients and certificate is not None and _is_bad(talk, certificate)
    if fault is not None and not (fault.kind == "tls-alert" and is_its_reason):
        yield fault


def _no_answer(view: View, talk: Talk) -> Iterator[Finding]:
    pair, flow = talk.pair, talk.pair.flow
    asked = pair.client.segments[0].packet
    if talk.answer:
        first = pair.server.holder(0) or asked
        if first.number < asked.number or len(talk.answer) < 5:
            return  # the server speaks first (SMTP, FTP), and TLS begins later
        what = "HTTP" if talk.answer.startswith(b"HTTP/") else "no TLS"
        sentence = f"{flow.client} speaks TLS to {flow.server}, which answers {what} in the clear: the port has no TLS."
        checked = ("The answer is to the client hello itself, and begins with no TLS record.",)
        advice = "Use the TLS port, or http:// for this one; a load balancer's target group: protocol HTTP, not HTTPS."
        yield view.finding(
            Verdict("tls-plaintext", PROVED, sentence, checked, advice, 1.0, ("plain", flow.target, flow.target_port)),
            (flow,),
            [asked, first],
        )
        return
    if pair.client.acked < 2 or pair.server.holes or pair.server.ahead or pair.server.segments:
        return  # not acknowledged, or the answer is lost: no matter of TLS
    ended = next((p for p in pair.connection.packets if p.at > asked.at and p.flags & (FIN | RST)), None)
    yield from _hello_unanswered(view, talk, asked, ended)


def _hello_unanswered(view: View, talk: Talk, asked: Packet, ended: Packet | None) -> Iterator[Finding]:
    pair, flow = talk.pair, talk.pair.flow
    by_server = ended is not None and not pair.connection.of_client(ended)
    lasted = (ended.at if ended else view.end) - asked.at
    if not by_server and lasted < _SILENT:
        return
    packets = pair.connection.packets
    bare = [p for p in packets if not pair.connection.of_client(p) and p.at > asked.at + SECOND and not p.flags & RST]
    sure = LIKELY if bare or by_server or view.stands_at(flow.target, flow.source) else CANNOT_TELL
    what = f"ended the connection {seconds(lasted)} later" if by_server else f"said nothing in {seconds(lasted)}"
    sentence = f"{flow.server} acknowledged the client hello of {flow.client}{_for(talk)} and {what}: no server hello."
    if sure == CANNOT_TELL:
        sentence += " It is silent, or its large packets are lost on the way: both look so from here."
    checked = (
        "Its later packets' sequence number shows that it sent nothing."
        if bare or by_server
        else "No later packet of the server came, whose sequence number would decide.",
        "The client hello itself arrived: it was acknowledged.",
    )
    advice = "Capture at the server's ENI: does a server hello leave there? Else look at the service's log."
    acks = [p for p in packets if not pair.connection.of_client(p) and p.at >= asked.at][:2]
    frames = [p for p in (asked, *acks, *bare[:2], ended) if p is not None]
    cause = ("hello", flow.target, flow.target_port)
    yield view.finding(
        Verdict("tls-no-server-hello", sure, sentence, checked, advice, lasted / SECOND, cause), (flow,), frames
    )


def _for(talk: Talk) -> str:
    return f" (for {talk.name})" if talk.name else ""


def _alert(view: View, talk: Talk) -> tuple[Finding | None, bool]:
    """The first alert that ended a handshake, and whether the client sent it."""
    for said, stream, is_client in ((talk.server, talk.pair.server, False), (talk.client, talk.pair.client, True)):
        for level, description, at in said.alerts:
            if description in (0, 90) or (level == tls.WARNING and (talk.is_up or _goes_on(said, at))):
                continue
            if talk.is_up and level != tls.FATAL:
                continue
            return _alerted(view, talk, stream, is_client, description, at), is_client
    return None, False


def _goes_on(said: tls.Said, at: int) -> bool:
    return any(record.at > at and record.kind != tls.ALERT for record in said.records)


def _alerted(view: View, talk: Talk, stream: Stream, is_client: bool, description: int, at: int) -> Finding:
    flow = talk.pair.flow
    kind = _KINDS.get(description, "tls-alert")
    who, other = (flow.client, flow.server) if is_client else (flow.server, flow.client)
    after = "after the client hello"
    if talk.server.has(tls.SERVER_HELLO):
        after = "after the server hello"
        if description in _CERTIFICATE and is_client:
            after = "as it does not accept the server's certificate"
        elif not is_client and talk.server.has(tls.CERTIFICATE_REQUEST):
            after = "after it had asked for a client certificate"
    elif description == 40 and not is_client:
        kind = "tls-cipher"
        after = "right after the client hello: both share no cipher suite, group or signature"
    name = tls.ALERTS.get(description, f"alert {description}")
    sentence = (
        f"{who} ends the TLS handshake with {other}{_for(talk)} by the alert {name} ({description}), "
        f"{after}.{_versions(talk)}"
    )
    checked = (
        "The alert is in the clear, and no application data follow.",
        "Resets and FINs after it are its consequence.",
    )
    packet = stream.holder(at) or talk.pair.client.segments[0].packet
    frames = [talk.pair.client.segments[0].packet, packet]
    cause = (kind, flow.target, flow.target_port, description)
    sure = LIKELY if kind == "tls-cipher" and description == 40 else PROVED
    return view.finding(Verdict(kind, sure, sentence, checked, _ADVICE[kind], 1.0, cause), (flow,), frames)


def _versions(talk: Talk) -> str:
    if talk.hello is None:
        return ""
    offered = tls.VERSIONS.get(talk.hello.version, hex(talk.hello.version))
    taken = f", the server takes {tls.VERSIONS.get(talk.back.version, hex(talk.back.version))}" if talk.back else ""
    return f" The client offers up to {offered}{taken}."


def _is_bad(talk: Talk, certificate: Certificate) -> bool:
    when = talk.pair.client.segments[0].packet.at // SECOND
    expired = certificate.until < when or certificate.since > when
    return expired or (talk.hello is not None and bool(talk.hello.name) and not certificate.is_for(talk.hello.name))


def _certificate(view: View, talk: Talk, certificate: Certificate, fault: Finding | None) -> Iterator[Finding]:
    """``fault``: the client's alert."""
    flow, hello = talk.pair.flow, talk.hello
    when = talk.pair.client.segments[0].packet.at // SECOND
    place = next((at for kind, _, at in talk.server.messages if kind == tls.CERTIFICATE), 0)
    packet = talk.pair.server.holder(place) or talk.pair.server.segments[0].packet
    frames = [talk.pair.client.segments[0].packet, packet]
    if certificate.until < when and not (fault is not None and fault.kind == "tls-expired"):
        went = "the client went on nonetheless" if talk.is_up else "no application data follow"
        sentence = (
            f"The certificate of {flow.server}{_for(talk)} ended on {certificate.until_text}, before this capture "
            f"({certificate.text(when)}); {went}."
        )
        checked = ("Judged by the time of the capture, not of today.", "It is the server's own certificate.")
        advice = _ADVICE["tls-expired"]
        yield view.finding(
            Verdict("tls-expired", PROVED, sentence, checked, advice, 1.0, ("expired", flow.target)), (flow,), frames
        )
    elif hello is not None and hello.name and not certificate.is_for(hello.name) and _was_left(talk, fault):
        sentence = (
            f"{flow.client} asks {flow.server} for {talk.name}, the certificate is for {certificate.names_text}; "
            "the client "
            "leaves right after the handshake."
        )
        checked = ("The client sent no request after it.", "The certificate is valid in time.")
        end = _end(talk)
        yield view.finding(
            Verdict("tls-name", PROVED, sentence, checked, _ADVICE["tls-name"], 1.0, ("name", flow.target)),
            (flow,),
            [*frames, end] if end is not None else frames,
        )


def _was_left(talk: Talk, fault: Finding | None) -> bool:
    """Did the client end it without a request, by an alert or soon after the handshake? It may open connections in
    advance, and what it said is known only if all of it was captured."""
    if fault is not None:
        return fault.kind != "tls-name"
    if any(r.kind == tls.DATA for r in talk.client.records) or not _is_all_there(talk.pair.client):
        return False
    end = _end(talk)
    if end is None or not talk.pair.connection.of_client(end):
        return False
    said = [s.packet for s in (*talk.pair.client.segments, *talk.pair.server.segments) if s.packet.at <= end.at]
    return bool(said) and end.at - max(packet.at for packet in said) < _SILENT


def _end(talk: Talk) -> Packet | None:
    """The first FIN or reset of either side."""
    return next((p for p in talk.pair.connection.packets if p.flags & (FIN | RST)), None)


def _is_all_there(stream: Stream) -> bool:
    """Is each byte that it sent, as far as can be seen, in the capture and kept?"""
    return not stream.holes and not stream.ahead and len(stream.content()) >= stream.next - 1
