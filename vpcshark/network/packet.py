"""One kind of packet: addresses, protocol, ports. What passes a hop is a new one, so that a rewriting is a difference.

Protocols are the IANA numbers as text, as EC2 writes them ("6"); "-1" is a packet of which nothing but its addresses is
known. Ports are inclusive ranges. Must not know networks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

Ports = tuple[int, int]
ANY, ICMP, TCP, UDP, ICMP6 = "-1", "1", "6", "17", "58"
ALL_PORTS: Ports = (0, 65535)
NUMBERS = {"any": ANY, "all": ANY, "icmp": ICMP, "tcp": TCP, "udp": UDP, "icmpv6": ICMP6, "icmp6": ICMP6}
NAMES = {ANY: "any", ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMP6: "icmpv6"}
_ECHO = {ICMP: ((8, 0), (0, 0)), ICMP6: ((128, 0), (129, 0))}  # request, reply (RFC 792, RFC 4443)


@dataclass(frozen=True)
class Packet:
    """``sport`` and ``dport`` are None where the protocol has none, ``icmp`` (type, code) where it is not ICMP."""

    src: str
    dst: str
    protocol: str = TCP
    sport: Ports | None = None
    dport: Ports | None = None
    icmp: tuple[int, int] | None = None

    @property
    def is_v6(self) -> bool:
        """Of the destination's family."""
        return ":" in self.dst

    def reversed(self) -> Packet:
        """The answer to it."""
        icmp = self.icmp
        if self.protocol in _ECHO and icmp == _ECHO[self.protocol][0]:
            icmp = _ECHO[self.protocol][1]
        return replace(self, src=self.dst, dst=self.src, sport=self.dport, dport=self.sport, icmp=icmp)


def make(src: str, dst: str, protocol: str, dport: Ports | None, sport: Ports | None) -> Packet:
    """A first packet; ports only where the protocol has them, an echo request for ICMP."""
    if protocol in (TCP, UDP):
        return Packet(src, dst, protocol, sport, dport or ALL_PORTS)
    if protocol in _ECHO:
        protocol = ICMP6 if ":" in dst else ICMP
        return Packet(src, dst, protocol, icmp=_ECHO[protocol][0])
    return Packet(src, dst, protocol)


def number(name: str) -> str:
    """The number of a protocol's name, or of its number: "tcp" -> "6"."""
    return NUMBERS.get(name.lower(), name)


def protocol_words(protocol: str) -> str:
    """ "6" -> "tcp"."""
    return NAMES.get(protocol, f"protocol {protocol}")


def port_words(ports: Ports | None) -> str:
    """(80, 80) -> "80", (1024, 65535) -> "1024-65535", None or every port -> ""."""
    if ports is None or ports == ALL_PORTS:
        return ""
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def end_words(address: str, ports: Ports | None) -> str:
    """An address with its ports, in the way of its family."""
    words = port_words(ports)
    if not words:
        return address
    return f"[{address}]:{words}" if ":" in address else f"{address}:{words}"


def words(packet: Packet) -> str:
    """``10.0.0.1:32768-60999 -> 10.0.1.1:80 tcp``."""
    there = end_words(packet.dst, packet.dport)
    return f"{end_words(packet.src, packet.sport)} -> {there} {protocol_words(packet.protocol)}"


def contains(cidr: str, address: str) -> bool:
    """Does the network have the address? Never, if the families differ or ``cidr`` is none."""
    if (":" in cidr) != (":" in address) or not cidr:
        return False
    network, number = _network(cidr), _number(address)
    return network is not None and number is not None and number & network[1] == network[0]


@lru_cache(maxsize=65536)
def _network(cidr: str) -> tuple[int, int] | None:
    """(the network's address, its mask) as numbers: walks ask of the same networks again and again."""
    try:
        found = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None
    return int(found.network_address), int(found.netmask)


@lru_cache(maxsize=65536)
def _number(address: str) -> int | None:
    try:
        return int(ipaddress.ip_address(address))
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def place(address: str) -> int:
    """Where an address stands among those of both families: IPv6 after IPv4. ``bounds`` counts alike."""
    return _SECOND * (":" in address) + (_number(address) or 0)


def bounds(cidr: str) -> tuple[int, int]:
    """The first place of a network and the first one behind it; nothing for a text that is no network."""
    network = _network(cidr)  # of an address: that address alone
    if network is None:
        return 0, 0
    is_v6 = ":" in cidr
    size = (1 << (128 if is_v6 else 32)) - network[1]
    first = _SECOND * is_v6 + network[0]
    return first, first + size


_SECOND = 1 << 32  # the place of ::


def length(cidr: str) -> int:
    """Bits of the prefix: 24 of 10.0.0.0/24."""
    return int(cidr.rpartition("/")[2])


def overlaps(one: str, other: str) -> bool:
    """Do two networks share an address?"""
    first, second = ipaddress.ip_network(one, strict=False), ipaddress.ip_network(other, strict=False)
    return first.version == second.version and first.overlaps(second)


def is_within(small: str, big: str) -> bool:
    """Is the first network a part of the second, or the same?"""
    return overlaps(small, big) and length(small) >= length(big)


def is_address(text: str) -> bool:
    """Is it an IPv4 or IPv6 address?"""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


INTERNAL = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10")


def is_internal(address: str) -> bool:
    """RFC 1918, RFC 6598, RFC 4193 or link-local: no internet gateway carries it."""
    return any(contains(cidr, address) for cidr in INTERNAL)


def overlap(one: Ports, other: Ports) -> Ports | None:
    """What two ranges share."""
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None


def without(ranges: Iterable[Ports], gone: Ports) -> list[Ports]:
    """``ranges`` less ``gone``."""
    left: list[Ports] = []
    for low, high in ranges:
        if gone[1] < low or gone[0] > high:
            left.append((low, high))
            continue
        left += [(low, gone[0] - 1)] if low < gone[0] else []
        left += [(gone[1] + 1, high)] if high > gone[1] else []
    return left


def covered(ranges: Iterable[Ports], by: Iterable[Ports]) -> list[Ports]:
    """What of ``ranges`` none of ``by`` has."""
    left = [*ranges]
    for each in by:
        left = without(left, each)
    return left
