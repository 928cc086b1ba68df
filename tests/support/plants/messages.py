"""Bytes of DNS (RFC 1035), SIP with SDP (RFC 3261, 4566) and RTP (RFC 3550). Must not know sockets."""

from __future__ import annotations

import socket
import struct


def question(name: str, number: int, kind: int = 1) -> bytes:
    """A query for an address, or another ``kind``."""
    return struct.pack("!HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + _name(name) + struct.pack("!HH", kind, 1)


def _name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def reply(query: bytes, address: str = "", *, rcode: int = 0, is_cut: bool = False, count: int = 1) -> bytes:
    """An answer with an address ``count`` times, or none with a code or TC=1."""
    answers = count if address else 0
    flags = 0x8180 | rcode | (0x0200 if is_cut else 0)
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + (socket.inet_aton(address) if address else b"")
    return query[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0) + query[12:] + record * answers


def sip(client: str, server: str) -> list[tuple[int, int, bytes]]:
    """(sender, receiver, message) of a call that is taken; 0 is the client, 1 the server."""
    invite = f"INVITE sip:desk@{server} SIP/2.0"
    return [
        (0, 1, _sip(invite, client, server, "INVITE", client)),
        (1, 0, _sip("SIP/2.0 200 OK", client, server, "INVITE", server)),
        (0, 1, _sip(f"ACK sip:desk@{server} SIP/2.0", client, server, "ACK", "")),
    ]


def _sip(first: str, client: str, server: str, method: str, media: str) -> bytes:
    body = ""
    if media:
        lines = [
            "v=0",
            f"o=- 1 1 IN IP4 {media}",
            "s=-",
            f"c=IN IP4 {media}",
            "t=0 0",
            "m=audio 40000 RTP/AVP 0",
            "a=sendrecv",
        ]
        body = "\r\n".join(lines) + "\r\n"
    head = [
        first,
        f"Via: SIP/2.0/UDP {client}:5060;branch=z9hG4bK77",
        f"From: <sip:van@{client}>;tag=a1",
        f"To: <sip:desk@{server}>" + ("" if first.startswith("INVITE") else ";tag=b2"),
        f"Call-ID: 4711@{client}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:van@{media or client}:5060>",
        "Max-Forwards: 70",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def rtp(number: int, source: int, *, is_first: bool = False, at: int = -1) -> bytes:
    """20 ms of PCMU. ``at``: the timestamp in steps of 20 ms, if it is not the number."""
    marked = 0x80 if is_first or number == 0 else 0
    step = number if at < 0 else at
    return struct.pack("!BBHII", 0x80, marked, number & 0xFFFF, step * 160, source) + b"\xd5" * 160


def ping(number: int) -> bytes:
    """An ICMP echo request (RFC 792)."""
    head = struct.pack("!BBHHH", 8, 0, 0, 4711, number)
    data = head + b"a" * 32
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return data[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + data[4:]
