"""How much of a payload is kept for the verdicts: of a handshake all, of an HTTP message its head, else the beginning.

Must not know packets' headers.
"""

from __future__ import annotations

KEPT_WHOLE = 24 << 10
"""Bytes of each direction that begins with TLS: a handshake with its certificates."""
KEPT_LATER = 64
KEPT_HEAD = 2048
"""Of a message that begins with a request or status line: up to the name of who answered."""
KEPT_DATAGRAM = 2048
"""Of a DNS message."""
MOST_KEPT = 32 << 20
METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ")
"""What an HTTP/1 request begins with (RFC 9110, 9.3; RFC 5789)."""


class Keep:
    """What is kept of TCP payloads that come one by one; ``way`` is anything that names a direction of a connection."""

    def __init__(self) -> None:
        self._budget: dict[object, int] = {}
        self._spent = 0

    def of(self, way: object, payload: bytes) -> bytes:
        """The part of ``payload`` that is kept."""
        if payload.startswith((b"\x16\x03", b"\x15\x03")) and len(payload) >= 5:
            self._budget.setdefault(way, KEPT_WHOLE)
        if len(payload) <= KEPT_LATER:
            return payload
        if payload.startswith((b"HTTP/1.", *METHODS)):
            return self._spend(payload[:KEPT_HEAD])
        room = self._budget.get(way, 0)
        if room <= 0 or payload.startswith(b"\x17\x03"):
            return payload[:KEPT_LATER]
        self._budget[way] = room - len(payload)
        return self._spend(payload)

    def _spend(self, part: bytes) -> bytes:
        if self._spent >= MOST_KEPT:
            return part[:KEPT_LATER]
        self._spent += len(part)
        return part
