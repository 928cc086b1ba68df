"""The header table of one capture point in columns (NumPy): rows as they come, flows by number, packets when asked for.

Of payloads is kept what ``keep`` says. Must not know verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from vpcshark.diagnose import headers
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.headers import HANDSHAKE, HEAD, KEY, ROW, WHOLE, Array
from vpcshark.diagnose.keep import KEPT_DATAGRAM, KEPT_HEAD, KEPT_WHOLE, MOST_KEPT
from vpcshark.diagnose.packet import TCP, Packet

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))


class Ways:
    """Flows in one direction, by number."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._keys = np.zeros(64, KEY)
        self._back = np.full(64, -1)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def keys(self) -> Array:
        """Each way's addresses and ports."""
        return self._keys[: len(self._known)]

    @property
    def back(self) -> Array:
        """The other direction of each way; -1: not seen."""
        return self._back[: len(self._known)]

    @property
    def pair(self) -> Array:
        """Each way's connection: the number of its first way."""
        numbers = np.arange(len(self))
        return np.where(self.back < 0, numbers, np.minimum(numbers, self.back))

    def find(self, key: bytes) -> int:
        """The number of ``key``; -1: none."""
        return self._known.get(key, -1)

    def number(self, keys: Array) -> Array:
        """The way of each key; -1 where two keys could not be told apart: these are to be read one by one."""
        if not len(keys):
            return np.zeros(0, np.int64)
        words = np.ascontiguousarray(keys).view(np.uint8).reshape(len(keys), -1)
        eights = np.zeros((len(keys), 40), np.uint8)
        eights[:, : KEY.itemsize] = words
        halves = eights.view(np.uint64)
        mixed = np.zeros(len(keys), np.uint64)
        for place in range(5):
            mixed = (mixed ^ halves[:, place]) * _MIX[place % 3]
            mixed ^= mixed >> np.uint64(29)
        _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
        order = np.argsort(first)  # new ones are numbered as they come
        numbers = np.empty(len(first), np.int64)
        numbers[order] = [self.add(keys[place : place + 1]) for place in first[order].tolist()]
        alike = (halves == halves[first][inverse]).all(1)
        return np.where(alike, numbers[inverse], -1)

    def add(self, key: Array) -> int:
        """The number of one key, which is a new one if need be."""
        raw = key.tobytes()
        found = self._known.get(raw)
        if found is not None:
            return found
        found = len(self._known)
        if found == len(self._keys):
            self._keys = np.concatenate([self._keys, np.zeros(found, KEY)])
            self._back = np.concatenate([self._back, np.full(found, -1)])
        self._known[raw] = found
        self._keys[found] = key[0]
        back = self._known.get(_turned(raw), -1)
        if back not in (-1, found):
            self._back[found], self._back[back] = back, found
        return found


def _turned(key: bytes) -> bytes:
    return key[16:32] + key[:16] + key[34:36] + key[32:34] + key[36:]


def key_of(packet: Packet) -> bytes:
    """The key of a packet's way."""
    return flow_key(Flow(packet.protocol, packet.source, packet.sport, packet.target, packet.dport))


def flow_key(flow: Flow) -> bytes:
    """The key of a flow's way."""
    ports = flow.source_port.to_bytes(2, "big") + flow.target_port.to_bytes(2, "big")
    ends = flow.source.ljust(16, b"\0") + flow.target.ljust(16, b"\0")
    return ends + ports + bytes((flow.protocol, 6 if len(flow.source) == 16 else 4))


