"""TCP and UDP headers of many records at once, as columns (NumPy): over IPv4 and IPv6, behind VLAN tags.

What is uncommon (tunnels, fragments, IP options, what is cut in a header) is left to ``packet.read``, which says the
same of what is done here (a test holds the two together). Must not know files, flows or verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vpcshark.diagnose.keep import METHODS
from vpcshark.diagnose.packet import RIGHT, TCP, TUNNEL_PORTS, UDP, UNKNOWN, WRONG
from vpcshark.wire.capture_files.records import Layout
from vpcshark.wire.overlay.decap import ETHERNET, IPV4, IPV6, RAW

Array = npt.NDArray[Any]
LINKS = (ETHERNET, RAW, IPV4, IPV6)
OPTIONS, HEAD = 40, 64
"""Bytes of TCP options, and those of each payload that are kept in a row."""
WHOLE, REQUEST, ANSWER, FAILED, HANDSHAKE, DATA, ALERT = 1, 2, 4, 8, 16, 32, 64
"""``marks`` of a row: Don't Fragment; a payload that begins an HTTP request or answer, one with 502 or 504, a TLS
record of a handshake (or alert), one of application data, a whole alert in the clear."""
ROW = np.dtype(
    [
        *(("number", "<u4"), ("at", "<i8"), ("way", "<u4"), ("seq", "<u4"), ("ack", "<u4"), ("length", "<u4")),
        *(("size", "<u4"), ("ident", "<i4"), ("window", "<u2"), ("flags", "u1"), ("ttl", "u1"), ("tos", "u1")),
        *(("marks", "u1"), ("checksum", "i1"), ("offered", "u1"), ("kept", "u1")),
        *(("options", f"V{OPTIONS}"), ("head", f"V{HEAD}")),
    ]
)
"""A packet. ``offered`` is how many bytes of ``options`` count, ``kept`` how many of ``head``."""
KEY = np.dtype([("source", "V16"), ("target", "V16"), ("ports", "V4"), ("protocol", "u1"), ("version", "u1")])
"""A flow in one direction; an IPv4 address is in the first four bytes."""

_IPV4_KIND, _IPV6_KIND, _TAGS = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)


def _fields(size: int, **places: tuple[str, int]) -> np.dtype[Any]:
    formats, offsets = zip(*places.values(), strict=True)
    described: Any = {"names": list(places), "formats": formats, "offsets": offsets, "itemsize": size}
    made: np.dtype[Any] = np.dtype(described)
    return made


_ETHERNET_HEAD = _fields(22, first=(">u2", 12), second=(">u2", 16), third=(">u2", 20))
_IP = _fields(
    40,
    **{"version": ("u1", 0), "tos": ("u1", 1), "word": (">u2", 0), "total": (">u2", 2), "ident": (">u2", 4)},
    **{"payload": (">u2", 4), "fragment": (">u2", 6), "ttl": ("u1", 8), "protocol": ("u1", 9)},
    **{"next": ("u1", 6), "hops": ("u1", 7), "source": ("V4", 12), "target": ("V4", 16)},
    **{"source6": ("V16", 8), "target6": ("V16", 24)},
)
_TRANSPORT = _fields(
    60,
    **{"ports": ("V4", 0), "target": (">u2", 2), "sum": (">u2", 6), "seq": (">u4", 4), "ack": (">u4", 8)},
    **{"words": ("u1", 12), "flags": ("u1", 13), "window": (">u2", 14), "options": (f"V{OPTIONS}", 20)},
)


class Headers:
    """``rows`` and ``keys`` of the common ones of some records, whose places among them are ``common``; their payloads
    lie in the buffer from ``begins`` to ``ends``."""

    def __init__(self, data: bytearray, starts: Array, ends: Array, link: int) -> None:
        self._data = data
        at, kind = _network(data, starts, link)
        network = gather(data, at, _IP)
        ip = _Network(network)
        begin, total = at + ip.header, ip.total
        claimed = at + total
        end = np.minimum(ends, claimed)
        common = ip.is_plain & ((kind < 0) | (kind == np.where(ip.is_six, _IPV6_KIND, _IPV4_KIND)))
        common &= (end - begin >= 20) & (ip.protocol == TCP) | (end - begin >= 8) & (ip.protocol == UDP)
        transport = gather(data, begin, _TRANSPORT)
        tunnels = np.isin(transport["target"], TUNNEL_PORTS) & (ip.protocol == UDP)
        self.common = np.flatnonzero(common & ~tunnels)
        if len(self.common) < len(starts):
            network, transport = network[self.common], transport[self.common]
            begin, end, claimed = begin[self.common], end[self.common], claimed[self.common]
            ip = _Network(network)
        self._fill(ip, transport, begin, end, claimed)
        self.keys = _keys(ip, transport)

    def _fill(self, ip: _Network, transport: Array, begin: Array, end: Array, claimed: Array) -> None:
        is_tcp = ip.protocol == TCP
        body = begin + np.where(is_tcp, np.maximum(transport["words"].astype(np.int64) >> 4 << 2, 20), 8)
        rows = self.rows = np.zeros(len(begin), ROW)
        rows["length"], rows["size"] = ip.total, np.maximum(claimed - body, 0)
        rows["tos"], rows["ttl"], rows["ident"] = ip.tos, ip.ttl, ip.ident
        for name in ("seq", "ack", "flags", "window"):
            rows[name] = np.where(is_tcp, transport[name], 0)
        rows["options"] = transport["options"]
        rows["offered"] = np.where(is_tcp, np.clip(np.minimum(body, end) - begin - 20, 0, OPTIONS), 0)
        self.begins, self.ends = np.minimum(body, end), end
        rows["kept"] = np.minimum(end - self.begins, HEAD)
        heads = gather(self._data, self.begins, np.dtype(f"V{HEAD}"))
        rows["head"] = heads
        rows["marks"] = _marks(heads, rows["kept"]) | ip.whole
        right = self._checksums(ip, begin, end)
        known = (end == claimed) & (is_tcp | (transport["sum"] > 0))
        rows["checksum"] = np.where(known, np.where(right, RIGHT, WRONG), UNKNOWN)

    def _checksums(self, ip: _Network, begin: Array, end: Array) -> Array:
        """Is the one's complement sum right (RFC 1071)? Words of four bytes are summed where they lie in the buffer:
        modulo 65535 a byte weighs 1 at even places and 256 at odd ones, so a segment at an odd place gives 256 times
        its sum."""
        if not len(begin):
            return np.zeros(0, bool)
        words = np.frombuffer(self._data, "<u4", len(self._data) // 4)
        first, last = begin >> 2, end + 3 >> 2
        ranges = np.stack([first, np.minimum(last, len(words) - 1)], 1).ravel()
        total = np.add.reduceat(words, ranges, dtype=np.uint64)[::2].astype(np.int64)
        before, after = (begin & 3) << 3, (end & 3) << 3
        total -= words[first].astype(np.int64) & (1 << before) - 1
        total -= np.where(after > 0, words[np.minimum(end >> 2, len(words) - 1)].astype(np.int64) >> after << after, 0)
        total = np.where(begin & 1, total, total * 256 % 65535)  # big-endian words, whatever the place
        right: Array = (total % 65535 + ip.protocol + (end - begin) + ip.ends_sum) % 65535 == 0
        return right


class _Network:
    """What IP headers say, of either version."""

    def __init__(self, heads: Array) -> None:
        self._heads = heads
        version = heads["version"]
        self.is_six = version >> 4 == 6
        self._has_six = bool(self.is_six.any())
        self.total = self._of(heads["total"].astype(np.int64), lambda: heads["payload"].astype(np.int64) + 40)
        self.header = self._of(20, lambda: 40)
        self.protocol = self._of(heads["protocol"], lambda: heads["next"])
        self.is_plain = self._of((version == 0x45) & (heads["fragment"] & 0x3FFF == 0), lambda: heads["payload"] > 0)
        self.tos = self._of(heads["tos"], lambda: heads["word"] >> 4 & 255)
        self.ttl = self._of(heads["ttl"], lambda: heads["hops"])
        self.ident = self._of(heads["ident"].astype(np.int32), lambda: -1)
        self.whole = self._of((heads["fragment"] >> 14 & 1).astype(np.uint8), lambda: WHOLE)

    def _of(self, four: Any, six: Callable[[], Any]) -> Any:
        return np.where(self.is_six, six(), four) if self._has_six else four

    @property
    def ends_sum(self) -> Any:
        """The sum of both addresses' words of two bytes."""

        def summed(name: str, words: int) -> Array:
            raw = np.frombuffer(self._heads[name].tobytes(), ">u2").reshape(len(self._heads), words)
            total: Array = raw.sum(1, dtype=np.int64)
            return total

        four = summed("source", 2) + summed("target", 2)
        return self._of(four, lambda: summed("source6", 8) + summed("target6", 8))

    def address(self, name: str) -> Array:
        """``source`` or ``target``, in 16 bytes each."""
        found = np.zeros((len(self._heads), 16), np.uint8)
        found[:, :4] = np.frombuffer(self._heads[name].tobytes(), np.uint8).reshape(-1, 4)
        if self._has_six:
            six = np.frombuffer(self._heads[name + "6"].tobytes(), np.uint8).reshape(-1, 16)
            found[self.is_six] = six[self.is_six]
        return found


