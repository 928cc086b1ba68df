"""pcap files (https://www.tcpdump.org/manpages/pcap-savefile.5.html) as a ``records.Reader``: both byte orders, micro-
and nanoseconds, and Kuznetzov's modified format, whose records have eight bytes more (wiretap/libpcap.h in Wireshark:
pcaprec_modified_hdr). Only lengths are looked at to find the records, so that this is fast.

Must not know files or what the packets carry: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator

from vpcshark.wire.capture_files.pcapng import Block
from vpcshark.wire.capture_files.records import EQUAL_RUN, MAX_RECORD, Layout, Record, Run, equal_run


class PcapFile:
    """A pcap file, from its header on."""

    def __init__(self, order: str, scale: int, header: int = 16) -> None:
        self.remarks: list[str] = []
        self.others: list[Block] = []
        self.left_out: Counter[str] = Counter()
        self.layout = Layout(order, header, scale, -1)
        self._header = header
        self._captured = struct.Struct(order + "I").unpack_from
        self._head = struct.Struct(order + "III").unpack_from

    def scan(self, data: bytearray, at: int, end: int, origin: int) -> Run:
        """See ``Reader``."""
        if self.layout.link < 0:
            return Run((), self._file_header(data, at, origin) if end - at >= 24 else at)
        if end - at < self._header:
            return Run((), at)
        stride = self._length(data, at, origin)
        if at + 2 * stride + 16 <= end and self._captured(data, at + stride + 8)[0] == stride - self._header:
            count = equal_run(data, at, end, stride, (8, 9, 10, 11))
            if count >= EQUAL_RUN:
                return Run(range(at, at + count * stride, stride), at + count * stride)
        return self._chase(data, at, end)

    def _chase(self, data: bytearray, at: int, end: int) -> Run:
        captured_at, starts, header = self._captured, [], self._header
        last = end - header
        while at <= last:
            following = at + header + captured_at(data, at + 8)[0]
            if following > end:  # cut, or rotten, which the next scan tells
                break
            starts.append(at)
            at = following
        return Run(starts, at)

    def _length(self, data: bytearray, at: int, origin: int) -> int:
        captured: int = self._captured(data, at + 8)[0]
        if captured > MAX_RECORD:
            raise ValueError(f"At byte {origin + at} no packet record begins: it would hold {captured} bytes.")
        return self._header + captured

    def _file_header(self, data: bytearray, at: int, origin: int) -> int:
        snaplen, link = struct.unpack_from(self.layout.order + "II", data, at + 16)
        if not snaplen:
            self.remarks.append(f"The snap length at byte {origin + at + 16} is 0, which is taken for no limit.")
        self.layout = self.layout._replace(link=link & 0xFFFF)
        return at + 24

    def records(self, data: bytearray, run: Run) -> Iterator[Record]:
        """See ``Reader``."""
        scale, link, header = self.layout.scale, self.layout.link, self._header
        for at in run.starts:
            seconds, fraction, captured = self._head(data, at)
            yield Record(at + header, at + header + captured, seconds * 1_000_000_000 + fraction * scale, link)
