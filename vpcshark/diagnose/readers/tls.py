"""TLS as far as it is in the clear: records, hellos, alerts, certificates (RFC 8446, RFC 5246). Must not know flows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

ALERT, HANDSHAKE, CHANGE, DATA = 21, 22, 20, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, CERTIFICATE_REQUEST = 1, 2, 11, 13
WARNING, FATAL = 1, 2
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
_MOST_RECORDS = 400


class Record(NamedTuple):
    """``at`` is where it begins in the stream; ``is_clear`` is false once keys are in use."""

    kind: int
    version: int
    at: int
    body: bytes
    is_clear: bool


class Said(NamedTuple):
    """What one side said in the clear. ``alerts``: (level, description, place in the stream)."""

    records: list[Record]
    messages: list[tuple[int, bytes, int]]
    alerts: list[tuple[int, int, int]]

    def has(self, kind: int) -> bool:
        """Is there a handshake message of this kind?"""
        return any(found == kind for found, _, _ in self.messages)

    def message(self, kind: int) -> bytes | None:
        """The first handshake message of this kind."""
        return next((body for found, body, _ in self.messages if found == kind), None)


def is_tls(data: bytes) -> bool:
    """Does a stream begin with a TLS record of a handshake or an alert?"""
    return len(data) >= 5 and data[0] in (HANDSHAKE, ALERT) and data[1] == 3 and data[2] <= 4


def read(data: bytes) -> Said:
    """What a stream from its first byte on holds."""
    records = list(_records(data))
    clear = b"".join(r.body for r in records if r.kind == HANDSHAKE and r.is_clear)
    places = [(r.at, len(r.body)) for r in records if r.kind == HANDSHAKE and r.is_clear]
    alerts = [(r.body[0], r.body[1], r.at) for r in records if r.kind == ALERT and r.is_clear and len(r.body) == 2]
    return Said(records, list(_messages(clear, places)), alerts)


def _records(data: bytes) -> Iterator[Record]:
    at, is_clear = 0, True
    for _ in range(_MOST_RECORDS):
        if at + 5 > len(data) or data[at] not in (CHANGE, ALERT, HANDSHAKE, DATA) or data[at + 1] != 3:
            return
        size = data[at + 3] << 8 | data[at + 4]
        kind, body = data[at], data[at + 5 : at + 5 + size]
        is_plain_alert = kind == ALERT and size == 2 and body[:1] in (b"\1", b"\2")
        yield Record(kind, data[at + 1] << 8 | data[at + 2], at, body, is_clear or is_plain_alert)
        is_clear = is_clear and kind not in (CHANGE, DATA)
        at += 5 + size


def _messages(data: bytes, places: list[tuple[int, int]]) -> Iterator[tuple[int, bytes, int]]:
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if at + 4 + size > len(data) and data[at] != CERTIFICATE:
            return
        yield data[at], data[at + 4 : at + 4 + size], _place(at, places)
        at += 4 + size


def _place(at: int, places: list[tuple[int, int]]) -> int:
    """Where in the stream the record begins that holds byte ``at`` of all handshake bodies."""
    for begin, size in places:
        if at < size:
            return begin
        at -= size
    return places[-1][0] if places else 0


class Hello(NamedTuple):
    """A client's or server's hello: the highest version it offers or the one it takes, the name it asks for."""

    version: int
    name: str
    ciphers: int


def hello(body: bytes, *, is_client: bool) -> Hello | None:
    """What a hello says; None where it is cut."""
    if len(body) < 38:
        return None
    version, at = body[0] << 8 | body[1], 35 + body[34]
    ciphers = 1
    if is_client:
        size = int.from_bytes(body[at : at + 2], "big")
        ciphers, at = size // 2, at + 2 + size
        at += 1 + (body[at] if at < len(body) else 0)
    else:
        at += 3
    name = ""
    for kind, value in _extensions(body, at):
        if kind == 0 and is_client and len(value) > 5:
            name = value[5 : 5 + (value[3] << 8 | value[4])].decode("latin-1")
        elif kind == 43:
            version = max(version, _highest(value, is_client))
    return Hello(version, name, ciphers)


def _highest(value: bytes, is_client: bool) -> int:
    if not is_client:
        return int.from_bytes(value[:2], "big")
    offered = [value[at] << 8 | value[at + 1] for at in range(1, len(value) - 1, 2)]
    return max((each for each in offered if each in VERSIONS), default=0)


def _extensions(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(body)):
        kind, size = body[at] << 8 | body[at + 1], body[at + 2] << 8 | body[at + 3]
        yield kind, body[at + 4 : at + 4 + size]
        at += 4 + size


def first_certificate(body: bytes) -> bytes:
    """The server's own certificate in a certificate message of TLS 1.2 and older, in DER; b"" where there is none."""
    if len(body) < 6:
        return b""
    size = int.from_bytes(body[3:6], "big")
    return body[6 : 6 + size] if len(body) >= 6 + size else b""
