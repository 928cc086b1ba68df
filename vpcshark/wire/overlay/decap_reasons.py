"""Why a packet of a capture file gives no inner frame, in words. Asked only of those that give none.

Must not know files: bytes in, words out.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from vpcshark.wire.overlay.vxlan import (
    GPE_ETHERNET,
    GPE_IPV4,
    GPE_IPV6,
    IPV4,
    IPV6,
    NEXT_PROTOCOL_FLAG,
    VLAN_TAGS,
    VNI_FLAG,
    Ports,
    udp_of,
)

NO_VXLAN = "without VXLAN"
NO_BYTES = "with a frame of no bytes"
_ARP = 0x0806
_GPE_NAMES = {4: "NSH", 5: "MPLS"}
"""draft-ietf-nvo3-vxlan-gpe, 3.2; MPLS stood in its earlier versions, and Linux and DPDK know it."""
_H = struct.Struct(">H").unpack_from


class Why(NamedTuple):
    """``reason`` ends "3 packets …"; ``port`` is one where this looks like VXLAN all the same, or 0."""

    reason: str
    port: int = 0


def why_not(data: bytearray, start: int, end: int, ethertype: int | None, ports: Ports) -> Why:
    """Of what begins with an IP header, if ``ethertype`` is right (None: either version)."""
    udp = udp_of(data, start, end, ethertype)
    if udp is None or udp[1] - udp[0] < 16:
        return Why(NO_VXLAN)
    at, port, length = udp[0] + 8, _H(data, udp[0] + 2)[0], _H(data, udp[0] + 4)[0]
    end = min(udp[1], udp[0] + length) if length >= 8 else udp[1]
    if end - at < 8:
        return Why(NO_VXLAN)
    if port == ports.vxlan or port in ports.more:
        return Why(_of_header(data, at, end))
    return Why(NO_VXLAN, port if port != ports.geneve and looks_like_vxlan(data, at, end) else 0)


def _of_header(data: bytearray, at: int, end: int) -> str:
    flags, protocol = data[at], data[at + 3]
    if not flags & VNI_FLAG:
        return "with a VXLAN header that has no VNI"
    if end - at == 8:
        return NO_BYTES
    if flags & 0x30:
        return f"of VXLAN-GPE's version {flags >> 4 & 3}"
    if flags & 0x01:
        return "for VXLAN-GPE's own maintenance (OAM)"
    return f"with {_GPE_NAMES.get(protocol, f'protocol {protocol}')} in VXLAN-GPE"


def looks_like_vxlan(data: bytearray, at: int, end: int) -> bool:
    """Is what should be zero zero, and does the inner frame have an EtherType that is in every network?"""
    if end - at < 8 + 34 or data[at + 7]:
        return False
    if data[at] == VNI_FLAG | NEXT_PROTOCOL_FLAG:
        return data[at + 3] in (GPE_IPV4, GPE_IPV6, GPE_ETHERNET) and not _H(data, at + 1)[0]
    ethertype, version = _H(data, at + 20)[0], data[at + 22] >> 4
    is_known = (ethertype, version) in ((IPV4, 4), (IPV6, 6)) or ethertype in (_ARP, *VLAN_TAGS)
    return data[at] == VNI_FLAG and not any(data[at + 1 : at + 4]) and is_known
