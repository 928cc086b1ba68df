"""What one primitive of a capture filter (``tcp port 80``, ``net 10.1``) says about an IP packet. Pure.

Frames that are not IP do not count here: Traffic Mirroring mirrors none (its rules need a CIDR, and ARP is never
mirrored), so ``host 10.0.0.1`` is about IPv4 alone, and ``arp`` about nothing. Source: pcap-filter(7) and libpcap's
``gencode.c``. Must not know the grammar around a primitive, nor mirror rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import NamedTuple, TypeAlias

Ports: TypeAlias = tuple[int, int]  # inclusive
Lookup: TypeAlias = Callable[[str, str], int | None]  # (service, "tcp" or "udp") -> port

TCP, UDP, SCTP = 6, 17, 132


class Network(NamedTuple):
    """A block of addresses: the first of them as a number, the prefix length, and the bits of an address (32, 128).

    Not ``ipaddress``'s class: sets of these are compared by the ten thousand, and theirs hash twenty times slower.
    """

    address: int
    length: int
    bits: int

    def meet(self, other: Network) -> Network:
        """The narrowest network that holds both."""
        length = min(self.length, other.length, self.bits - (self.address ^ other.address).bit_length())
        return self.shortened(length)

    def shortened(self, length: int) -> Network:
        """The network of this prefix length that this one is in."""
        rest = self.bits - length
        return Network(self.address >> rest << rest, length, self.bits)


class Pattern(NamedTuple):
    """The packets of one IP version that have all of this; None: anything. A packet without ports has no port."""

    version: int
    protocol: int | None = None
    source: Network | None = None
    destination: Network | None = None
    source_ports: Ports | None = None
    destination_ports: Ports | None = None


@dataclass(frozen=True)
class AnyOf:
    """Packets of which at least one node is true."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class AllOf:
    """Packets of which every node is true."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """Packets of which the node is false."""

    node: Node


@dataclass(frozen=True)
class Vague:
    """Some of the packets of ``node``, nobody can say here which; ``words`` are the filter's own."""

    node: Node
    words: str = ""


Node: TypeAlias = Pattern | AnyOf | AllOf | Not | Vague


@dataclass(frozen=True)
class Qualifiers:
    """The keywords before a value; "" where one is missing. ``direction``: src, dst, either, both."""

    protocol: str = ""
    direction: str = ""
    kind: str = ""

    def __str__(self) -> str:
        direction = {"either": "src or dst", "both": "src and dst"}.get(self.direction, self.direction)
        return " ".join(filter(None, (self.protocol, direction, self.kind)))


def _protocol(number: int, versions: tuple[int, ...] = (4, 6)) -> Node:
    # One byte of the header is compared: a larger number matches nothing.
    return AnyOf(tuple(Pattern(version, number) for version in versions if number <= 255))


IPV4, IPV6 = Pattern(4), Pattern(6)
EVERYTHING = AnyOf((IPV4, IPV6))
NOTHING = AnyOf(())
_LINK_PROTOCOLS = (
    "arp",
    "rarp",
    "atalk",
    "aarp",
    "decnet",
    "iso",
    "stp",
    "ipx",
    "netbeui",
    "lat",
    "moprc",
    "mopdl",
    "sca",
)
_OSI_PROTOCOLS = ("clnp", "esis", "isis", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "es-is", "is-is")
_NOT_IP = (*_LINK_PROTOCOLS, *_OSI_PROTOCOLS)
ABBREVIATIONS: dict[str, Node] = {
    "ip": IPV4,
    "ip6": IPV6,
    "tcp": _protocol(TCP),
    "udp": _protocol(UDP),
    "sctp": _protocol(SCTP),
    "icmp": _protocol(1, (4,)),
    "icmp6": _protocol(58, (6,)),
    "igmp": _protocol(2, (4,)),
    "igrp": _protocol(9, (4,)),
    "pim": _protocol(103),
    "vrrp": _protocol(112, (4,)),
    "carp": _protocol(112, (4,)),
    "ah": _protocol(51),
    "esp": _protocol(50),
    **{name: NOTHING for name in _NOT_IP},
}
# tcp[…] and its kin look at IPv4 alone (pcap-filter(7), BUGS).
ACCESSORS: dict[str, Node] = {
    "ip": IPV4,
    "ip6": IPV6,
    "icmp6": _protocol(58, (6,)),
    **{name: _protocol(n, (4,)) for name, n in {"tcp": TCP, "udp": UDP, "sctp": SCTP, "icmp": 1, "igmp": 2}.items()},
}
_PROTOCOL_NAMES = {"icmp": 1, "igmp": 2, "tcp": TCP, "udp": UDP, "esp": 50, "ah": 51, "ipv6-icmp": 58, "sctp": SCTP}
_ETHERTYPES: dict[str, Node] = {"ip": IPV4, "ip6": IPV6, "2048": IPV4, "34525": IPV6, "2054": NOTHING, "32821": NOTHING}
_DOTTED = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){1,3}")
_RANGE = re.compile(r"([^-]+)-([^-]+)")


