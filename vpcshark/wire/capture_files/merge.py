"""Several receivers' pcapng blocks -> one stream: packets in order of time, one interface's statistics as one sum.

A packet waits until every other stream has shown one that is as late, at most ``HOLD`` seconds: so a stream that is
quiet, slow or at its end stops nobody, and what comes later than that goes out late rather than not at all. Clocks that
differ by more than ``HOLD`` cannot be put in order. Little-endian blocks without a section, as ``blocks`` writes them.
Must not know where streams come from, nor what time it is.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from vpcshark.text import line
from vpcshark.wire.capture_files.blocks import COMMENT, ENHANCED_PACKET, INTERFACE_STATISTICS, interface_statistics
from vpcshark.wire.capture_files.pcapng import MAX_BLOCK, read_options
from vpcshark.wire.capture_files.unfinished import Rest

HOLD = 0.5  # seconds
MOST_BYTES = 64 << 20
"""Held packets beyond this go out, the oldest first, whoever is quiet."""

_BLOCK = struct.Struct("<III").unpack_from  # type, length, interface
_STAMP = struct.Struct("<II").unpack_from  # high, low
_COUNT = struct.Struct("<Q").unpack_from
_START, _RECEIVED, _DROPPED = 2, 4, 5  # isb_starttime, isb_ifrecv, isb_ifdrop (pcapng draft, 4.6)
_MOST = (1 << 64) - 1  # a sum that a pcapng option holds
_SHORTEST = {ENHANCED_PACKET: 32, INTERFACE_STATISTICS: 24}

_Packet = tuple[int, memoryview]  # time in ns, the whole block
_time = itemgetter(0)


@dataclass
class _Stream:
    """What one receiver has sent: ``packets`` that wait, by time; ``arrivals``: (when, the latest packet of then)."""

    rest: Rest = field(default_factory=Rest)
    packets: list[_Packet] = field(default_factory=list)
    arrivals: deque[tuple[float, int]] = field(default_factory=deque)
    latest: int = -1
    is_over: bool = False


@dataclass(frozen=True)
class _Counts:
    received: int = 0
    dropped: int = 0
    started: int = 0
    at: int = 0


@dataclass
class _Statistics:
    """One interface's: the last counts of each stream, and who has counted anew since the last sum."""

    counts: dict[int, _Counts] = field(default_factory=dict)
    anew: set[int] = field(default_factory=set)
    comments: dict[str, None] = field(default_factory=dict)  # in their order, each once


