"""One direction of a TCP connection with a scoreboard: what came in order, again, late, twice, or never.

What is behind the highest sequence number was sent again if its IP identification is newer than the newest seen, came
late if it is older, and is a copy if it has the same one; where identifications tell nothing, time decides, and the
answer is less sure. Must not know verdicts.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from vpcshark.diagnose.flows import MILLISECOND, Connection, Flow, Options, options_of, sack_edges
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN, Packet

NEW, RESENT, LATE, COPY, PROBE = "new", "resent", "late", "copy", "probe"
_HALF = 1 << 31
_LATE_AT_MOST = 20 * MILLISECOND
"""Without identifications: what fills a gap sooner than that, and before three duplicate ACKs, was overtaken."""


@dataclass
class Hole:
    """Bytes ``start`` to ``end`` that were passed over; ``by`` is the packet behind them, ``filled`` what filled it."""

    start: int
    end: int
    by: Packet
    filled: list[Packet] = field(default_factory=list)
    rest: int = 0
    acked_by: Packet | None = None
    was_late: bool = False


@dataclass
class Segment:
    """A packet with data, SYN and FIN not counted; relative sequence numbers, the first byte is 1."""

    packet: Packet
    start: int
    end: int
    kind: str
    first: Packet | None = None
    was_acked: bool = False
    """For what is sent again: had the other side acknowledged it already?"""


class Stream:
    """What one side sent."""

    def __init__(self, packets: Sequence[Packet]) -> None:
        self.packets = packets
        self.options = Options()
        self.segments: list[Segment] = []
        self.holes: list[Hole] = []
        self.next = 1
        self.acked = 0
        self.ahead: list[tuple[Packet, int]] = []
        """Bare ACKs whose sequence number is so many bytes beyond all that was seen."""
        self.duplicate_acks: list[Packet] = []
        """Of the other side: ACKs for what this side sent that ask for the same byte again."""
        self.doubled: list[tuple[int, int]] = []
        """What the other side says to have got twice."""
        self._sacked: set[tuple[int, int]] = set()
        self._merged: list[tuple[int, int]] = []
        self._open: list[Hole] = []
        self.fin: Packet | None = None
        self.uses_ident = _counts(packets)
        self._early = 0
        self._base: int | None = None
        self._is_begun = False
        self._is_in_step = False
        """Has the other side acknowledged what was seen of this one, and nothing else? Before that an ACK may be for
        what was sent before the capture began: it may begin with what is sent again."""
        self._newest = -1
        self._sent: dict[int, Packet] = {}
        self._last_ack: Packet | None = None

    def relative(self, seq: int) -> int:
        """``seq`` without its beginning and its wraps."""
        if self._base is None:
            self._base = seq - 1 & 0xFFFFFFFF
        distance = (seq - self._base - self.next) & 0xFFFFFFFF
        return self.next + (distance if distance < _HALF else distance - (1 << 32))

    @property
    def has_base(self) -> bool:
        """Is it known where this side's numbers begin?"""
        return self._base is not None

    @property
    def is_begun(self) -> bool:
        """Was its SYN seen?"""
        return self._is_begun

    def take(self, packet: Packet, *, is_stopped: bool) -> None:
        """A packet of this side; ``is_stopped``: the other side has said that it takes nothing (window 0)."""
        if packet.flags & SYN:
            if not self.segments:
                self._base, self.options = packet.seq, options_of(packet)
                self.next, self.ahead, self._is_begun = 1, [], True
                self._early = packet.size
            return
        if packet.flags & RST:
            return
        start = self.relative(packet.seq)
        if self._early and not self.segments:
            self.next = max(self.next, self._taken_early(start))
        if packet.size:
            self._data(packet, start, start + packet.size, is_stopped)
        elif start > self.next and not packet.flags & FIN and self.fin is None:
            self.ahead.append((packet, start - self.next))
        if packet.flags & FIN and self.fin is None:
            self.fin = packet
            if start > self.next and not packet.size:
                self.ahead.append((packet, start - self.next))
        self._note_ident(packet)

    def _taken_early(self, start: int) -> int:
        """Where the data of the SYN end that the other side took (RFC 7413, 4.2.2): nobody sends these again. It says
        so itself, or this side does by going on at ``start``."""
        return min(self.acked or start, start, 1 + self._early)

    def _note_ident(self, packet: Packet) -> None:
        if packet.ident > 0 and (self._newest < 0 or _newer(packet.ident, self._newest)):
            self._newest = packet.ident

    def _data(self, packet: Packet, start: int, end: int, is_stopped: bool) -> None:
        is_probe = packet.size == 1 and start == self.next - 1
        if is_probe or (is_stopped and start <= self.next and packet.size <= 1):
            self.segments.append(Segment(packet, start, end, PROBE))
            return
        if start >= self.next:
            if start > self.next:
                self.holes.append(Hole(self.next, start, packet, rest=start - self.next))
                self._open.append(self.holes[-1])
            self._add(packet, start, end, NEW)
        else:
            self._behind(packet, start, end)
        self.next = max(self.next, end)

    def _add(self, packet: Packet, start: int, end: int, kind: str, first: Packet | None = None) -> None:
        was_acked = kind != NEW and self.acked >= end
        self.segments.append(Segment(packet, start, end, kind, first, was_acked))
        if kind != COPY:
            self._sent.setdefault(start, packet)

    def _behind(self, packet: Packet, start: int, end: int) -> None:
        hole = next((h for h in self._open if start < h.end and end > h.start), None)
        known = self._sent.get(start)
        if hole is not None:
            kind = self._kind_in_hole(packet, hole)
            hole.filled.append(packet)
            hole.rest -= min(end, hole.end) - max(start, hole.start)
            if hole.rest <= 0:
                self._open.remove(hole)
            hole.was_late = hole.was_late or kind == LATE
            self._add(packet, start, end, kind, hole.by)
            return
        if known is not None and known.ident == packet.ident and known.size == packet.size and packet.ident > 0:
            kind = COPY
        else:
            kind = RESENT
        self._add(packet, start, end, kind, known)

    def _kind_in_hole(self, packet: Packet, hole: Hole) -> str:
        if self.uses_ident:
            return RESENT if _newer(packet.ident, self._newest) else LATE
        third = self.duplicate_acks[-3] if len(self.duplicate_acks) >= 3 else None
        was_asked = third is not None and third.at >= hole.by.at
        return LATE if packet.at - hole.by.at < _LATE_AT_MOST and not was_asked else RESENT

    def acknowledge(self, packet: Packet) -> None:
        """A packet of the other side with an ACK for this one."""
        ack = self.relative(packet.ack)
        if not self._is_begun and not self._is_in_step:
            self._is_in_step = bool(self.segments) and self.segments[0].start < ack <= self.next
            self.next = max(self.next, ack)  # that was sent before the capture began
        last = self._last_ack
        is_bare = not packet.size and not packet.flags & (SYN | FIN | RST)
        if ack == self.acked and is_bare and last is not None and _is_again(packet, last):
            self.duplicate_acks.append(packet)
        for low, high in sack_edges(packet):
            edges = self.relative(low), self.relative(high)
            if edges[1] <= ack:  # it has these twice (RFC 2883)
                self.doubled.append(edges)
            else:
                self._sacked.add(edges)
                self._merged = []
        if ack > self.acked:
            self.acked = ack
            for hole in [hole for hole in self._open if ack >= hole.end]:
                hole.acked_by = packet
                self._open.remove(hole)
        self._last_ack = packet

    def content(self, most: int = 1 << 15) -> bytes:
        """The bytes from the first one on, as far as they are there and were kept."""
        parts: dict[int, bytes] = {}
        for segment in self.segments:
            if len(segment.packet.payload) > len(parts.get(segment.start, b"")):
                parts[segment.start] = segment.packet.payload
        found, at = bytearray(), 1
        for start in sorted(parts):
            if start > at or len(found) >= most:
                break
            piece = parts[start][at - start :]
            found += piece
            at += len(piece)
        return bytes(found)

    def holder(self, offset: int) -> Packet | None:
        """The packet that brought byte ``offset`` of ``content``."""
        at = offset + 1
        return next((s.packet for s in self.segments if s.start <= at < s.end), None)

    def is_sacked(self, start: int, end: int) -> bool:
        """Has the other side said, beyond its ACK, that it has these bytes?"""
        merged = self.sacked
        place = bisect.bisect_right(merged, (start, 1 << 62)) - 1
        return place >= 0 and merged[place][0] <= start and end <= merged[place][1]

    @property
    def sacked(self) -> list[tuple[int, int]]:
        """What the other side has said, beyond its ACK, that it has: stretches in order that do not touch."""
        if not self._merged and self._sacked:
            for low, high in sorted(self._sacked):
                if self._merged and low <= self._merged[-1][1]:
                    self._merged[-1] = (self._merged[-1][0], max(high, self._merged[-1][1]))
                else:
                    self._merged.append((low, high))
        return self._merged


