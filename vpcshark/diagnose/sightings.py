"""The same packets at two capture points: joined on what no router or NAT changes, and summed up by direction.

That are sequence numbers, IP identification and length. Must not know what a difference means.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from vpcshark.diagnose.flows import Flow, flow_of
from vpcshark.diagnose.packet import FIN, RST, SYN, TCP, UDP, Packet

Direction = tuple[bytes, bytes]
Both = tuple[Packet, Packet]
PROBE_TTL, FULL = 32, 500
"""Fewer hops left than that has a traceroute's packet; more bytes than these wait their turn in a queue."""
MOST_LATE = 4
_WAY = 20_000
"""Nanoseconds there and back that are no noise of stamping."""


@dataclass
class Way:
    """Packets of one direction that are at both points. ``first`` says which point sees them first: 1 the
    first one, -1 the second one, 0 if it does not tell. "Upper" is the point that sees them first, ``upper`` their ends
    there, ``lower`` those at the other one.

    ``passed`` counts those whose loss would matter, ``biggest`` is the longest one. ``hops`` counts by how much the TTL
    is smaller at the lower point, ``nearest`` is the least time from upper to lower, ``last`` when upper saw the last
    one. ``marks`` counts what became of their type of service. ``changed``, ``moved`` and ``late`` are some of those
    with another one, with other ends or ports, and that took longest; ``opened`` are SYNs."""

    first: int
    upper: set[Direction] = field(default_factory=set)
    lower: set[Direction] = field(default_factory=set)
    pairs: int = 0
    passed: int = 0
    biggest: int = 0
    hops: Counter[int] = field(default_factory=Counter)
    nearest: int = 0
    last: int = 0
    marks: Counter[tuple[int, int]] = field(default_factory=Counter)
    changed: list[Both] = field(default_factory=list)
    opened: list[Both] = field(default_factory=list)
    moved: list[Both] = field(default_factory=list)
    late: list[Both] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    """From upper to lower, of the full packets as upper saw them."""
    flows: tuple[Flow, ...] = ()

    @property
    def ends(self) -> Direction:
        """Where they begin and end, as upper has it: the first of several."""
        return min(self.upper)

    def at(self, place: int) -> set[Direction]:
        """Their ends at the first point (1) or the second (-1)."""
        return self.lower if self.first == -place or (not self.first and place < 0) else self.upper

    def by_point(self, pairs: Sequence[Both]) -> list[Both]:
        """Some of its pairs, each as (at the first point, at the second)."""
        return [(b, a) for a, b in pairs] if self.first < 0 else list(pairs)


@dataclass
class Matched:
    """``alone`` are packets of the first point alone, ``gone`` of the second; ``left_out`` counts those of them that
    are too many to be looked at."""

    ways: list[Way]
    alone: list[Packet]
    gone: list[Packet]
    left_out: int = 0


def matters(packet: Packet) -> bool:
    """Is its loss one? That of a bare ACK is mended by the next one; a traceroute's packets are meant to end early."""
    if packet.ttl < PROBE_TTL:
        return False
    if packet.protocol == TCP:
        return bool(packet.size or packet.flags & (SYN | FIN)) and not packet.flags & RST
    return packet.protocol == UDP or packet.shift > 0


def key_of(packet: Packet) -> Hashable:
    """What is the same at both points; None where nothing tells this packet from others."""
    if packet.protocol == TCP and not packet.shift:
        size = 0 if packet.flags & SYN else packet.size  # some pad a SYN
        return packet.protocol, packet.ident, packet.seq, packet.ack, packet.flags & ~0xC0, size
    if packet.ident <= 0 and len(packet.payload) < 8:
        return None
    head = packet.payload[:32] if not packet.shift else b""
    return packet.protocol, packet.ident, packet.length, packet.shift, head


def match(one: Iterable[Packet], other: Sequence[Packet]) -> Matched:
    """Join all packets of two points."""
    waiting: dict[Hashable, list[Packet]] = defaultdict(list)
    for packet in reversed(other):
        if (key := key_of(packet)) is not None:
            waiting[key].append(packet)
    ways: dict[Direction, list[Both]] = defaultdict(list)
    alone = []
    for packet in one:
        if (key := key_of(packet)) is None:
            continue
        if found := waiting.get(key):
            ways[packet.source, packet.target].append((packet, found.pop()))
        else:
            alone.append(packet)
    gone = sorted((p for each in waiting.values() for p in each), key=lambda p: p.number)
    return Matched(
        [summed(pairs, first) for pairs, first in zip(ways.values(), _firsts(ways), strict=True)], alone, gone
    )


def _firsts(ways: Mapping[Direction, Sequence[Both]]) -> Iterator[int]:
    """See ``Way.first``. Inside of a VPC no hop lowers the TTL: then times tell, without a common clock. What goes to
    the second point is stamped later there, by the way and by the clocks; what comes from it by the clocks less the
    way."""
    middles = {ends: median(b.at - a.at for a, b in pairs) for ends, pairs in ways.items()}
    for ends, pairs in ways.items():
        falls = sum((a.ttl > b.ttl) - (a.ttl < b.ttl) for a, b in pairs)
        yield first_of(falls, middles[ends], middles.get((ends[1], ends[0])))


def first_of(falls: int, there: float, back: float | None) -> int:
    """``falls``: how many TTLs fall from the first point to the second, less those that rise; ``there`` and ``back``:
    how much later (ns) the second point usually sees packets of this direction and of the other one (None: none)."""
    way = 0.0 if falls or back is None else there - back
    by_time = (way > _WAY) - (way < -_WAY)
    return (falls > 0) - (falls < 0) or by_time


def summed(pairs: Sequence[Both], first: int) -> Way:
    """A way of its pairs, each as (at the first point, at the second)."""
    way = Way(first)
    ordered = [(b, a) for a, b in pairs] if first < 0 else list(pairs)
    way.upper, way.lower = ({(each.source, each.target) for each in side} for side in zip(*ordered, strict=True))
    way.pairs = len(ordered)
    way.passed = sum(1 for a, _ in ordered if matters(a))
    way.biggest = max(a.length for a, _ in ordered)
    way.hops = Counter(a.ttl - b.ttl for a, b in ordered)
    way.nearest, way.last = min(b.at - a.at for a, b in ordered), ordered[-1][0].at
    way.changed = [(a, b) for a, b in ordered if a.tos != b.tos]
    way.marks = Counter((a.tos, b.tos) for a, b in way.changed)
    way.opened = [(a, b) for a, b in ordered if a.protocol == TCP and a.flags & SYN]
    way.moved = [(a, b) for a, b in ordered if ends_of(a) != ends_of(b)]
    full = [(a, b) for a, b in ordered if a.size > FULL]
    way.delays = [b.at - a.at for a, b in full]
    way.late = sorted(full, key=lambda both: both[0].at - both[1].at)[:MOST_LATE]
    way.flows = tuple(dict.fromkeys(flow_of(a) for a, _ in ordered))
    return way


def ends_of(packet: Packet) -> tuple[bytes, bytes, int, int]:
    """What NAT changes."""
    has_ports = packet.protocol in (TCP, UDP) and not packet.shift
    return packet.source, packet.target, *((packet.sport, packet.dport) if has_ports else (0, 0))
