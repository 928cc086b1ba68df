"""Sets of IP packets, exactly: the packets of one IP version cut into cells by a filter's own constants. Pure.

A ``Space`` has a dimension for the protocol, the addresses and the ports each; a set of packets is an integer with one
bit per cell, so and, or and not are the processor's. Must not know text, nor which rules would be cheap.

Two things see a packet differently. libpcap looks at IPv6's first next header (and behind a fragment header that stands
first); what mirror rules look at is not documented. So a packet with IPv6 extension headers is taken to show itself to
the rules both ways, by its first header and by its last: the rules must accept it either way (``Space.wanted``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import or_

from vpcshark.wire.mirror_rules.primitives import (
    SCTP,
    TCP,
    UDP,
    AllOf,
    AnyOf,
    Network,
    Node,
    Not,
    Pattern,
    Ports,
    Vague,
)

__all__ = ["Space", "TooManyCells", "leaves"]

_FRAGMENT = 44
EXTENSIONS = frozenset({0, 43, _FRAGMENT, 51, 60, 135, 139, 140})  # IANA's IPv6 extension header types but ESP
_WITH_PORTS = {TCP, UDP, SCTP}
_MOST_CELLS = 16_000
_PROTOCOL_WEIGHTS = {TCP: 0.62, UDP: 0.25, 1: 0.04, 58: 0.04, SCTP: 0.01}
_RARE = 0.002
_NAMED = 0.5  # half of the traffic is at the addresses and ports that the filter names: that is why it names them
_PLANES = 30

_Span = Ports | None  # None: the packets without ports (ICMP, later fragments)


class TooManyCells(ValueError):
    """The filter has too many constants to be compared with each other."""


def leaves(node: Node) -> Iterator[Pattern]:
    """The patterns of a tree."""
    if isinstance(node, Pattern):
        yield node
    elif isinstance(node, Not | Vague):
        yield from leaves(node.node)
    else:
        for part in node.nodes:
            yield from leaves(part)


class Space:
    """The packets of IP ``version``, as fine as ``patterns`` need it. Raises ``TooManyCells``."""

    def __init__(self, version: int, patterns: Iterable[Pattern]) -> None:
        ours = [pattern for pattern in patterns if pattern.version == version]
        self.version = version
        self.root = Network(0, 0, 32 if version == 4 else 128)
        self.protocols: list[int | None] = [*sorted(_protocols(version, ours)), None]  # None: all the others
        self.networks = tuple(
            _networks(self.root, filter(None, ends))
            for ends in ([p.source for p in ours], [p.destination for p in ours])
        )
        if len(self.networks[0]) * len(self.networks[1]) > 2 * _MOST_CELLS:
            raise TooManyCells("without even looking at the ports")
        self.spans = tuple(
            _spans(filter(None, ends)) for ends in ([p.source_ports for p in ours], [p.destination_ports for p in ours])
        )
        self.places = tuple(_places(networks) for networks in self.networks)
        self.sizes = [len(self.protocols), *map(len, self.places), *map(len, self.spans)]
        self.count = reduce(lambda a, b: a * b, self.sizes)
        if self.count > _MOST_CELLS:
            raise TooManyCells(f"{self.count} cells")
        self._cells: dict[Pattern, int] = {}
        self.everything = self._possible()
        self._planes = self._weigh(ours)

    def cells(self, pattern: Pattern) -> int:
        """The cells of packets that have all of this, as a rule of these words would see them."""
        found = self._cells.get(pattern)
        if found is None:
            found = self._cells[pattern] = self.everything & self._product(self._indexes(pattern))
        return found

    def _indexes(self, pattern: Pattern) -> list[Sequence[int]]:
        protocols = [i for i, p in enumerate(self.protocols) if pattern.protocol is None or p == pattern.protocol]
        ends = zip(self.places, (pattern.source, pattern.destination), strict=True)
        addresses = [[i for i, n in enumerate(names) if end is None or _inside(n, end)] for names, end in ends]
        asked = zip(self.spans, (pattern.source_ports, pattern.destination_ports), strict=True)
        ports = [[i for i, s in enumerate(spans) if want is None or _within(s, want)] for spans, want in asked]
        return [protocols, *addresses, *ports]

    def _product(self, indexes: Sequence[Sequence[int]]) -> int:
        mask, stride = 1, 1
        for size, chosen in zip(reversed(self.sizes), reversed(indexes), strict=True):
            mask = reduce(or_, (mask << (index * stride) for index in chosen), 0)
            stride *= size
        return mask

    def _possible(self) -> int:
        """Ports come in pairs or not at all, and only with TCP, UDP and SCTP."""
        addresses = [range(size) for size in self.sizes[1:3]]
        none = self._product([range(self.sizes[0]), *addresses, [0], [0]])
        with_ports = [i for i, protocol in enumerate(self.protocols) if protocol in _WITH_PORTS]
        return none | self._product([with_ports, *addresses, range(1, self.sizes[3]), range(1, self.sizes[4])])

    def closure(self, cell: int) -> Pattern:
        """The narrowest rule that takes in the cell with this number (of its bit)."""
        indexes = []
        for size in reversed(self.sizes):
            cell, index = divmod(cell, size)
            indexes.append(index)
        protocol_index, source, destination, source_span, destination_span = reversed(indexes)
        protocol = self.protocols[protocol_index]
        has_ports = protocol in (TCP, UDP)  # rules have ports for these two alone
        return Pattern(
            self.version,
            protocol,
            self._named(self.places[0][source]),
            self._named(self.places[1][destination]),
            self.spans[0][source_span] if has_ports else None,
            self.spans[1][destination_span] if has_ports else None,
        )

    def _named(self, network: Network) -> Network | None:
        return None if network == self.root else network

    def wanted(self, node: Node) -> tuple[int, int, bool]:
        """(cells that the filter may accept however rules see them, those of plain packets, is the latter exact).

        Plain packets are all of IPv4, and of IPv6 those without extension headers.
        """
        most, least = self._evaluate(node, self.cells)
        most, least = most & self.plain, least & self.plain
        return most | (self._extended(node) if self.version == 6 else 0), most, most == least

    @property
    def plain(self) -> int:
        """The cells of plain packets."""
        if self.version == 4:
            return self.everything
        return self.everything & ~self._any_of(EXTENSIONS)

    def _any_of(self, protocols: Iterable[int]) -> int:
        return reduce(or_, (self.cells(Pattern(self.version, p)) for p in protocols if p in self.protocols), 0)

    def _extended(self, node: Node) -> int:
        """Packets with extension headers: the ports are out of libpcap's sight, the protocol may be anything."""

        def seen(*protocols: int | None) -> int:
            def has(pattern: Pattern) -> int:
                if pattern.source_ports or pattern.destination_ports:
                    return 0
                is_seen = pattern.protocol is None or pattern.protocol in protocols
                return self.cells(Pattern(6, None, pattern.source, pattern.destination)) if is_seen else 0

            return self._evaluate(node, has)[0]

        found = reduce(or_, (seen(protocol) for protocol in [None, *(EXTENSIONS & set(self.protocols) - {_FRAGMENT})]))
        for protocol in self.protocols:  # behind a fragment header libpcap does look at the protocol
            is_last = protocol not in EXTENSIONS
            views = self.cells(Pattern(6, _FRAGMENT)) | self._of_atom(protocol) if is_last else self.everything
            found |= seen(_FRAGMENT, protocol) & views
        return found

    def _of_atom(self, protocol: int | None) -> int:
        rest = (range(size) for size in self.sizes[1:])
        return self.everything & self._product([[self.protocols.index(protocol)], *rest])

    def _evaluate(self, node: Node, cells: Callable[[Pattern], int]) -> tuple[int, int]:
        """(the most, the least) that the filter accepts; the truth is between them."""
        if isinstance(node, Pattern):
            found = cells(node) if node.version == self.version else 0
            return found, found
        if isinstance(node, Vague):
            return self._evaluate(node.node, cells)[0], 0
        if isinstance(node, Not):
            most, least = self._evaluate(node.node, cells)
            return self.everything & ~least, self.everything & ~most
        parts = [self._evaluate(part, cells) for part in node.nodes]
        if isinstance(node, AllOf):
            return reduce(lambda a, b: (a[0] & b[0], a[1] & b[1]), parts, (self.everything, self.everything))
        assert isinstance(node, AnyOf)
        return reduce(lambda a, b: (a[0] | b[0], a[1] | b[1]), parts, (0, 0))

    def weight(self, cells: int) -> float:
        """The guessed share of the traffic of this IP version, 0 to 1."""
        return sum((cells & plane).bit_count() * worth for worth, plane in self._planes)

    def _weigh(self, patterns: list[Pattern]) -> list[tuple[float, int]]:
        """The cells' weights as bit planes: a weighted count is then a few plain counts."""
        named_sources = {
            span for p in patterns if p.source_ports for span in self.spans[0] if _within(span, p.source_ports)
        }
        named_destinations = {
            span
            for p in patterns
            if p.destination_ports
            for span in self.spans[1]
            if _within(span, p.destination_ports)
        }
        weights = _protocol_weights(self.protocols)
        for values in (
            *(_address_weights(places, self.root) for places in self.places),
            _port_weights(self.spans[0], named_sources),
            _port_weights(self.spans[1], named_destinations),
        ):
            weights = [a * b for a in weights for b in values]
        scaled = [int(w * (1 << _PLANES)) for w in reversed(weights)]
        planes = []
        for plane in range(_PLANES + 1):
            bits = int("".join("1" if value >> plane & 1 else "0" for value in scaled), 2) & self.everything
            planes.append((2.0 ** (plane - _PLANES), bits))
        return [plane for plane in planes if plane[1]]


