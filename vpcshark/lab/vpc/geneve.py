"""Geneve as a Gateway Load Balancer puts it around the packets of its flows, for the lab alone. Pure.

Must not know sockets, and not ``vpcshark.wire``. Sources: RFC 8926, section 3; "Integrate your custom logic or
appliance with AWS Gateway Load Balancer" (AWS networking blog): 68 bytes in front of the packet, three options of the
class 0x0108.
"""

from __future__ import annotations

import struct
import zlib

from vpcshark.lab.vpc import vxlan

PORT = 6081
MTU = 8500  # of the packets that an endpoint takes (Traffic Mirroring quotas, "Packets")
_CLASS = 0x0108
_ENDPOINT, _ATTACHMENT, _COOKIE = 1, 2, 3
_IPV4 = 0x0800


def encapsulate(addresses: vxlan.Outer, endpoint: str, packet: bytes) -> bytes:
    """The outer Ethernet frame around an IPv4 ``packet`` that ``endpoint`` (vpce-…) took."""
    cookie = flow(packet)
    identity = int(endpoint.removeprefix("vpce-")[:16] or "0", 16)
    options = struct.pack("!HBBQ", _CLASS, _ENDPOINT, 2, identity) + struct.pack("!HBBQ", _CLASS, _ATTACHMENT, 2, 1)
    options += struct.pack("!HBBI", _CLASS, _COOKIE, 1, cookie)
    header = struct.pack("!BBHI", len(options) // 4, 0, _IPV4, 0)
    port = vxlan.FIRST_SOURCE_PORT + cookie % vxlan.SOURCE_PORTS
    return vxlan.ethernet(addresses, vxlan.datagram(addresses, (port, PORT), header + options + packet))


def flow(packet: bytes) -> int:
    """The hash by which a load balancer chooses among its hosts: of the 5-tuple of an IPv4 packet with UDP in it,
    without options."""
    return zlib.crc32(packet[9:10] + packet[12:24])
