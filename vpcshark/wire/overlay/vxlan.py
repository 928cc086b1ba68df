"""Outer frame -> where the inner frame lies in it, and how long that was before it was cut.

VXLAN (RFC 7348) over IPv4 and IPv6, with IP options, extension headers and VLAN tags, from any source port; VXLAN-GPE
(draft-ietf-nvo3-vxlan-gpe) carrying Ethernet or IP; Geneve (RFC 8926) carrying VXLAN, Ethernet or IP. Nothing here
raises on any bytes; what is no mirrored frame gives None, and a frame of no bytes is none.
Sent to the capture host, so Python 3.6 and the standard library only. Must not know files, sockets or pcapng.
"""
# ruff: noqa: UP006, UP007, UP035, UP045

from struct import Struct
from typing import NamedTuple, Optional, Tuple, Union

from vpcshark.traffic_mirroring import VXLAN_PORT

Data = Union[bytes, bytearray, memoryview]

IPV4, IPV6, VLAN_TAGS, ETHERNET = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100), 0x6558
INBOUND, OUTBOUND = 1, 2
"""The direction bits of pcapng's epb_flags."""
MAX_OUTER_TAGS, MAX_INNER_TAGS = 2, 8
MAX_EXTENSIONS = 3
"""Extension headers of an outer IPv6 header; the guard in the kernel (``guards``) goes as far."""
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200, 4.1)
_FRAGMENT, _UDP = 44, 17

_H = Struct(">H").unpack_from
_UDP_HEADER = Struct(">HHH").unpack_from
_GENEVE_HEADER = Struct(">BBHI").unpack_from
_VXLAN_HEADER = Struct(">BxxBI").unpack_from

VNI_FLAG, NEXT_PROTOCOL_FLAG = 0x08, 0x04
_NO_MIRRORED_FRAME = 0x31
"""Flags of VXLAN-GPE: another version than 0, or an OAM packet (draft-ietf-nvo3-vxlan-gpe, 3.1)."""
GPE_IPV4, GPE_IPV6, GPE_ETHERNET = 1, 2, 3
_GPE_TYPES = {GPE_IPV4: IPV4, GPE_IPV6: IPV6, GPE_ETHERNET: ETHERNET}


class Inner(NamedTuple):
    """Where an inner frame lies: ``data[start:end]``, behind ``header``.

    ``length`` is what the outer headers say that its length is (more than ``end - start`` where the outer frame was
    cut). ``header`` is empty but for bare IP in Geneve or VXLAN-GPE, which gets an Ethernet header with addresses of
    zero.
    """

    vni: int
    start: int
    end: int
    length: int
    header: bytes = b""


VXLAN_GPE = 4790  # IANA's


class Ports(NamedTuple):
    """The UDP ports that VXLAN and Geneve have here; ``more``: further ones of VXLAN."""

    vxlan: int = VXLAN_PORT
    geneve: int = 6081
    more: Tuple[int, ...] = ()


STANDARD_PORTS = Ports()


def unwrap(data: Data, start: int, end: int, ports: Ports = STANDARD_PORTS) -> Optional[Inner]:
    """The inner frame of the outer Ethernet frame ``data[start:end]``, or None."""
    ethertype, at = ethernet_payload(data, start, end, MAX_OUTER_TAGS)
    return unwrap_ip(data, at, end, ports, ethertype)


def unwrap_ip(
    data: Data,
    start: int,
    end: int,
    ports: Ports = STANDARD_PORTS,
    ethertype: Optional[int] = None,
    nested: bool = False,
) -> Optional[Inner]:
    """The same for an outer frame that begins with an IP header; ``ethertype`` None takes either version."""
    udp = udp_of(data, start, end, ethertype)
    if udp is None:
        return None
    at, end = udp
    if end - at < 16:
        return None
    _, port, length = _UDP_HEADER(data, at)
    claimed = at + length if length >= 8 else end
    payload, end = at + 8, min(end, claimed)
    if end - payload < 8:
        return None
    if port == ports.vxlan or port in ports.more:
        return unwrap_vxlan(data, payload, end, claimed)
    if port == ports.geneve and not nested:
        return _unwrap_geneve(data, payload, end, claimed, ports)
    return None


