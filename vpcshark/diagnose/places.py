"""Two capture points joined by columns (NumPy): what matches is summed up as arrays, and of the rest the connections
that lost something become packets. What ``sightings`` does with packets, for long files.

Must not know what a difference means.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from vpcshark.diagnose import joined, sightings
from vpcshark.diagnose.columns import Columns, hosts, key_of
from vpcshark.diagnose.flows import SECOND, flow_of
from vpcshark.diagnose.headers import HEAD, Array
from vpcshark.diagnose.packet import FIN, RST, SYN, TCP, Packet
from vpcshark.diagnose.sieve import Sieve
from vpcshark.diagnose.sightings import FULL, MOST_LATE, PROBE_TTL, Both, Direction, Matched, Way
from vpcshark.diagnose.sound import Batch
from vpcshark.diagnose.table import Point
from vpcshark.diagnose.view import View

_SEEN = np.dtype(
    [
        *(("mix", "<u8"), ("number", "<u4"), ("at", "<i8"), ("way", "<i8"), ("place", "<i8"), ("length", "<u4")),
        *(("size", "<u4"), ("ttl", "<i2"), ("tos", "u1"), ("flags", "u1"), ("is_tcp", "?"), ("matters", "?")),
    ]
)
"""A packet for joining: ``place`` is its row, or -1 and less for those that are in none."""
_WORDS = 10
_MOST = 300_000
"""Packets of connections that lost something."""
_MOST_SHOWN = 200
_EDGE = 4 * SECOND
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Place:
    """One point. ``seen`` are all packets that can be told from others, in the order of the file; their ``way`` is a
    number in ``keys`` and ``ends``."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.columns = point.columns = point.columns or Columns()
        self.sieve = Sieve(self.columns, point.others, self.columns.rows)
        ways = self.columns.ways
        self.ends: list[Direction] = list(zip(*hosts(ways.keys), strict=True))
        self.keys = [each.tobytes() for each in ways.keys]
        self.numbers = {key: number for number, key in enumerate(self.keys)}
        seen = np.concatenate([self._of_rows(), self._of_others()])
        self.seen = seen[np.argsort(seen["number"], kind="stable")]
        self.seen["mix"] = _ranked(self.seen["mix"])

    def _of_rows(self) -> Array:
        rows, keys = self.columns.rows, self.columns.ways.keys
        is_tcp = (keys["protocol"] == TCP)[rows["way"]]
        words = np.zeros((len(rows), _WORDS), np.uint64)
        size = np.where(rows["flags"] & SYN > 0, 0, rows["size"])
        words[:, 0], words[:, 1] = keys["protocol"][rows["way"]], rows["ident"].astype(np.int64)
        words[:, 2], words[:, 3] = np.where(is_tcp, rows["seq"], rows["length"]), np.where(is_tcp, rows["ack"], 0)
        words[:, 4], words[:, 5] = np.where(is_tcp, rows["flags"] & 0x3F, 0), np.where(is_tcp, size, 0)
        words[:, 6:] = np.where(is_tcp[:, None], 0, _heads(rows))
        seen = np.zeros(len(rows), _SEEN)
        for name in ("number", "at", "way", "length", "size", "ttl", "tos", "flags"):
            seen[name] = rows[name]
        seen["place"], seen["is_tcp"], seen["mix"] = np.arange(len(rows)), is_tcp, _mixed(words)
        counts = (rows["size"] > 0) | (rows["flags"] & (SYN | FIN) > 0)
        seen["matters"] = (rows["ttl"] >= PROBE_TTL) & (~is_tcp | (counts & (rows["flags"] & RST == 0)))
        told = is_tcp | (rows["ident"] > 0) | (rows["kept"] >= 8)
        found: Array = seen[told]
        return found

    def _of_others(self) -> Array:
        told = [(n, p) for n, p in enumerate(self.point.others) if sightings.key_of(p) is not None]
        seen, words = np.zeros(len(told), _SEEN), np.zeros((len(told), _WORDS), np.uint64)
        for number, (place, packet) in enumerate(told):
            is_tcp = packet.protocol == TCP and not packet.shift
            seen[number] = (
                *(0, packet.number, packet.at, self._way(packet), -1 - place, packet.length, packet.size),
                *(packet.ttl, packet.tos, packet.flags, is_tcp, sightings.matters(packet)),
            )
            words[number] = _words(packet, is_tcp=is_tcp)
        seen["mix"] = _mixed(words)
        return seen

    def _way(self, packet: Packet) -> int:
        key = key_of(packet)
        if key not in self.numbers:
            self.numbers[key] = len(self.keys)
            self.keys.append(key)
            self.ends.append((packet.source, packet.target))
        return self.numbers[key]

    def packets(self, seen: Array) -> list[Packet]:
        """These, in their order."""
        places = seen["place"]
        in_rows = iter(self.columns.packets(self.columns.rows[places[places >= 0]]))
        return [next(in_rows) if place >= 0 else self.point.others[-1 - place] for place in places.tolist()]

    def view(self, chosen: Array) -> View:
        """What is in no column, the datagrams that verdicts look at, and the ``chosen`` ways (by number)."""
        rows = self.columns.rows
        kept = chosen[rows["way"]] | self.sieve.datagrams
        packets = sorted([*self.columns.packets(rows[kept]), *self.point.others])
        return View(self.point, Batch(packets, [], self.sieve.sound, is_first=True))