def _protocols(version: int, patterns: list[Pattern]) -> set[int]:
    named = {pattern.protocol for pattern in patterns if pattern.protocol is not None}
    return named | {_FRAGMENT} if version == 6 else named


def _networks(root: Network, named: Iterable[Network]) -> list[Network]:
    """The named networks, and where two of them meet in the tree of prefixes: what rules may be widened to."""
    found = sorted({root, *named})
    met = set(found)
    for left, right in pairwise(found):
        met.add(left.meet(right))
    return sorted(met, key=lambda network: (-network.length, network.address))


def _places(networks: list[Network]) -> list[Network]:
    """The networks that hold an address which is in none of the narrower ones; each stands for those addresses."""
    return [network for network in networks if not _is_filled(network, networks)]


def _is_filled(network: Network, networks: list[Network]) -> bool:
    half = network.length + 1
    inside = [other for other in networks if other.length >= half and _inside(other, network)]
    halves = {other.shortened(half) for other in inside}
    return len(halves) == 2 and all(one in inside or _is_filled(one, inside) for one in halves)


def _inside(network: Network, outer: Network) -> bool:
    return network.meet(outer) == outer


def _spans(ranges: Iterable[Ports]) -> list[_Span]:
    """No ports, then the ports cut at every range's ends."""
    starts = sorted({0, 65536, *(edge for low, high in ranges for edge in (low, high + 1))})
    return [None, *((low, high - 1) for low, high in pairwise(starts))]


