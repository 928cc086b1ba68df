"""A capture filter -> the rules of a mirror filter, so that AWS sends little that nobody wants. Pure.

The rules may let through more than the filter, never less: every frame that the filter accepts and that Traffic
Mirroring could mirror, the rules accept. What rules cannot say is left to the receiver, which has the whole filter.
Must not know clients, receivers or the grammar (``filterlang``).

What the rules rely on (Traffic Mirroring guide, "Filters"): within a direction the first rule that matches decides, by
ascending number, and no match means not mirrored; IPv4 and IPv6 need rules of their own; at most ten in all; port
ranges with TCP and UDP only. What is not documented is taken as follows. A rule with ports does not match a packet
without any (a later fragment), so a reject of port 22 leaves later fragments alone, as libpcap's ``not port 22`` does.
For IPv6 extension headers see ``regions``: libpcap does not look behind them, so ``not port 22`` accepts a packet to
port 22 with a hop-by-hop header, and hence no IPv6 packet can be rejected by its port.

The addresses of the source are not used: what comes in need not be for them, nor need what goes out be from them (a NAT
instance and a container host have addresses behind theirs), so both directions get the same rules, unless the filter
says ``inbound`` or ``outbound``. The receiver tells these by the source's MAC, which a VPC has in every frame that the
source sends, and in no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from vpcshark.wire.mirror_rules.filter_parser import Unreadable, parse
from vpcshark.wire.mirror_rules.packet_sets import Space, TooManyCells, leaves
from vpcshark.wire.mirror_rules.primitives import (
    EVERYTHING,
    SCTP,
    AllOf,
    AnyOf,
    Lookup,
    Network,
    Node,
    Not,
    Pattern,
    Ports,
    Vague,
)
from vpcshark.wire.mirror_rules.rule_cover import RuleList, rule_lists

__all__ = ["MAX_RULES", "MirrorRule", "Translation", "translate"]

MAX_RULES = 10  # of a mirror filter, both directions and both IP versions together; not adjustable
_DIRECTIONS = ("ingress", "egress")
_WEIGHTS = {4: 0.8, 6: 0.2}  # guessed shares of the traffic in a VPC
# How to simplify a filter with very many constants: keep its ports?, the longest prefixes (IPv4, IPv6; None: all).
_COARSER = ((True, None), (False, None), *((False, lengths) for lengths in ((24, 64), (16, 48), (8, 32), (0, 0))))
_PROTOCOL_WORDS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 50: "ESP", 51: "AH", 58: "ICMPv6", SCTP: "SCTP"}


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
    source_ports: Ports | None = None
    destination_ports: Ports | None = None


@dataclass(frozen=True)
class Translation:
    """The rules, whether they say all that the filter says, and if not, what the receiver has to filter yet.

    ``exact`` speaks of packets without IPv6 extension headers. No rules at all: nothing that the filter accepts can be
    mirrored (``arp``). ``left_to_receiver`` are whole sentences for the user.
    """

    rules: tuple[MirrorRule, ...]
    exact: bool
    left_to_receiver: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Family:
    """One IP version's part of the work."""

    space: Space
    wanted: int
    plain: int
    is_exact: bool

    def surplus(self, chosen: RuleList) -> int:
        """The plain packets that are let through unwanted."""
        return (chosen.surplus | self.wanted & ~self.plain) & self.space.plain


@dataclass(frozen=True)
class _Way:
    """One direction's part of the work. ``is_whole``: all of the filter's constants are in."""

    node: Node
    families: list[_Family]
    is_whole: bool

    @property
    def is_empty(self) -> bool:
        """Does the filter want nothing of this direction?"""
        return not any(family.wanted for family in self.families)


@dataclass(frozen=True)
class _Chosen:
    """A direction with the list of rules for each IP version."""

    way: _Way
    lists: tuple[RuleList, ...]

    @property
    def pairs(self) -> list[tuple[_Family, RuleList]]:
        return list(zip(self.way.families, self.lists, strict=True))

    @property
    def is_exact(self) -> bool:
        return all(family.is_exact and not family.surplus(one) for family, one in self.pairs)


def no_services(name: str, protocol: str) -> int | None:
    """Knows no named port."""
    return None


def translate(text: str, lookup: Lookup = no_services) -> Translation:
    """Rules that accept all that the capture filter ``text`` accepts; never raises, whatever the text.

    ``lookup(name, "tcp" or "udp")`` gives the port of a named service, or None; without it, named ports are left to the
    receiver. It must know the same names as the libpcap that compiles the filter. Host names are never resolved here.
    """
    try:
        nodes = [parse(text, lookup, is_inbound=direction == "ingress") for direction in _DIRECTIONS]
        unread = ""
    except Unreadable as problem:
        nodes, unread = [Vague(EVERYTHING)] * 2, f"{problem} So everything is sent, and the receiver decides."
    chosen = _choose(_ways(nodes))
    rules = tuple(rule for direction, one in zip(_DIRECTIONS, chosen, strict=True) for rule in _rules(direction, one))
    exact = all(one.is_exact for one in chosen)
    said = [unread] if unread else [line for one in chosen for line in _left_over(one)]
    if not all(one.way.is_whole for one in chosen):
        said.append(
            "The filter names too many addresses or ports for mirror rules: ports are left out, networks widened."
        )
    return Translation(rules, exact, () if exact else tuple(dict.fromkeys(said)))


