"""A capture file with findings as comments of its packets: pcapng as it was, pcap as pcapng; several files as sections.

Whatever is in the input stays, byte for byte, but for the packet blocks that get a comment. Must not know files: bytes
in, bytes out.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from vpcshark.diagnose.finding import Finding
from vpcshark.text import cut, line
from vpcshark.wire.capture_files.blocks import block, enhanced_packet
from vpcshark.wire.capture_files.pcapng import section_header
from vpcshark.wire.capture_files.pcapng_reader import ENHANCED_PACKET, OLD_PACKET, SECTION, SIMPLE_PACKET
from vpcshark.wire.capture_files.records import MAX_OTHER

_PCAP = {
    struct.pack(order + "I", magic): (order, digits, header)
    for order in "<>"
    for magic, digits, header in ((0xA1B2C3D4, 6, 16), (0xA1B23C4D, 9, 16), (0xA1B2CD34, 6, 24))
}
_MAGIC = 0x1A2B3C4D
_COMMENT = 1
_MOST = 4000


def comments(findings: Sequence[Finding], file: int) -> dict[int, str]:
    """Packet number -> what is said of it, for one of the files."""
    said: dict[int, list[str]] = defaultdict(list)
    for finding in findings:
        first = True
        for frame in finding.frames:
            if frame.file == file:
                more = f" Next: {finding.next}" if first and finding.next else ""
                said[frame.number].append(f"vpcshark: {finding.kind} ({finding.confidence}). {finding.sentence}{more}")
                first = False
    return {number: cut(line(" | ".join(texts)), _MOST) for number, texts in said.items()}


class Annotator:
    """Takes a file in pieces of any size, gives the annotated one. ``ValueError`` at what is no capture."""

    def __init__(self, said: Mapping[int, str], application: str = "") -> None:
        self._said = said
        self._application = application
        self._rest = b""
        self._number = 0
        self._order = "<"
        self._pcap: tuple[int, int] | None = None
        self._has_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes give."""
        self._rest += data
        at = 0
        if not self._has_begun:
            if len(self._rest) < 24:
                return
            self._has_begun = True
            if self._rest[:4] in _PCAP:
                yield self._head()
                at = 24
        while (size := self._size(at)) and at + size <= len(self._rest):
            piece = self._rest[at : at + size]
            yield self._record(piece) if self._pcap else self._block(piece)
            at += size
        self._rest = self._rest[at:]

    def finish(self) -> bytes:
        """What is not whole at the end is left out."""
        if not self._has_begun:
            raise ValueError("It is no capture: it is too short.")
        return b""

    def _head(self) -> bytes:
        self._order, digits, header = _PCAP[self._rest[:4]]
        snaplen, link = struct.unpack_from(self._order + "II", self._rest, 16)
        self._pcap = digits, header
        interface = struct.pack("<HHI", link & 0xFFFF, 0, snaplen) + struct.pack("<HHB3xI", 9, 1, digits, 0)
        return section_header(application=self._application) + block(1, interface)

    def _size(self, at: int) -> int:
        """The length of the next record or block; 0 where its head is not there yet."""
        if self._pcap:
            if at + self._pcap[1] > len(self._rest):
                return 0
            size = int(struct.unpack_from(self._order + "I", self._rest, at + 8)[0]) + self._pcap[1]
        else:
            if at + 12 > len(self._rest):
                return 0
            if self._rest[at : at + 4] == b"\x0a\x0d\x0d\x0a":
                little = self._rest[at + 8 : at + 12] == struct.pack("<I", _MAGIC)
                self._order = "<" if little else ">"
            size = int(struct.unpack_from(self._order + "I", self._rest, at + 4)[0])
            if size < 12 or size & 3:
                raise ValueError(f"No pcapng block begins where it should: its length would be {size}.")
        if size > MAX_OTHER + 64:
            raise ValueError(f"No record begins where it should: its length would be {size}.")
        return size

    def _record(self, piece: bytes) -> bytes:
        assert self._pcap is not None
        digits, header = self._pcap
        self._number += 1
        seconds, fraction, _, length = struct.unpack_from(self._order + "IIII", piece)
        ticks = seconds * 10**digits + fraction
        return enhanced_packet(0, ticks, piece[header:], length, comment=self._said.get(self._number, ""))

    def _block(self, piece: bytes) -> bytes:
        kind = int(struct.unpack_from(self._order + "I", piece)[0])
        if kind == SECTION and len(piece) >= 28:  # its length is no longer true: say that it is not known
            return piece[:16] + b"\xff" * 8 + piece[24:]
        if kind not in (ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET):
            return piece
        self._number += 1
        said = self._said.get(self._number)
        return piece if said is None or kind == SIMPLE_PACKET else self._commented(piece, kind, said)

    def _commented(self, piece: bytes, kind: int, said: str) -> bytes:
        if len(piece) < 32:
            return piece
        captured = int(struct.unpack_from(self._order + "I", piece, 20)[0])
        at = 28 + (captured + 3 & ~3)
        if at > len(piece) - 4:
            return piece
        value = said.encode()
        option = struct.pack(self._order + "HH", _COMMENT, len(value)) + value + bytes(-len(value) % 4)
        rest = piece[at:-4] or bytes(4)
        total = struct.pack(self._order + "I", at + len(option) + len(rest) + 4)
        return piece[:4] + total + piece[8:at] + option + rest + total
