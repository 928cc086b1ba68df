"""One packet as the verdicts see it, and how it is read from a frame: IPv4, IPv6, TCP, UDP, ICMP, in VXLAN or Geneve.

Lengths come from the IP header: what was captured of a frame says nothing about it. Nothing here raises on any bytes.
Must not know files or verdicts.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from vpcshark.wire.overlay.decap import ip_of
from vpcshark.wire.overlay.vxlan import IPV4, IPV6, VXLAN_GPE, Inner, Ports, ethernet_payload, unwrap_ip

TCP, UDP, ICMP, ICMP6, FRAGMENT = 6, 17, 1, 58, 44
FIN, SYN, RST, PSH, ACK, ECE, CWR = 1, 2, 4, 8, 16, 64, 128
RIGHT, WRONG, UNKNOWN = 1, 0, -1
"""What a transport checksum is; ``UNKNOWN`` where the frame is cut or has none."""
_TUNNELS = Ports(more=(VXLAN_GPE,))
TUNNEL_PORTS = (_TUNNELS.vxlan, VXLAN_GPE, _TUNNELS.geneve)
_MOST_TUNNELS = 4
_LONGEST = 65535
_WHOLE_FROM = {TCP: 20, UDP: 8, ICMP: 8, ICMP6: 8}
"""Bytes of a transport header; without all of them ports and flags are not known."""

_IPV4 = Struct(">BBHHHBB").unpack_from
_IPV6 = Struct(">IHBB").unpack_from
_TCP = Struct(">HHIIBBH").unpack_from
_UDP = Struct(">HHHH").unpack_from
_ICMP = Struct(">BBHI").unpack_from
_EXTENSIONS = (0, 43, 51, 60)


class Packet(NamedTuple):
    """Times are nanoseconds. ``length`` is the IP packet's on the wire, ``size`` its transport payload's; ``payload``
    what is kept of that. Of ICMP ``sport`` and ``dport`` are type and code, ``seq`` the second word, ``payload`` what
    it quotes. ``ident`` is -1 where there is none; ``shift`` is the fragment's place in bytes."""

    number: int
    at: int
    source: bytes
    target: bytes
    protocol: int
    ttl: int
    ident: int
    length: int
    tos: int
    is_whole: bool
    has_more: bool
    shift: int
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    size: int
    payload: bytes
    checksum: int


class Head(NamedTuple):
    """What an IP header says: where its payload begins and ends in the buffer, and where that would end uncut."""

    source: bytes
    target: bytes
    protocol: int
    ttl: int
    ident: int
    length: int
    tos: int
    is_whole: bool
    has_more: bool
    shift: int
    start: int
    end: int
    claimed: int


class Found(NamedTuple):
    """A packet, and the VNI that it came in (-1: none). Without one: it is cut off in its headers."""

    packet: Packet | None
    vni: int


def read(data: bytearray, frame: tuple[int, int, int, int], number: int, at: int) -> Found | None:
    """The innermost packet of the frame ``(start, end, link type, length on the wire)``; None: no IP, or no whole
    header of what it carries: read as zeros, such would make one connection of all flows between two hosts."""
    start, end, link, wire = frame
    kind, begin = ip_of(data, start, end, link)
    missing, vni = max(wire - (end - start), 0), -1
    for _ in range(_MOST_TUNNELS):
        head = ip_head(data, begin, end, kind, missing)
        if head is None:
            return Found(None, vni) if _is_cut(begin, end, kind, missing) else None
        inner = _inner(data, begin, end, head)
        if inner is None and _has_transport(head):
            return Found(transport(data, head, number, at), vni)
        if inner is None:
            return Found(None, vni) if head.end < head.claimed else None
        vni, end, missing = inner.vni, inner.end, max(inner.length - (inner.end - inner.start), 0)
        kind, begin = _inner_ip(data, inner)
    return None


def _has_transport(head: Head) -> bool:
    """Is its transport header there? A later fragment has none (RFC 791, 3.2), and is told by its IP header."""
    return bool(head.shift) or head.end - head.start >= _WHOLE_FROM.get(head.protocol, 0)


def _is_cut(begin: int, end: int, kind: int | None, missing: int) -> bool:
    """Is an IP header that can't be read one that was not captured whole?"""
    return kind in (IPV4, IPV6) and (missing > 0 or end - begin < (20 if kind == IPV4 else 40))


def _inner(data: bytearray, begin: int, end: int, head: Head) -> Inner | None:
    if head.protocol != UDP or head.shift or head.end - head.start < 16:
        return None
    port = data[head.start + 2] << 8 | data[head.start + 3]
    return unwrap_ip(data, begin, min(end, head.end), _TUNNELS) if port in TUNNEL_PORTS else None


def _inner_ip(data: bytearray, inner: Inner) -> tuple[int, int]:
    if inner.header:
        return int.from_bytes(inner.header[12:14], "big"), inner.start
    return ethernet_payload(data, inner.start, inner.end)