def _ways(nodes: Sequence[Node]) -> list[_Way]:
    """The same one twice where the filter does not tell the directions apart."""
    ways = [_Way(node, *_families(node)) for node in dict.fromkeys(nodes)]
    return [ways[0], ways[-1]]


def _choose(ways: Sequence[_Way]) -> list[_Chosen]:
    """Half of the rules for each direction, all of them for one if the filter wants nothing of the other."""
    most = MAX_RULES if any(way.is_empty for way in ways) else MAX_RULES // 2
    chosen = {id(way): _Chosen(way, _tightest(way.families, most)) for way in ways}
    return [chosen[id(way)] for way in ways]


def _families(node: Node) -> tuple[list[_Family], bool]:
    """Both IP versions, and whether all constants are in: very many are made coarser until they can be compared."""
    for keeps_ports, lengths in _COARSER:
        coarse = _coarser(node, keeps_ports, lengths)
        try:
            return [_family(version, coarse) for version in (4, 6)], coarse == node
        except TooManyCells:
            continue
    return [_family(version, EVERYTHING) for version in (4, 6)], False


def _family(version: int, node: Node) -> _Family:
    space = Space(version, leaves(node))
    wanted, plain, is_exact = space.wanted(node)
    return _Family(space, wanted, plain, is_exact)


def _coarser(node: Node, keeps_ports: bool, lengths: tuple[int, int] | None) -> Node:
    if isinstance(node, AnyOf | AllOf):
        return type(node)(tuple(_coarser(part, keeps_ports, lengths) for part in node.nodes))
    if isinstance(node, Not):
        return Not(_coarser(node.node, keeps_ports, lengths))
    if isinstance(node, Vague):
        return Vague(_coarser(node.node, keeps_ports, lengths), node.words)
    wider = node if keeps_ports else node._replace(source_ports=None, destination_ports=None)
    if lengths is not None:
        length = lengths[node.version == 6]
        wider = wider._replace(source=_shorter(node.source, length), destination=_shorter(node.destination, length))
    return node if wider == node else Vague(wider)


def _shorter(network: Network | None, length: int) -> Network | None:
    if network is None or length == 0:
        return None
    return network.shortened(min(length, network.length))


def _tightest(families: list[_Family], most: int) -> tuple[RuleList, ...]:
    """A list for each IP version, ``most`` rules together, that let the least through; of equals the shortest."""
    first, second = (rule_lists(family.space, family.wanted, most) for family in families)
    pairs = [(a, b) for a in first for b in second if len(a) + len(b) <= most]

    def price(pair: tuple[RuleList, RuleList]) -> tuple[float, int]:
        surplus = sum(_WEIGHTS[f.space.version] * one.weight for f, one in zip(families, pair, strict=True))
        return round(surplus, 9), sum(map(len, pair))

    return min(pairs, key=price)


def _rules(direction: str, chosen: _Chosen) -> Iterator[MirrorRule]:
    number = 0
    for family, one in chosen.pairs:
        for action, patterns in (("reject", one.rejects), ("accept", one.accepts)):
            for pattern in patterns:
                number += 100
                yield _rule(number, direction, action, pattern, family.space.root)


def _rule(number: int, direction: str, action: str, pattern: Pattern, anywhere: Network) -> MirrorRule:
    source, destination = (_cidr(end or anywhere) for end in (pattern.source, pattern.destination))
    ports = (pattern.source_ports, pattern.destination_ports)
    return MirrorRule(number, direction, action, pattern.protocol, source, destination, *ports)


def _cidr(network: Network) -> str:
    block = IPv4Network if network.bits == 32 else IPv6Network
    return str(block((network.address, network.length)))


def _left_over(chosen: _Chosen) -> Iterator[str]:
    yield from _vague_words(chosen.way.node)
    for family, one in chosen.pairs:
        yield from _surplus_words(family, one)


def _vague_words(node: Node) -> Iterator[str]:
    """What the filter itself says that rules cannot say."""
    if isinstance(node, Vague):
        yield f"Rules cannot say “{node.words}”: the receiver decides."
    elif isinstance(node, Not):
        yield from _vague_words(node.node)
    elif isinstance(node, AnyOf | AllOf):
        for part in node.nodes:
            yield from _vague_words(part)


def _surplus_words(family: _Family, chosen: RuleList) -> Iterator[str]:
    """What the rules let through although they need not by the filter's words."""
    space, surplus = family.space, family.surplus(chosen)

    def more(cells: int) -> str:
        return f"More IPv{space.version} ({_names(space, cells)}) is sent than the filter wants"

    for_headers = surplus & family.wanted  # hidden behind IPv6 extension headers
    if for_headers:
        yield f"{more(for_headers)}: extension headers may hide protocol and ports from it."
    rest = surplus & ~for_headers
    sctp = space.cells(Pattern(space.version, SCTP)) if SCTP in space.protocols else 0
    if rest and not rest & ~sctp:
        yield f"{more(rest)}: rules have no ports for SCTP."
    elif rest:
        yield f"{more(rest)}: the {MAX_RULES} rules of a mirror filter say no more."


def _names(space: Space, cells: int) -> str:
    """The protocols of these packets: "TCP, UDP"; "protocol 47", "other protocols"."""
    names = []
    for protocol in space.protocols:
        if protocol is not None and cells & space.cells(Pattern(space.version, protocol)):
            names.append(_PROTOCOL_WORDS.get(protocol, f"protocol {protocol}"))
            cells &= ~space.cells(Pattern(space.version, protocol))
    return ", ".join([*names, *(["other protocols"] if names and cells else [])]) or "any protocol"
