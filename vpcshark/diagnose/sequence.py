"""One direction of a TCP connection as a time-sequence graph has it: the picture that tcptrace made famous, as numbers.

Segments are stretches of bytes at a time, told apart as the scoreboard tells them; beside them what the other side
acknowledged, selectively acknowledged, and was ready to take. What is too much for a picture is joined or left out, and
counted. Must not know how it is drawn.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from vpcshark.diagnose.flows import Flow, sack_edges
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN
from vpcshark.diagnose.streams import NEW, RESENT, Pair, Stream

RESET = "reset"
MOST = 1500
"""Bars of a graph, steps of its lines, and three times its SACK blocks."""
_WRAP = 1 << 32
T = TypeVar("T", "Bar", "Step", "Block")


class Bar(NamedTuple):
    """Bytes ``start`` to ``end``, sent from ``at`` to ``until`` (ns); ``kind`` as of a segment, or ``RESET``. If it
    stands for several ``packets``, they are new bytes without a gap, and ``number`` is the first one's."""

    at: int
    until: int
    start: int
    end: int
    kind: str
    number: int
    packets: int = 1


class Step(NamedTuple):
    """From ``at`` (ns) on the other side has all before ``ack``, and takes what is before ``edge`` (-1: not known)."""

    at: int
    ack: int
    edge: int
    number: int

    @property
    def is_closed(self) -> bool:
        """Does the other side take nothing?"""
        return self.edge == self.ack


class Block(NamedTuple):
    """At ``at`` (ns) the other side says that it has ``start`` to ``end``, beyond its ACK or twice."""

    at: int
    start: int
    end: int
    number: int


class Mark(NamedTuple):
    """Where a packet that is asked for stands in the graph, and what it is: a bar's kind, or "ack"."""

    number: int
    at: int
    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Trace:
    """``flow`` leads the way of the bytes. ``kinds`` counts all segments, also those not drawn; up to ``joined`` plain
    ones are one bar; ``left_out`` counts what is not there at all, by name. ``marks`` are in order of time. The
    connection lasts from ``begin`` to ``end``. Without ``has_window`` nobody knows the windows' unit, but 0 is 0."""

    flow: Flow
    begin: int
    end: int
    bars: tuple[Bar, ...]
    steps: tuple[Step, ...]
    blocks: tuple[Block, ...]
    marks: tuple[Mark, ...]
    kinds: Counter[str]
    joined: int
    left_out: Counter[str]
    has_window: bool


