"""The connections that findings speak of, out of the points' tables: for each finding the traces that show it.

Must not know files nor pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.flows import Flow, flow_of
from vpcshark.diagnose.packet import TCP, Packet
from vpcshark.diagnose.sequence import Trace, trace
from vpcshark.diagnose.streams import Pair
from vpcshark.diagnose.table import Point
from vpcshark.diagnose.view import View

MOST_GRAPHS, MOST_POINTS = 24, 2
"""Findings whose connection is drawn, and capture points at which it is."""
MOST_PACKETS = 200_000
"""Of a point; each connection has its share of it in any case."""
_Ends = frozenset[tuple[bytes, int]]
_Place = tuple[int, int, int]


class Graph(NamedTuple):
    """A connection at a point: ``file`` is the file's place. ``dropped`` packets of its end were too many to keep."""

    file: int
    trace: Trace
    dropped: int


def drawn(findings: Sequence[Finding]) -> dict[int, Flow]:
    """Which finding's connection is drawn: the first one of those that are about TCP."""
    flows = {place: next((f for f in found.flows if f.protocol == TCP), None) for place, found in enumerate(findings)}
    return dict([(place, flow) for place, flow in flows.items() if flow is not None][:MOST_GRAPHS])


class Chosen:
    """Give it each point with ``take``, then ask for ``graphs``. Of a long file ``relieve`` takes what it must."""

    def __init__(self, findings: Sequence[Finding], most: int = MOST_PACKETS) -> None:
        self._findings = findings
        self._flows = drawn(findings)
        self._wanted = {_ends(flow): flow for flow in self._flows.values()}
        self._most = most
        self._packets: dict[_Place, list[Packet]] = {}
        self._counts: dict[_Place, Counter[_Ends]] = {}
        self._dropped: Counter[tuple[_Place, _Ends]] = Counter()

    def relieve(self, point: Point) -> None:
        """Take what is wanted of a full point, and empty it."""
        self.take(point)
        point.others.clear()
        if point.columns is not None:
            point.columns.let_go(point.columns.rows["number"] > 0)

    def take(self, point: Point) -> None:
        """Take what is wanted of a point."""
        place = point.file, point.interface, point.vni
        kept = self._packets.setdefault(place, [])
        counts = self._counts.setdefault(place, Counter())
        for packet in sorted(self._found(point)):
            ends = _ends(flow_of(packet))
            if len(kept) >= self._most and counts[ends] >= self._most // len(self._wanted):
                self._dropped[place, ends] += 1
                continue
            counts[ends] += 1
            kept.append(packet)

    def _found(self, point: Point) -> Iterator[Packet]:
        if point.columns is not None:
            yield from point.columns.packets_of(self._wanted.values())
        for packet in point.others:
            if packet.protocol == TCP and _ends(flow_of(packet)) in self._wanted:
                yield packet

    def graphs(self) -> dict[int, list[Graph]]:
        """By the findings' places: at the points where their frames are."""
        views = {place: _by_ends(place, packets) for place, packets in self._packets.items()}
        return {number: list(self._graphs(number, flow, views)) for number, flow in self._flows.items()}

    def _graphs(self, number: int, flow: Flow, views: dict[_Place, dict[_Ends, list[Pair]]]) -> Iterator[Graph]:
        ends, finding = _ends(flow), self._findings[number]
        files = list(dict.fromkeys(frame.file for frame in finding.frames))
        for file in files[:MOST_POINTS]:
            frames = {frame.number for frame in finding.frames if frame.file == file}
            places = [(place, pair) for place, view in views.items() if place[0] == file for pair in view.get(ends, ())]
            if places:
                place, pair = max(places, key=lambda each: _hits(each[1], frames))
                yield Graph(file, trace(pair, frames), self._dropped[place, ends])


def _ends(flow: Flow) -> _Ends:
    return frozenset(((flow.source, flow.source_port), (flow.target, flow.target_port)))


def _by_ends(place: _Place, packets: Sequence[Packet]) -> dict[_Ends, list[Pair]]:
    """The connections, cleaned as the verdicts had them: without second sightings and loops."""
    point = Point(*place)
    point.others = list(packets)
    found: dict[_Ends, list[Pair]] = {}
    for pair in View(point).pairs:
        found.setdefault(_ends(pair.flow), []).append(pair)
    return found


def _hits(pair: Pair, frames: set[int]) -> int:
    return sum(1 for packet in pair.connection.packets if packet.number in frames)