def _heads(rows: Array) -> Array:
    """The first 32 bytes of each payload; zeros where it ends before."""
    raw = np.frombuffer(np.ascontiguousarray(rows["head"]).tobytes(), np.uint8).reshape(-1, HEAD)[:, :32].copy()
    raw[np.arange(32) >= rows["kept"][:, None]] = 0
    found: Array = raw.view("<u8")
    return found


def _words(packet: Packet, *, is_tcp: bool) -> list[int]:
    words = [packet.protocol, packet.ident & 0xFFFFFFFFFFFFFFFF]
    if is_tcp:
        size = 0 if packet.flags & SYN else packet.size
        return [*words, packet.seq, packet.ack, packet.flags & 0x3F, size, 0, 0, 0, 0]
    head = (b"" if packet.shift else packet.payload[:32]).ljust(32, b"\0")
    return [*words, packet.length, packet.shift, 0, 0, *np.frombuffer(head, "<u8").tolist()]


def _mixed(words: Array) -> Array:
    mixed = np.zeros(len(words), np.uint64)
    for column in words.T:
        mixed = (mixed ^ column) * _FACTOR
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _ranked(mixed: Array) -> Array:
    """Each with how often it was there before: so the second of two alike is joined with the second one."""
    order = np.argsort(mixed, kind="stable")
    first = np.ones(len(order), bool)
    first[1:] = mixed[order][1:] != mixed[order][:-1]
    rank = np.zeros(len(order), np.uint64)
    rank[order] = np.arange(len(order)) - np.flatnonzero(first)[np.cumsum(first) - 1] if len(order) else 0
    found: Array = (mixed + rank) * _FACTOR if not rank.any() else _mixed(np.stack([mixed, rank], 1))
    return found


def joint(one: Place, other: Place) -> tuple[View, View, Matched]:
    """The views that are needed to say what is lost, and how the two points match."""
    _, here, there = np.intersect1d(one.seen["mix"], other.seen["mix"], assume_unique=True, return_indices=True)
    order = np.argsort(here)
    here, there = here[order], there[order]
    ways = _ways(one, other, here, there)
    offset, _ = joined.clocks(ways)
    odd = [_odd(one, here, other, offset), _odd(other, there, one, -offset)]
    chosen, left_out = [], 0
    for place, own, theirs, of in ((one, odd[0], odd[1], other), (other, odd[1], odd[0], one)):
        mask, more = _chosen(place, own, of, theirs)
        chosen.append(mask)
        left_out += more
    views = [place.view(mask) for place, mask in zip((one, other), chosen, strict=True)]
    rests = [
        [packet for packet in view.packets if packet.number in numbers]
        for view, numbers in zip(views, (set(each["number"].tolist()) for each in odd), strict=True)
    ]
    return views[0], views[1], Matched(ways, rests[0], rests[1], left_out)


def _odd(place: Place, matched: Array, other: Place, offset: int) -> Array:
    """What is at ``place`` alone, though the other point was capturing, and says something."""
    rest = np.ones(len(place.seen), bool)
    rest[matched] = False
    at = place.seen["at"] + offset
    rest &= (at >= other.sieve.sound.begin - _EDGE) & (at <= other.sieve.sound.end + _EDGE)
    rest &= place.seen["matters"] | (place.seen["is_tcp"] & (place.seen["flags"] & RST > 0))
    found: Array = place.seen[rest]
    return found


