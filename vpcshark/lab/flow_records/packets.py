"""One packet at one network interface, and what became of it there: what records are made of. Pure.

The seam of the lab's flow logs: whoever lets packets pass an ENI, or not, has them told so. Must not know who that is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

INGRESS, EGRESS = "ingress", "egress"
ACCEPT, REJECT = "ACCEPT", "REJECT"
TCP, UDP = 6, 17
_FRAGMENT = 44
_EXTENSIONS = {0, 43, 51, 60}  # hop-by-hop, routing, authentication, destination options (RFC 8200, 4.1)
_SYN, _ACK = 2, 16
_COUNTED = 1 | 2 | 4
"""FIN, SYN and RST; an ACK beside a SYN alone ("tcp-flags", VPC user guide, flow-log-records)."""


@dataclass(frozen=True)
class Flow:
    """Addresses as text; ports are 0 where the protocol (its IP number) has none."""

    source: str
    target: str
    source_port: int
    target_port: int
    protocol: int


@dataclass(frozen=True)
class Packet:
    """``length`` counts the IP packet's bytes, ``flags`` are those that ``tcp-flags`` has."""

    flow: Flow
    length: int
    flags: int = 0


@dataclass(frozen=True)
class Seen:
    """``direction`` is seen from the ENI, ``when`` in seconds since the epoch. ``told``: fields of a record that only
    whoever saw the packet knows, such as those of a transit gateway."""

    eni: str
    direction: str
    verdict: str
    when: float
    packet: Packet
    told: tuple[tuple[str, str], ...] = ()


def read(data: bytes) -> Packet | None:
    """The packet that begins with an IP header; None if it is none. The rest may be cut off."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        return _read4(data)
    return _read6(data) if version == 6 and len(data) >= 40 else None


def _read4(data: bytes) -> Packet:
    length, fragment = struct.unpack_from(">H", data, 2)[0], struct.unpack_from(">H", data, 6)[0] & 0x1FFF
    ends = str(ip_address(data[12:16])), str(ip_address(data[16:20]))
    above = b"" if fragment else data[(data[0] & 15) * 4 :]
    return _packet(ends, data[9], above, length)


def _read6(data: bytes) -> Packet:
    length, protocol = struct.unpack_from(">H", data, 4)[0] + 40, data[6]
    ends = str(ip_address(data[8:24])), str(ip_address(data[24:40]))
    above = data[40:]
    while protocol in _EXTENSIONS and len(above) >= 8:
        size = (above[1] + 2) * 4 if protocol == 51 else (above[1] + 1) * 8
        protocol, above = above[0], above[size:]
    if protocol == _FRAGMENT and len(above) >= 8:
        is_first = struct.unpack_from(">H", above, 2)[0] >> 3 == 0
        protocol, above = above[0], above[8:] if is_first else b""
    return _packet(ends, protocol, above, length)


def _packet(ends: tuple[str, str], protocol: int, above: bytes, length: int) -> Packet:
    has_ports = protocol in (TCP, UDP) and len(above) >= 4
    sport, dport = struct.unpack_from(">HH", above) if has_ports else (0, 0)
    flags = above[13] if protocol == TCP and len(above) >= 14 else 0
    counted = flags & _COUNTED | (_ACK if flags & _SYN and flags & _ACK else 0)
    return Packet(Flow(*ends, sport, dport, protocol), length, counted)