def ip_head(data: bytes | bytearray, at: int, end: int, kind: int | None, missing: int = 0) -> Head | None:
    """The IP header at ``at``; ``kind`` is the EtherType (None: either version); ``missing`` bytes were cut off."""
    if end - at < 20 or kind not in (None, IPV4, IPV6):
        return None
    version = data[at] >> 4
    if version == 4:
        return _ipv4_head(data, at, end, missing)
    return _ipv6_head(data, at, end, missing) if version == 6 and end - at >= 40 else None


def _ipv4_head(data: bytes | bytearray, at: int, end: int, missing: int) -> Head | None:
    first, tos, length, ident, fragment, ttl, protocol = _IPV4(data, at)
    header = 4 * (first & 15)
    length = length or end - at + missing  # a segment larger than the field can say, before the network card cuts it
    if header < 20 or length < header or at + header > end:
        return None
    shift = 8 * (fragment & 0x1FFF)
    more, whole = bool(fragment & 0x2000), bool(fragment & 0x4000)
    source, target = bytes(data[at + 12 : at + 16]), bytes(data[at + 16 : at + 20])
    claimed = at + length
    place = (at + header, min(end, claimed), claimed)
    return Head(source, target, protocol, ttl, ident, length, tos, whole, more, shift, *place)


def _ipv6_head(data: bytes | bytearray, at: int, end: int, missing: int) -> Head | None:
    word, payload, protocol, ttl = _IPV6(data, at)
    length = 40 + (payload or end - at + missing - 40)
    claimed, start, more, shift = at + length, at + 40, False, 0
    ident = -1
    for _ in range(8):
        if start + 8 > end or protocol not in (*_EXTENSIONS, FRAGMENT):
            break
        following, size = data[start], data[start + 1]
        if protocol == FRAGMENT:
            offset = data[start + 2] << 8 | data[start + 3]
            shift, more, size = offset & 0xFFF8, bool(offset & 1), 8
            ident = int.from_bytes(data[start + 4 : start + 8], "big")
        else:
            size = 4 * (size + 2) if protocol == 51 else 8 * (size + 1)
        protocol, start = following, start + size
    if start > min(end, claimed):
        return None
    source, target = bytes(data[at + 8 : at + 24]), bytes(data[at + 24 : at + 40])
    place = (start, min(end, claimed), claimed)
    return Head(source, target, protocol, ttl, ident, length, word >> 20 & 255, True, more, shift, *place)


class _Transport(NamedTuple):
    """What a transport header says; ``body`` is where the payload begins."""

    fields: tuple[int, int, int, int, int, int]
    options: bytes
    body: int
    payload: bytes
    checksum: int = UNKNOWN


_NO_FIELDS = (0, 0, 0, 0, 0, 0)


def transport(data: bytes | bytearray, head: Head, number: int, at: int) -> Packet:
    """The packet behind ``head``."""
    found = _transport(data, head)
    size = max(head.claimed - found.body, 0)
    return Packet(number, at, *head[:10], *found.fields, found.options, size, found.payload, found.checksum)


def _transport(data: bytes | bytearray, head: Head) -> _Transport:
    start, room = head.start, head.end - head.start
    if head.shift:
        return _Transport(_NO_FIELDS, b"", start, b"")
    if head.protocol == TCP and room >= 20:
        sport, dport, seq, ack, words, flags, window = _TCP(data, start)
        body = start + max(4 * (words >> 4), 20)
        options, payload = bytes(data[start + 20 : min(body, head.end)]), bytes(data[body : head.end])
        return _Transport((sport, dport, seq, ack, flags, window), options, body, payload, _checksum(data, head))
    if head.protocol == UDP and room >= 8:
        sport, dport, _, checksum = _UDP(data, start)
        right = _checksum(data, head) if checksum else UNKNOWN
        return _Transport((sport, dport, 0, 0, 0, 0), b"", start + 8, bytes(data[start + 8 : head.end]), right)
    if head.protocol in (ICMP, ICMP6) and room >= 8:
        kind, code, _, word = _ICMP(data, start)
        return _Transport((kind, code, word, 0, 0, 0), b"", start + 8, bytes(data[start + 8 : head.end]))
    return _Transport(_NO_FIELDS, b"", start, b"")


def _checksum(data: bytes | bytearray, head: Head) -> int:
    """The one's complement sum (RFC 1071): a number modulo 65535, for 2 to the power of 16 is 1 in there."""
    if head.end != head.claimed or head.has_more or head.end - head.start > _LONGEST:
        return UNKNOWN
    size = head.end - head.start
    total = int.from_bytes(data[head.start : head.end], "big") << (8 * (size & 1))
    total += int.from_bytes(head.source, "big") + int.from_bytes(head.target, "big") + head.protocol + size
    return RIGHT if total % 65535 == 0 else WRONG


def address(packed: bytes) -> str:
    """As people write it."""
    import ipaddress

    return str(ipaddress.ip_address(packed)) if len(packed) in (4, 16) else "?"
