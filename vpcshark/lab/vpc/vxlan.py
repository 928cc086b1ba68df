"""VXLAN encapsulation as Traffic Mirroring does it, for the lab alone. Pure: bytes in, bytes out.

Must not know sockets, and not ``vpcshark.wire``: what takes packets apart is not judged by what put them together.
Sources: RFC 7348, section 5; the Traffic Mirroring guide, "Traffic mirroring packet format".
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from ipaddress import ip_address

from vpcshark.lab.matching import parse
from vpcshark.lab.model import VXLAN_PORT

OUTER_HEADERS = 20 + 8 + 8  # IPv4, UDP, VXLAN: what counts against the target's MTU beside the inner frame
FIRST_SOURCE_PORT, SOURCE_PORTS = 49152, 16384  # RFC 7348, section 5: the dynamic range 49152-65535
_VNI_FLAG = 0x08000000
_DO_NOT_FRAGMENT = 0x4000
_TTL = 64
_UDP = 17


@dataclass(frozen=True)
class Outer:
    """The outer frame's addresses, packed: MACs of 6 bytes, IPv4 addresses of 4."""

    source_mac: bytes
    destination_mac: bytes
    source: bytes
    destination: bytes


def outer(source_mac: str, destination_mac: str, source: str, destination: str) -> Outer:
    """The same from text."""
    return Outer(_mac(source_mac), _mac(destination_mac), ip_address(source).packed, ip_address(destination).packed)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def encapsulate(addresses: Outer, vni: int, inner: bytes, source_port: int) -> bytes:
    """The outer Ethernet frame around ``inner`` (which the caller has cut already, if it has to be)."""
    return ethernet(addresses, packet(addresses, vni, inner, source_port))


def packet(addresses: Outer, vni: int, inner: bytes, source_port: int) -> bytes:
    """The same from its IP header on."""
    return datagram(addresses, (source_port, VXLAN_PORT), struct.pack("!II", _VNI_FLAG, vni << 8) + inner)


def ethernet(addresses: Outer, packet: bytes) -> bytes:
    """An IPv4 packet in its frame."""
    return b"".join((addresses.destination_mac, addresses.source_mac, b"\x08\x00", packet))


def datagram(addresses: Outer, ports: tuple[int, int], payload: bytes) -> bytes:
    """UDP over IPv4."""
    length = 28 + len(payload)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, _DO_NOT_FRAGMENT, _TTL, _UDP, 0)
    ip += addresses.source + addresses.destination
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    udp = struct.pack("!HHHH", *ports, length - 20, 0)  # RFC 7348: the checksum SHOULD be zero
    return b"".join((ip, udp, payload))


def checksum(header: bytes) -> int:
    """The Internet checksum (RFC 1071) of a header of even length whose own checksum field is zero."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def source_port(inner: bytes) -> int:
    """A port for the flow of the inner frame: a hash over its 5-tuple, the 3-tuple where there are no ports."""
    packet = parse(inner)
    key = inner[:14] if packet is None else repr(packet).encode()
    return FIRST_SOURCE_PORT + zlib.crc32(key) % SOURCE_PORTS
