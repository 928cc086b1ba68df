"""A set of packets -> a short list of rejects and accepts that lets all of it through. Pure.

The rejects stand first and reject nothing that is wanted; the accepts behind them take in everything that is wanted.
Where the list must be shorter, what costs least is given up: a reject, or two accepts for what holds both. Must not
know text, directions or rule numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from math import prod
from typing import NamedTuple

from vpcshark.traffic_mirroring import MAX_RULES
from vpcshark.wire.mirror_rules.packet_sets import (
    ALL,
    FRAGMENT,
    SCTP,
    TCP,
    UDP,
    V4,
    VERSIONS,
    Box,
    Term,
    TooMany,
    block,
)

_EXTENSIONS = {0, 43, FRAGMENT, 51, 60, 135, 139, 140}  # IANA's IPv6 extension header types but ESP
_WEIGHTS = {TCP: 0.62, UDP: 0.25, 1: 0.04, 58: 0.04, SCTP: 0.01}  # guessed shares of the traffic
_RARE = 0.002
_MOST_BOXES = 100
_MORE = "More IPv{} ({}) is sent than the filter wants: "
HEADERS = f"{_MORE}extension headers may hide protocol and ports from it."
NO_PORTS = f"{_MORE}rules have no ports for SCTP."
TOO_FEW = f"{_MORE}the {MAX_RULES} rules of a mirror filter say no more."
COARSE = "The filter names too many addresses or ports for mirror rules: ports are left out, networks widened."


class Rules(NamedTuple):
    """Rejects, then accepts; ``surplus`` is where something is let through unwanted, and why: a sentence
    in which the IP version and the protocols are missing."""

    rejects: list[Box]
    accepts: list[Box]
    surplus: list[tuple[Box, str]]


def cover(terms: list[Term], most: int) -> Rules:
    """At most so many rules (2 at least) that let through all of these packets. Raises TooMany."""
    surplus: list[tuple[Box, str]] = []
    wanted = [each for term in terms for each in _as_seen(term, surplus)]
    accepts = _joined(box for box, _ in wanted)
    away = {each.common(box) for box, without in wanted for each in without}
    wider = {each.common(VERSIONS[_version(box)]) for box, without in wanted for each in without}
    if max(len(wanted), len(away)) > 3 * _MOST_BOXES:
        raise TooMany
    rejects = _joined(each for each in away | wider if _is_unwanted(each, wanted))
    surplus += [(each, _why(each)) for each in away if not any(each.within(one) for one in rejects)]
    while len(accepts) + len(rejects) > most:
        drops = [(sum(_weight(each.common(a)) for a in accepts if each.meets(a)), each, each) for each in rejects]
        pairs = [(_price(a, b), a, b) for a, b in combinations(accepts, 2) if _version(a) == _version(b)]
        _, one, other = min(drops + pairs, key=lambda way: way[0])
        if one is other:
            rejects.remove(one)
        hull = _hull(one, other)
        accepts = accepts if one is other else [*(each for each in accepts if not each.within(hull)), hull]
        surplus.append((hull, TOO_FEW))
    return Rules(rejects, accepts, surplus)


def _version(box: Box) -> int:
    return 4 if box.source >= V4[:1] else 6


def _as_seen(term: Term, surplus: list[tuple[Box, str]]) -> Iterator[Term]:
    """The packets as rules may see them, one IP version a term.

    libpcap looks at IPv6's first next header (and behind a fragment header that stands first) and at no ports behind
    that; what rules look at is not documented. So rules must accept a packet with extension headers that the filter
    accepts either way, by its first header and by its last.
    """
    whole, all_without = term
    for number, version in VERSIONS.items():
        if not whole.meets(version):
            continue
        box = whole.common(version)
        without = frozenset(each for each in all_without if each.meets(box))
        if any(box.within(each) for each in without):
            continue
        if number == 6 and not box.has_ports:
            plain = frozenset(each for each in without if each.protocol == ALL.protocol and not each.has_ports)
            is_hidden = plain != without or (box.protocol[0] in _EXTENSIONS and box.protocol != ALL.protocol)
            surplus += [(box, HEADERS)] if is_hidden else []
            without = plain
            if box.protocol[0] in _EXTENSIONS:
                box = box._replace(protocol=ALL.protocol)
            else:
                yield box._replace(protocol=(FRAGMENT, FRAGMENT)), without
        if box.protocol[0] == SCTP and box.has_ports:
            surplus.append((box, NO_PORTS))
            box = Box(*box[:3])
        yield box, without


def _is_unwanted(box: Box, wanted: list[Term]) -> bool:
    """May rules reject all of it?"""
    return _why(box) != NO_PORTS and all(
        not box.meets(other) or any(box.common(other).within(each) for each in without) for other, without in wanted
    )


def _why(box: Box) -> str:
    return NO_PORTS if box.protocol[0] == SCTP and box.has_ports else TOO_FEW


def _joined(boxes: Iterable[Box]) -> list[Box]:
    """The same packets in fewer boxes."""
    found: list[Box] = []
    left = sorted(set(boxes))
    if len(left) > _MOST_BOXES:
        raise TooMany
    while left:
        box = left.pop()
        if any(box.within(each) for each in found):
            continue
        found = [each for each in found if not each.within(box)]
        beside = next((each for each in found if _is_whole(box, each)), None)
        if beside is None:
            found.append(box)
        else:
            found.remove(beside)
            left.append(_hull(box, beside))
    return found


def _is_whole(one: Box, other: Box) -> bool:
    """Does what holds both hold nothing else?"""
    differ = [place for place in range(len(one)) if one[place] != other[place]]
    if len(differ) != 1:
        return False
    first, second = sorted((one[differ[0]], other[differ[0]]))
    return second[0] <= first[1] + 1 and _hull(one, other)[differ[0]] == (first[0], max(first[1], second[1]))


def _hull(one: Box, other: Box) -> Box:
    """The narrowest rule that holds both, which are of one IP version."""
    spans = [(min(a + b), max(a + b)) for a, b in zip(one, other, strict=True)]
    hull = Box(spans[0], block(*spans[1]), block(*spans[2]), *spans[3:])
    return hull if one.protocol == other.protocol else Box(ALL.protocol, *hull[1:3])


@lru_cache(10_000)
def _price(one: Box, other: Box) -> float:
    """What comes more when what holds both stands instead."""
    both = _weight(one.common(other)) if one.meets(other) else 0
    return _weight(_hull(one, other)) - _weight(one) - _weight(other) + both


def _weight(box: Box) -> float:
    """The guessed share of all traffic: what a filter names it names because there is more of it than of others."""
    bits = 32 if _version(box) == 4 else 128
    lengths = [(high - low + 1).bit_length() - 1 - bits for low, high in box[1:3]]
    protocol = 1.0 if box.protocol == ALL.protocol else _WEIGHTS.get(box.protocol[0], _RARE)
    ports = prod(1.0 if span == ALL.source_ports else ((span[1] - span[0] + 1) / 65536) ** 0.6 for span in box[3:])
    return (0.8 if bits == 32 else 0.2) * protocol * 2 ** (8 * sum(lengths) / bits) * ports
