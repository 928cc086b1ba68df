"""Sets of IP packets, exactly: the packets of one IP version cut into cells by a filter's own constants. Pure.

A ``Space`` has a dimension for the protocol, the addresses and the ports each; a set of packets is an integer with one
bit per cell, so and, or and not are the processor's. Must not know programs, nor which rules would be cheap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import pairwise, product
from math import prod
from operator import or_
from typing import NamedTuple

Span = tuple[int, int]  # inclusive

TCP, UDP, SCTP = 6, 17, 132
FRAGMENT = 44
EXTENSIONS = frozenset({0, 43, FRAGMENT, 51, 60, 135, 139, 140})  # IANA's IPv6 extension header types but ESP
PROTOCOL, SOURCE, DESTINATION, SOURCE_PORTS, DESTINATION_PORTS = range(5)
ADDRESSES, PORTS = (SOURCE, DESTINATION), (SOURCE_PORTS, DESTINATION_PORTS)
_NONE, _ALL = (-1, -1), (0, 65535)  # ports: none of ICMP and of later fragments
_MOST_CELLS = 16_000
_WEIGHTS = {TCP: 0.62, UDP: 0.25, 1: 0.04, 58: 0.04, SCTP: 0.01}  # guessed shares of the traffic
_RARE, _PLANES = 0.002, 30


class TooManyCells(ValueError):
    """The filter has too many constants to be compared with each other."""


class Box(NamedTuple):
    """The packets that have all of this, as a rule can say it; None: anything. Addresses are whole CIDR blocks."""

    protocol: Span | None = None
    source: Span | None = None
    destination: Span | None = None
    source_ports: Span | None = None
    destination_ports: Span | None = None

    def having(self, dimension: int, span: Span | None) -> Box:
        """The same with another span in one dimension."""
        return Box._make((*self[:dimension], span, *self[dimension + 1 :]))


class Space:
    """The packets of IP ``version``, as fine as the spans ``named`` in each dimension need it. Raises TooManyCells."""

    def __init__(self, version: int, named: Sequence[set[Span]]) -> None:
        self.version = version
        self.whole = (0, (1 << (32 if version == 4 else 128)) - 1)  # all addresses
        self.networks = {side: _networks({*named[side], self.whole}) for side in ADDRESSES}
        cuts = {side: {*named[side], _ALL, _NONE} for side in PORTS} | self.networks
        cuts[PROTOCOL] = {*named[PROTOCOL], (0, 255), *((p, p) for p in (TCP, UDP, SCTP, FRAGMENT))}
        self._cuts = [sorted({edge for low, high in cuts[d] for edge in (low, high + 1)}) for d in range(5)]
        self.atoms = [[(low, high - 1) for low, high in pairwise(cut)] for cut in self._cuts]
        self.everything = -1 << prod(map(len, self.atoms)) ^ -1
        if self.everything.bit_length() > _MOST_CELLS:
            raise TooManyCells(f"{self.everything.bit_length()} cells")
        self._cells: dict[Box, int] = {}
        self._masks = [self._bits(dimension) for dimension in range(5)]
        self.with_ports = reduce(or_, (self.cells(Box((p, p))) for p in (TCP, UDP, SCTP)))
        none, some = (self.cells(Box(None, None, None, ports, ports)) for ports in (_NONE, _ALL))
        self.portless, self.everything = none, none | some & self.with_ports
        self._cells.clear()
        self._planes = self._weigh(named)

    def _bits(self, dimension: int) -> list[int]:
        """For each atom of a dimension, its cells."""
        stride, count = prod(map(len, self.atoms[dimension + 1 :])), len(self.atoms[dimension])
        repeated = self.everything // ((1 << stride * count) - 1)
        return [(((1 << stride) - 1) << index * stride) * repeated for index in range(count)]

    def where(self, dimension: int, indexes: Iterable[int]) -> int:
        """The cells of these atoms of a dimension."""
        return self.everything & reduce(or_, (self._masks[dimension][i] for i in indexes), 0)

    def cells(self, box: Box) -> int:
        """The cells of packets in this box, whose ends are ends of atoms."""
        if box not in self._cells:
            found = self.everything
            for dimension, span in enumerate(box):
                if span:
                    first, behind = (bisect_left(self._cuts[dimension], end) for end in (span[0], span[1] + 1))
                    found &= self.where(dimension, range(first, behind))
            self._cells[box] = found
        return self._cells[box]

    @property
    def plain(self) -> int:
        """The cells of packets without IPv6 extension headers; of IPv4 all."""
        hidden = [i for i, (low, high) in enumerate(self.atoms[PROTOCOL]) if low == high and low in EXTENSIONS]
        return self.everything & ~self.where(PROTOCOL, hidden if self.version == 6 else [])

    def closure(self, cell: int) -> Box:
        """The narrowest rule that takes in the cell with this number (of its bit)."""
        found: list[Span | None] = []
        for atoms in reversed(self.atoms):
            cell, index = divmod(cell, len(atoms))
            found.insert(0, atoms[index])
        protocol, source, destination, *ports = found
        outer = [self._network(side, span) for side, span in zip(ADDRESSES, (source, destination), strict=True)]
        if protocol not in ((TCP, TCP), (UDP, UDP)) or ports[0] == _NONE:  # rules have ports for these two alone
            ports = [None, None]
        return Box._make((protocol if protocol and protocol[0] == protocol[1] else None, *outer, *ports))

    def _network(self, side: int, atom: Span | None) -> Span | None:
        found = next(one for one in self.networks[side] if atom and one[0] <= atom[0] and atom[1] <= one[1])
        return None if found == self.whole else found

    def weight(self, cells: int) -> float:
        """The guessed share of the traffic of this IP version, 0 to 1."""
        return sum((cells & plane).bit_count() * worth for worth, plane in self._planes)

    def _weigh(self, named: Sequence[set[Span]]) -> list[tuple[float, int]]:
        """The cells' weights as bit planes: a weighted count is then a few plain counts."""
        protocols = [_WEIGHTS.get(p, _RARE) if p == q else 0 for p, q in self.atoms[PROTOCOL]]
        gaps = protocols.count(0)
        shares = [[each or max(_RARE, 1 - sum(protocols)) / gaps for each in protocols]]
        for side in (*ADDRESSES, *PORTS):
            shares.append(_shares(self.atoms[side], named[side], side in PORTS))
        scaled = [int(prod(each) * (1 << _PLANES)) for each in product(*shares)][::-1]
        planes = (int("".join("01"[value >> plane & 1] for value in scaled), 2) for plane in range(_PLANES + 1))
        return [(2.0 ** (plane - _PLANES), bits & self.everything) for plane, bits in enumerate(planes) if bits]


def _shares(atoms: Sequence[Span], named: Iterable[Span], is_wide: bool) -> list[float]:
    """Half of the traffic is at the addresses and ports that the filter names: that is why it names them."""
    is_named = [any(low <= atom[0] and atom[1] <= high for low, high in named) for atom in atoms]
    sizes = [atom[1] - atom[0] + 1 if is_wide else 1 for atom in atoms]
    half, many, all_ = (0.5 if any(is_named) else 1.0), max(1, sum(is_named)), sum(sizes)
    shares = [half * size / all_ + 0.5 * one / many for size, one in zip(sizes, is_named, strict=True)]
    return [1.0, *shares[1:]] if atoms[0] == _NONE else shares


def block(low: int, high: int) -> Span:
    """The narrowest CIDR block that holds both."""
    bits = (low ^ high).bit_length()
    return low >> bits << bits, (low >> bits << bits) + (1 << bits) - 1


def _networks(named: Iterable[Span]) -> list[Span]:
    """The named blocks and those in which two neighbours meet, narrowest first: what rules may be widened to."""
    found = sorted({block(*span) for span in named})
    found += [block(min(left + right), max(left + right)) for left, right in pairwise(found)]
    return sorted(set(found), key=lambda span: (span[1] - span[0], span))
