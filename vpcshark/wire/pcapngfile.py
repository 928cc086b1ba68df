"""pcapng files as a ``records.Reader``: sections, interfaces, and the three kinds of packet blocks.

Must not know files or what the packets carry: bytes in, bytes out. The writer of pcapng is ``pcapng``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vpcshark.wire.records import EQUAL_RUN, MAX_RECORD, MIXED_SCALE, Layout, Record, Run, equal_run

SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_MAGIC = 0x1A2B3C4D
_NO_INTERFACES = Layout("<", 28, MIXED_SCALE, -1)
MAX_INTERFACES = 65536
_KIND_LENGTH_CAPTURED = (0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23)


class _Interface(NamedTuple):
    """Link type, snap length, and the clock: ticks per second (of a power of 10 or 2), seconds to add."""

    link: int
    snaplen: int
    per_second: int
    offset: int

    def time(self, ticks: int) -> int:
        return ticks * 1_000_000_000 // self.per_second + self.offset * 1_000_000_000


class PcapngFile:
    """A pcapng file, from its section header on."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.layout = _NO_INTERFACES
        self._interfaces: list[_Interface] = []
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
            if kind in (ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET):
                return self._packets(data, at, end, kind, length)
            self._trailer(data, at, length, origin)
            if kind == SECTION:
                self._interfaces, self.layout = [], _NO_INTERFACES
            elif kind == INTERFACE:
                self._interface(data, at, length, origin)
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
        if length < _SHORTEST.get(kind, 12) or length & 3 or length > MAX_RECORD:
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

    def _interface(self, data: bytearray, at: int, length: int, origin: int) -> None:
        link, _, snaplen = struct.unpack_from(self._order + "HHI", data, at + 8)
        resolution, offset = 6, 0
        for code, value in self._options(data, at + 16, at + length - 4):
            if code == 9 and len(value) == 1:
                resolution = value[0]
            elif code == 14 and len(value) == 8:
                (offset,) = struct.unpack(self._order + "q", value)
        per_second = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
        if len(self._interfaces) == MAX_INTERFACES:
            raise ValueError(f"At byte {origin + at} there are more interfaces than {MAX_INTERFACES}.")
        self._interfaces.append(_Interface(link, snaplen, per_second, offset))
        self._settle_layout()

    def _options(self, data: bytearray, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        pair = struct.Struct(self._order + "HH").unpack_from
        while at + 4 <= end:
            code, length = pair(data, at)
            if not code or at + 4 + length > end:
                return
            yield code, bytes(data[at + 4 : at + 4 + length])
            at += 4 + (length + 3 & ~3)

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
        """See ``Reader``. A packet whose block contradicts itself is given as an empty frame of no link type."""
        if not run.starts:
            return
        read = self._readers()[self._head(data, run.starts[0])[0]]
        for at in run.starts:
            length = self._head(data, at)[1]
            number, ticks, start, captured = read(data, at)
            if number >= len(self._interfaces) or start + captured > at + length - 4:
                yield Record(start, start, 0, -1)
                continue
            interface = self._interfaces[number]
            yield Record(start, start + captured, interface.time(ticks), interface.link)

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
