"""pcapng files as a ``records.Reader``: sections, interfaces, and the three kinds of packet blocks.

Must not know files or what the packets carry: bytes in, bytes out. The writer of pcapng is ``pcapng``.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vpcshark.wire.capture_files.blocks import COMMENT
from vpcshark.wire.capture_files.pcapng import Block
from vpcshark.wire.capture_files.records import (
    BROKEN,
    EQUAL_RUN,
    MAX_OTHER,
    MAX_RECORD,
    MIXED_SCALE,
    NO_INTERFACE,
    Layout,
    Options,
    Record,
    Run,
    equal_run,
)

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_MAGIC = 0x1A2B3C4D
_NO_INTERFACES = Layout("<", 28, MIXED_SCALE, -1)
MAX_INTERFACES = 65536
_KIND_LENGTH_CAPTURED = (0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23)
_PACKETS = (ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET)
_OUTER_ALONE = {2: "flags", 3: "hash", 7: "verdict"}
_COUNTS = (4, 5, 6)  # epb_dropcount, epb_packetid, epb_queue: integers
_CUSTOM = (2988, 2989)
"""Options of a packet block (draft-ietf-opsawg-pcapng, 4.3): those of no use for the inner frame, and those that are
kept; custom ones only if their makers allow a copy (3.5.1)."""


class Interface(NamedTuple):
    """Link type, snap length, and the clock: ticks per second (of a power of 10 or 2), seconds to add."""

    link: int
    snaplen: int
    per_second: int
    offset: int

    def time(self, ticks: int) -> int:
        """In nanoseconds since the epoch."""
        return ticks * 1_000_000_000 // self.per_second + self.offset * 1_000_000_000


class PcapngFile:
    """A pcapng file, from its section header on."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.others: list[Block] = []
        self.left_out: Counter[str] = Counter()
        self.layout = _NO_INTERFACES
        self._interfaces: list[Interface] = []
        self._set_order("<")

    def _set_order(self, order: str) -> None:
        self._order = order
        self._head = struct.Struct(order + "II").unpack_from
        self._packet = struct.Struct(order + "IIIII").unpack_from
        self._old_packet = struct.Struct(order + "HHIII").unpack_from

    def scan(self, data: bytearray, at: int, end: int, origin: int) -> Run:
        """See ``Reader``."""
        while end - at >= 12:
            kind, length = self._block(data, at, origin)
            if at + length > end:
                break
            if kind in _PACKETS:
                return self._packets(data, at, end, kind, length)
            self._trailer(data, at, length, origin)
            self.others.append(Block(origin + at, kind, bytes(data[at + 8 : at + length - 4]), self._order))
            if kind == SECTION:
                self._interfaces, self.layout = [], _NO_INTERFACES
            elif kind == INTERFACE:
                self._interface(self.others[-1])
            at += length
        return Run((), at)

    def _block(self, data: bytearray, at: int, origin: int) -> tuple[int, int]:
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            magic = bytes(data[at + 8 : at + 12])
            orders = {struct.pack(order + "I", _MAGIC): order for order in "<>"}
            if magic not in orders:
                raise ValueError(f"The section at byte {origin + at} has no valid byte-order magic.")
            self._set_order(orders[magic])
        kind, length = self._head(data, at)
        longest = MAX_RECORD if kind in _PACKETS else MAX_OTHER
        if length < _SHORTEST.get(kind, 12) or length & 3 or length > longest:
            raise ValueError(f"At byte {origin + at} no pcapng block begins: its length would be {length}.")
        return kind, length

    def _trailer(self, data: bytearray, at: int, length: int, origin: int) -> None:
        (again,) = struct.unpack_from(self._order + "I", data, at + length - 4)
        if again != length:
            raise ValueError(f"The block at byte {origin + at} has two lengths, {length} and {again}.")

    def _packets(self, data: bytearray, at: int, end: int, kind: int, length: int) -> Run:
        """A run of packet blocks of ``kind``: by slices if they are all of one length, else one after the other."""
        head, starts = self._head, []
        if kind == ENHANCED_PACKET and at + 2 * length + 8 <= end and head(data, at + length) == (kind, length):
            count = equal_run(data, at, end, length, _KIND_LENGTH_CAPTURED)
            if count >= EQUAL_RUN:
                return Run(range(at, at + count * length, length), at + count * length)
        last, shortest = end - 12, _SHORTEST[kind]
        while at <= last:
            here, length = head(data, at)
            if here != kind or length < shortest or length & 3 or at + length > end:
                break
            starts.append(at)
            at += length
        return Run(starts, at, kind == ENHANCED_PACKET)

    def _interface(self, found: Block) -> None:
        if len(self._interfaces) == MAX_INTERFACES:
            raise ValueError(f"At byte {found.offset} there are more interfaces than {MAX_INTERFACES}.")
        self._interfaces.append(interface_of(found.body, found.order))
        self._settle_layout()

    def _settle_layout(self) -> None:
        """Say what is true for all interfaces of the section, now that there is one more."""
        first, newest, count = self._interfaces[0], self._interfaces[-1], len(self._interfaces)
        scale = 1_000_000_000 // first.per_second
        if count == 1:
            is_whole = scale * first.per_second == 1_000_000_000 and not first.offset
            self.layout = Layout(self._order, 28, scale if is_whole else MIXED_SCALE, first.link, count)
        elif newest._replace(snaplen=0) == first._replace(snaplen=0):
            self.layout = self.layout._replace(interfaces=count)
        else:
            self.layout = self.layout._replace(scale=MIXED_SCALE, interfaces=count)

    def records(self, data: bytearray, run: Run) -> Iterator[Record]:
        """See ``Reader``. A packet whose block cannot be used is given as an empty frame: ``BROKEN``,
        ``NO_INTERFACE``."""
        if not run.starts:
            return
        kind = self._head(data, run.starts[0])[0]
        read = self._readers()[kind]
        for at in run.starts:
            end = at + self._head(data, at)[1] - 4
            number, ticks, start, captured = read(data, at)
            following = start + (captured + 3 & ~3)
            if number >= len(self._interfaces) or start + captured > end:
                yield Record(start, start, 0, BROKEN if start + captured > end else NO_INTERFACE)
                continue
            interface = self._interfaces[number]
            options = self._kept(data, following, end) if following < end and kind != SIMPLE_PACKET else ()
            yield Record(start, start + captured, interface.time(ticks), interface.link, options)

    def _kept(self, data: bytearray, at: int, end: int) -> Options:
        """The options of a packet that hold for what is in it, too; the others are counted."""
        kept = []
        for code, value in options_of(data, at, end, self._order):
            if code in (COMMENT, *_CUSTOM, *_COUNTS):
                kept.append((code, value if self._order == "<" else _turned(code, value)))
            else:
                self.left_out[_OUTER_ALONE.get(code, f"option {code}")] += 1
        return kept

    def _readers(self) -> dict[int, Callable[[bytearray, int], tuple[int, int, int, int]]]:
        return {ENHANCED_PACKET: self._read_enhanced, OLD_PACKET: self._read_old, SIMPLE_PACKET: self._read_simple}

    def _read_enhanced(self, data: bytearray, at: int) -> tuple[int, int, int, int]:
        number, high, low, captured, _ = self._packet(data, at + 8)
        return number, high << 32 | low, at + 28, captured

    def _read_old(self, data: bytearray, at: int) -> tuple[int, int, int, int]:
        number, _, high, low, captured = self._old_packet(data, at + 8)
        return number, high << 32 | low, at + 28, captured

    def _read_simple(self, data: bytearray, at: int) -> tuple[int, int, int, int]:
        """Of interface 0, and without a time; the snap length tells how much of the frame is there."""
        _, length, original = struct.unpack_from(self._order + "III", data, at)
        snaplen = self._interfaces[0].snaplen if self._interfaces else 0
        return 0, 0, at + 12, min(original, snaplen or original, length - 16)