def meaning(qualifiers: Qualifiers, value: str, lookup: Lookup) -> Node:
    """What ``value`` after these qualifiers says; ``Vague`` where it cannot be said, or where libpcap refuses it."""
    try:
        return _MEANINGS.get(qualifiers.kind, _vague)(qualifiers, value, lookup)
    except ValueError:
        return Vague(EVERYTHING)


def multicast(protocol: str) -> Node:
    """``ip multicast`` (libpcap: first byte >= 224), ``ip6 multicast``; without ``ip`` it asks the MAC address."""
    if protocol == "ip":
        return Pattern(4, destination=Network(224 << 24, 3, 32))
    return Pattern(6, destination=Network(255 << 120, 8, 128)) if protocol == "ip6" else Vague(EVERYTHING)


def _vague(qualifiers: Qualifiers, value: str, lookup: Lookup) -> Node:
    return Vague(EVERYTHING)


def _address(qualifiers: Qualifiers, value: str, lookup: Lookup) -> Node:
    if qualifiers.protocol in ("arp", "rarp"):
        return NOTHING
    network, is_whole = _network(value, qualifiers.kind == "net")
    version = 4 if network.bits == 32 else 6
    if qualifiers.protocol not in ("", "ip" if version == 4 else "ip6"):
        raise ValueError("libpcap refuses this combination")
    node = _directed(
        qualifiers.direction,
        Pattern(version, source=network),
        Pattern(version, destination=network),
        Pattern(version, source=network, destination=network),
    )
    return node if is_whole else Vague(node)


def _network(value: str, is_net: bool) -> tuple[Network, bool]:
    """The network, and whether it says all (a mask with holes says more). ValueError for a name and for a misfit."""
    address, _, rest = value.partition(" ")
    if rest and not is_net:
        raise ValueError("libpcap takes masks for networks only")
    if ":" in address:
        block = ip_network(address + rest.replace(" ", ""))
        return Network(int(block.network_address), block.prefixlen, 128), True
    number, length = _ipv4(address, is_net)
    if rest.startswith("mask "):
        mask = int(IPv4Address(_full(rest[5:])))
        length = 32 - (~mask & 0xFFFFFFFF).bit_length()
        is_whole = mask == (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
        if number & ~mask:
            raise ValueError("libpcap refuses bits outside the mask")
        return Network(number, 32, 32).shortened(length), is_whole
    if rest:
        length = IPv4Network((number, _number(rest[2:]))).prefixlen  # libpcap too refuses bits outside the mask
    return Network(number, length, 32), True


def _full(dotted: str) -> str:
    if not _DOTTED.fullmatch(dotted):
        raise ValueError("not a dotted address")
    return dotted + ".0" * (3 - dotted.count("."))


def _ipv4(text: str, is_net: bool) -> tuple[int, int]:
    """``10.1`` is 10.1.0.0/16; a lone number is an address, or as a network is moved to the left (``net 10``)."""
    if _DOTTED.fullmatch(text):
        return int(IPv4Address(_full(text))), 8 * (text.count(".") + 1)
    number, length = _number(text), 32
    if number > 0xFFFFFFFF:
        raise ValueError("not an address")
    while is_net and number and not number & 0xFF000000:
        number, length = number << 8, length - 8
    return number, length


def _number(text: str) -> int:
    """A decimal or 0x number; one with a leading zero may be octal, which is left alone (ValueError)."""
    if re.fullmatch(r"0|[1-9][0-9]{0,9}", text):
        return int(text)
    if re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}", text):
        return int(text, 16)
    raise ValueError("not a plain number")


