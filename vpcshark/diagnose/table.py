"""A capture in pieces of any size -> its packets, one list for each capture point.

A point is one interface of one file, and in a mirror target's capture one VNI: what was seen at one place. Of payloads
only as much is kept as verdicts read. Must not know files: bytes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from vpcshark.diagnose.packet import ICMP, ICMP6, TCP, UDP, Packet, read
from vpcshark.wire.capture_files.formats import open_reader
from vpcshark.wire.capture_files.pcap_reader import PcapFile
from vpcshark.wire.capture_files.records import SLACK, Reader, Record, Run
from vpcshark.wire.overlay.decap import LINKS

CHUNK = 1 << 20
_KEPT_WHOLE = 24 << 10
"""Bytes of each direction that are kept in full: a TLS handshake with its certificates."""
_KEPT_LATER = 64
_KEPT_HEAD = 600
"""Of a message that begins with a status line: up to the name of who answered."""
_MOST_KEPT = 64 << 20
_WORD = {order: Struct(order + "I").unpack_from for order in "<>"}
Key = tuple[bytes, bytes, int, int]


class Point:
    """What was seen at one place: ``file`` is the file's place among those given, ``interface`` its interface."""

    def __init__(self, file: int, interface: int, vni: int) -> None:
        self.file, self.interface, self.vni = file, interface, vni
        self.packets: list[Packet] = []


class Table:
    """Fill ``room()``, say with ``take`` how much; at the end call ``finish``. ``ValueError`` with the byte offset at
    what is no capture; what came before that is in ``points``."""

    def __init__(self, file: int = 0) -> None:
        self.points: dict[tuple[int, int], Point] = {}
        self.frames = 0
        """How many packet records there were: the last one's number, as Wireshark counts."""
        self.unknown = 0
        """Those that hold no IP packet."""
        self._file = file
        self._buffer = bytearray(CHUNK + SLACK)
        self._filled = self._origin = self._kept_in_all = 0
        self._reader: Reader | None = None
        self._kept: dict[Key, int] = {}

    def room(self) -> memoryview:
        """Where the next bytes go."""
        if self._filled == len(self._buffer) - SLACK:
            self._buffer = self._buffer + bytes(len(self._buffer))
        return memoryview(self._buffer)[self._filled : -SLACK]

    def take(self, count: int) -> None:
        """``count`` bytes more are there."""
        self._filled += count
        if self._reader is None:
            self._reader = open_reader(bytes(self._buffer[: min(4, self._filled)]))
        if self._reader is not None:
            self._work(self._reader)

    def finish(self) -> None:
        """Nothing follows. ``ValueError`` if the file is cut off in a record."""
        if self._reader is None:
            raise ValueError(f"It is no capture: it has {self._filled} bytes.")
        if self._filled:
            raise ValueError(f"It is cut off: what begins at byte {self._origin} is not whole.")

    def _work(self, reader: Reader) -> None:
        at = 0
        while (run := reader.scan(self._buffer, at, self._filled, self._origin)).end > at:
            reader.others.clear()
            self._run(reader, run)
            at = run.end
        self._buffer[: self._filled - at] = self._buffer[at : self._filled]
        self._origin += at
        self._filled -= at

    def _run(self, reader: Reader, run: Run) -> None:
        if not run.starts:
            return
        word, before = _WORD[reader.layout.order], 12 if reader.layout.header == 24 else 4
        for record, interface in zip(reader.records(self._buffer, run), self._interfaces(reader, run), strict=True):
            self.frames += 1
            wire = word(self._buffer, record.start - before)[0] if record.link in LINKS else 0
            if not self._take(record, wire, interface):
                self.unknown += 1

    def _interfaces(self, reader: Reader, run: Run) -> Iterator[int]:
        """Which interface each record is of: of the packet blocks only the enhanced ones name several."""
        if isinstance(reader, PcapFile) or not run.is_plain or reader.layout.interfaces < 2:
            yield from (0 for _ in run.starts)
            return
        word = _WORD[reader.layout.order]
        for at in run.starts:
            yield word(self._buffer, at + 8)[0]

    def _take(self, record: Record, wire: int, interface: int) -> bool:
        if record.link not in LINKS:
            return False
        frame = (record.start, record.end, record.link, wire)
        found = read(self._buffer, frame, self.frames, record.nanoseconds)
        if found is None:
            return False
        place = (interface, found.vni)
        point = self.points.get(place)
        if point is None:
            point = self.points[place] = Point(self._file, interface, found.vni)
        point.packets.append(self._lightened(found.packet))
        return True

    def _lightened(self, packet: Packet) -> Packet:
        """With as much of the payload as verdicts may read."""
        payload = packet.payload
        if len(payload) <= _KEPT_LATER or packet.protocol in (ICMP, ICMP6):
            return packet
        if packet.protocol == UDP:
            most = 2048 if 53 in (packet.sport, packet.dport) else _KEPT_LATER
            return packet._replace(payload=payload[:most]) if len(payload) > most else packet
        if packet.protocol != TCP:
            return packet._replace(payload=b"")
        key = (packet.source, packet.target, packet.sport, packet.dport)
        kept = self._kept.get(key, 0)
        if kept < _KEPT_WHOLE and self._kept_in_all < _MOST_KEPT:
            self._kept[key] = kept + len(payload)
            self._kept_in_all += len(payload)
            return packet
        most = _KEPT_HEAD if payload.startswith(b"HTTP/") else _KEPT_LATER
        return packet._replace(payload=payload[:most])


def read_bytes(data: bytes, file: int = 0) -> Table:
    """The table of a whole capture in memory. ``ValueError`` as ``Table``."""
    table = Table(file)
    for start in range(0, len(data), CHUNK):
        piece = data[start : start + CHUNK]
        while piece:
            room = table.room()
            count = min(len(room), len(piece))
            room[:count] = piece[:count]
            room.release()
            table.take(count)
            piece = piece[count:]
    table.finish()
    return table
