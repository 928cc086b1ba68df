"""tcpdump's stream (pcap, https://www.tcpdump.org/manpages/pcap-savefile.5.html) -> pcapng packets of one interface.

Takes pieces of any size, in either byte order, with micro- or nanoseconds; what a login script printed before it is
skipped. Must not know files or processes: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from vpcshark.text import line
from vpcshark.wire.capture_files.blocks import enhanced_packet
from vpcshark.wire.capture_files.unfinished import Rest
from vpcshark.wire.overlay.vxlan import direction, original_length, unwrap

ETHERNET = 1
MOST_BANNER = 1 << 20
"""More bytes than any login script prints before the stream."""
_HEADER, _RECORD = 24, 16
_MOST_CAPTURED = 1 << 24
_MAGICS = {
    struct.pack(order + "I", magic) + struct.pack(order + "HH", 2, 4): (order, scale)
    for order in "<>"
    for magic, scale in ((0xA1B2C3D4, 1000), (0xA1B23C4D, 1))
}

Wanted = Callable[[bytes, int], bool]
"""(frame as far as it is there, its length on the wire) -> is it wanted?"""


class Converter:
    """One pcap stream on its way into interface 0 of a pcapng file.

    ``mac`` (6 bytes, or none) tells the directions apart. With ``decapsulate``, a VXLAN or Geneve frame is replaced by
    the frame inside it, if ``wanted`` takes that. ``remark`` becomes the comment of the first packet.
    """

    def __init__(
        self, mac: bytes = b"", *, decapsulate: bool = False, wanted: Wanted | None = None, remark: str = ""
    ) -> None:
        self._mac = mac
        self._decapsulate = decapsulate
        self._wanted = wanted
        self._remark = line(remark)
        self._rest = Rest()
        self._begun = bytearray()  # what came before the first record
        self._header = -1  # where the header begins in it
        self._record: struct.Struct | None = None
        self._scale = 1
        self.received = 0
        self.last_time = 0  # of the last packet in the stream, ns, wanted or not
        self.banner = b""

    @property
    def has_begun(self) -> bool:
        """Has the stream's header come?"""
        return self._record is not None

    def feed(self, data: bytes) -> bytes:
        """The packet blocks that ``data`` completes. ``ValueError`` for what is no pcap of Ethernet frames."""
        data = self._after_header(data) if self._record is None else self._rest.with_more(data)
        if self._record is None or not data:
            return b""
        parts, end, needed = self._packets(data)
        self._rest.keep(data[end:], needed)
        return b"".join(parts)

    def _after_header(self, data: bytes) -> bytes:
        """What follows the header, once that is there whole. A banner is searched once, however small its pieces."""
        searched = max(0, len(self._begun) - len(min(_MAGICS)) + 1)
        self._begun += data
        if self._header < 0:
            self._header = min((at for mark in _MAGICS if (at := self._begun.find(mark, searched)) >= 0), default=-1)
        if self._header < 0 and len(self._begun) > MOST_BANNER:
            raise ValueError("Other output arrives instead of packets.")
        end = self._header + _HEADER
        if self._header < 0 or end > len(self._begun):
            return b""
        self._read_header(bytes(self._begun[self._header : end]))
        self.banner, rest = bytes(self._begun[: self._header]), bytes(self._begun[end:])
        self._begun.clear()
        return rest

    def _read_header(self, header: bytes) -> None:
        order, self._scale = _MAGICS[header[:8]]
        kind = struct.unpack_from(order + "I", header, 20)[0] & 0xFFFF
        if kind != ETHERNET:
            raise ValueError(f"The interface gives frames of link type {kind}, not Ethernet.")
        self._record = struct.Struct(order + "IIII")

    def _packets(self, data: bytes) -> tuple[list[bytes], int, int]:
        """The blocks, where the last whole record ends, and how many bytes from there on the next one has."""
        assert self._record is not None
        read, size, at, needed = self._record.unpack_from, len(data), 0, _RECORD
        parts: list[bytes] = []
        stamp = self.last_time
        while at + _RECORD <= size:
            seconds, fraction, captured, length = read(data, at)
            if captured > _MOST_CAPTURED:
                raise ValueError(f"A packet of {captured} bytes is told of: the stream is broken.")
            begin = at + _RECORD
            if begin + captured > size:
                needed = _RECORD + captured
                break
            at = begin + captured
            stamp = seconds * 1_000_000_000 + fraction * self._scale
            parts += self._packet(data[begin:at], length, stamp)
        self.last_time = stamp
        return parts, at, needed

    def _packet(self, frame: bytes, length: int, nanoseconds: int) -> Iterator[bytes]:
        if self._decapsulate:
            unwrapped = self._unwrapped(frame, length)
            if unwrapped is None:
                return
            frame, length = unwrapped
        remark, self._remark = self._remark, ""
        self.received += 1
        way = direction(frame, 0, len(frame), self._mac)
        yield enhanced_packet(0, nanoseconds, frame, length, way, remark)

    def _unwrapped(self, frame: bytes, length: int) -> tuple[bytes, int] | None:
        """The inner frame and its true length, the frame itself if there is none inside, None if it is not wanted."""
        inner = unwrap(frame, 0, len(frame))
        if inner is not None:
            frame = inner.header + frame[inner.start : inner.end]
            length = max(len(inner.header) + inner.length, original_length(frame, 0, len(frame)))
        if self._wanted is not None and not self._wanted(frame, length):
            return None
        return frame, length