def _directed(direction: str, source: Node, destination: Node, both: Node) -> Node:
    return {"src": source, "dst": destination, "both": both}.get(direction) or AnyOf((source, destination))


def _ports(qualifiers: Qualifiers, value: str, lookup: Lookup) -> Node:
    transports = {"": (TCP, UDP, SCTP), "tcp": (TCP,), "udp": (UDP,), "sctp": (SCTP,)}.get(qualifiers.protocol)
    if transports is None:
        raise ValueError("libpcap refuses this combination")
    ends = _RANGE.fullmatch(value) if qualifiers.kind == "portrange" else None
    if ends is not None:
        ports = sorted((_number(ends[1]), _number(ends[2])))  # libpcap turns a range round
    elif value[0].isdigit():
        ports = [_number(value)] * 2
    else:
        return _service(qualifiers, value, lookup)
    if ports[1] > 65535:
        raise ValueError("libpcap refuses this port")
    return AnyOf(tuple(_port(qualifiers.direction, p, (ports[0], ports[1])) for p in transports))


def _port(direction: str, protocol: int, ports: Ports) -> Node:
    def of_version(version: int) -> Node:
        plain = Pattern(version, protocol)
        source, destination = plain._replace(source_ports=ports), plain._replace(destination_ports=ports)
        return _directed(direction, source, destination, source._replace(destination_ports=ports))

    return AnyOf((of_version(4), of_version(6)))


def _service(qualifiers: Qualifiers, name: str, lookup: Lookup) -> Node:
    """A named port. libpcap takes the protocols too from the services file (``port ssh`` is TCP alone there)."""
    found = {protocol: lookup(name.removeprefix("\\"), protocol) for protocol in ("tcp", "udp")}
    numbers = {number for number in found.values() if number is not None}
    if len(numbers) != 1 or qualifiers.kind != "port":
        raise ValueError("not a name with one port")
    numeric = _ports(qualifiers, str(numbers.pop()), lookup)
    if None not in found.values():
        return numeric
    if qualifiers.protocol:
        return Vague(numeric)
    known = "tcp" if found["tcp"] is not None else "udp"
    return _ports(replace(qualifiers, protocol=known), str(found[known]), lookup)


def _header(qualifiers: Qualifiers, value: str, lookup: Lookup) -> Node:
    name = value.removeprefix("\\")
    if qualifiers.direction or qualifiers.protocol not in ("", "ip", "ip6", "ether"):
        raise ValueError("libpcap refuses this combination")
    if qualifiers.protocol == "ether":
        if name in _NOT_IP:
            return NOTHING
        return _ETHERTYPES.get(name if name in ("ip", "ip6") else str(_number(name)), Vague(EVERYTHING))
    versions = {"ip": (4,), "ip6": (6,)}.get(qualifiers.protocol, (4, 6))
    return _protocol(_PROTOCOL_NAMES[name] if name in _PROTOCOL_NAMES else _number(name), versions)


_MEANINGS: dict[str, Callable[[Qualifiers, str, Lookup], Node]] = {
    "": _address,
    "host": _address,
    "net": _address,
    "port": _ports,
    "portrange": _ports,
    "proto": _header,
}
