"""DNS messages as far as verdicts ask: id, flags, the question (RFC 1035, 4.1). Must not know flows."""

from __future__ import annotations

import struct
from typing import NamedTuple

_MOST_LABELS = 128
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5


class Message(NamedTuple):
    """``name`` is in lower case, its labels' bytes as Latin-1; ``kind`` is the record type that is asked for."""

    ident: int
    is_answer: bool
    is_truncated: bool
    code: int
    name: str
    kind: int
    answers: int


def read(data: bytes) -> Message | None:
    """None: no message with one question."""
    if len(data) < 17:
        return None
    ident, flags, questions, answers, _, _ = struct.unpack_from(">6H", data)
    if questions != 1 or flags >> 11 & 15 not in (0, 4):
        return None
    found = _name(data, 12)
    if found is None or found[1] + 4 > len(data):
        return None
    name, at = found
    (kind,) = struct.unpack_from(">H", data, at)
    return Message(ident, bool(flags & 0x8000), bool(flags & 0x200), flags & 15, name.lower(), kind, answers)


def _name(data: bytes, at: int) -> tuple[str, int] | None:
    labels: list[str] = []
    while at < len(data) and len(labels) < _MOST_LABELS:
        size = data[at]
        if not size:
            return ".".join(labels), at + 1
        if size > 63 or at + 1 + size > len(data):
            return None
        labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    return None
