"""One capture point, cleaned: what the verdicts look at. First of all it is found what the capture itself did.

Must not know verdicts about the network.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from vpcshark.diagnose.finding import LIKELY, PROVED, Finding, Frame, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, Flow, connections, datagrams, flow_of, numbers
from vpcshark.diagnose.icmp import TOO_BIG, Quote, quote_of
from vpcshark.diagnose.packet import ACK, ICMP, ICMP6, RST, SYN, TCP, UDP, Packet, address
from vpcshark.diagnose.sightings import PROBE_TTL
from vpcshark.diagnose.sound import Batch, Server, Sound
from vpcshark.diagnose.streams import Pair
from vpcshark.diagnose.table import Point

_COPIES_WITHIN = MILLISECOND
_ROUND_WITHIN, _COMPARED = SECOND, 64
"""Without an identification: so soon a packet is back on its round, and so much of its payload is the same."""
_SHARE_OF_COPIES = 0.3
"""From so many copies on they are the capture's: a network copies some packets, a capture point all."""
_FEWEST_COPIES = 4
_INITIAL_TTLS = (64, 128, 255)


class View:
    """``findings`` is what was found about the capture itself; ``loops`` the packets that went in a circle.

    ``packets`` are those that are judged: of a point without columns all. What the others bear witness to is in
    ``sound``; ``handshakes`` are connections of theirs as far as their TLS handshake goes. ``carriers`` are ICMP errors
    about tunnels' own packets."""

    def __init__(self, point: Point, batch: Batch | None = None) -> None:
        self.point = point
        self.sound = batch.sound if batch else Sound()
        self.findings: list[Finding] = []
        self.removed: list[Packet] = []
        self.carriers: list[Quote] = []
        given = batch.packets if batch else point.packets
        packets = self._without_mirror(given)
        self.loops, packets = _without_loops(packets) if self.sound.has_loops else ([], packets)
        self.packets = packets if self.sound.is_doubled is False else self._without_copies(packets)
        self.begin = self.sound.begin or (given[0].at if given else 0)
        self.end = max(self.sound.end, *(packet.at for packet in given)) if given else self.sound.end
        self.pairs = [Pair(connection) for connection in connections(self.packets)]
        self.handshakes = [Pair(connection) for connection in connections(batch.handshakes if batch else ())]
        self.datagrams = datagrams(self.packets)
        self.quotes = [quote for packet in self.packets if (quote := quote_of(packet)) is not None]
        self._quoted: dict[Flow, list[Quote]] = defaultdict(list)
        for quote in self.quotes:
            self._quoted[quote.flow].append(quote)
        self._ttls: dict[bytes, Counter[int]] = {}
        self._flows = {flow_of(packet) for packet in self.packets if packet.protocol in (TCP, UDP)}

    def _without_mirror(self, packets: Sequence[Packet]) -> list[Packet]:
        """Without ICMP about the carriers of mirrored frames: these go by no capture point of what they carry."""
        asked = (quote_of(packet) for packet in packets if packet.protocol in (ICMP, ICMP6))
        about = [quote for quote in asked if quote is not None and quote.is_about_mirror]
        self.carriers = [quote for quote in about if not quote.is_of_deaf_target]
        if deaf := [quote.packet for quote in about if quote.is_of_deaf_target]:
            self.findings.append(self._deaf(deaf))
        gone = {quote.packet.number for quote in about}
        return [packet for packet in packets if packet.number not in gone]

    def _deaf(self, about: Sequence[Packet]) -> Finding:
        flows = tuple(dict.fromkeys(flow_of(packet) for packet in about))
        sentence = (
            f"{address(about[0].source)} answers {len(about)} mirrored frames with ICMP, as nothing there listens to "
            "VXLAN: this says nothing about the mirrored traffic."
        )
        checked = (
            "Each of these ICMP messages quotes UDP to a tunnel's port, not the mirrored packet.",
            'They say "port unreachable" and come from the target itself.',
        )
        advice = "Start the receiver on the mirror target before the mirror session."
        return self.finding(Verdict("mirror-artefact", PROVED, sentence, checked, advice), flows, about)

    def _without_copies(self, packets: list[Packet]) -> list[Packet]:
        """Without second sightings, if the capture saw packets more than once."""
        copies, asked = _copies(packets)
        if len(copies) < _FEWEST_COPIES or len(copies) < _SHARE_OF_COPIES * asked:
            return packets
        flows = tuple(dict.fromkeys(flow_of(packet) for packet in (*copies[:200], copies[-1])))
        sentence = (
            f"{len(copies)} packets are in the capture more than once, with the same identification and within 1 ms: "
            "the capture point saw them at several places. They are counted once."
        )
        share = f"{len(copies)} of {asked} packets have a copy: of a network's own copies there would be few."
        advice = "Capture at one interface instead of all, or let only one of both mirror sessions take each packet."
        self.findings.append(
            self.finding(Verdict("capture-duplicated", PROVED, sentence, (share,), advice), flows, copies)
        )
        self.removed = copies
        gone = {packet.number for packet in copies}
        return [packet for packet in packets if packet.number not in gone]

    def frames(self, packets: Iterable[Packet]) -> tuple[Frame, ...]:
        """Where these are."""
        return tuple(Frame(self.point.file, number) for number in sorted(set(numbers(list(packets)))))

    def finding(self, verdict: Verdict, flows: tuple[Flow, ...], packets: Iterable[Packet]) -> Finding:
        """A finding of this point."""
        return Finding(**verdict._asdict(), flows=flows, frames=self.frames(packets))

    def quotes_of(self, flow: Flow) -> list[Quote]:
        """ICMP errors about packets of ``flow``."""
        return self._quoted.get(flow, [])

    @cached_property
    def told_too_big(self) -> frozenset[bytes]:
        """Whom a router has told that a packet of theirs is too big."""
        return frozenset(quote.flow.source for quote in self.quotes if quote.says == TOO_BIG)

    def has_flow(self, flow: Flow) -> bool:
        """Was a TCP or UDP packet of ``flow`` seen, in this direction?"""
        return flow in self._flows

    def ttls(self, source: bytes) -> Counter[int]:
        """How often each TTL was seen from a host, in what is no reset."""
        if not self._ttls:
            for packet in self.packets:
                if packet.protocol in (TCP, UDP) and not packet.flags & 4:
                    self._ttls.setdefault(packet.source, Counter())[packet.ttl] += 1
        return self._ttls.get(source, Counter()) + self.sound.ttls.get(source, Counter())

    def spoke(self, source: bytes) -> bool:
        """Is there any packet of this host?"""
        return source in self.sound.ttls or any(packet.source == source for packet in self.packets)

    @cached_property
    def _targets(self) -> frozenset[bytes]:
        return self.point.targets

    def is_heard_by(self, host: bytes) -> bool:
        """Is there any packet to this host? If not, what is missing towards it may be so by the capture's choice."""
        return host in self._targets

    def hides_answers(self, host: bytes) -> bool:
        """Is nothing here that was sent to this host, though by its ACKs it gets something? A mirror's filter may take
        one direction alone."""
        if self.is_heard_by(host):
            return False
        return any(p.source == host and p.flags & (SYN | ACK | RST) == ACK for p in self.packets if p.protocol == TCP)

    def beside(self, servers: Iterable[Server]) -> list[Pair]:
        """Sound connections of these servers: how they began and ended, and the first answer."""
        return [Pair(made) for packets in self.sound.openings(servers) for made in connections(packets)]

    def is_here(self, source: bytes) -> bool:
        """Does this host stand at the capture point, by TTLs that no router has lowered?"""
        found = self.ttls(source)
        return bool(found) and all(ttl in _INITIAL_TTLS for ttl in found)

    def stands_at(self, host: bytes, other: bytes) -> bool:
        """Is this point at ``host``, and not at ``other``, of two that speak to each other? The addresses of its ENI
        say it, else TTLs; inside a VPC no hop lowers these, so that they do not tell."""
        if {host, other} & self.point.addresses:
            return host in self.point.addresses and other not in self.point.addresses
        return self.is_here(host) and not self.is_here(other)


