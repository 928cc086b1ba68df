"""The lab's DNS answers, pure: the names of the instances, whatever stands before or behind them.

Must not know sockets. Source: RFC 1035, section 4.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

_HEADER = struct.Struct("!HHHHHH")
_TYPES = {1: 4, 28: 6}  # A and AAAA, and the version of the addresses that they hold
_IN = 1
_NO_SUCH_NAME = 3
_TTL = 60


def question(number: int, name: str, kind: int) -> bytes:
    """A query for ``name`` with the id ``number`` (16 bits); ``kind`` 1 asks for A, 28 for AAAA."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return _HEADER.pack(number & 0xFFFF, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, _IN)


def answer(query: bytes, names: Mapping[str, Sequence[str]]) -> bytes:
    """The response to a query with one question; ValueError for anything else.

    ``names`` maps lower-case instance names to addresses; an instance is meant if one of the labels is its name.
    """
    if len(query) < _HEADER.size or query[2] & 0x80:
        raise ValueError("not a DNS query")
    labels, end = _labels(query)
    (kind,) = struct.unpack_from("!H", query, end)
    name = next((label for label in labels if label in names), None)
    version = _TYPES.get(kind)
    addresses = [ip_address(text).packed for text in names.get(name or "", ()) if ip_address(text).version == version]
    code = 0 if name else _NO_SUCH_NAME
    header = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(addresses), 0, 0)
    records = (struct.pack("!HHHIH", 0xC00C, kind, _IN, _TTL, len(data)) + data for data in addresses)
    return header + query[_HEADER.size : end + 4] + b"".join(records)


def _labels(query: bytes) -> tuple[list[str], int]:
    labels, offset = [], _HEADER.size
    while offset < len(query) and query[offset]:
        length = query[offset]
        labels.append(query[offset + 1 : offset + 1 + length].decode("ascii").lower())
        offset += 1 + length
    if offset + 5 > len(query):
        raise ValueError("the question is cut short")
    return labels, offset + 1