def unwrap_vxlan(data: Data, start: int, end: int, claimed: int) -> Optional[Inner]:
    """The same for a UDP payload, which would end at ``claimed`` if the outer frame was whole.

    Without the I flag the VNI is not valid (RFC 7348, section 5).
    """
    if end - start < 8 or claimed <= start + 8:
        return None
    flags, protocol, word = _VXLAN_HEADER(data, start)
    if not flags & VNI_FLAG:
        return None
    if flags & NEXT_PROTOCOL_FLAG:
        if flags & _NO_MIRRORED_FRAME or protocol not in _GPE_TYPES:
            return None
        return _inner_of(_GPE_TYPES[protocol], word >> 8, start + 8, end, claimed)
    return Inner(word >> 8, start + 8, end, claimed - start - 8)


def _inner_of(ethertype: int, vni: int, start: int, end: int, claimed: int) -> Inner:
    """What a header that names its payload carries: Ethernet, or bare IP."""
    header = b"" if ethertype == ETHERNET else bytes(12) + ethertype.to_bytes(2, "big")
    return Inner(vni, start, end, claimed - start, header)


def _unwrap_geneve(data: Data, start: int, end: int, claimed: int, ports: Ports) -> Optional[Inner]:
    version_length, _, protocol, word = _GENEVE_HEADER(data, start)
    at = start + 8 + 4 * (version_length & 0x3F)
    if version_length >> 6 or at > end or at >= claimed or protocol not in (ETHERNET, IPV4, IPV6):
        return None
    mirrored = None if protocol == ETHERNET else unwrap_ip(data, at, end, ports, protocol, nested=True)
    return mirrored or _inner_of(protocol, word >> 8, at, end, claimed)


def ethernet_payload(data: Data, start: int, end: int, tags: int = MAX_INNER_TAGS) -> Tuple[int, int]:
    """(EtherType behind all VLAN tags, offset of what follows it); EtherType -1 when the frame ends before it."""
    at = start + 12
    for _ in range(tags + 1):
        if at + 2 > end:
            return -1, end
        ethertype = _H(data, at)[0]
        if ethertype not in VLAN_TAGS:
            return ethertype, at + 2
        at += 4
    return -1, end


def udp_of(data: Data, start: int, end: int, ethertype: Optional[int]) -> Optional[Tuple[int, int]]:
    """(offset of the UDP header, end of the IP packet), or None when it is not UDP, or a later fragment."""
    if start >= end:
        return None
    version = data[start] >> 4
    if version == 4 and ethertype in (None, IPV4):
        return _udp_of_ipv4(data, start, end)
    if version == 6 and ethertype in (None, IPV6):
        return _udp_of_ipv6(data, start, end)
    return None


def _udp_of_ipv4(data: Data, start: int, end: int) -> Optional[Tuple[int, int]]:
    header = 4 * (data[start] & 15)
    if end - start < 20 or header < 20 or data[start + 9] != _UDP or _H(data, start + 6)[0] & 0x1FFF:
        return None
    return start + header, end


def _udp_of_ipv6(data: Data, start: int, end: int) -> Optional[Tuple[int, int]]:
    if end - start < 40:
        return None
    kind, at = data[start + 6], start + 40
    for _ in range(MAX_EXTENSIONS + 1):
        if kind == _UDP:
            return at, end
        if at + 8 > end or kind not in (*_EXTENSIONS, _FRAGMENT):
            return None
        if kind == _FRAGMENT and _H(data, at + 2)[0] & 0xFFF8:
            return None
        kind, at = data[at], at + (8 if kind == _FRAGMENT else 8 * (data[at + 1] + 1))
    return None


def original_length(data: Data, start: int, end: int) -> int:
    """How long the inner frame ``data[start:end]`` was, by its own IP header; at least what is there.

    Traffic Mirroring cuts frames to PacketLength and to the MTU and says so nowhere. A frame that is longer than its IP
    header says is padded (Ethernet's minimum is 60 bytes) and left as it is. 0 in the length field means that it tells
    nothing.
    """
    captured = end - start
    ethertype, at = ethernet_payload(data, start, end)
    if ethertype == IPV4 and at + 4 <= end and data[at] >> 4 == 4:
        total: int = _H(data, at + 2)[0]
        return max(captured, at - start + total)
    if ethertype == IPV6 and at + 6 <= end and data[at] >> 4 == 6:
        payload: int = _H(data, at + 4)[0]
        return max(captured, at - start + 40 + payload) if payload else captured
    return captured


def direction(data: Data, start: int, end: int, mac: bytes) -> int:
    """``OUTBOUND`` if the frame's source address is ``mac``, ``INBOUND`` if its destination is, else 0 (unknown)."""
    if end - start >= 12 and len(mac) == 6:
        if data[start + 6 : start + 12] == mac:
            return OUTBOUND
        if data[start : start + 6] == mac:
            return INBOUND
    return 0