class Merger:
    """Takes each stream's bytes in pieces of any size. ``now`` is in seconds of any clock that never goes back.
    ``counting``: how many streams, of the first, tell counts of every interface; None: all."""

    def __init__(
        self, streams: int, hold: float = HOLD, most_bytes: int = MOST_BYTES, counting: int | None = None
    ) -> None:
        self._streams = [_Stream() for _ in range(streams)]
        self._hold = hold
        self._most = most_bytes
        self._counting = streams if counting is None else counting
        self._statistics: dict[int, _Statistics] = {}
        self._out: list[bytes | memoryview] = []  # what need not wait
        self.held = 0
        """Bytes of packets that wait."""

    def feed(self, stream: int, data: bytes, now: float) -> None:
        """What came from a stream. ``ValueError`` where that is no pcapng: nothing more can be made of that stream,
        which is to be ended."""
        one = self._streams[stream]
        packets: list[_Packet] = []
        try:
            self._read(stream, one.rest.with_more(data), packets)
        finally:  # what was good before an error stays good
            _add(one, packets, now)

    def _read(self, stream: int, data: bytes, packets: list[_Packet]) -> None:
        """Add the packets, pass the other blocks on, keep the unfinished block at the end. ``ValueError``."""
        if not data:
            return
        view, at, size, length = memoryview(data), 0, len(data), 0
        while size - at >= 20:  # no block of a receiver is shorter
            kind, length, interface = _BLOCK(data, at)
            if length < _SHORTEST.get(kind, 12) or length & 3 or length > MAX_BLOCK:
                raise ValueError(f"A receiver sent what is no pcapng block: its length would be {length}.")
            if at + length > size:
                break
            if kind == ENHANCED_PACKET:
                high, low = _STAMP(data, at + 12)
                packets.append((high << 32 | low, view[at : at + length]))
                self.held += length
            elif kind == INTERFACE_STATISTICS:
                self._count(stream, interface, data[at + 8 : at + length - 4])
            else:
                self._out.append(data[at : at + length])
            at += length
        self._streams[stream].rest.keep(data[at:], length if size - at >= 20 else 20)

    def end(self, stream: int, remark: str = "") -> None:
        """Nothing more comes from a stream, and what it left unfinished is no block. ``remark`` is a comment for the
        first interface's statistics."""
        one = self._streams[stream]
        one.is_over = True
        one.rest.drop()
        if remark:
            self._statistics.setdefault(0, _Statistics()).comments[line(remark)] = None
            self._sum(0)
        for interface, found in self._statistics.items():
            self._sum_if_whole(interface, found)

    def take(self, now: float) -> bytes:
        """What may go out at ``now``, perhaps nothing."""
        packets = self._due(self._cutoff(now))
        while self.held > self._most:  # the older half of them
            packets += self._due(self._median())
        out, self._out = self._out, []
        return b"".join([*out, *(block for _, block in packets)])

    def finish(self) -> bytes:
        """All that is left, in order, and every sum that was not told yet."""
        packets = self._due(max((one.latest for one in self._streams), default=-1))
        for interface, found in self._statistics.items():
            if found.anew or found.comments:
                self._sum(interface)
        out, self._out = self._out, []
        return b"".join([*(block for _, block in packets), *out])

    def _cutoff(self, now: float) -> int:
        """Up to which time packets may go out: all living streams are as far, or somebody has waited long enough."""
        living = [one.latest for one in self._streams if not one.is_over]
        cutoff = min(living) if living else max((one.latest for one in self._streams), default=-1)
        for one in self._streams:
            while one.arrivals and one.arrivals[0][0] + self._hold <= now:
                cutoff = max(cutoff, one.arrivals.popleft()[1])
        return cutoff

    def _due(self, cutoff: int) -> list[_Packet]:
        """Take out what is not later than ``cutoff``, in order."""
        due: list[_Packet] = []
        for one in self._streams:
            count = bisect_right(one.packets, cutoff, key=_time)
            due += one.packets[:count]
            del one.packets[:count]
            if not one.packets:
                one.arrivals.clear()
        due.sort(key=_time)
        self.held -= sum(len(block) for _, block in due)
        return due

    def _median(self) -> int:
        stamps = sorted(stamp for one in self._streams for stamp, _ in one.packets)
        return stamps[len(stamps) // 2]

    def _count(self, stream: int, interface: int, body: bytes) -> None:
        found = self._statistics.setdefault(interface, _Statistics())
        if stream in found.anew:  # somebody else is late: the others' counts need not wait for it
            self._sum(interface)
        counts, comments = _read_statistics(body)
        found.counts[stream] = counts
        found.anew.add(stream)
        found.comments.update(dict.fromkeys(comments))
        self._sum_if_whole(interface, found)

    def _sum_if_whole(self, interface: int, found: _Statistics) -> None:
        living = {number for number, one in enumerate(self._streams[: self._counting]) if not one.is_over}
        if found.anew and living <= found.anew:
            self._sum(interface)

    def _sum(self, interface: int) -> None:
        found = self._statistics[interface]
        counts = list(found.counts.values()) or [_Counts()]
        self._out.append(
            interface_statistics(
                interface,
                max(each.at for each in counts),
                min(sum(each.received for each in counts), _MOST),
                min(sum(each.dropped for each in counts), _MOST),
                min((each.started for each in counts if each.started), default=0),
                " ".join(found.comments),
            )
        )
        found.anew, found.comments = set(), {}


def _add(one: _Stream, packets: list[_Packet], now: float) -> None:
    """A receiver's packets are nearly in order: each of its CPUs' are."""
    if not packets:
        return
    packets.sort(key=_time)
    is_behind = bool(one.packets) and packets[0][0] < one.packets[-1][0]
    one.packets += packets
    if is_behind:
        one.packets.sort(key=_time)
    latest = packets[-1][0]
    one.latest = max(one.latest, latest)
    one.arrivals.append((now, latest))


def _read_statistics(body: bytes) -> tuple[_Counts, Sequence[str]]:
    """The counts of a statistics block and its comments."""
    high, low = _STAMP(body, 4)
    received = dropped = started = 0
    comments = []
    for code, value in read_options(body, 12):
        if code == COMMENT:
            comments.append(line(value.decode("utf-8", "replace")))
        elif code == _START and len(value) == 8:
            high_start, low_start = _STAMP(value)
            started = high_start << 32 | low_start
        elif code == _RECEIVED and len(value) == 8:
            received = _COUNT(value)[0]
        elif code == _DROPPED and len(value) == 8:
            dropped = _COUNT(value)[0]
    return _Counts(received, dropped, started, high << 32 | low), comments
