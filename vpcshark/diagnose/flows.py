"""Packets of one point -> TCP connections with their two sides, and flows of datagrams.

Must not know what went wrong in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vpcshark.diagnose.packet import ACK, RST, SYN, TCP, UDP, Packet, address

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
_STAMPS = b"\x01\x01\x08\x0a"
"""Options that are time stamps alone, as most packets have them (RFC 7323, appendix A)."""
_TCP_HEADER, _TCP_OPTIONS = 20, 40
_REASSEMBLED = 30 * SECOND
"""So long Linux waits for the other fragments of a datagram (net.ipv4.ipfrag_time)."""
_NAMES = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}


class Flow(NamedTuple):
    """Who speaks to whom; ports are 0 where there are none."""

    protocol: int
    source: bytes
    source_port: int
    target: bytes
    target_port: int

    @property
    def name(self) -> str:
        """``tcp``, ``udp``, ``icmp`` or the protocol's number."""
        return _NAMES.get(self.protocol, str(self.protocol))

    def reversed(self) -> Flow:
        """The other direction."""
        return Flow(self.protocol, self.target, self.target_port, self.source, self.source_port)

    @property
    def server(self) -> str:
        """``10.0.0.2:80``."""
        return end(self.target, self.target_port)

    @property
    def client(self) -> str:
        """``10.0.0.1:40000``."""
        return end(self.source, self.source_port)


def end(packed: bytes, port: int) -> str:
    """An address with its port, where it has one."""
    text = address(packed)
    if not port:
        return text
    return f"[{text}]:{port}" if len(packed) == 16 else f"{text}:{port}"


def flow_of(packet: Packet) -> Flow:
    """The flow in the packet's own direction."""
    has_ports = packet.protocol in (TCP, UDP)
    ports = (packet.sport, packet.dport) if has_ports else (0, 0)
    return Flow(packet.protocol, packet.source, ports[0], packet.target, ports[1])


class Options(NamedTuple):
    """What a SYN offers: 0 or -1 (``scale``) where it says nothing."""

    mss: int = 0
    scale: int = -1
    sack: bool = False


def options_of(packet: Packet) -> Options:
    """The TCP options of a SYN (RFC 9293, 3.1; RFC 7323; RFC 2018)."""
    found = dict(_options(packet.options))
    mss = int.from_bytes(found.get(2, b""), "big") if len(found.get(2, b"")) == 2 else 0
    scale = found[3][0] if len(found.get(3, b"")) == 1 else -1
    return Options(mss, scale, 4 in found)


def sack_edges(packet: Packet) -> list[tuple[int, int]]:
    """The blocks of a SACK option, as sequence numbers (RFC 2018)."""
    if len(packet.options) < 10 or (len(packet.options) == 12 and packet.options.startswith(_STAMPS)):
        return []
    found = dict(_options(packet.options)).get(5, b"")
    numbers = [int.from_bytes(found[at : at + 4], "big") for at in range(0, len(found) - 3, 4)]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def stamps_of(packet: Packet) -> tuple[bytes, bytes] | None:
    """(its time stamp, the one that it echoes), as they stand in it (RFC 7323, 3.2)."""
    found = dict(_options(packet.options)).get(8, b"")
    return (found[:4], found[4:]) if len(found) == 8 else None


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data) and data[at]:
        if data[at] == 1:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2 or at + length > len(data):
            return
        yield data[at], data[at + 2 : at + length]
        at += length


class Connection:
    """One TCP connection, as far as it was seen. ``flow`` leads from client to server; ``is_sure`` says that a SYN
    told which is which."""

    def __init__(self, flow: Flow, is_sure: bool) -> None:
        self.flow, self.is_sure = flow, is_sure
        self.packets: list[Packet] = []
        self._sides: dict[bool, list[Packet]] = {}

    def of_client(self, packet: Packet) -> bool:
        """Did the client send it?"""
        return packet.source == self.flow.source and packet.sport == self.flow.source_port

    def sent_by(self, is_client: bool) -> list[Packet]:
        """The packets of one side."""
        if not self._sides or sum(map(len, self._sides.values())) != len(self.packets):
            client, port = self.flow.source, self.flow.source_port
            of_client = [packet.source == client and packet.sport == port for packet in self.packets]
            sides: dict[bool, list[Packet]] = {True: [], False: []}
            for packet, side in zip(self.packets, of_client, strict=True):
                sides[side].append(packet)
            self._sides = sides
        return self._sides[is_client]

    def first(self, is_client: bool, mask: int, wanted: int) -> Packet | None:
        """The first packet of a side whose flags are ``wanted`` under ``mask``."""
        return next((p for p in self.sent_by(is_client) if p.flags & mask == wanted), None)