def gather(data: bytearray, places: Array, kind: np.dtype[Any]) -> Array:
    """What lies at ``places``; as the buffer ends beyond the last record, no place is outside for a frame's sake."""
    size = kind.itemsize
    whole = np.ndarray(len(data) - size + 1, f"V{size}", data, strides=(1,))
    found: Array = whole[np.minimum(places, len(whole) - 1)].view(kind)
    return found


def _network(data: bytearray, starts: Array, link: int) -> tuple[Array, Array]:
    """(where the IP header is, the EtherType: -1 if the link has none)."""
    if link != ETHERNET:
        return starts, np.full(len(starts), -1)
    heads = gather(data, starts, _ETHERNET_HEAD)
    at, kind = starts + 14, heads["first"].astype(np.int64)
    for name in ("second", "third"):
        tagged = np.isin(kind, _TAGS)
        at = at + 4 * tagged
        kind = np.where(tagged, heads[name], kind)
    return at, kind


def _keys(ip: _Network, transport: Array) -> Array:
    keys = np.zeros(len(transport), KEY)
    if not len(keys):
        return keys
    raw = keys.view(np.uint8).reshape(len(keys), -1)
    raw[:, :16], raw[:, 16:32] = ip.address("source"), ip.address("target")
    keys["ports"], keys["protocol"], keys["version"] = transport["ports"], ip.protocol, np.where(ip.is_six, 6, 4)
    return keys


