"""Flow log records as frames of a pcapng file, so that Wireshark's filters, conversations and endpoints work on them.

One record is one frame, at its ``start``: the headers that the record tells of (pkt- addresses where it has them,
ports, protocol, TCP flags), with the record's bytes as original length, so that a conversation's bytes are the records'
and its frames are the number of records. Nothing else in it was seen by anybody, and its comment says so, with the
whole record. Sequence numbers, checksums and TTL are none; of TCP and UDP no data are claimed, lest Wireshark takes
what is missing for lost. Must not know where rows come from, nor where blocks go.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from vpcshark.errors import InputError
from vpcshark.flowlogs import match
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.text import line as clean
from vpcshark.text import many
from vpcshark.wire.capture_files import pcapng
from vpcshark.wire.capture_files.records import MADE_OF_RECORD

MOST_LENGTH = 0x7FFFFFFF
"""Bytes of one frame: Wireshark keeps lengths as signed 32-bit numbers. A larger record has several frames."""
MAX_COMMENT = 60_000
_INBOUND, _OUTBOUND = 1, 2
_DIRECTIONS = {b"ingress": _INBOUND, b"egress": _OUTBOUND}
_TCP, _UDP = 6, 17
_ICMP, _NO_TYPE = 1, b"\xff" + bytes(7)
"""No record has ICMP's type, and without one Wireshark's filter "icmp" passes the frame by. 255 is reserved (IANA)."""
_UNKNOWN = 255  # "Reserved" (IANA, Protocol Numbers): the record names no protocol
_TTL, _WINDOW = 64, 0xFFFF
_SYN, _ACK = 2, 16
_IPV4 = struct.Struct(">BBHHHBBH4s4s").pack
_WORDS = struct.Struct(">10H").unpack
_IPV6 = struct.Struct(">IHBB16s16s").pack
_TCP_HEADER = struct.Struct(">HHIIBBHHH").pack
_UDP_HEADER = struct.Struct(">HHHH").pack
_WHERE = ("interface-id", "tgw-attachment-id", "resource-id", "tgw-id")
_MOST_LISTED = 20
NOTICE = "Made of flow log records: nobody captured these packets. Each frame's comment has its record."


@dataclass
class Interface:
    """One ENI or attachment: its number in the file, and what of its records is no frame."""

    number: int
    frames: int = 0
    idle: int = 0
    odd: int = 0
    lost: list[str] = field(default_factory=list)
    losses: int = 0
    last: int = 0


class Layout:
    """Where one format has what a frame is made of. InputError where it has no addresses."""

    def __init__(self, kind: LogFormat) -> None:
        self._kind = kind
        at = kind.places
        self.sources = [at[name] for name in ("pkt-srcaddr", "srcaddr") if name in at]
        self.targets = [at[name] for name in ("pkt-dstaddr", "dstaddr") if name in at]
        if not self.sources or not self.targets:
            raise InputError(
                "These records have no addresses, so no frame can be made of them.",
                "Log ${srcaddr} and ${dstaddr}, or ${pkt-srcaddr} and ${pkt-dstaddr}.",
            )
        self.where = next((at[name] for name in _WHERE if name in at), -1)
        names = ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags", "action")
        self.places = tuple(at.get(name, -1) for name in (*names, "flow-direction", "log-status"))

    @cached_property
    def template(self) -> bytes:
        """The whole record, after what became of it and how many packets it is of."""
        names = b" ".join(name.replace("%", "%%").encode() + b"=%b" for name in self._kind.names)
        return b"%b" + MADE_OF_RECORD + b"%b packets, none of them captured. " + names


class Frames:
    """Makes blocks of rows. ``names``: interface -> what its interface block says besides."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = names or {}
        self._layouts: dict[LogFormat, Layout] = {}
        self._kind: LogFormat | None = None
        self._layout: Layout | None = None
        self.interfaces: dict[bytes, Interface] = {}

    @staticmethod
    def begin() -> bytes:
        """The section header."""
        return pcapng.section_header(NOTICE, "vpcshark")

    def of(self, kind: LogFormat, row: Sequence[bytes]) -> bytes:
        """The blocks of one record: its interface where that is new, and a frame where it has one. InputError."""
        if kind is not self._kind or self._layout is None:
            self._kind, self._layout = kind, self._layouts.setdefault(kind, Layout(kind))
        layout = self._layout
        where = row[layout.where] if layout.where >= 0 else b"unknown"
        interface = self.interfaces.get(where)
        if interface is None:
            return self._opened(where) + self.of(kind, row)
        source, target = _address(row, layout.sources), _address(row, layout.targets)
        if not source or len(source) != len(target):
            _without_frame(interface, layout, row)
            return b""
        interface.frames += 1
        return _frame(interface, layout, row, source, target)

    def open(self, name: str) -> bytes:
        """The interface block of what records are to come of, before any did."""
        return self._opened(name.encode())

    def _opened(self, where: bytes) -> bytes:
        self.interfaces[where] = Interface(len(self.interfaces))
        name = where.decode("utf-8", "replace")
        said = " · ".join(filter(None, ("flow log", self._names.get(name, ""))))
        return pcapng.interface_description(name, said, comment=NOTICE, link=pcapng.RAW_IP)

    def end(self) -> bytes:
        """What of each interface's records is no frame: intervals without traffic, or whose records were lost."""
        return b"".join(
            pcapng.interface_statistics(each.number, each.last, each.frames, 0, comment=_rest(each))
            for each in self.interfaces.values()
        )