class _Sight(NamedTuple):
    source: bytes
    target: bytes
    ident: int
    seq: int
    ack: int
    size: int
    flags: int
    ports: tuple[int, int]
    start: bytes


def _copies(packets: Sequence[Packet]) -> tuple[list[Packet], int]:
    """(second sightings within a millisecond, how many packets could have been told as such)."""
    last: dict[_Sight, int] = {}
    copies, asked = [], 0
    for packet in packets:
        if not _can_be_told(packet):
            continue
        asked += 1
        ports = (packet.sport, packet.dport)
        sight = _Sight(
            *(packet.source, packet.target, packet.ident, packet.seq, packet.ack, packet.size, packet.flags, ports),
            packet.payload[:16] + packet.shift.to_bytes(4, "big"),
        )
        before = last.get(sight)
        if before is not None and packet.at - before <= _COPIES_WITHIN:
            copies.append(packet)
        last[sight] = packet.at
    return copies, asked


def _can_be_told(packet: Packet) -> bool:
    return packet.ident > 0 or (packet.protocol == TCP and bool(packet.size or packet.flags & SYN))


def _without_loops(packets: Sequence[Packet]) -> tuple[list[list[Packet]], list[Packet]]:
    """(packets that came by again and again with a falling TTL, the rest)."""
    alike: dict[tuple[object, ...], list[Packet]] = defaultdict(list)
    for packet in packets:
        fixed = (packet.source, packet.target, packet.protocol, packet.ident, packet.shift, *_content(packet))
        alike[fixed].append(packet)
    loops = [found for each in alike.values() for found in _rounds(each) if len(found) >= 3 and _falls(found)]
    gone = {packet.number for found in loops for packet in found[1:]}
    return loops, [packet for packet in packets if packet.number not in gone] if gone else list(packets)


def _content(packet: Packet) -> tuple[object, ...]:
    """Where no identification tells packets apart (IPv6; RFC 6864), what is in them does."""
    if packet.ident > 0:
        return (packet.seq, packet.size, packet.flags)
    fields = (packet.seq, packet.size, packet.flags, packet.ack, packet.sport, packet.dport)
    return (*fields, packet.options, packet.payload[:_COMPARED])


def _rounds(found: list[Packet]) -> Iterator[list[Packet]]:
    """The same packet; without an identification also sent again, which begins with a TTL for any distance."""
    if len(found) < 3 or found[0].ident > 0:
        yield found
        return
    steps = list(itertools.pairwise(found))
    ends = [n for n, (a, b) in enumerate(steps, 1) if b.ttl >= a.ttl or b.at - a.at > _ROUND_WITHIN]
    for begin, end in itertools.pairwise([0, *ends, len(found)]):
        if found[begin].ttl >= PROBE_TTL:
            yield found[begin:end]


def _falls(found: Sequence[Packet]) -> bool:
    return all(after.ttl < before.ttl for before, after in itertools.pairwise(found))


def confidence(is_proved: bool) -> str:
    """Proved, or only likely."""
    return PROVED if is_proved else LIKELY