def _marks(heads: Array, kept: Array) -> Array:
    """What the payloads begin with."""
    marks = np.zeros(len(heads), np.uint8)
    if not len(heads):
        return marks
    first = heads.view(np.uint8).reshape(-1, HEAD)
    filled, kind = kept >= 5, first[:, 0]
    is_tls = filled & (first[:, 1] == 3) & (kind >= 21) & (kind <= 23)
    marks[is_tls] = np.where(kind[is_tls] == 23, DATA, HANDSHAKE)
    marks[is_tls & (kind == 21) & (first[:, 4] == 2)] |= ALERT
    for place in np.flatnonzero(filled & (kind >= 65) & (kind <= 90)).tolist():
        text = first[place].tobytes()
        if text.startswith(METHODS):
            marks[place] |= REQUEST
        elif text.startswith(b"HTTP/1."):
            marks[place] |= ANSWER | (FAILED if text[9:12] in (b"502", b"504") else 0)
    return marks


class Placed:
    """Where the frames of plain records lie, when they were seen, and of which interface."""

    def __init__(self, data: bytearray, starts: Sequence[int], layout: Layout) -> None:
        order, header = layout.order, layout.header
        places = np.arange(starts.start, starts.stop, starts.step) if isinstance(starts, range) else np.array(starts)
        words = {"high": 0, "low": 4, "captured": 8}
        if layout.interfaces:
            words = {"interface": 8, "high": 12, "low": 16, "captured": 20, "total": 4}
        fields = _fields(max(header, 24), **{name: (order + "u4", at) for name, at in words.items()})
        heads = gather(data, places.astype(np.int64), fields)
        high, low = heads["high"].astype(np.int64), heads["low"].astype(np.int64)
        if layout.interfaces:
            self.interfaces, self.at = heads["interface"].astype(np.int64), (high << 32 | low) * layout.scale
            room = heads["total"].astype(np.int64) - header - 4
            self.is_sound = (self.interfaces < layout.interfaces) & (heads["captured"] <= room)
        else:
            self.interfaces, self.at = np.zeros(len(places), np.int64), high * 1_000_000_000 + low * layout.scale
            self.is_sound = np.ones(len(places), bool)
        self.starts = places + header
        self.ends = self.starts + heads["captured"].astype(np.int64)