def _chosen(place: Place, odd: Array, other: Place, theirs: Array) -> tuple[Array, int]:
    """Ways of ``place`` that are looked at: those with anything odd here or there, both directions of them; and how
    many odd packets are in others, which are too many."""
    ways = place.columns.ways
    numbers = odd["way"][odd["place"] >= 0]
    far = [place.numbers.get(other.keys[way], -1) for way in np.unique(theirs["way"]).tolist()]
    numbers = np.unique(np.append(numbers, [way for way in far if 0 <= way < len(ways)]).astype(np.int64))
    wanted = np.zeros(len(ways), bool)
    wanted[ways.pair[numbers]] = True
    sizes = np.bincount(ways.pair[place.columns.rows["way"]], minlength=len(ways)) * wanted
    kept = wanted & (np.cumsum(sizes) <= _MOST)
    left = odd["way"][odd["place"] >= 0]
    mask: Array = kept[ways.pair]
    return mask, int((~mask[left]).sum())


def _ways(one: Place, other: Place, here: Array, there: Array) -> list[Way]:
    """All directions of which both points have packets, by their ends at the first one."""
    numbers: dict[Direction, int] = {}
    direction = np.array([numbers.setdefault(ends, len(numbers)) for ends in one.ends], np.int64)
    of = direction[one.seen["way"][here]] if len(here) else np.zeros(0, np.int64)
    order = np.argsort(of, kind="stable")
    bounds = np.flatnonzero(np.append(True, of[order][1:] != of[order][:-1])) if len(order) else np.zeros(0, np.int64)
    parts = {int(of[part[0]]): part for part in np.split(order, bounds[1:])} if len(order) else {}
    took = other.seen["at"][there] - one.seen["at"][here]
    falls = np.sign(one.seen["ttl"][here].astype(int) - other.seen["ttl"][there])
    middles = {number: float(np.median(took[part])) for number, part in parts.items()}
    found = []
    names = {number: ends for ends, number in numbers.items()}
    for number in sorted(parts, key=lambda each: int(parts[each][0])):
        ends, part = names[number], parts[number]
        back = middles.get(numbers.get((ends[1], ends[0]), -1))
        first = sightings.first_of(int(falls[part].sum()), middles[number], back)
        found.append(_summed(one, other, (here[part], there[part]), first))
    return found


def _summed(one: Place, other: Place, pairs: tuple[Array, Array], first: int) -> Way:
    """See ``sightings.summed``."""
    above, below = (other, one) if first < 0 else (one, other)
    up, low = (pairs[1], pairs[0]) if first < 0 else pairs
    a, b = above.seen[up], below.seen[low]
    took = b["at"] - a["at"]

    def shown(mask: Array, most: int = _MOST_SHOWN) -> list[Both]:
        chosen = np.flatnonzero(mask)[:most]
        return list(zip(above.packets(a[chosen]), below.packets(b[chosen]), strict=True))

    ways = np.unique(np.stack([a["way"], b["way"]], 1), axis=0, return_index=True)
    moved = [
        place
        for (x, y), place in zip(ways[0].tolist(), ways[1].tolist(), strict=True)
        if above.keys[x] != below.keys[y]
    ]
    way = Way(first, {above.ends[n] for n in set(a["way"].tolist())}, {below.ends[n] for n in set(b["way"].tolist())})
    way.pairs, way.passed, way.biggest = len(a), int(a["matters"].sum()), int(a["length"].max())
    way.hops = Counter((a["ttl"].astype(int) - b["ttl"]).tolist())
    way.nearest, way.last = int(took.min()), int(a["at"][-1])
    changed = a["tos"] != b["tos"]
    way.marks = Counter(zip(a["tos"][changed].tolist(), b["tos"][changed].tolist(), strict=True))
    way.changed, way.opened = shown(changed), shown(a["is_tcp"] & (a["flags"] & SYN > 0), _MOST)
    way.moved = shown(np.isin(np.arange(len(a)), moved))
    full = np.flatnonzero(a["size"] > FULL)
    way.delays = took[full].tolist()
    late = full[np.argsort(-took[full], kind="stable")[:MOST_LATE]]
    way.late = list(zip(above.packets(a[late]), below.packets(b[late]), strict=True))
    first_of_way = np.sort(np.unique(a["way"], return_index=True)[1])[:_MOST_SHOWN]
    way.flows = tuple(dict.fromkeys(flow_of(packet) for packet in above.packets(a[first_of_way])))
    return way