def _within(span: _Span, ports: Ports) -> bool:
    return span is not None and ports[0] <= span[0] and span[1] <= ports[1]


def _protocol_weights(protocols: list[int | None]) -> list[float]:
    known = [
        _PROTOCOL_WEIGHTS.get(p, _RARE) if p not in EXTENSIONS else _RARE / 100 for p in protocols if p is not None
    ]
    return [*known, max(_RARE, 1 - sum(known))]


def _address_weights(places: list[Network], root: Network) -> list[float]:
    named = sum(place != root for place in places)
    return [1.0] if not named else [_NAMED / named if place != root else 1 - _NAMED for place in places]


def _port_weights(spans: list[_Span], named: set[_Span]) -> list[float]:
    if len(spans) == 2:
        return [1.0, 1.0]
    widths = [0.0 if span is None else _share(span[1] + 1) - _share(span[0]) for span in spans]
    shares = [_NAMED / len(named) * (span in named) if named else 0.0 for span in spans]
    return [1.0, *(width * (1 - _NAMED) + share for width, share in list(zip(widths, shares, strict=True))[1:])]


def _share(below: int) -> float:
    """The guessed share of the unnamed traffic on ports below this one: a fifth of it on those of services."""
    services = 1024
    return 0.2 * min(below, services) / services + 0.8 * max(below - services, 0) / (65536 - services)
