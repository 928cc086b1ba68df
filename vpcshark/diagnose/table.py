"""A capture in pieces of any size -> its packets, one table for each capture point.

A point is one interface of one file, and in a mirror target's capture one VNI: what was seen at one place. Common
packets are read as columns, a whole buffer at a time, where NumPy is there and the file is long enough to pay for it;
all others one by one. Of payloads only as much is kept as verdicts read. Must not know files: bytes in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from struct import Struct
from typing import TYPE_CHECKING, Any

from vpcshark.diagnose.interfaces import Interface, Numbers, described
from vpcshark.diagnose.keep import KEPT_DATAGRAM, KEPT_LATER, Keep
from vpcshark.diagnose.packet import ICMP, ICMP6, TCP, UDP, Packet, read
from vpcshark.wire.capture_files.blocks import COMMENT
from vpcshark.wire.capture_files.formats import open_reader
from vpcshark.wire.capture_files.pcap_reader import PcapFile
from vpcshark.wire.capture_files.pcapng import INTERFACE, SECTION
from vpcshark.wire.capture_files.records import MADE_OF_RECORD, MIXED_SCALE, SLACK, Reader, Record, Run
from vpcshark.wire.overlay.decap import LINKS

if TYPE_CHECKING:
    from vpcshark.diagnose.columns import Columns

CHUNK = 2 << 20
PAYS_FROM = 1 << 18
"""From so many bytes on columns are worth NumPy's start."""
MOST_ROWS, MOST_WAYS, MOST_OTHERS = 600_000, 200_000, 60_000
"""Of a long file: rows take 160 bytes each, flows and packets outside of columns some hundreds."""
_FEWEST = 16
_HEAD = 40  # bytes of a comment that say what its frame is made of
_WORD = {order: Struct(order + "I").unpack_from for order in "<>"}


class Point:
    """What was seen at one place: ``file`` is the file's place among those given, ``interface`` its interface.

    ``others`` are the packets that are not in ``columns``; which is None where all are read one by one. ``strange``
    counts a file's packets without IP, where it has no others, and ``cut`` what the capture cut off in its headers;
    ``addresses`` are those of the ENI that it is, as far as its block has them. ``number`` is its place among all
    points, from 1 on; one that ``is_silent`` has no packet."""

    def __init__(self, file: int, interface: int, vni: int, strange: int = 0) -> None:
        self.file, self.interface, self.vni = file, interface, vni
        self.others: list[Packet] = []
        self.columns: Columns | None = None
        self.strange, self.cut = strange, 0
        self.addresses: frozenset[bytes] = frozenset()
        self.name, self.number, self.is_silent = "", 0, False

    @property
    def called(self) -> str:
        """``point 2 (server.pcapng)``."""
        return f"point {self.number} ({self.name})" if self.name else f"point {self.number}"

    @cached_property
    def hosts(self) -> frozenset[bytes]:
        """Whoever sent or got a packet here; to be asked when all is read."""
        found = {end for packet in self.others for end in (packet.source, packet.target)}
        if self.columns is not None and self.columns.count:
            from vpcshark.diagnose.columns import hosts

            found.update(*hosts(self.columns.ways.keys))
        return frozenset(found)

    @property
    def targets(self) -> frozenset[bytes]:
        """Whoever was sent a packet here, as far as it was not let go of."""
        found = {packet.target for packet in self.others}
        if self.columns is not None and self.columns.count:
            from vpcshark.diagnose.columns import hosts

            found.update(hosts(self.columns.ways.keys)[1])
        return frozenset(found)

    @property
    def is_large(self) -> bool:
        """Does it hold more than is good for the memory?"""
        if self.columns is None:
            return False
        is_full = self.columns.count > MOST_ROWS or len(self.columns.ways) > MOST_WAYS
        return is_full or len(self.others) > MOST_OTHERS

    @property
    def packets(self) -> list[Packet]:
        """All of them, in the order of the file."""
        if self.columns is None:
            return self.others
        return sorted([*self.columns.packets(self.columns.rows), *self.others])