def _address(row: Sequence[bytes], places: Sequence[int]) -> bytes:
    for place in places:
        if row[place] != b"-":
            return match.packed(row[place])
    return b""


def _number(row: Sequence[bytes], place: int, most: int, default: int = 0) -> int:
    """A field's number, 0 to ``most``; ``default`` where there is none."""
    if place < 0 or not row[place].isdigit() or len(row[place]) > 20:
        return default
    return min(int(row[place]), most)


def _without_frame(interface: Interface, layout: Layout, row: Sequence[bytes]) -> None:
    start, end, status = layout.places[5], layout.places[6], layout.places[10]
    said = row[status] if status >= 0 else b""
    if said == b"NODATA":
        interface.idle += 1
    elif said == b"SKIPDATA":
        interface.losses += 1
        if len(interface.lost) < _MOST_LISTED:
            interface.lost.append(f"{_number(row, start, 1 << 40)}-{_number(row, end, 1 << 40)}")
    else:
        interface.odd += 1


def _rest(interface: Interface) -> str:
    said = []
    if interface.idle:
        said.append(f"{many(interface.idle, 'interval')} without traffic (NODATA).")
    if interface.losses:
        listed = ", ".join(interface.lost) + (", ..." if interface.losses > len(interface.lost) else "")
        said.append(f"In {many(interface.losses, 'interval')} records were lost (SKIPDATA), in seconds: {listed}.")
    if interface.odd:
        said.append(f"{many(interface.odd, 'record')} without two addresses.")
    return " ".join(said)


def _frame(interface: Interface, layout: Layout, row: Sequence[bytes], source: bytes, target: bytes) -> bytes:
    sport, dport, protocol, packets, size, start, _, flags, action, direction, _ = layout.places
    number = _number(row, protocol, 255, _UNKNOWN)
    length = _number(row, size, 1 << 62)
    above = b""
    if number in (_TCP, _UDP) and sport >= 0 and dport >= 0:
        ports = _number(row, sport, 65535), _number(row, dport, 65535)
        above = _tcp(ports, _number(row, flags, 255)) if number == _TCP else _UDP_HEADER(*ports, 8, 0)
    data = _ip(source, target, number, above, length)
    when = _number(row, start, 1 << 33) * 1_000_000_000
    interface.last = max(interface.last, when)
    way = _DIRECTIONS.get(row[direction], 0) if direction >= 0 else 0
    became = row[action] if action >= 0 else b"Flow"
    comment = _comment(layout, row, became, row[packets] if packets >= 0 else b"unknown")
    if length < len(data):
        data, length = (data[:length], length) if length else (data, len(data))
    found = b""
    while length > MOST_LENGTH:
        found += pcapng.enhanced_packet(interface.number, when, data, MOST_LENGTH - len(data), way, comment)
        length -= MOST_LENGTH - len(data)
    return found + pcapng.enhanced_packet(interface.number, when, data[:length], length, way, comment)


def _comment(layout: Layout, row: Sequence[bytes], became: bytes, packets: bytes) -> str:
    said = (layout.template % (became, packets, *row)).decode("utf-8", "replace")
    return said if said.isascii() and said.isprintable() and len(said) < MAX_COMMENT else clean(said, MAX_COMMENT)


def _tcp(ports: tuple[int, int], flags: int) -> bytes:
    """A SYN takes a sequence number, so what follows is one later: else Wireshark calls it a keep-alive."""
    return _TCP_HEADER(*ports, 0 if flags & _SYN else 1, 1 if flags & _ACK else 0, 5 << 4, flags & 63, _WINDOW, 0, 0)


def _ip(source: bytes, target: bytes, protocol: int, above: bytes, length: int) -> bytes:
    """An IP header with ``above``. Of what has no header of its own here, the length is the record's as far as 16 bits
    go: Wireshark shows it as cut, not as malformed."""
    if len(source) == 16:
        inside = len(above) or min(max(length - 40, 1), 65535)
        return _IPV6(6 << 28, inside, protocol, _TTL, source, target) + above
    whole = 20 + len(above) if above else min(max(length, 21), 65535)
    if protocol == _ICMP:
        above = _NO_TYPE
    total = sum(_WORDS(_IPV4(0x45, 0, whole, 0, 0, _TTL, protocol, 0, source, target)))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = 0xFFFF ^ ((total & 0xFFFF) + (total >> 16))
    return _IPV4(0x45, 0, whole, 0, 0, _TTL, protocol, checksum, source, target) + above
