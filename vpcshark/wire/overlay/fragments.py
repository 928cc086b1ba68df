"""Outer packets that came in IP fragments (RFC 791, 3.2; RFC 8200, 4.5), put together again.

UDP alone, and bounded: of the packets that wait for a part the oldest is given up. Must not know files or what the
packets carry: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import NamedTuple

from vpcshark.wire.overlay.vxlan import MAX_EXTENSIONS

MAX_WAITING = 64
_MORE, _UDP, _FRAGMENT, _EXTENSIONS = 0x2000, 17, 44, (0, 43, 60)
_H = struct.Struct(">H").unpack_from


class Fragment(NamedTuple):
    """One part of an IP packet: ``key`` names the packet, ``header`` is an IP header for the whole, without length."""

    key: bytes
    offset: int
    is_last: bool
    header: bytes
    payload: bytes


class Whole(NamedTuple):
    """A packet, from its IP header on, and of how many fragments it is."""

    data: bytearray
    fragments: int


def fragment_of(data: bytearray, start: int, end: int) -> Fragment | None:
    """What the IP packet ``data[start:end]`` says of itself, if it is a fragment of UDP and whole."""
    if end - start >= 20 and data[start] >> 4 == 4:
        return _of_ipv4(data, start, end)
    if end - start >= 40 and data[start] >> 4 == 6:
        return _of_ipv6(data, start, end)
    return None


def _of_ipv4(data: bytearray, start: int, end: int) -> Fragment | None:
    size, total, place = 4 * (data[start] & 15), _H(data, start + 2)[0], _H(data, start + 6)[0]
    if not place & 0x3FFF or data[start + 9] != _UDP or not 20 <= size < total <= end - start:
        return None
    key = bytes(data[start + 4 : start + 6] + data[start + 12 : start + 20])
    header = b"\x45" + bytes(5) + bytes(2) + bytes([data[start + 8], _UDP, 0, 0]) + key[2:]
    payload = bytes(data[start + size : start + total])
    return Fragment(key, 8 * (place & 0x1FFF), not place & _MORE, header, payload)


def _of_ipv6(data: bytearray, start: int, end: int) -> Fragment | None:
    kind, at, total = data[start + 6], start + 40, start + 40 + _H(data, start + 4)[0]
    for _ in range(MAX_EXTENSIONS):
        if kind not in _EXTENSIONS or at + 8 > end:
            break
        kind, at = data[at], at + 8 * (data[at + 1] + 1)
    if kind != _FRAGMENT or not at + 8 < total <= end or data[at] != _UDP or not _H(data, at + 2)[0] & 0xFFF9:
        return None
    place, addresses = _H(data, at + 2)[0], bytes(data[start + 8 : start + 40])
    header = b"\x60" + bytes(5) + bytes([_UDP, data[start + 7]]) + addresses
    key = bytes(data[at + 4 : at + 8]) + addresses
    return Fragment(key, place & 0xFFF8, not place & 1, header, bytes(data[at + 8 : total]))


class Reassembly:
    """Takes fragments in any order. What does not fit together is given up, as RFC 5722 wants it."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[bytes, dict[int, Fragment]] = OrderedDict()

    def take(self, fragment: Fragment) -> Whole | None:
        """The packet, if this was its last missing part."""
        parts = self._waiting.setdefault(fragment.key, {})
        parts[fragment.offset] = fragment
        whole = _join(parts)
        if whole is not None or len(self._waiting) > MAX_WAITING:
            self._waiting.pop(fragment.key if whole is not None else next(iter(self._waiting)))
        return whole


def _join(parts: dict[int, Fragment]) -> Whole | None:
    """One after the other without a gap or an overlap, up to a last one."""
    at, payload = 0, bytearray()
    while (part := parts.get(at)) is not None:
        payload += part.payload
        at += len(part.payload)
        if part.is_last:
            return Whole(_with_length(part.header, payload), len(parts)) if _is_udp(payload, parts) else None
    return None


def _is_udp(payload: bytearray, parts: dict[int, Fragment]) -> bool:
    return len(payload) <= 65515 and all(part.offset < len(payload) for part in parts.values())


def _with_length(header: bytes, payload: bytearray) -> bytearray:
    """Lengths stand at different places, and IPv6 does not count its header."""
    data = bytearray(header) + payload
    place, length = (2, len(data)) if header[0] >> 4 == 4 else (4, len(payload))
    struct.pack_into(">H", data, place, length)
    return data
