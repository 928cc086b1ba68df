"""Made-up traffic of an ENI, frame by frame, for the lab without root. Built by scapy, checksums and all.

Pure: facts in, frames out. Must not know sessions or sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from vpcshark.lab.model import LabEni

ROUTER_MAC = "02:00:00:00:00:01"
_JUMBO = 8900  # bytes of payload: a frame within a VPC's MTU of 9001
_FIRST_PORT = 32768
Frame = tuple[str, bytes]  # direction as the source sees it, Ethernet frame


@dataclass(frozen=True)
class Pair:
    """The source and the ENI that it talks with."""

    source: LabEni
    peer: LabEni

    def frame(self, direction: str, packet: Packet) -> Frame:
        """The packet between the two; what leaves the subnet goes by way of the router."""
        far = self.peer.mac if self.source.subnet_cidr == self.peer.subnet_cidr else ROUTER_MAC
        ends = {"src": self.source.mac, "dst": far} if direction == "egress" else {"src": far, "dst": self.source.mac}
        return direction, bytes(Ether(**ends) / packet)

    def ip(self, direction: str, version: int) -> Packet:
        """The IP header of that direction."""
        here, there = (self.source.ipv4, self.peer.ipv4) if version == 4 else (self.source.ipv6, self.peer.ipv6)
        source, destination = (here, there) if direction == "egress" else (there, here)
        return IP(src=source, dst=destination) if version == 4 else IPv6(src=source, dst=destination)


def conversation(source: LabEni, peer: LabEni, resolver: str, number: int) -> list[Frame]:
    """Round ``number``: HTTP over TCP, DNS, ICMP and a large datagram, over IPv4 and, if both have it, over IPv6."""
    pair = Pair(source, peer)
    frames = [*_arp(pair), *_dns(pair, resolver, number), *_jumbo(pair, number)]
    for version in (4, 6) if source.ipv6 and peer.ipv6 else (4,):
        frames += [*_http(pair, version, number), *_echo(pair, version, number)]
    return frames


def _arp(pair: Pair) -> Iterator[Frame]:
    request = ARP(hwsrc=pair.source.mac, psrc=pair.source.ipv4, pdst=pair.peer.ipv4)
    yield "egress", bytes(Ether(src=pair.source.mac, dst="ff:ff:ff:ff:ff:ff") / request)


def _http(pair: Pair, version: int, number: int) -> Iterator[Frame]:
    port, page = _port(number), f"/round/{number}"
    request = f"GET {page} HTTP/1.1\r\nHost: lab\r\n\r\n".encode()
    body = f"<title>{page}</title>\n".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    sent = {"egress": 1000 + number, "ingress": 2000 + number}  # next sequence numbers
    steps = [("egress", "S", b""), ("ingress", "SA", b""), ("egress", "A", b""), ("egress", "PA", request)]
    steps += [("ingress", "PA", answer), ("egress", "FA", b""), ("ingress", "FA", b""), ("egress", "A", b"")]
    for direction, flags, data in steps:
        other = "ingress" if direction == "egress" else "egress"
        ports = {"sport": port, "dport": 80} if direction == "egress" else {"sport": 80, "dport": port}
        acknowledged = sent[other] if "A" in flags else 0
        segment = TCP(**ports, flags=flags, seq=sent[direction], ack=acknowledged)
        yield pair.frame(direction, pair.ip(direction, version) / segment / Raw(data))
        sent[direction] += len(data) + ("S" in flags) + ("F" in flags)


def _dns(pair: Pair, resolver: str, number: int) -> Iterator[Frame]:
    """One question to the VPC's resolver, one to the peer."""
    for server in (resolver, pair.peer.ipv4):
        question = DNSQR(qname="db-1.lab", qtype="A")
        query = DNS(id=number & 0xFFFF, rd=1, qd=question)
        record = DNSRR(rrname="db-1.lab", type="A", ttl=60, rdata=pair.peer.ipv4)
        answer = DNS(id=number & 0xFFFF, qr=1, ra=1, qd=question, an=record)
        port = _port(number)
        there, back = UDP(sport=port, dport=53), UDP(sport=53, dport=port)
        yield pair.frame("egress", IP(src=pair.source.ipv4, dst=server) / there / query)
        yield pair.frame("ingress", IP(src=server, dst=pair.source.ipv4) / back / answer)


def _echo(pair: Pair, version: int, number: int) -> Iterator[Frame]:
    data, sequence = Raw(f"echo {number}".encode()), number & 0xFFFF
    request = ICMP(type=8, id=1, seq=sequence) if version == 4 else ICMPv6EchoRequest(id=1, seq=sequence)
    reply = ICMP(type=0, id=1, seq=sequence) if version == 4 else ICMPv6EchoReply(id=1, seq=sequence)
    yield pair.frame("egress", pair.ip("egress", version) / request / data)
    yield pair.frame("ingress", pair.ip("ingress", version) / reply / data)


def _jumbo(pair: Pair, number: int) -> Iterator[Frame]:
    data = Raw(f"jumbo {number} ".encode().ljust(_JUMBO, b"."))
    port = _port(number)
    yield pair.frame("egress", pair.ip("egress", 4) / UDP(sport=port, dport=9000) / data)
    yield pair.frame("ingress", pair.ip("ingress", 4) / UDP(sport=9000, dport=port) / data)


def _port(number: int) -> int:
    return _FIRST_PORT + number % (65536 - _FIRST_PORT)