def trace(pair: Pair, frames: Collection[int], most: int = MOST) -> Trace:
    """The direction that ``frames`` tell most about. They are marked, and never joined or left out."""
    is_client = max((True, False), key=lambda side: _says(pair.of(side), frames))
    stream, other = pair.of(is_client), pair.of(not is_client)
    bars = sorted([*_bars(stream), *_resets(stream, other)], key=_time)
    steps, blocks = _answers(stream, other)
    marks = [Mark(bar.number, bar.at, bar.start, bar.end, bar.kind) for bar in bars if bar.number in frames]
    known = {mark.number for mark in marks}
    marks += [Mark(s.number, s.at, s.ack, s.ack, "ack") for s in steps if s.number in frames and s.number not in known]
    few, joined = _joined(bars, frames, most)
    few, changes = _sparse(few, frames, most), _changes(steps, frames)
    drawn = tuple(few), tuple(_sparse(changes, frames, most)), tuple(_sparse(blocks, (), most // 3))
    left = Counter(segments=len(bars) - sum(bar.packets for bar in few))
    left.update({"acknowledgements": len(changes) - len(drawn[1]), "SACK blocks": len(blocks) - len(drawn[2])})
    times = [packet.at for packet in pair.connection.packets]
    kinds, is_known = Counter(bar.kind for bar in bars), _has_syn(stream) and _has_syn(other)
    shown = tuple(sorted(marks, key=_time))
    return Trace(pair.way(is_client), min(times), max(times), *drawn, shown, kinds, joined, +left, is_known)


def _time(each: Bar | Mark) -> tuple[int, int]:
    return each.at, each.number


def _says(stream: Stream, frames: Collection[int]) -> tuple[int, int, int]:
    """How much a side has to do with ``frames``; then what it sent again, then what it sent."""
    own = sum(1 for packet in stream.packets if packet.number in frames and (packet.size or packet.flags & (SYN | FIN)))
    again = sum(1 for segment in stream.segments if segment.kind == RESENT)
    return own, again, sum(packet.size for packet in stream.packets)


def _near(stream: Stream, number: int, near: int) -> int:
    """A sequence number of ``stream`` without its beginning and its wraps: the one next to ``near``."""
    away = (stream.relative(number) - near) % _WRAP
    return near + (away if away < _WRAP // 2 else away - _WRAP)


def _bars(stream: Stream) -> Iterator[Bar]:
    """Segments, SYN and FIN. Those two take a number each, as if they were a byte (RFC 9293, 3.4)."""
    segments = {segment.packet.number: segment for segment in stream.segments}
    highest, seen = 1, set()
    for packet in stream.packets:
        segment = segments.get(packet.number)
        at, number = packet.at, packet.number
        if segment is not None:
            highest = max(highest, segment.end)
            yield Bar(at, at, segment.start, segment.end, segment.kind, number)
        elif packet.flags & (SYN | FIN) and not packet.flags & RST:
            start = 0 if packet.flags & SYN else _near(stream, packet.seq, highest)
            yield Bar(at, at, start, start + 1, RESENT if start in seen else NEW, number)
            seen.add(start)


def _resets(stream: Stream, other: Stream) -> Iterator[Bar]:
    """Of both sides, at the highest byte that was sent by then."""
    ends = [(segment.packet.at, segment.end) for segment in stream.segments]
    for packet in (*stream.packets, *other.packets):
        if packet.flags & RST:
            place = max((end for at, end in ends if at <= packet.at), default=1)
            yield Bar(packet.at, packet.at, place, place, RESET, packet.number)


def _answers(stream: Stream, other: Stream) -> tuple[list[Step], list[Block]]:
    """What ``other`` said about the bytes of ``stream``. Without both SYNs nobody knows the windows' unit."""
    is_known = _has_syn(stream) and _has_syn(other)
    scale = other.options.scale if min(stream.options.scale, other.options.scale) >= 0 else 0  # RFC 7323, 2.2
    steps: list[Step] = []
    blocks: list[Block] = []
    highest = 0
    for packet in other.packets:
        if packet.flags & (ACK | RST) != ACK:
            continue
        ack = _near(stream, packet.ack, highest)
        highest = max(highest, ack)
        window = packet.window << (0 if packet.flags & SYN else scale)
        edge = -1 if window and not is_known else highest + window
        steps.append(Step(packet.at, highest, edge, packet.number))
        blocks += (Block(packet.at, *_stretch(stream, edges, ack), packet.number) for edges in sack_edges(packet))
    return steps, [block for block in blocks if block.start < block.end]


def _stretch(stream: Stream, edges: tuple[int, int], near: int) -> tuple[int, int]:
    return _near(stream, edges[0], near), _near(stream, edges[1], near)


def _has_syn(stream: Stream) -> bool:
    return any(packet.flags & SYN for packet in stream.packets)


def _changes(steps: Sequence[Step], frames: Collection[int]) -> list[Step]:
    """Without those that say what the one before said: the lines are the same without them."""
    pairs = itertools.pairwise(steps)
    return [*steps[:1], *(s for last, s in pairs if (s.ack, s.edge) != (last.ack, last.edge) or s.number in frames)]


def _joined(bars: Sequence[Bar], frames: Collection[int], most: int) -> tuple[list[Bar], int]:
    """New bytes without a gap as one bar for several segments, as few as will do; (bars, at most so many each)."""
    size, made = 1, list(bars)
    while len(made) > most and size < len(bars):
        size *= 2
        made = _in_runs(bars, frames, size)
    return made, max((bar.packets for bar in made), default=1)


def _in_runs(bars: Sequence[Bar], frames: Collection[int], size: int) -> list[Bar]:
    made: list[Bar] = []
    for bar in bars:
        if made and made[-1].packets < size and made[-1].end == bar.start and _are_plain(made[-1], bar, frames):
            made[-1] = made[-1]._replace(until=bar.at, end=bar.end, packets=made[-1].packets + 1)
        else:
            made.append(bar)
    return made


def _are_plain(one: Bar, other: Bar, frames: Collection[int]) -> bool:
    return one.kind == other.kind == NEW and one.number not in frames and other.number not in frames


def _sparse(found: Sequence[T], frames: Collection[int], most: int) -> list[T]:
    """What is in ``frames``, what was sent again, and of the others as many as there is room for, evenly."""
    if len(found) <= most:
        return list(found)
    firm = [getattr(each, "kind", NEW) != NEW or each.number in frames for each in found]
    if sum(firm) > most // 2:  # even these are too many
        firm = [each.number in frames for each in found]
    rest = [place for place, is_firm in enumerate(firm) if not is_firm]
    room = max(most - sum(firm), 1)
    kept = {rest[number * len(rest) // room] for number in range(min(room, len(rest)))}
    return [each for place, each in enumerate(found) if firm[place] or place in kept]
