"""Records of outer frames -> pcapng of the inner ones: one interface block per VNI, times as they were.

The general way, frame by frame, for whatever a file holds; ``decap_table`` does the common shapes of a whole buffer at
once and leaves the rest to this. Must not know files: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable

from vpcshark.wire.capture_files.blocks import COMMENT, enhanced_packet
from vpcshark.wire.capture_files.pcapng import interface_description
from vpcshark.wire.capture_files.records import BROKEN, NO_INTERFACE, Reader, Record, Run
from vpcshark.wire.overlay.decap_reasons import NO_BYTES, Why, why_not
from vpcshark.wire.overlay.fragments import Fragment, Reassembly, fragment_of
from vpcshark.wire.overlay.vxlan import IPV4 as ETHERTYPE_IPV4
from vpcshark.wire.overlay.vxlan import IPV6 as ETHERTYPE_IPV6
from vpcshark.wire.overlay.vxlan import (
    MAX_OUTER_TAGS,
    STANDARD_PORTS,
    Inner,
    Ports,
    direction,
    ethernet_payload,
    original_length,
    unwrap_ip,
)

ETHERNET, RAW, IPV4, IPV6, COOKED, COOKED_2 = 1, 101, 228, 229, 113, 276
LINKS = (ETHERNET, RAW, IPV4, IPV6, COOKED, COOKED_2)
"""The link types that can be read (https://www.tcpdump.org/linktypes.html): what tcpdump writes for an Ethernet
interface, for one without Ethernet, and for ``-i any``."""
MAX_FOREIGN_VNIS = 16
CUT_COMMENT = (
    "This frame is cut to {captured} bytes, and more of this VNI may be. Where, no header says: a mirror cuts at its "
    "packet length and its MTU, a capture at its snap length. The length on the wire comes from the frame's own "
    "headers."
)
Wanted = Callable[[bytes, int], bool]
"""Does the user want the inner frame with these bytes and this length on the wire?"""

_H = struct.Struct(">H").unpack_from
_IP_KINDS = (None, ETHERTYPE_IPV4, ETHERTYPE_IPV6)


NOT_USABLE = {
    BROKEN: "whose blocks contradict themselves",
    NO_INTERFACE: "of interfaces that the file does not describe",
}
LONE_FRAGMENT = "that are fragments of outer packets whose other parts are not there"
JOINED = "that are fragments joined to others"
UNKNOWN_LINK = "of link type {}, which is not known here"


class Counts:
    """What became of the packets of a file: each is in exactly one of ``taken``, ``refused``, ``foreign`` and, in
    words, ``others``. ``lookalikes``: those of ``others`` that look like VXLAN, by UDP port. ``comments`` is how many
    comments packets had that were not taken."""

    def __init__(self) -> None:
        self.taken = self.refused = self.foreign = self.comments = 0
        self.others: Counter[str] = Counter()
        self.lookalikes: Counter[int] = Counter()

    @property
    def packets(self) -> int:
        """All of them."""
        return self.taken + self.refused + self.foreign + self.others.total()


class Decapsulator:
    """Takes records in order and gives pcapng blocks, to be written behind a section header.

    ``vnis``: only these (none: all that come). ``macs``: the sources' addresses, to tell directions apart. ``wanted``
    chooses inner frames, and ``filter_text`` is what it stands for. The counts are: taken; refused by ``wanted``;
    foreign, of a VNI that is not asked for; others, that hold no mirrored frame, by the reason.
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
        self._described = 0
        self._reassembly = Reassembly()

    def run(self, data: bytearray, run: Run, reader: Reader) -> bytes:
        """The packet blocks of a run of records."""
        return b"".join([self.frame(data, record) for record in reader.records(data, run)])

    def number(self) -> int:
        """The id of the output's next interface."""
        self._described += 1
        return self._described - 1

    def frame(self, data: bytearray, record: Record) -> bytes:
        """The packet block for one record, with an interface block before it at a VNI's first; or nothing."""
        made = self._frame(data, record)
        if not made and record.options:
            self.counts.comments += sum(code == COMMENT for code, _ in record.options)
        return made

    def _frame(self, data: bytearray, record: Record) -> bytes:
        found = self._unwrap(data, record)
        if found is None:
            return b""
        data, inner = found
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
        return described + enhanced_packet(number, record.nanoseconds, frame, length, way, comment, record.options)

    def _unwrap(self, data: bytearray, record: Record) -> tuple[bytearray, Inner] | None:
        """The inner frame that is wanted, and what it lies in; of fragments, once the last is there."""
        if record.link not in LINKS:
            self.counts.others[NOT_USABLE.get(record.link, UNKNOWN_LINK.format(record.link))] += 1
            return None
        inner = unwrap_link(data, record.start, record.end, record.link, self.ports)
        if inner is not None and 0 < inner.length <= inner.end - inner.start:
            return self._of_vni(data, inner)
        return self._unwrap_uncommon(data, record, inner)

    def _unwrap_uncommon(self, data: bytearray, record: Record, inner: Inner | None) -> tuple[bytearray, Inner] | None:
        """The same for what may be a fragment, or cut, or no mirrored frame."""
        kind, at = ip_of(data, record.start, record.end, record.link)
        end, fragment = record.end, fragment_of(data, at, record.end) if kind in _IP_KINDS else None
        if fragment is not None:
            whole = self._join(fragment)
            if whole is None:
                return None
            data, kind, at, end = whole, None, 0, len(whole)
            inner = unwrap_ip(data, at, end, self.ports)
        if inner is not None and inner.start < inner.end:
            return self._of_vni(data, inner)
        self._count_other(why_not(data, at, end, kind, self.ports) if inner is None else Why(NO_BYTES))
        return None

    def _join(self, fragment: Fragment) -> bytearray | None:
        """The packet that ``fragment`` completes. Until then it counts as a lone one."""
        self.counts.others[LONE_FRAGMENT] += 1
        whole = self._reassembly.take(fragment)
        if whole is None:
            return None
        self.counts.others[LONE_FRAGMENT] -= whole.fragments
        self.counts.others[JOINED] += whole.fragments - 1
        return whole.data

    def _count_other(self, why: Why) -> None:
        self.counts.others[why.reason] += 1
        if why.port:
            self.counts.lookalikes[why.port] += 1

    def _of_vni(self, data: bytearray, inner: Inner) -> tuple[bytearray, Inner] | None:
        if self.vnis and inner.vni not in self.vnis:
            self.pass_foreign({inner.vni}, 1)
            return None
        return data, inner

    def pass_foreign(self, vnis: set[int], count: int) -> None:
        """Count frames of VNIs that are not asked for; remember a few of these."""
        self.counts.foreign += count
        if len(self.foreign_vnis) < MAX_FOREIGN_VNIS:
            self.foreign_vnis |= vnis

    def _describe(self, vni: int) -> bytes:
        """The interface block of a VNI that comes for the first time."""
        self.interfaces[vni] = self.number()
        return interface_description(f"VNI {vni}", capture_filter=self._filter_text)


def unwrap_link(data: bytearray, start: int, end: int, link: int, ports: Ports) -> Inner | None:
    """The inner frame of the outer frame ``data[start:end]``, which is of one of ``LINKS``; or None."""
    kind, at = ip_of(data, start, end, link)
    return unwrap_ip(data, at, end, ports, kind)


def ip_of(data: bytearray, start: int, end: int, link: int) -> tuple[int | None, int]:
    """(EtherType, offset) of what the outer frame carries; None where it has no EtherType, -1 if it is too short."""
    if link == ETHERNET:
        return ethernet_payload(data, start, end, MAX_OUTER_TAGS)
    if link in (COOKED, COOKED_2):
        protocol_at, header = (start + 14, 16) if link == COOKED else (start, 20)
        return (_H(data, protocol_at)[0], start + header) if end - start >= header else (-1, end)
    return None, start