_SHORTEST = {SECTION: 28, INTERFACE: 20, OLD_PACKET: 32, SIMPLE_PACKET: 16, ENHANCED_PACKET: 32}


def options_of(data: bytes | bytearray, at: int, end: int, order: str) -> Iterator[tuple[int, bytes]]:
    """The options in ``data[at:end]``, up to their end mark, or to one that does not fit."""
    pair = struct.Struct(order + "HH").unpack_from
    while at + 4 <= end:
        code, length = pair(data, at)
        if not code or at + 4 + length > end:
            return
        yield code, bytes(data[at + 4 : at + 4 + length])
        at += 4 + (length + 3 & ~3)


def _turned(code: int, value: bytes) -> bytes:
    """Little-endian: a custom option begins with a number (3.5.1)."""
    if code == COMMENT:
        return value
    return value[3::-1] + value[4:] if code in _CUSTOM else value[::-1]


def interface_of(body: bytes, order: str) -> Interface:
    """What an interface description block says."""
    link, _, snaplen = struct.unpack_from(order + "HHI", body)
    resolution, offset = 6, 0
    for code, value in options_of(body, 8, len(body), order):
        if code == 9 and len(value) == 1:
            resolution = value[0]
        elif code == 14 and len(value) == 8:
            (offset,) = struct.unpack(order + "q", value)
    per_second = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    return Interface(link, snaplen, per_second, offset)
