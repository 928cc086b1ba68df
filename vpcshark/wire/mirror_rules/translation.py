"""A capture filter -> the rules of a mirror filter, so that AWS sends little that nobody wants. Pure.

The rules may let through more than the filter, never less: every frame that the filter accepts and that Traffic
Mirroring could mirror, the rules accept. What rules cannot say is left to the receiver, which has the whole filter.
Must not know clients, receivers or the grammar (``filter_parser``).

What the rules rely on (Traffic Mirroring guide, "Filters"): within a direction the first rule that matches decides, by
ascending number, and no match means not mirrored; IPv4 and IPv6 need rules of their own; at most ten in all; port
ranges with TCP and UDP only. What is not documented is taken as follows. A rule with ports does not match a packet
without any (a later fragment), so a reject of port 22 leaves later fragments alone, as libpcap's ``not port 22`` does.
Behind IPv6 extension headers libpcap does not look (``rule_cover``), so ``not port 22`` accepts a packet to port 22
with a hop-by-hop header, and hence no IPv6 packet can be rejected by its port.

The addresses of the source are not used: what comes in need not be for them, nor need what goes out be from them (a NAT
instance and a container host have addresses behind theirs), so both directions get the same rules, unless the filter
says ``inbound`` or ``outbound``. The receiver tells these by the source's MAC, which a VPC has in every frame that the
source sends, and in no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from vpcshark.traffic_mirroring import MAX_RULES
from vpcshark.wire.mirror_rules.filter_parser import Unreadable, parse
from vpcshark.wire.mirror_rules.packet_sets import ALL, LEVELS, V4, Node, Span, TooMany
from vpcshark.wire.mirror_rules.primitives import EVERYTHING, Lookup
from vpcshark.wire.mirror_rules.rule_cover import COARSE, Rules, cover

__all__ = ["MirrorRule", "Translation", "translate"]

_DIRECTIONS = ("ingress", "egress")
_PROTOCOL_WORDS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 50: "ESP", 51: "AH", 58: "ICMPv6", 132: "SCTP"}


@dataclass(frozen=True)
class MirrorRule:
    """One rule of a mirror filter; rules are tried by ascending ``number`` within a ``direction``.

    ``direction`` is "ingress" or "egress", seen from the source; ``action`` "accept" or "reject"; ``protocol`` the IP
    protocol's number, port ranges inclusive (low, high); None: any. Both CIDRs are of the IP version that it is about.
    """

    number: int
    direction: str
    action: str
    protocol: int | None
    source_cidr: str
    destination_cidr: str
    source_ports: Span | None = None
    destination_ports: Span | None = None


@dataclass(frozen=True)
class Translation:
    """The rules, whether they say all that the filter says, and if not, what the receiver has to filter yet.

    ``exact`` speaks of packets without IPv6 extension headers. No rules at all: nothing that the filter accepts can be
    mirrored (``arp``). ``left_to_receiver`` are whole sentences for the user.
    """

    rules: tuple[MirrorRule, ...]
    exact: bool
    left_to_receiver: tuple[str, ...] = ()


def no_services(name: str, protocol: str) -> int | None:
    """Knows no named port."""
    return None


def translate(text: str, lookup: Lookup = no_services) -> Translation:
    """Rules that accept all that the capture filter ``text`` accepts; never raises, whatever the text.

    ``lookup(name, "tcp" or "udp")`` gives the port of a named service, or None; without it, named ports are left to the
    receiver. It must know the same names as the libpcap that compiles the filter. Host names are never resolved here.
    """
    try:
        (inbound, unsaid), (outbound, _) = (parse(text, lookup, is_inbound=way == "ingress") for way in _DIRECTIONS)
        said = [f"Rules cannot say “{words}”: the receiver decides." for words in unsaid]
    except Unreadable as problem:
        inbound = outbound = EVERYTHING
        said = [f"{problem} So everything is sent, and the receiver decides."]
    ways = [_covered(node, MAX_RULES // 2) for node in (inbound, outbound)]
    if not all(one.accepts for one in ways):
        ways = [_covered(node, MAX_RULES) for node in (inbound, outbound)]
    rules = tuple(rule for direction, one in zip(_DIRECTIONS, ways, strict=True) for rule in _rules(direction, one))
    said = list(dict.fromkeys([*said, *(line for one in ways for line in _surplus_words(one))]))
    return Translation(rules, not said, tuple(said))


def _covered(node: Node, most: int) -> Rules:
    """Very many constants are made coarser until they can be compared."""
    for level in LEVELS:
        try:
            found = cover(node(level, False), most)
        except TooMany:
            continue
        return found if level == LEVELS[0] else found._replace(surplus=[(ALL, COARSE)])
    return cover([(ALL, frozenset())], most)._replace(surplus=[(ALL, COARSE)])


def _rules(direction: str, chosen: Rules) -> Iterator[MirrorRule]:
    boxes = [*(("reject", box) for box in chosen.rejects), *(("accept", box) for box in chosen.accepts)]
    for index, (action, box) in enumerate(boxes):
        protocol = None if box.protocol == ALL.protocol else box.protocol[0]
        source, destination = (_cidr(span) for span in box[1:3])
        ports = (None if span == ALL.source_ports else span for span in box[3:])
        yield MirrorRule(100 * (index + 1), direction, action, protocol, source, destination, *ports)


def _cidr(span: Span) -> str:
    free = (span[0] ^ span[1]).bit_length()
    is_v4 = span >= V4[:1]
    return str(IPv4Network((span[0] - V4[0], 32 - free)) if is_v4 else IPv6Network((span[0], 128 - free)))


def _surplus_words(chosen: Rules) -> Iterator[str]:
    """What the rules let through although they need not by the filter's words."""
    found: dict[tuple[int, str], set[str]] = {}
    for box, why in chosen.surplus:
        number = box.protocol[0]
        name = "any protocol" if box.protocol == ALL.protocol else _PROTOCOL_WORDS.get(number, f"protocol {number}")
        found.setdefault((4 if box.source >= V4[:1] else 6, why), set()).add(name)
    for (version, why), names in found.items():
        yield why.format(version, ", ".join(sorted(names)))