def _is_again(packet: Packet, last: Packet) -> bool:
    """Does this ACK say nothing new but SACK? A new window is no duplicate (RFC 5681, 2)."""
    return last.window == packet.window or len(packet.options) > len(last.options)


def _newer(ident: int, than: int) -> bool:
    return 0 < (ident - than & 0xFFFF) < 0x8000


def _counts(packets: Sequence[Packet]) -> bool:
    """Do this side's IP identifications count up, so that they tell the order of sending?"""
    own = [packet for packet in packets if not packet.flags & (SYN | RST)]  # those have others: 0 in Linux
    idents = [packet.ident for packet in own if packet.ident > 0]
    if len(idents) < 3 or len(idents) < 0.9 * len(own):
        return False
    steps = [after - before & 0xFFFF for before, after in itertools.pairwise(idents)]
    small = sum(1 for step in steps if step < 2048 or step > 0xFFFF - 512)
    zero = sum(1 for step in steps if not step)
    return small >= 0.9 * len(steps) and zero < 0.5 * len(steps)


class Pair:
    """A connection with both its streams; ``round_trip`` in nanoseconds, 0 where the handshake was not seen."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.flow = connection, connection.flow
        self.client = Stream(connection.sent_by(True))
        self.server = Stream(connection.sent_by(False))
        self.windows: dict[bool, int] = {}
        client, port = connection.flow.source, connection.flow.source_port
        for packet in connection.packets:
            self._take(packet, packet.source == client and packet.sport == port)
        self.to_server, self.to_client = _handshake(connection)
        self.round_trip = self.to_server + self.to_client

    def _take(self, packet: Packet, is_client: bool) -> None:
        mine, other = (self.client, self.server) if is_client else (self.server, self.client)
        if _is_of_before(packet, mine, other):
            return
        mine.take(packet, is_stopped=self.windows.get(not is_client) == 0)
        if packet.flags & ACK and not (packet.flags & RST and not other.has_base):
            other.acknowledge(packet)
        if not packet.flags & (SYN | RST):
            self.windows[is_client] = packet.window

    @property
    def is_established(self) -> bool:
        """Did both sides send more than handshakes, as far as is seen?"""
        return bool(self.server.packets) and bool(self.client.packets) and not self.is_only_opening

    @property
    def is_only_opening(self) -> bool:
        """Are there only SYNs, and what answers them?"""
        return all(packet.flags & (SYN | RST) for packet in self.connection.packets)

    def of(self, is_client: bool) -> Stream:
        """One side's stream."""
        return self.client if is_client else self.server

    def way(self, is_client: bool) -> Flow:
        """The flow in the direction of that side's packets."""
        return self.flow if is_client else self.flow.reversed()


def _is_of_before(packet: Packet, mine: Stream, other: Stream) -> bool:
    """Is it of the connection that had these ports before? A SYN that comes while the other side still waits for old
    packets is answered by an ACK of those (RFC 9293, 3.10.7.4)."""
    if mine.has_base or not other.is_begun or packet.size or packet.flags & (SYN | FIN | RST):
        return False
    return not 1 <= other.relative(packet.ack) <= other.next


def _handshake(connection: Connection) -> tuple[int, int]:
    """(SYN to SYN-ACK, SYN-ACK to ACK) in nanoseconds, by the last SYN before its answer."""
    answer = connection.first(False, SYN | ACK, SYN | ACK)
    if answer is None:
        return 0, 0
    before = [p for p in connection.sent_by(True) if p.flags & SYN and p.at <= answer.at]
    after = next((p for p in connection.sent_by(True) if not p.flags & (SYN | RST) and p.at >= answer.at), None)
    return answer.at - before[-1].at if before else 0, after.at - answer.at if after and before else 0
