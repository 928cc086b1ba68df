"""A point's table -> the packets that are worth judging, in batches, and what the rest bears witness to (NumPy).

Must not know verdicts; what is suspicious is said by ``suspects``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from vpcshark.diagnose.columns import Columns, hosts, key_of
from vpcshark.diagnose.conversations import Conversations, Sides
from vpcshark.diagnose.crowd import Crowd, client_ways
from vpcshark.diagnose.flows import MILLISECOND, Flow
from vpcshark.diagnose.headers import KEY, Array
from vpcshark.diagnose.icmp import quote_of
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN, TCP, UDP, Packet
from vpcshark.diagnose.sound import Batch, Server, Sound
from vpcshark.diagnose.suspects import handshakes, suspects

_MOST = 60_000
"""Packets of a batch: some dozens of megabytes as objects."""
_EACH = 15
"""So many packets' memory a connection takes besides its own."""
_MOST_HANDSHAKES = 1000
_MOST_BESIDE = 2000
"""Connections of one server that are looked at beside those of it that are suspicious."""
_RTP, _CALLS = 40, (5060, 53)
_COPIES_WITHIN, _FEWEST_COPIES, _SHARE_OF_COPIES = MILLISECOND, 4, 0.25


class Sieve:
    """Some rows of a table, with the ``others`` that are in no column."""

    def __init__(self, columns: Columns, others: Sequence[Packet], rows: Array) -> None:
        self._columns, self._others = columns, others
        self._rows = rows
        self._is_tcp = columns.ways.keys["protocol"][self._rows["way"]] == TCP
        self._talk = Conversations(columns, rows)
        self._sides = Sides(self._talk)
        at = [packet.at for packet in others]
        self._end = max([int(columns.rows["at"].max(initial=0)), *at])
        self._begin = self._first_at(at)
        copies, loops = self._sightings()
        if copies:
            self._suspects = np.ones(self._talk.count, bool)
        else:
            self._suspects = suspects(columns, self._talk, self._sides, self._end) | self._touched(loops)
        crowd = Crowd(columns, self._talk, self._suspects & ~self._touched(loops), self._end)
        self._suspects &= ~crowd.counted
        self._datagrams = self._chosen_datagrams(loops, is_all=copies)
        self._quiet = ~self._suspects & ~crowd.counted
        self.sound = self._witness(self._quiet)
        self.sound.connections += int(crowd.counted.sum())
        self.sound.packets += int(crowd.counted[self._talk.of].sum())
        self.sound.unheard, self.sound.refused, self.sound.crowd = crowd.unheard, crowd.refused, crowd.count
        self.sound.is_doubled, self.sound.has_loops = copies, bool(len(loops)) or bool(self._others) or copies

    @property
    def datagrams(self) -> Array:
        """Which rows are datagrams that verdicts look at?"""
        return self._datagrams

    def _first_at(self, others: Sequence[int]) -> int:
        first = min([packet.number for packet in self._others[:1]], default=1 << 32)
        if len(self._rows) and int(self._rows["number"][0]) < first:
            return int(self._rows["at"][0])
        return others[0] if others else 0

    def _sightings(self) -> tuple[bool, Array]:
        """(does the capture see packets twice, ways with packets that come by with a falling TTL)."""
        rows = self._rows
        mixed = rows["way"].astype(np.uint64)
        for name in ("ident", "seq", "ack", "size", "flags"):
            mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + rows[name].astype(np.uint64)
            mixed ^= mixed >> np.uint64(31)
        asked = (rows["ident"] > 0) | (self._is_tcp & ((rows["size"] > 0) | (rows["flags"] & SYN > 0)))
        place = np.argsort(mixed, kind="stable")
        same = mixed[place[1:]] == mixed[place[:-1]]
        near = rows["at"][place[1:]] - rows["at"][place[:-1]] <= _COPIES_WITHIN
        copies = int((same & near & asked[place[1:]]).sum()) + _copies(self._others)
        total = int(asked.sum()) + len(self._others)
        falls = same & (rows["ttl"][place[1:]] < rows["ttl"][place[:-1]])
        loops = np.unique(rows["way"][place[1:][falls]])
        return copies >= _FEWEST_COPIES and copies >= _SHARE_OF_COPIES * total, loops

    def _touched(self, loops: Array) -> Array:
        """Connections with packets outside the columns, quoted by ICMP, or gone in a circle."""
        ways = self._columns.ways
        pairs = {int(ways.pair[way]) for way in loops.tolist()} | self._touched_pairs()
        marked = np.zeros(len(ways), bool)
        marked[list(pairs)] = True
        found: Array = marked[self._talk.pair[self._talk.starts]]
        return found

    def _touched_pairs(self) -> set[int]:
        ways = self._columns.ways
        keys = [key_of(packet) for packet in self._others if packet.protocol in (TCP, UDP)]
        keys += [_key(quote.flow) for packet in self._others if (quote := quote_of(packet)) is not None]
        return {int(ways.pair[way]) for key in set(keys) if (way := ways.find(key)) >= 0}

    def _chosen_datagrams(self, loops: Array, *, is_all: bool) -> Array:
        """DNS, calls, what may be RTP, is quoted or went in a circle, and what goes between hosts of fragments."""
        ways = self._columns.ways
        keys = ways.keys
        ports = np.frombuffer(keys["ports"].tobytes(), ">u2").reshape(-1, 2)
        chosen = np.isin(ports, _CALLS).any(1) | is_all
        datagrams = self._rows[np.flatnonzero(~self._is_tcp)]
        first = np.frombuffer(datagrams["head"].tobytes(), np.uint8)[:: datagrams["head"].itemsize]
        voices = np.bincount(datagrams["way"][(first >> 6 == 2) & (datagrams["kept"] >= 12)], minlength=len(ways))
        chosen |= voices >= _RTP
        torn = {frozenset((p.source, p.target)) for p in self._others if p.has_more or p.shift}
        if torn:
            chosen |= np.array([frozenset(each) in torn for each in zip(*hosts(keys), strict=True)], bool)
        chosen |= np.isin(ways.pair, [*self._touched_pairs(), *ways.pair[loops].tolist()])
        found: Array = ~self._is_tcp & chosen[self._rows["way"]]
        return found

    def _witness(self, quiet: Array) -> Sound:
        """What the connections that are not suspicious, and all datagrams that are not chosen, say of others."""
        talk, rows = self._talk, self._rows
        rest = ~self._is_tcp & ~self._datagrams
        sound = Sound(begin=self._begin, end=self._end, openings=self._openings)
        sound.packets = int(quiet[talk.of].sum()) + int(rest.sum())
        sound.connections, sound.unsure = int(quiet.sum()), int((quiet & ~talk.is_sure).sum())
        sound.datagrams = len(np.unique(rows["way"][rest]))
        sound.ttls = self._ttls(rest)
        self._note_passed(sound, quiet)
        last = np.append(talk.starts[1:], len(talk.of)) - 1
        beyond_opening = talk.any(talk.flags & (SYN | RST) == 0)
        sound.lasts = sorted(talk.at[last[quiet & beyond_opening]].tolist()) if talk.count else []
        sound.clients = Counter(hosts(self._columns.ways.keys[client_ways(self._columns, talk)[quiet]])[0])
        return sound

    def _ttls(self, rest: Array) -> dict[bytes, Counter[int]]:
        """How often each TTL came from each host, of what is in no batch."""
        talk, rows = self._talk, self._rows
        quiet = np.zeros(len(rows), bool)
        quiet[talk.order[~self._suspects[talk.of]]] = True
        chosen = (quiet | rest) & (rows["flags"] & RST == 0)
        words = rows["way"][chosen].astype(np.int64) << 8 | rows["ttl"][chosen]
        found: defaultdict[bytes, Counter[int]] = defaultdict(Counter)
        unique, counts = np.unique(words, return_counts=True)
        sources = hosts(self._columns.ways.keys[unique >> 8])[0]
        for source, ttl, count in zip(sources, (unique & 255).tolist(), counts.tolist(), strict=True):
            found[source][ttl] += count
        return dict(found)

    def _note_passed(self, sound: Sound, quiet: Array) -> None:
        """The longest packet of each way that its receiver has acknowledged at last."""
        talk = self._talk
        acks = np.flatnonzero(talk.flags & (ACK | RST) == ACK)
        side = talk.of * 2 + talk.is_of_client
        newest = np.zeros(2 * talk.count, np.uint32)
        known = np.zeros(2 * talk.count, bool)
        newest[side[acks] ^ 1], known[side[acks] ^ 1] = talk.ack[acks], True  # the last one stays
        data = np.flatnonzero(talk.is_data & quiet[talk.of])
        rest = (newest[side[data]] - talk.seq[data] - talk.size[data].astype(np.uint32)).astype(np.int32)
        data = data[known[side[data]] & (rest >= 0)]
        longest = np.zeros(len(self._columns.ways), np.int64)
        np.maximum.at(longest, talk.way[data], talk.length[data])
        ways = np.flatnonzero(longest)
        both = zip(*hosts(self._columns.ways.keys[ways]), strict=True)
        for ends, length in zip(both, longest[ways].tolist(), strict=True):
            sound.passed[ends] = max(sound.passed.get(ends, 0), length)

    def _openings(self, servers: Iterable[Server]) -> list[list[Packet]]:
        """See ``Sound``: of each connection some of its beginning, its first answer, its ends and its last packet."""
        talk, keys = self._talk, self._columns.ways.keys
        wanted = {address.ljust(16, b"\0") + port.to_bytes(2, "big") for address, port in servers}
        client = keys[client_ways(self._columns, talk)]
        raw = client.tobytes()
        named = [raw[at + 16 : at + 32] + raw[at + 34 : at + 36] for at in range(0, len(raw), KEY.itemsize)]
        chosen = np.flatnonzero(self._quiet & np.array([name in wanted for name in named], bool))
        counts: Counter[bytes] = Counter()
        made = []
        bounds = np.append(talk.starts, len(talk.of))
        answers = talk.first(talk.is_data & ~talk.is_of_client)
        for number in chosen.tolist():
            counts[named[number]] += 1
            if counts[named[number]] > _MOST_BESIDE:
                continue
            places = np.arange(bounds[number], bounds[number + 1])
            flags = talk.flags[places]
            kept = (np.arange(len(places)) < 6) | (flags & (SYN | FIN | RST) > 0) | (places == answers[number])
            kept[-1] = True
            made.append(self._columns.packets(self._rows[talk.order[places[kept]]]))
        return made

    def batches(self) -> Iterator[Batch]:
        """All that is to be judged; at least one."""
        talk = self._talk
        rest = [packet for packet in self._others if packet.protocol not in (TCP, UDP)]
        is_first = True
        for chosen in self._shares():
            kept = np.zeros(len(self._rows), bool)
            kept[talk.order[chosen[talk.of]]] = True
            if is_first:
                kept |= self._datagrams
            packets = sorted([*self._columns.packets(self._rows[kept]), *(self._others if is_first else rest)])
            yield Batch(packets, [], self.sound, is_first)
            is_first = False
        hands = np.flatnonzero(handshakes(talk) & ~self._suspects[talk.of])
        share = np.cumsum(talk.is_first[hands]) // _MOST_HANDSHAKES
        for number in np.unique(share).tolist():
            further = self._columns.packets(self._rows[talk.order[hands[share == number]]])
            yield Batch([], further, self.sound, is_first=False)

    def _shares(self) -> Iterator[Array]:
        """The suspicious connections, those of one server together where they are not too many."""
        talk = self._talk
        sizes = (np.bincount(talk.of, minlength=talk.count) + _EACH) * self._suspects
        if not sizes.sum() > _MOST:
            yield self._suspects
            return
        keys = self._columns.ways.keys[client_ways(self._columns, talk)]
        server = np.unique(np.char.add(_hex(keys["target"]), _hex(keys["ports"])), return_inverse=True)[1]
        order = np.argsort(server, kind="stable")
        order = order[self._suspects[order]]
        share = np.cumsum(sizes[order]) // _MOST
        for number in np.unique(share).tolist():
            chosen = np.zeros(talk.count, bool)
            chosen[order[share == number]] = True
            yield chosen


def _hex(column: Array) -> Array:
    raw = np.ascontiguousarray(column)
    size = raw.dtype.itemsize
    text: Array = np.frombuffer(raw.tobytes().hex().encode(), f"S{2 * size}")
    return text


def _copies(others: Sequence[Packet]) -> int:
    last: dict[tuple[object, ...], int] = {}
    found = 0
    for packet in others:
        sight = (
            *packet[2:5],
            packet.ident,
            packet.seq,
            packet.ack,
            packet.size,
            packet.flags,
            packet.shift,
            packet.payload[:16],
        )
        found += packet.ident > 0 and packet.at - last.get(sight, -_COPIES_WITHIN - 1) <= _COPIES_WITHIN
        last[sight] = packet.at
    return found


def _key(flow: Flow) -> bytes:
    ports = flow.source_port.to_bytes(2, "big") + flow.target_port.to_bytes(2, "big")
    ends = flow.source.ljust(16, b"\0") + flow.target.ljust(16, b"\0")
    return ends + ports + bytes((flow.protocol & 255, 6 if len(flow.source) == 16 else 4))
