"""TCP rows of a header table put in order: connections, their two sides, and relative sequence numbers (NumPy).

Must not know what is suspicious. Connections are told apart as ``flows.connections`` does it.
"""

from __future__ import annotations

import numpy as np

from vpcshark.diagnose.columns import Columns
from vpcshark.diagnose.headers import Array
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN, TCP

_GROUP = 42
"""Bits that one side's relative numbers have before those of the next one begin."""
_EVER = np.iinfo(np.int64).max


class Conversations:
    """Columns over the ``rows`` at ``order``: sorted by connection (``of``, numbered from 0), then as they came."""

    def __init__(self, columns: Columns, rows: Array) -> None:
        ways = columns.ways
        tcp = np.flatnonzero(ways.keys["protocol"][rows["way"]] == TCP)
        pair = ways.pair[rows["way"][tcp]]
        place = np.argsort(pair, kind="stable")
        self.order, self.pair = tcp[place], pair[place]
        names = ("at", "flags", "seq", "ack", "window", "ident", "marks", "length", "checksum")
        self.at, self.flags, self.seq, self.ack, self.window, self.ident, self.marks, self.length, self.checksum = (
            rows[name][self.order] for name in names
        )
        self.way, self.size = (rows[name][self.order].astype(np.int64) for name in ("way", "size"))
        self.is_syn = self.flags & (SYN | ACK | RST) == SYN
        self.is_answer = self.flags & (SYN | ACK) == SYN | ACK
        self.is_data = (self.size > 0) & (self.flags & (SYN | RST) == 0)
        self._split()
        self.is_of_client = (self.way == self.pair) == self._client_is_first(columns)[self.of]

    def _split(self) -> None:
        """As ``flows.connections`` does it: a SYN with another number than the last one begins a new connection."""
        count = len(self.order)
        first = np.ones(count, bool)
        first[1:] = self.pair[1:] != self.pair[:-1]
        last = np.full(count, -1)
        if count > 1:
            last[1:] = np.maximum.accumulate(np.where(self.is_syn, np.arange(count), -1))[:-1]
        is_again = (last >= 0) & (self.pair[last] == self.pair) & (self.seq[last] == self.seq)
        is_again[1:] |= ~first[1:] & self.is_syn[:-1] & (self.way[1:] != self.way[:-1])  # both open it at once
        new = first | (self.is_syn & ~is_again)
        self.of = np.cumsum(new) - 1
        self.starts = np.flatnonzero(new)
        self.count = len(self.starts)
        self.is_first = new

    def _client_is_first(self, columns: Columns) -> Array:
        """Is the client's way the pair's first one?"""
        start = self.starts
        ports = np.frombuffer(columns.ways.keys["ports"][self.way[start]].tobytes(), ">u2").reshape(-1, 2)
        self.is_sure = self.is_syn[start] | self.is_answer[start]
        of_client = self.is_syn[start] | (~self.is_answer[start] & (ports[:, 0] > ports[:, 1]))
        found: Array = (self.way[start] == self.pair[start]) == of_client
        return found

    def any(self, rows: Array) -> Array:
        """Of which connections is one of these rows?"""
        return np.bincount(self.of[rows], minlength=self.count) > 0

    def number(self, rows: Array) -> Array:
        """How many of these rows each connection has."""
        return np.bincount(self.of[rows], minlength=self.count)

    def first(self, rows: Array) -> Array:
        """The place of each connection's first of these rows; a place beyond all if there is none."""
        places = np.flatnonzero(rows)
        found = np.full(self.count, len(self.of))
        of, first = np.unique(self.of[places], return_index=True)
        found[of] = places[first]
        return found

    def when(self, places: Array) -> Array:
        """The time of each place; later than any for a place beyond all."""
        return np.append(self.at, _EVER)[places]

    def sides(self) -> Sides:
        """The same rows, side by side."""
        return Sides(self)


class Sides:
    """Columns over ``places`` of a ``Conversations``: sorted by side, then as they came, without resets. ``start`` and
    ``upto`` are sequence numbers that no other side has; ``upto`` is where what was seen before the row ends."""

    def __init__(self, talk: Conversations) -> None:
        self.talk = talk
        side = talk.of * 2 + talk.is_of_client
        kept = np.flatnonzero(talk.flags & RST == 0)
        self.places = kept[np.argsort(side[kept], kind="stable")]
        self.side = side[self.places]
        count = len(self.places)
        self.is_first = np.ones(count, bool)
        self.is_first[1:] = self.side[1:] != self.side[:-1]
        rank = np.cumsum(self.is_first) - 1
        self.begins = np.flatnonzero(self.is_first)
        self._base = (rank << _GROUP) + (1 << _GROUP - 1)
        self.start = self._relative(talk.seq[self.places], rank)
        syn = talk.flags[self.places] & SYN > 0
        size = talk.size[self.places]
        self.end = self.start + np.where(syn, 1, size)
        counts = syn | (size > 0) | self.is_first
        reached = np.maximum.accumulate(np.where(counts, self.end, rank << _GROUP)) if count else self.end
        self.upto = self.start.copy()
        self.upto[1:] = np.where(self.is_first[1:], self.start[1:], reached[:-1])
        self.is_data = talk.is_data[self.places]

    def _relative(self, numbers: Array, rank: Array) -> Array:
        """Without wraps: each number by its distance from the one before."""
        step = np.zeros(len(numbers), np.int64)
        step[1:] = (numbers[1:] - numbers[:-1]).astype(np.int32)
        step[self.is_first] = 0
        total = np.cumsum(step)
        before = total[self.begins][rank] if len(self.begins) else total
        found: Array = total - before + self._base
        return found

    @property
    def is_after_end(self) -> Array:
        """Which rows come after a FIN of their side?"""
        own: Array = self.talk.flags[self.places] & FIN > 0
        before = np.cumsum(own) - own
        if len(own):
            before -= before[self.begins][np.cumsum(self.is_first) - 1]
        found: Array = before > 0
        return found