class Columns:
    """Rows in the order of the file, and the longer beginnings of payloads by packet number."""

    def __init__(self) -> None:
        self.ways = Ways()
        self.count = 0
        self._parts: list[Array] = []
        self._long: dict[int, bytes] = {}
        self._budget: dict[int, int] = {}
        self._spent = 0

    @property
    def rows(self) -> Array:
        """All of them."""
        if len(self._parts) != 1:
            self._parts = [np.concatenate(self._parts) if self._parts else np.zeros(0, ROW)]
        return self._parts[0]

    def take(self, data: bytearray, found: headers.Headers, picked: Array) -> Array:
        """Add the ``picked`` of ``found``; gives which of these could not be taken."""
        rows, keys, begins, ends = found.rows, found.keys, found.begins, found.ends
        if len(picked) < len(rows):
            rows, keys, begins, ends = rows[picked], keys[picked], begins[picked], ends[picked]
        numbers = self.ways.number(keys)
        left: Array = np.flatnonzero(numbers < 0)
        if len(left):
            taken = numbers >= 0
            rows, keys, begins, ends, numbers = rows[taken], keys[taken], begins[taken], ends[taken], numbers[taken]
        rows["way"] = numbers
        self._parts.append(rows)
        self.count += len(rows)
        self._keep(data, rows, keys, begins, ends)
        return left

    def _keep(self, data: bytearray, rows: Array, keys: Array, begins: Array, ends: Array) -> None:
        """Of each payload what verdicts may read beyond its first bytes."""
        lengths, is_tcp = ends - begins, keys["protocol"] == TCP
        longer = lengths > HEAD
        dns = longer & ~is_tcp
        if dns.any():
            dns &= (np.frombuffer(keys["ports"].tobytes(), ">u2").reshape(-1, 2) == 53).any(1)
        text = longer & is_tcp & (rows["marks"] & (headers.REQUEST | headers.ANSWER) > 0)
        for chosen, most in ((dns, KEPT_DATAGRAM), (text, KEPT_HEAD)):
            for place in np.flatnonzero(chosen).tolist():
                begin = int(begins[place])
                self._add(int(rows["number"][place]), bytes(data[begin : min(begin + most, int(ends[place]))]))
        self._keep_handshakes(data, rows, is_tcp & (lengths > 0), begins, ends)

    def _keep_handshakes(self, data: bytearray, rows: Array, chosen: Array, begins: Array, ends: Array) -> None:
        since: dict[int, int] = {}
        for place in np.flatnonzero(chosen & (rows["marks"] & HANDSHAKE > 0)).tolist():
            way = int(rows["way"][place])
            if way not in self._budget:
                self._budget[way], since[way] = KEPT_WHOLE, place
        if not self._budget:
            return
        open_ = np.zeros(len(self.ways), bool)
        open_[list(self._budget)] = True
        chosen = chosen & open_[rows["way"]] & (ends - begins > HEAD) & (rows["marks"] & headers.DATA == 0)
        for place in np.flatnonzero(chosen).tolist():
            way, begin, end = int(rows["way"][place]), int(begins[place]), int(ends[place])
            room = self._budget.get(way, 0)
            if room <= 0 or place < since.get(way, 0):
                continue
            self._budget[way] = room - (end - begin)
            self._add(int(rows["number"][place]), bytes(data[begin:end]))

    def _add(self, number: int, payload: bytes) -> None:
        if self._spent < MOST_KEPT:
            self._spent += len(payload)
            self._long[number] = payload

    def packets(self, rows: Array) -> list[Packet]:
        """These as the verdicts read them."""
        keys = self.ways.keys[rows["way"]]
        ends = hosts(keys)
        ports = np.frombuffer(keys["ports"].tobytes(), ">u2").reshape(-1, 2)
        whole = (rows["marks"] & WHOLE > 0).tolist()
        none = [False] * len(rows)
        middle = (rows[name].tolist() for name in ("seq", "ack", "flags", "window"))
        columns: Sequence[Any] = (
            *(rows["number"].tolist(), rows["at"].tolist(), *ends, keys["protocol"].tolist(), rows["ttl"].tolist()),
            *(rows["ident"].tolist(), rows["length"].tolist(), rows["tos"].tolist(), whole, none, [0] * len(rows)),
            *(ports[:, 0].tolist(), ports[:, 1].tolist(), *middle, _cut(rows["options"], rows["offered"])),
            *(rows["size"].tolist(), self._payloads(rows), rows["checksum"].tolist()),
        )
        return list(map(Packet, *columns))

    def packets_of(self, flows: Iterable[Flow]) -> list[Packet]:
        """Those of some connections, both ways."""
        ways = {self.ways.find(flow_key(each)) for flow in flows for each in (flow, flow.reversed())} - {-1}
        rows = self.rows
        return self.packets(rows[np.isin(rows["way"], list(ways))]) if ways else []

    def _payloads(self, rows: Array) -> list[bytes]:
        short = _cut(rows["head"], rows["kept"])
        if not self._long:
            return short
        return [self._long.get(number, head) for number, head in zip(rows["number"].tolist(), short, strict=True)]

    def least_recent(self, most: int) -> Array:
        """True for the rows of the connections that are quiet longest: without them at most so many are left."""
        rows = self.rows
        pair = self.ways.pair[rows["way"]]
        newest = np.zeros(len(self.ways), np.int64)
        newest[pair] = np.arange(len(rows))  # the last one stays
        sizes = np.bincount(pair, minlength=len(self.ways))
        order = np.argsort(-newest, kind="stable")
        kept = np.zeros(len(self.ways), bool)
        kept[order] = np.cumsum(sizes[order]) <= most
        gone: Array = ~kept[pair]
        return gone

    def let_go(self, gone: Array) -> None:
        """Forget these rows, and what belongs to them alone."""
        rows = self.rows[~gone]
        numbers = set(rows["number"].tolist()) if self._long else set()
        self._long = {number: part for number, part in self._long.items() if number in numbers}
        self._spent = sum(map(len, self._long.values()))
        before = np.unique(rows["way"])
        old, self.ways = self.ways, Ways()
        fresh = np.full(len(old), -1)
        fresh[before] = [self.ways.add(old.keys[way : way + 1]) for way in before.tolist()]
        self._budget = {int(fresh[way]): room for way, room in self._budget.items() if fresh[way] >= 0}
        rows["way"] = fresh[rows["way"]]
        self._parts, self.count = [rows], len(rows)


def hosts(keys: Array) -> tuple[list[bytes], list[bytes]]:
    """(addresses of the senders, of the receivers)."""
    sizes = np.where(keys["version"] == 4, 4, 16)
    return _cut(keys["source"], sizes), _cut(keys["target"], sizes)


def _cut(column: Array, lengths: Array) -> list[bytes]:
    """The first bytes of each."""
    size = column.dtype.itemsize
    raw = np.ascontiguousarray(column).tobytes()
    return [raw[at : at + length] for at, length in zip(range(0, len(raw), size), lengths.tolist(), strict=True)]
