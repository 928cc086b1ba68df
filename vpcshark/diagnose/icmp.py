"""What ICMP messages quote: the header of the packet that they are about (RFC 792, RFC 4443).

Must not know verdicts.
"""

from __future__ import annotations

from typing import NamedTuple

from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.packet import ICMP, ICMP6, TCP, TUNNEL_PORTS, UDP, Packet, ip_head

UNREACHABLE, TOO_BIG, EXPIRED, REASSEMBLY = "unreachable", "too big", "expired", "reassembly"
_IPV4 = {(11, 0): EXPIRED, (11, 1): REASSEMBLY, (3, 4): TOO_BIG}
_IPV6 = {(3, 0): EXPIRED, (3, 1): REASSEMBLY, (2, 0): TOO_BIG}
WORDS = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    9: "network prohibited",
    10: "host prohibited",
    13: "prohibited by a filter",
}
WORDS6 = {
    0: "no route",
    1: "prohibited",
    3: "address unreachable",
    4: "port unreachable",
    5: "policy",
    6: "reject route",
}


class Quote(NamedTuple):
    """An ICMP error: who sent it, what it says, and the flow and length of the packet that it quotes."""

    packet: Packet
    says: str
    code: int
    flow: Flow
    length: int
    ident: int
    seq: int
    mtu: int

    @property
    def words(self) -> str:
        """What its code says."""
        known = WORDS if self.packet.protocol == ICMP else WORDS6
        return known.get(self.code, f"unreachable, code {self.code}")

    @property
    def is_about_port(self) -> bool:
        """Does it say that nobody listens at the port?"""
        return self.says == UNREACHABLE and self.code == (3 if self.packet.protocol == ICMP else 4)

    @property
    def is_about_mirror(self) -> bool:
        """Is it about a mirrored frame's carrier, and not about anything that is carried?"""
        return self.flow.protocol == UDP and self.flow.target_port in TUNNEL_PORTS

    @property
    def is_of_deaf_target(self) -> bool:
        """Does the carrier's target itself say that nobody listens there? What others say is about the way to it."""
        return self.is_about_mirror and self.is_about_port and self.packet.source == self.flow.target


def quote_of(packet: Packet) -> Quote | None:
    """None: no error message, or one that quotes nothing readable."""
    says = _says(packet)
    head = ip_head(packet.payload, 0, len(packet.payload), None, 1 << 16) if says else None
    if head is None or not says:
        return None
    ports = packet.payload[head.start : head.start + 8]
    sport = dport = seq = 0
    if head.protocol in (TCP, UDP) and len(ports) >= 4 and not head.shift:
        sport, dport = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:4], "big")
        seq = int.from_bytes(ports[4:8], "big")
    flow = Flow(head.protocol, head.source, sport, head.target, dport)
    mtu = packet.seq if packet.protocol == ICMP6 else packet.seq & 0xFFFF
    return Quote(packet, says, packet.dport, flow, head.length, head.ident, seq, mtu)


def _says(packet: Packet) -> str:
    place = (packet.sport, packet.dport)
    if packet.protocol == ICMP:
        return _IPV4.get(place, UNREACHABLE if packet.sport == 3 else "")
    if packet.protocol == ICMP6:
        return _IPV6.get(place, UNREACHABLE if packet.sport == 1 else "")
    return ""