class Table:
    """Fill ``room()``, say with ``take`` how much; at the end call ``finish``. ``ValueError`` with the byte offset at
    what is no capture; what came before that is in ``points``. ``in_columns``: None leaves it to the length.
    ``chunk``: how many bytes there is room for at first. ``relieve`` is called when the one point of a long file holds
    much: it may let go of what it has judged."""

    def __init__(
        self,
        file: int = 0,
        *,
        in_columns: bool | None = None,
        relieve: Callable[[Point], None] | None = None,
        chunk: int = CHUNK,
        name: str = "",
    ) -> None:
        self._points: dict[tuple[int, int], Point] = {}
        self.frames = 0
        """How many packet records there were: the last one's number, as Wireshark counts."""
        self.unknown = 0
        """Those that hold no IP packet or too little of one, and records of flow logs, which nobody captured."""
        self._cut: Counter[int] = Counter()
        self._file, self._name = file, name
        self._buffer = bytearray(chunk + SLACK)
        self._filled = self._origin = 0
        self._reader: Reader | None = None
        self._keep = Keep()
        self._described: list[Interface] = []
        self._numbers = Numbers()
        self._in_columns = in_columns
        self._columns: Any = None
        self._relieve = relieve

    @property
    def points(self) -> dict[tuple[int, int], Point]:
        """By interface and VNI, in this order: whichever packet came first, and whichever way it was read."""
        return dict(sorted(self._points.items()))

    @property
    def all_points(self) -> list[Point]:
        """The same, named, with those that have no packet: interfaces, or a file without an IP packet."""
        heard = {point.interface for point in self._points.values()}
        declared = [place for place, each in enumerate(self._described) if each.is_captured] if self._points else [0]
        silent = [Point(self._file, place, -1, self.unknown) for place in declared if place not in heard]
        for point in silent:
            point.is_silent = True
        found = sorted([*self._points.values(), *silent], key=lambda point: (point.interface, point.vni))
        first = {point.interface: point for point in reversed(found)}
        for point in found:
            point.name = self._name_of(point, is_one=len(found) == 1)
            point.cut = self._cut[point.interface] if point is first[point.interface] else 0
        return found

    def _name_of(self, point: Point, *, is_one: bool) -> str:
        own = self._described[point.interface].name if point.interface < len(self._described) else ""
        own = f"VNI {point.vni}" if point.vni >= 0 else own
        return self._name if is_one and self._name else " of ".join(filter(None, (own, self._name)))

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
        if self._reader is not None and (self._in_columns is not None or self._filled >= PAYS_FROM):
            self._work(self._reader)

    def finish(self) -> None:
        """Nothing follows. ``ValueError`` if the file is cut off in a record."""
        if self._reader is None:
            raise ValueError(f"It is no capture: it has {self._filled} bytes.")
        if self._in_columns is None:
            self._in_columns = False
            self._work(self._reader)
        if self._filled:
            raise ValueError(f"It is cut off: what begins at byte {self._origin} is not whole.")

    def _work(self, reader: Reader) -> None:
        if self._in_columns is not False and self._columns is None:
            self._in_columns = self._has_numpy()
        at = 0
        while (run := reader.scan(self._buffer, at, self._filled, self._origin)).end > at:
            self._describe(reader)
            self._run(reader, run)
            at = run.end
        if self._relieve is not None and len(self._points) == 1:
            (point,) = self._points.values()
            if point.is_large:
                self._relieve(point)
        self._buffer[: self._filled - at] = self._buffer[at : self._filled]
        self._origin += at
        self._filled -= at

    def _describe(self, reader: Reader) -> None:
        """Take note of interfaces."""
        for block in reader.others:
            if block.kind == SECTION:
                self._numbers.next_section(block.body)
            elif block.kind == INTERFACE and self._numbers.is_new(block.body):
                self._described.append(described(block))
        reader.others.clear()

    def _has_numpy(self) -> bool:
        try:
            from vpcshark.diagnose import tabled
        except ImportError:
            return False
        self._columns = tabled
        return True

    def _run(self, reader: Reader, run: Run) -> None:
        if not run.starts:
            return
        first = self.frames + 1
        self.frames += len(run.starts)
        layout = reader.layout
        is_plain = run.is_plain and layout.scale != MIXED_SCALE and len(run.starts) >= _FEWEST
        if not self._in_columns or not is_plain or layout.link not in LINKS:
            self._one_by_one(reader, run, range(first, first + len(run.starts)))
            return
        left = self._columns.take(self, self._buffer, run.starts, layout, first)
        if left:
            rest = Run([run.starts[place] for place in left], run.end)
            self._one_by_one(reader, rest, [first + place for place in left])

    def _one_by_one(self, reader: Reader, run: Run, numbers: Iterable[int]) -> None:
        word, before = _WORD[reader.layout.order], 12 if reader.layout.header == 24 else 4
        records = zip(reader.records(self._buffer, run), self._interfaces(reader, run), numbers, strict=True)
        for record, interface, number in records:
            wire = word(self._buffer, record.start - before)[0] if record.link in LINKS else 0
            if not self._take(record, wire, interface, number):
                self.unknown += 1

    def _interfaces(self, reader: Reader, run: Run) -> Iterator[int]:
        """Which interface each record is of: of the packet blocks only the enhanced ones name several."""
        if isinstance(reader, PcapFile) or not run.is_plain or reader.layout.interfaces < 2:
            yield from (0 for _ in run.starts)
            return
        word = _WORD[reader.layout.order]
        for at in run.starts:
            yield word(self._buffer, at + 8)[0]

    def point(self, interface: int, vni: int = -1) -> Point:
        """The point of an interface of this section, by its number there, and VNI (-1: of none)."""
        interface = self._numbers.in_file(interface)
        place = (interface, vni)
        if place not in self._points:
            self._points[place] = point = Point(self._file, interface, vni)
            if vni < 0 and interface < len(self._described):
                point.addresses = self._described[interface].addresses
        return self._points[place]

    def _take(self, record: Record, wire: int, interface: int, number: int) -> bool:
        if record.link not in LINKS or _is_made(record):
            return False
        frame = (record.start, record.end, record.link, wire)
        found = read(self._buffer, frame, number, record.nanoseconds)
        if found is None:
            return False
        if found.packet is None:
            self._cut[self._numbers.in_file(interface)] += 1
            return False
        self.point(interface, found.vni).others.append(self._lightened(found.packet))
        return True

    def _lightened(self, packet: Packet) -> Packet:
        """With as much of the payload as verdicts may read."""
        payload = packet.payload
        if packet.protocol == TCP:
            kept = self._keep.of((packet.source, packet.target, packet.sport, packet.dport), payload)
            return packet if len(kept) == len(payload) else packet._replace(payload=kept)
        if len(payload) <= KEPT_LATER or packet.protocol in (ICMP, ICMP6):
            return packet
        if packet.protocol == UDP:
            most = KEPT_DATAGRAM if 53 in (packet.sport, packet.dport) else KEPT_LATER
            return packet._replace(payload=payload[:most]) if len(payload) > most else packet
        return packet._replace(payload=b"")


def _is_made(record: Record) -> bool:
    """Is it a frame of a path's file that a flow log record was made into?"""
    return any(code == COMMENT and MADE_OF_RECORD in value[:_HEAD] for code, value in record.options)


def read_bytes(data: bytes, file: int = 0, *, in_columns: bool | None = None) -> Table:
    """The table of a whole capture in memory. ``ValueError`` as ``Table``."""
    table = Table(file, in_columns=in_columns)
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
