"""What one primitive of a capture filter (``tcp port 80``, ``net 10.1``) says about an IP packet. Pure.

Frames that are not IP do not count here: Traffic Mirroring mirrors none (its rules need a CIDR, and ARP is never
mirrored), so ``host 10.0.0.1`` is about IPv4 alone, and ``arp`` about nothing. Source: pcap-filter(7) and libpcap's
``gencode.c``. Must not know the grammar around a primitive, nor mirror rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import TypeAlias

from vpcshark.wire.mirror_rules.packet_sets import FRAGMENT, SCTP, TCP, UDP, V4, V6, Node, Span, all_of, any_of, leaf

Lookup: TypeAlias = Callable[[str, str], int | None]  # (service, "tcp" or "udp") -> port

EVERYTHING, NOTHING = all_of(), any_of()
_VERSIONS: dict[str, dict[str, Span]] = {"": {}, "ip": {"source": V4}, "ip6": {"source": V6}}
_NUMBERS = {"icmp": 1, "igmp": 2, "tcp": TCP, "udp": UDP, "esp": 50, "ah": 51, "ipv6-icmp": 58, "sctp": SCTP}
_NOT_IP = (
    "arp rarp is-is atalk aarp decnet iso stp ipx netbeui lat moprc mopdl sca clnp esis isis l1 l2 iih lsp snp csnp "
    "psnp es-is pppoed"
)


def _protocol(number: int, version: str = "") -> Node:
    spans = _VERSIONS[version]
    # One byte of the header is compared: a larger number matches nothing.
    return leaf(protocol=(number, number), **spans) if number <= 255 else NOTHING


ABBREVIATIONS: dict[str, Node] = {
    **{name: NOTHING for name in _NOT_IP.split()},
    **{name: leaf(**_VERSIONS[name]) for name in ("ip", "ip6")},
    **{name: _protocol(_NUMBERS[name]) for name in ("tcp", "udp", "sctp", "ah", "esp")},
    **{name: _protocol(n, "ip") for name, n in {"icmp": 1, "igmp": 2, "igrp": 9, "vrrp": 112, "carp": 112}.items()},
    "icmp6": _protocol(58, "ip6"),
    "pim": _protocol(103),
}
_ETHERTYPES = {0x0800: "ip", 0x86DD: "ip6", 0x0806: "arp", 0x8035: "rarp"}
# libpcap: the first byte of the address is >= 224; without "ip" or "ip6" the MAC address is asked.
MULTICAST = {"ip": leaf(destination=(V4[1] - (1 << 29) + 1, V4[1])), "ip6": leaf(destination=(255 << 120, V6[1]))}


def looked_into(operand: str) -> Node:
    """The packets that have what a comparison which begins with this operand looks at.

    libpcap checks the protocol of "tcp[13] & 2 != 0", but in "len + tcp[13] > 5" it forgets to: only the operand that
    a sum begins with is checked. tcp[…] and its kin look at IPv4 alone (pcap-filter(7), BUGS).
    """
    if operand in ("tcp", "udp", "sctp", "icmp", "igmp"):
        return _protocol(_NUMBERS[operand], "ip")
    return ABBREVIATIONS[operand] if operand in ("ip", "ip6", "icmp6") else EVERYTHING


def meaning(protocol: str, direction: str, kind: str, value: str, mask: str, lookup: Lookup) -> Node | None:
    """What ``value`` after these qualifiers says; None where it cannot be said, or where libpcap refuses it.

    ``mask``: "" or "/8" or "m255.0.0.0".
    """
    try:
        if kind in ("port", "portrange"):
            return _ports(protocol, direction, value, lookup)
        if kind == "proto":
            name = value.removeprefix("\\")
            if protocol == "ether":
                return ABBREVIATIONS[name if name in _ETHERTYPES.values() else _ETHERTYPES[_number(name)]]
            number = _NUMBERS[name] if name in _NUMBERS else _number(name)
            # Of IPv6 a fragment has two protocols for libpcap, which no box can say.
            return _protocol(number, protocol) if number != FRAGMENT else None
        if kind in ("", "host", "net") and (kind == "net" or not mask):
            span = _network(value, mask, kind)
            version = _VERSIONS["ip" if span >= V4[:1] else "ip6"]
            if protocol in ("arp", "rarp"):
                return NOTHING
            return _directed(direction, "source", "destination", span) if _VERSIONS[protocol] in ({}, version) else None
    except (ValueError, LookupError):
        pass
    return None


def _directed(direction: str, source: str, destination: str, span: Span, **also: Span) -> Node:
    if "and" in direction or "&&" in direction:
        return leaf(**{source: span, destination: span}, **also)
    places = {"src": [source], "dst": [destination]}.get(direction, [source, destination])
    return any_of(*(leaf(**{place: span}, **also) for place in places))


def _network(value: str, mask: str, kind: str) -> Span:
    """The addresses. ValueError for a name, a misfit and a mask with holes."""
    if ":" in value:
        ipv6 = IPv6Network(value + mask)
        return int(ipv6[0]), int(ipv6[-1])
    if "." in value:
        length, number = 8 * (value.count(".") + 1), int(IPv4Address(_full(value)))
    else:
        length, number = 32, _number(value)
        while kind == "net" and 0 < number < 1 << 24:  # a lone number is moved to the left ("net 10")
            length, number = length - 8, number << 8
    if mask:
        bits = int(IPv4Address(_full(mask[1:]))) if mask[0] == "m" else -1 << 32 - _number(mask[1:]) & 0xFFFFFFFF
        length = bits.bit_count()
        if bits != -1 << 32 - length & 0xFFFFFFFF:
            raise ValueError("a mask with holes")
    ipv4 = IPv4Network((number, length))  # libpcap too refuses bits outside the mask
    return V4[0] + int(ipv4[0]), V4[0] + int(ipv4[-1])


def _full(dotted: str) -> str:
    """``10.1`` is 10.1.0.0."""
    return dotted + ".0" * (3 - dotted.count("."))


def _number(text: str) -> int:
    """A decimal or 0x number; one with a leading zero may be octal, which is left alone (ValueError)."""
    if re.fullmatch(r"0|[1-9][0-9]{0,9}|0[xX][0-9A-Fa-f]{1,8}", text):
        return int(text, 0)
    raise ValueError("not a plain number")


def _ports(protocol: str, direction: str, value: str, lookup: Lookup) -> Node:
    numbers = {"": (TCP, UDP, SCTP), "tcp": (TCP,), "udp": (UDP,), "sctp": (SCTP,)}[protocol]
    if not value[0].isdigit():  # libpcap takes the protocols too from the services file ("port ssh" is TCP alone there)
        found = {name: lookup(value.removeprefix("\\"), name) for name in ("tcp", "udp")}
        known = {name: port for name, port in found.items() if port is not None}
        if len(set(known.values())) != 1 or protocol not in ("", *known):
            raise ValueError("not a name with one port")
        numbers = numbers if protocol or len(known) == 2 else tuple(_NUMBERS[name] for name in known)
        value = str(max(known.values()))
    low, *_, high = sorted(map(_number, value.split("-") * 2))  # libpcap turns a range round
    if high > 65535:
        raise ValueError("libpcap refuses this port")
    ends = ("source_ports", "destination_ports")
    return any_of(*(_directed(direction, *ends, (low, high), protocol=(n, n)) for n in numbers))