class _Builder:
    def __init__(self) -> None:
        self.made: list[Connection] = []
        self._open: dict[tuple[bytes, int, bytes, int], Connection] = {}
        self._isn: dict[int, int] = {}

    def take(self, packet: Packet) -> None:
        there = (packet.source, packet.sport, packet.target, packet.dport)
        known = self._open.get(there)
        is_syn = packet.flags & (SYN | ACK | RST) == SYN
        if known is not None and is_syn and self._is_new(known, packet):
            known = None
        if known is None:
            known = self._begin(packet, is_syn)
        known.packets.append(packet)

    def _is_new(self, known: Connection, packet: Packet) -> bool:
        """A SYN with another initial sequence number after a connection was there: ports are used again. Not if the
        other side's SYN came just before it: both open it at once (RFC 9293, 3.5)."""
        last = known.packets[-1]
        if last.flags & (SYN | ACK | RST) == SYN and last.source == packet.target and last.sport == packet.dport:
            return False
        isn = self._isn.get(id(known))
        return isn is None or isn != packet.seq

    def _begin(self, packet: Packet, is_syn: bool) -> Connection:
        is_answer = packet.flags & (SYN | ACK) == SYN | ACK
        flow = flow_of(packet)
        from_client = is_syn or (not is_answer and packet.sport > packet.dport)
        made = Connection(flow if from_client else flow.reversed(), is_syn or is_answer)
        if is_syn:
            self._isn[id(made)] = packet.seq
        self.made.append(made)
        here = (packet.source, packet.sport, packet.target, packet.dport)
        self._open[here] = self._open[here[2:] + here[:2]] = made
        return made


def connections(packets: Iterable[Packet]) -> list[Connection]:
    """The TCP connections in order of their first packets."""
    builder, packets = _Builder(), list(packets)
    rest = _later_fragments(packets)
    for packet in packets:
        if packet.protocol == TCP and not packet.shift:
            builder.take(_whole(packet, rest[_datagram(packet)]) if packet.has_more else packet)
    return builder.made


def _datagram(packet: Packet) -> tuple[bytes, bytes, int]:
    """What the fragments of one TCP segment have in common (RFC 791, 3.2; RFC 8200, 4.5)."""
    return packet.source, packet.target, packet.ident


def _later_fragments(packets: Iterable[Packet]) -> dict[tuple[bytes, bytes, int], list[Packet]]:
    found: dict[tuple[bytes, bytes, int], list[Packet]] = defaultdict(list)
    for packet in packets:
        if packet.protocol == TCP and packet.shift:
            found[_datagram(packet)].append(packet)
    return found


def _whole(first: Packet, later: Iterable[Packet]) -> Packet:
    """A first fragment with the size of its segment, if the others of it are there: in any order, and before the
    identification is used again."""
    near = {each.shift: each for each in later if abs(each.at - first.at) <= _REASSEMBLED}
    if not near:
        return first
    begin = at = min(near)
    last = near[begin]
    while at in near and near[at].size:
        last = near[at]
        at += last.size
    is_next = 0 <= begin - first.size - _TCP_HEADER <= _TCP_OPTIONS
    return first._replace(size=first.size + at - begin) if is_next and not last.has_more else first


def datagrams(packets: Iterable[Packet]) -> dict[Flow, list[Packet]]:
    """UDP packets by their flow, each direction by itself."""
    found: dict[Flow, list[Packet]] = {}
    for packet in packets:
        if packet.protocol == UDP and not packet.shift:
            found.setdefault(flow_of(packet), []).append(packet)
    return found


def seconds(nanoseconds: float) -> str:
    """``0.81 s`` or ``40 ms``."""
    return f"{nanoseconds / SECOND:.3g} s" if nanoseconds >= SECOND else f"{nanoseconds / MILLISECOND:.3g} ms"


def numbers(packets: Sequence[Packet], most: int = 12) -> list[int]:
    """Frame numbers of the first packets, and of the last if there are more."""
    listed = [packet.number for packet in packets]
    return listed if len(listed) <= most else [*listed[: most - 1], listed[-1]]
