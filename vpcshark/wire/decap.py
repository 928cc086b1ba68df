"""Records of outer frames -> pcapng of the inner ones: one interface block per VNI, times as they were.

The general way, frame by frame, for whatever a file holds; ``decaptable`` does the common shapes of a whole buffer at
once and leaves the rest to this. Must not know files: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from vpcshark.wire.blocks import enhanced_packet
from vpcshark.wire.pcapng import interface_description
from vpcshark.wire.records import Reader, Record, Run
from vpcshark.wire.vxlan import STANDARD_PORTS, Inner, Ports, direction, original_length, unwrap, unwrap_ip

ETHERNET, RAW, IPV4, IPV6, COOKED, COOKED_2 = 1, 101, 228, 229, 113, 276
LINKS = (ETHERNET, RAW, IPV4, IPV6, COOKED, COOKED_2)
"""The link types that can be read (https://www.tcpdump.org/linktypes.html): what tcpdump writes for an Ethernet
interface, for one without Ethernet, and for ``-i any``."""
MAX_FOREIGN_VNIS = 16
CUT_COMMENT = (
    "This frame was cut to {captured} bytes before it was captured, and more may follow (packet length or MTU of the "
    "mirror). The length on the wire comes from its own headers."
)
Wanted = Callable[[bytes, int], bool]
"""Does the user want the inner frame with these bytes and this length on the wire?"""

_H = struct.Struct(">H").unpack_from


class Counts:
    """What became of the packets of a file: each is in exactly one of these."""

    def __init__(self) -> None:
        self.taken = self.refused = self.foreign = self.other = self.unreadable = 0

    @property
    def packets(self) -> int:
        """All of them."""
        return self.taken + self.refused + self.foreign + self.other + self.unreadable


class Decapsulator:
    """Takes records in order and gives pcapng blocks, to be written behind a section header.

    ``vnis``: only these (none: all that come). ``macs``: the sources' addresses, to tell directions apart. ``wanted``
    chooses inner frames, and ``filter_text`` is what it stands for. The counts are: taken; refused by ``wanted``;
    foreign, of a VNI that is not asked for; other, no VXLAN; unreadable, of a link type that is not known here.
    """

    def __init__(
        self,
        vnis: Iterable[int] = (),
        macs: Iterable[bytes] = (),
        wanted: Wanted | None = None,
        filter_text: str = "",
        ports: Ports = STANDARD_PORTS,
    ) -> None:
        self.vnis = frozenset(vnis)
        self.macs = tuple(macs)
        self.wanted = wanted
        self.ports = ports
        self.counts = Counts()
        self.interfaces: dict[int, int] = {}
        self.foreign_vnis: set[int] = set()
        self.cut_said: set[int] = set()
        self._filter_text = filter_text

    def run(self, data: bytearray, run: Run, reader: Reader) -> bytes:
        """The packet blocks of a run of records."""
        return b"".join([self.frame(data, record) for record in reader.records(data, run)])

    def frame(self, data: bytearray, record: Record) -> bytes:
        """The packet block for one record, with an interface block before it at a VNI's first; or nothing."""
        inner = self._unwrap(data, record)
        if inner is None:
            return b""
        frame = inner.header + bytes(data[inner.start : inner.end])
        length = max(len(inner.header) + inner.length, original_length(frame, 0, len(frame)))
        if self.wanted is not None and not self.wanted(frame, length):
            self.counts.refused += 1
            return b""
        self.counts.taken += 1
        described = self._describe(inner.vni) if inner.vni not in self.interfaces else b""
        comment = ""
        if length > len(frame) and inner.vni not in self.cut_said:
            self.cut_said.add(inner.vni)
            comment = CUT_COMMENT.format(captured=len(frame))
        way = next(filter(None, (direction(frame, 0, len(frame), mac) for mac in self.macs)), 0)
        number = self.interfaces[inner.vni]
        return described + enhanced_packet(number, record.nanoseconds, frame, length, way, comment)

    def _unwrap(self, data: bytearray, record: Record) -> Inner | None:
        if record.link not in LINKS:
            self.counts.unreadable += 1
            return None
        inner = unwrap_link(data, record.start, record.end, record.link, self.ports)
        if inner is None:
            self.counts.other += 1
            return None
        if self.vnis and inner.vni not in self.vnis:
            self.pass_foreign({inner.vni}, 1)
            return None
        return inner

    def pass_foreign(self, vnis: set[int], count: int) -> None:
        """Count frames of VNIs that are not asked for; remember a few of these."""
        self.counts.foreign += count
        if len(self.foreign_vnis) < MAX_FOREIGN_VNIS:
            self.foreign_vnis |= vnis

    def _describe(self, vni: int) -> bytes:
        """The interface block of a VNI that comes for the first time."""
        self.interfaces[vni] = len(self.interfaces)
        return interface_description(f"VNI {vni}", capture_filter=self._filter_text)


def unwrap_link(data: bytearray, start: int, end: int, link: int, ports: Ports) -> Inner | None:
    """The inner frame of the outer frame ``data[start:end]``, which is of one of ``LINKS``; or None."""
    if link == ETHERNET:
        return unwrap(data, start, end, ports)
    if link in (COOKED, COOKED_2):
        protocol_at, header = (start + 14, 16) if link == COOKED else (start, 20)
        if end - start < header:
            return None
        return unwrap_ip(data, start + header, end, ports, _H(data, protocol_at)[0])
    return unwrap_ip(data, start, end, ports)
