"""Outer frames -> pcapng packets of the sources that this receiver serves, and counts of everything else.

Sent to the capture host: Python 3.6 and the standard library only. Must not know where frames come from.
"""
# ruff: noqa: UP006, UP007, UP035, UP045

from typing import Any, Dict, List, Optional, Union

from vpcshark.wire.capture_files.blocks import enhanced_packet
from vpcshark.wire.overlay.vxlan import Inner, Ports, direction, original_length, unwrap, unwrap_vxlan

Data = Union[bytes, memoryview]

CUT_COMMENT = (
    "This frame is cut to {captured} bytes, and more of this interface may be. Where, no header says: a mirror cuts at "
    "its packet length and its MTU, and of an outer packet in IP fragments only the first is read. The length on the "
    "wire comes from the frame's own headers."
)
_MAX_FOREIGN = 256


class Source:
    """One mirrored interface: its VNI, pcapng interface id, MAC, and how many of its frames were taken; ``before``:
    by an earlier receiver of the same capture."""

    __slots__ = ("before", "cut_said", "id", "mac", "received", "vni")

    def __init__(self, vni: int, id: int, mac: bytes, before: int = 0) -> None:
        self.vni, self.id, self.mac, self.before = vni, id, mac, before
        self.received = 0
        self.cut_said = False


class Frames:
    """Sorts frames by VNI. What is not ours is counted: ``foreign`` by VNI, ``other`` for what is no VXLAN at all."""

    def __init__(self, sources: List[Source], snaplen: int, ports: Ports) -> None:
        self.by_vni = {source.vni: source for source in sources}
        self.sources = sources
        self.snaplen = snaplen
        self.ports = ports
        self.foreign: Dict[int, int] = {}
        self.other = 0

    @property
    def received(self) -> int:
        """The frames of all sources since the capture began."""
        return sum(source.before + source.received for source in self.sources)

    @property
    def taken(self) -> int:
        """All frames that were looked at."""
        return sum(source.received for source in self.sources) + sum(self.foreign.values()) + self.other

    def frame(self, data: Data, start: int, end: int, nanoseconds: int) -> bytes:
        """The packet block for the outer Ethernet frame ``data[start:end]``, or nothing."""
        return self._packet(data, unwrap(data, start, end, self.ports), nanoseconds)

    def datagram(self, data: Data, nanoseconds: int) -> bytes:
        """The packet block for the VXLAN header and what follows it, or nothing."""
        return self._packet(data, unwrap_vxlan(data, 0, len(data), len(data)), nanoseconds)

    def _packet(self, data: Data, inner: Optional[Inner], nanoseconds: int) -> bytes:
        source = self._source_of(inner)
        if inner is None or source is None:
            return b""
        source.received += 1
        frame: Any = data[inner.start : inner.end]
        if inner.header:
            frame = inner.header + bytes(frame)
        length = max(len(inner.header) + inner.length, original_length(frame, 0, len(frame)))
        comment = ""
        if length > len(frame) and not source.cut_said:
            source.cut_said = True
            comment = CUT_COMMENT.format(captured=len(frame))
        way = direction(frame, 0, len(frame), source.mac)
        return enhanced_packet(source.id, nanoseconds, frame[: self.snaplen], length, way, comment)

    def _source_of(self, inner: Optional[Inner]) -> Optional[Source]:
        if inner is None:
            self.other += 1
            return None
        source = self.by_vni.get(inner.vni)
        if source is None:
            known = inner.vni in self.foreign or len(self.foreign) < _MAX_FOREIGN
            vni = inner.vni if known else -1
            self.foreign[vni] = self.foreign.get(vni, 0) + 1
        return source
