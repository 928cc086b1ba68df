"""Sets of IP packets as unions of boxes, from which other boxes are taken away. Pure.

Addresses of both IP versions are numbers of one kind: IPv6's as they are, IPv4's behind all of them. Must not know
text, nor what rules can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import chain
from typing import NamedTuple, TypeAlias

TCP, UDP, SCTP, FRAGMENT = 6, 17, 132, 44
Span: TypeAlias = tuple[int, int]  # inclusive
V6: Span = (0, (1 << 128) - 1)
V4: Span = (1 << 128, (1 << 128) + (1 << 32) - 1)


class Box(NamedTuple):
    """The packets that have all of this. Port -1 is that of packets without ports: ICMP, later fragments."""

    protocol: Span = (0, 255)
    source: Span = (0, 2 * V4[0] - 1)
    destination: Span = (0, 2 * V4[0] - 1)
    source_ports: Span = (-1, 65535)
    destination_ports: Span = (-1, 65535)

    def within(self, other: Box) -> bool:
        """Are all of these packets in the other?"""
        return all(low <= a and b <= high for (a, b), (low, high) in zip(self, other, strict=True))

    def meets(self, other: Box) -> bool:
        """Is any packet in both?"""
        return all(low <= b and a <= high for (a, b), (low, high) in zip(self, other, strict=True))

    def common(self, other: Box) -> Box:
        """The packets in both, which meet."""
        return Box._make((max(a, c), min(b, d)) for (a, b), (c, d) in zip(self, other, strict=True))

    @property
    def has_ports(self) -> bool:
        """Does it ask for ports?"""
        return self[3:] != ALL[3:]


ALL = Box()
VERSIONS = {4: Box(source=V4, destination=V4), 6: Box(source=V6, destination=V6)}
Term: TypeAlias = tuple[Box, frozenset[Box]]  # the packets of the box that are in none of the others
# How to simplify a filter with very many constants: forget its ports?, bits to forget of IPv4's and IPv6's addresses.
LEVELS = ((False, 0, 0), (True, 0, 0), (True, 8, 64), (True, 16, 80), (True, 24, 96), (True, 32, 128))
Level: TypeAlias = tuple[bool, int, int]
# What is asked of packets: given a level and whether it is negated, the packets of which it may be true.
Node: TypeAlias = Callable[[Level, bool], list[Term]]
_MOST_TERMS, _MOST_TAKEN_AWAY = 1000, 200


class TooMany(ValueError):
    """The filter has too many constants to be compared with each other."""


def leaf(**spans: Span) -> Node:
    """The packets of one box."""
    box = Box(**spans)

    def terms(level: Level, is_negated: bool) -> list[Term]:
        no_ports, *bits = level
        source, destination = (block(*span, bits[span[0] < V4[0]]) for span in box[1:3])
        wide = (box if not no_ports else Box(box.protocol))._replace(source=source, destination=destination)
        return [(ALL, frozenset([box] if box == wide else []))] if is_negated else [(wide, frozenset())]

    return terms


def any_of(*nodes: Node) -> Node:
    """Packets of which at least one node is true."""
    return lambda level, is_negated: (_all if is_negated else _any)(node(level, is_negated) for node in nodes)


def all_of(*nodes: Node) -> Node:
    """Packets of which every node is true."""
    return lambda level, is_negated: (_any if is_negated else _all)(node(level, is_negated) for node in nodes)


def inverse(node: Node) -> Node:
    """Packets of which the node is false."""
    return lambda level, is_negated: node(level, not is_negated)


def vague(node: Node) -> Node:
    """Some of the packets of ``node``, nobody can say here which."""
    return lambda level, is_negated: [(ALL, frozenset())] if is_negated else node(level, False)


def _any(parts: Iterable[list[Term]]) -> list[Term]:
    return list(dict.fromkeys(chain.from_iterable(parts)))


def _all(parts: Iterable[list[Term]]) -> list[Term]:
    return reduce(_both, parts, [(ALL, frozenset())])


def _both(left: list[Term], right: list[Term]) -> list[Term]:
    if len(left) * len(right) > _MOST_TERMS:
        raise TooMany
    found: dict[Term, None] = {}
    for one, without in left:
        for other, and_without in right:
            if one.meets(other):
                box = one.common(other)
                away = frozenset(each for each in without | and_without if each.meets(box))
                if len(away) > _MOST_TAKEN_AWAY:
                    raise TooMany
                if not any(box.within(each) for each in away):
                    found[box, away] = None
    return list(found)


def block(low: int, high: int, bits: int = 0) -> Span:
    """The narrowest CIDR block that holds both, with at least so many bits free."""
    bits = max(bits, (low ^ high).bit_length())
    return low >> bits << bits, (high >> bits << bits) + (1 << bits) - 1
