"""One direction between two capture points, and whether a packet that is missing at the second was taken all the same:
cut or joined by a card on the way, refused for its size, or acknowledged. Must not know what a loss is called.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from vpcshark.diagnose.flows import Flow, flow_of
from vpcshark.diagnose.icmp import TOO_BIG
from vpcshark.diagnose.packet import FIN, SYN, TCP, UDP, Packet
from vpcshark.diagnose.sightings import Way
from vpcshark.diagnose.streams import Stream
from vpcshark.diagnose.view import View


@dataclass
class Joint:
    """A direction of which ``upper`` sees each packet first. Times of ``lower`` less ``offset`` are those of ``upper``.
    ``points`` are their numbers, of more than two."""

    upper: View
    lower: View
    way: Way
    offset: int
    points: tuple[int, ...] = ()
    lost: list[Packet] = field(default_factory=list)
    made: list[Packet] = field(default_factory=list)
    """Packets that only ``lower`` has."""


class Cut:
    """Bytes that only the lower point has as packets of these sizes: a network card cut large segments, or joined small
    ones, between the two points. What is sent again is at both, so it is not among them."""

    def __init__(self, joint: Joint) -> None:
        self._moved = {flow_of(a): flow_of(b) for a, b in joint.way.moved}
        found: dict[Flow, list[Packet]] = defaultdict(list)
        for packet in joint.made:
            if packet.protocol == TCP and packet.size and not packet.shift:
                found[flow_of(packet)].append(packet)
        self._base = {flow: packets[0].seq for flow, packets in found.items()}
        self._spans = {flow: _united(packets) for flow, packets in found.items()}

    def has(self, packet: Packet) -> bool:
        """Are all bytes of a packet of the upper point among them?"""
        flow = self._moved.get(flow_of(packet), flow_of(packet))
        if packet.protocol != TCP or not packet.size or flow not in self._spans:
            return False
        start = _apart(packet.seq, self._base[flow])
        place = bisect.bisect_right(self._spans[flow], (start, 1 << 62)) - 1
        return place >= 0 and start + packet.size <= self._spans[flow][place][1]


def _united(packets: Sequence[Packet]) -> list[tuple[int, int]]:
    """Stretches of bytes, counted from the first packet's first one."""
    base, found = packets[0].seq, list[tuple[int, int]]()
    for start, end in sorted((at := _apart(p.seq, base), at + p.size) for p in packets):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _apart(seq: int, base: int) -> int:
    """How far, either way."""
    far = seq - base & 0xFFFFFFFF
    return far if far < 1 << 31 else far - (1 << 32)


class Arrived:
    """What came to its receiver past the lower point, which takes less than all: a filter, another way, a busy machine.
    The upper point's own packets show it."""

    def __init__(self, joint: Joint) -> None:
        self._lower, self._upper, self._is_moved = joint.lower, joint.upper, bool(joint.way.moved)
        pairs = {pair.way(is_client): (pair, is_client) for pair in joint.upper.pairs for is_client in (True, False)}
        self._streams = {flow: pair.of(is_client) for flow, (pair, is_client) in pairs.items()}

    def has(self, packet: Packet) -> bool:
        """TCP: acknowledged without having been sent again. Else: answered, and the lower point has nothing of it."""
        flow = flow_of(packet)
        if packet.protocol == TCP:
            return flow in self._streams and _was_enough(self._streams[flow], packet)
        if packet.protocol != UDP or packet.shift or self._is_moved or not self._upper.has_flow(flow.reversed()):
            return False
        return not self._lower.has_flow(flow) and not self._lower.has_flow(flow.reversed())


def _was_enough(stream: Stream, packet: Packet) -> bool:
    counts = packet.size + bool(packet.flags & SYN) + bool(packet.flags & FIN)
    if not stream.has_base or not counts:
        return False
    start, end = stream.relative(packet.seq), stream.relative(packet.seq + counts & 0xFFFFFFFF)
    if stream.acked < end:
        return False
    if not packet.size:
        return not any(
            p.seq == packet.seq and p.flags & (SYN | FIN) for p in stream.packets if p.number != packet.number
        )
    return not any(s.start < end and s.end > start for s in stream.segments if s.packet.number != packet.number)


_QUIC_PORT, _QUIC_LEAST = 443, 1228


def is_probe(way: Way, packet: Packet) -> bool:
    """Is it a QUIC datagram that tries whether more fits than what passes? It is sent to be lost where it does not
    (RFC 9000, 14.4); that 1,200 bytes and their headers pass every QUIC path has to prove first (14.1)."""
    is_quic = packet.protocol == UDP and _QUIC_PORT in (packet.sport, packet.dport)
    return is_quic and packet.length > way.biggest >= _QUIC_LEAST


def taken_size(joint: Joint, packet: Packet) -> int:
    """The size that a router has told the sender to keep to; path MTU discovery that works is no loss."""
    told = [q.mtu for q in joint.upper.quotes if q.says == TOO_BIG and q.flow.target == packet.target and q.mtu]
    return min(told, default=1 << 20)


def was_taken(joint: Joint, packet: Packet) -> bool:
    """Has the receiver acknowledged bytes of it that are not at the lower point? Then that capture lost them."""
    if packet.protocol != TCP or not packet.size:
        return False
    end = packet.seq + packet.size & 0xFFFFFFFF
    for pair in joint.lower.pairs:
        is_client = pair.flow == flow_of(packet)
        if not is_client and pair.flow.reversed() != flow_of(packet):
            continue
        stream = pair.of(is_client)
        if not stream.has_base:
            return False
        place = stream.relative(end)
        return stream.acked >= place and not _came(stream, place - packet.size, place)
    return False


def _came(stream: Stream, start: int, end: int) -> bool:
    """Are all of these bytes in the lower capture, in whatever pieces, sent at first or again?"""
    for begun, ended in sorted((s.start, s.end) for s in stream.segments if s.start < end and s.end > start):
        if begun > start:
            return False
        start = max(start, ended)
    return start >= end
