"""A capture filter -> the rules of a mirror filter, so that AWS sends little that nobody wants. Pure.

The rules may let through more than the filter, never less: every frame that the filter accepts and that Traffic
Mirroring could mirror, the rules accept. What rules cannot say is left to the receiver, which has the whole filter.
libpcap reads the filter, as it does for the receiver. Must not know clients, receivers or the language's grammar.

What the rules rely on (Traffic Mirroring guide, "Filters"): within a direction the first rule that matches decides, by
ascending number, and no match means not mirrored; IPv4 and IPv6 need rules of their own; at most ten in all; port
ranges with TCP and UDP only. What is not documented is taken as follows. A rule with ports does not match a packet
without any (a later fragment). libpcap does not look behind IPv6 extension headers, so ``not port 22`` accepts a packet
to port 22 with a hop-by-hop header, and hence no IPv6 packet can be rejected by its port.

The addresses of the source are not used: what comes in need not be for them, nor need what goes out be from them (a NAT
instance and a container host have addresses behind theirs), so both directions get the same rules, unless the filter
says ``inbound`` or ``outbound``. The receiver tells these by the source's MAC, which a VPC has in every frame that the
source sends, and in no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from ipaddress import IPv4Network, IPv6Network
from operator import or_

from vpcshark.wire.bpf.instructions import JEQ, JMP, LD, LEN, PACKET_TYPE, RET_K, check
from vpcshark.wire.bpf.libpcap import compile_filter
from vpcshark.wire.mirror_rules.accepted_packets import Program, accepted, constants
from vpcshark.wire.mirror_rules.filter_text import parts, without_names
from vpcshark.wire.mirror_rules.packet_sets import ADDRESSES, PORTS, PROTOCOL, SCTP, Box, Space, Span, TooManyCells
from vpcshark.wire.mirror_rules.rule_cover import RuleList, rule_lists

__all__ = ["MAX_RULES", "MirrorRule", "Translation", "translate"]

MAX_RULES = 10  # of a mirror filter, both directions and both IP versions together; not adjustable
_DIRECTIONS = ("ingress", "egress")
_WORTH_A_RULE = 0.0005  # of the traffic
# How to simplify a filter with very many constants: keep its ports?, the longest prefixes (IPv4, IPv6).
_COARSER = ((True, 32, 128), (False, 32, 128), (False, 24, 64), (False, 16, 48), (False, 8, 32), (False, 0, 0))
_PROTOCOL_WORDS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 50: "ESP", 51: "AH", 58: "ICMPv6", SCTP: "SCTP"}
_EVERYTHING: Program = [(RET_K, 0, 0, 1)]
_WHO_KNOWS: Program = [(LD | LEN, 0, 0, 0), (JMP | JEQ, 0, 1, 0), (RET_K, 0, 0, 1), (RET_K, 0, 0, 0)]


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


@dataclass(frozen=True)
class _Family:
    """One IP version's part of the work in one direction. ``is_whole``: all of the filter's constants are in."""

    space: Space
    wanted: int
    plain: int
    is_exact: bool
    is_whole: bool

    def surplus(self, chosen: RuleList) -> int:
        """The plain packets that are let through unwanted."""
        return (chosen.surplus | self.wanted & ~self.plain) & self.space.plain


_Chosen = Sequence[tuple[_Family, RuleList]]  # of a direction


def translate(text: str, compile_: Callable[[str], Program] = compile_filter) -> Translation:
    """Rules that accept all that the capture filter ``text`` accepts; never raises, whatever the text.

    Host names are never looked up. What libpcap refuses becomes rules for everything.
    """
    unread = ""
    try:
        program = _compiled(text, compile_)
    except ValueError as problem:
        program, unread = _EVERYTHING, f"{str(problem).rstrip('.')}. So everything is sent, and the receiver decides."
    asked = _DIRECTIONS if any(k == PACKET_TYPE for *_, k in program) else _DIRECTIONS[:1]
    ways = [_families(program, direction) for direction in asked]
    is_one_way = any(not any(family.wanted for family in families) for families in ways)
    chosen = [_tightest(families, MAX_RULES if is_one_way else MAX_RULES // 2) for families in ways]
    chosen *= len(_DIRECTIONS) // len(asked)
    rules = tuple(rule for way, one in zip(_DIRECTIONS, chosen, strict=True) for rule in _rules(way, one))
    exact = not unread and all(family.is_exact and not family.surplus(one) for way in chosen for family, one in way)
    said = () if exact else (unread,) if unread else tuple(dict.fromkeys(_left_over(text, compile_, chosen)))
    return Translation(rules, exact, said)


def _compiled(text: str, compile_: Callable[[str], Program]) -> Program:
    """The program of the text without its names. ValueError if there is none that a kernel would take."""
    problem: ValueError | None = None
    for one in without_names(text):
        try:
            program = compile_(one)
            check(program)
            return program
        except ValueError as refused:
            problem = refused
    raise problem or ValueError("no text")


def _families(program: Program, direction: str) -> list[_Family]:
    return [_family(program, version, direction == "ingress") for version in (4, 6)]


def _family(program: Program, version: int, is_inbound: bool) -> _Family:
    """Very many constants are made coarser until they can be compared."""
    named = constants(program, version, is_inbound)
    if named is None:
        program, named = _WHO_KNOWS, [set() for _ in range(5)]
    for keeps_ports, *lengths in _COARSER:
        free = (32, 128)[version == 6] - lengths[version == 6]
        coarse = [spans if keeps_ports or side not in PORTS else set() for side, spans in enumerate(named)]
        for side in ADDRESSES:
            coarse[side] = {(low >> free << free, ((high >> free) + 1 << free) - 1) for low, high in named[side]}
        try:
            space = Space(version, coarse)
        except TooManyCells:
            continue
        return _Family(space, *accepted(program, space, is_inbound), coarse == named)
    raise AssertionError("without addresses and ports there are few cells")


def _tightest(families: Sequence[_Family], most: int) -> _Chosen:
    """A list for each IP version, ``most`` rules together, that let the least through; of equals the shortest."""
    first, second = (rule_lists(family.space, family.wanted, most) for family in families)

    def price(ipv4: RuleList, ipv6: RuleList) -> tuple[int, bool, int]:
        surplus = 0.8 * ipv4.weight + 0.2 * ipv6.weight  # guessed shares of the traffic in a VPC
        return int(surplus / _WORTH_A_RULE), bool(ipv4.surplus or ipv6.surplus), len(ipv4) + len(ipv6)

    pairs = [(a, b) for a in first for b in second if len(a) + len(b) <= most]
    return list(zip(families, min(pairs, key=lambda pair: price(*pair)), strict=True))


def _rules(direction: str, chosen: _Chosen) -> Iterator[MirrorRule]:
    boxes = [(f.space, *each) for f, one in chosen for each in one.boxes()]
    for index, (space, action, box) in enumerate(boxes):
        source, destination = (_cidr(span or space.whole, space.version) for span in (box.source, box.destination))
        yield MirrorRule(
            number=100 * (index + 1),
            direction=direction,
            action=action,
            protocol=box.protocol[0] if box.protocol else None,
            source_cidr=source,
            destination_cidr=destination,
            source_ports=box.source_ports,
            destination_ports=box.destination_ports,
        )


def _cidr(span: Span, version: int) -> str:
    length = (32 if version == 4 else 128) - (span[0] ^ span[1]).bit_length()
    return str((IPv4Network if version == 4 else IPv6Network)((span[0], length)))


def _left_over(text: str, compile_: Callable[[str], Program], chosen: Sequence[_Chosen]) -> Iterator[str]:
    families = [pair for way in chosen for pair in way]
    if not all(family.is_whole for family, _ in families):
        yield "The filter names too many addresses or ports for mirror rules: ports are left out, networks widened."
    elif not all(family.is_exact for family, _ in families):
        open_parts = [part for part in parts(text) if _is_open(part, compile_)] or [text.strip()]
        yield from (f"Rules cannot say “{part}”: the receiver decides." for part in open_parts)
    for family, one in families:
        yield from _surplus_words(family, one)


def _is_open(part: str, compile_: Callable[[str], Program]) -> bool:
    """Does this part of the filter ask for more than rules can say? Not, if it is none without the rest."""
    try:
        program = _compiled(part, compile_)
    except ValueError:
        return False
    return not all(family.is_exact for way in _DIRECTIONS for family in _families(program, way))


def _surplus_words(family: _Family, chosen: RuleList) -> Iterator[str]:
    """What the rules let through although they need not by the filter's words."""
    space, surplus = family.space, family.surplus(chosen)
    sctp = space.cells(Box((SCTP, SCTP)))
    for cells, why in (
        (surplus & family.wanted, "extension headers may hide protocol and ports from it"),
        (surplus & ~family.wanted & sctp, "rules have no ports for SCTP"),
        (surplus & ~family.wanted & ~sctp, f"the {MAX_RULES} rules of a mirror filter say no more"),
    ):
        if cells:
            yield f"More IPv{space.version} ({_names(space, cells)}) is sent than the filter wants: {why}."


def _names(space: Space, cells: int) -> str:
    """The protocols of these packets: "TCP, UDP"; "protocol 47", "other protocols"."""
    named = [low for low, high in space.atoms[PROTOCOL] if low == high and cells & space.cells(Box((low, low)))]
    rest = cells & ~reduce(or_, (space.cells(Box((low, low))) for low in named), 0)
    words = [_PROTOCOL_WORDS.get(low, f"protocol {low}") for low in named]
    return ", ".join([*words, *(["other protocols"] if rest and words else [])]) or "any protocol"
