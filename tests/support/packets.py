"""Captures that a test writes packet by packet, with scapy: a clock, two hosts, a TCP connection between them.

Must not know verdicts. Times are seconds; ``Story.pcap()`` is the file.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter

from vpcshark.wire.capture_files import pcapng

CLIENT, SERVER, ROUTER = "10.0.0.1", "10.0.1.2", "10.0.0.254"
_MOST = 0xFFFFFFFF


@dataclass
class Story:
    """Packets in order of time. ``now`` goes on with each ``wait``; TTLs are those of a capture at the client."""

    now: float = 1_700_000_000.0
    packets: list[Any] = field(default_factory=list)
    idents: dict[str, int] = field(default_factory=lambda: {CLIENT: 100, SERVER: 5000, ROUTER: 9000})
    ttls: dict[str, int] = field(default_factory=lambda: {CLIENT: 64, SERVER: 63, ROUTER: 64})

    def wait(self, seconds: float) -> Story:
        """Let time go by."""
        self.now += seconds
        return self

    def ident(self, host: str) -> int:
        """The next IP identification of a host."""
        self.idents[host] = self.idents.get(host, 1000) + 1 & 0xFFFF
        return self.idents[host]

    def send(self, source: str, target: str, layer: Any, **fields: Any) -> Any:
        """A packet now; one more identification of ``source``, if none is given."""
        fields.setdefault("id", self.ident(source) if "id" not in fields else 0)
        fields.setdefault("ttl", self.ttls.get(source, 64))
        fields.setdefault("flags", "DF")
        packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=source, dst=target, **fields) / layer
        return self.put(packet)

    def put(self, packet: Any) -> Any:
        """A frame as it is."""
        packet.time = self.now
        self.packets.append(packet)
        return packet

    def udp(self, source: str, target: str, ports: tuple[int, int], payload: bytes, **fields: Any) -> Any:
        """A datagram."""
        return self.send(source, target, UDP(sport=ports[0], dport=ports[1]) / Raw(payload), **fields)

    def icmp(self, source: str, about: Any, kind: int, code: int, mtu: int = 0) -> Any:
        """An error that quotes the beginning of a packet."""
        quoted = bytes(about[IP])[:28]
        layer = ICMP(type=kind, code=code, nexthopmtu=mtu) if mtu else ICMP(type=kind, code=code)
        return self.send(source, about[IP].src, layer / Raw(quoted))

    def cut(self, length: int) -> Story:
        """The same as a capture has it that keeps so many bytes of each frame."""
        cut = Story(packets=[Raw(bytes(packet)[:length]) for packet in self.packets])
        for mine, whole in zip(cut.packets, self.packets, strict=True):
            mine.time, mine.wirelen = whole.time, len(whole)
        return cut

    def pcap(self) -> bytes:
        """The file, in nanoseconds."""
        out = io.BytesIO()
        out.close = lambda: None  # type: ignore[method-assign]  # the writer would throw it away
        with PcapWriter(out, linktype=1, nano=True) as writer:
            writer.write_header(None)
            for packet in self.packets:
                writer.write_packet(packet)
        return out.getvalue()

    def blocks(self, description: str = "web-1") -> tuple[bytes, list[bytes]]:
        """As a running capture has them: what comes first, and a block for each packet."""
        head = pcapng.section_header() + pcapng.interface_description("eni-1", description, "")
        made = []
        for packet in self.packets:
            frame = bytes(packet)
            made.append(pcapng.enhanced_packet(0, round(float(packet.time) * 1e9), frame, len(frame)))
        return head, made


class Tcp:
    """A connection in a story: ``say`` sends bytes, ``ack`` acknowledges all that was said."""

    def __init__(self, story: Story, port: int = 80, sport: int = 40000, mss: int = 1460) -> None:
        self.story, self.port, self.sport, self.mss = story, port, sport, mss
        self.seq = {CLIENT: 1000, SERVER: 90000}
        self.window = 64000

    def raw(self, source: str, flags: str, payload: bytes = b"", seq: int = -1, ack: int = -1, **more: Any) -> Any:
        """A segment with these numbers, or with what is next."""
        target = SERVER if source == CLIENT else CLIENT
        ports = (self.sport, self.port) if source == CLIENT else (self.port, self.sport)
        options = more.pop("options", [])
        window = more.pop("window", self.window)
        seq = self.seq[source] if seq < 0 else seq
        ack = (self.seq[target] if ack < 0 else ack) if "A" in flags else 0
        layer = TCP(
            sport=ports[0],
            dport=ports[1],
            flags=flags,
            seq=seq & _MOST,
            ack=ack & _MOST,
            window=window,
            options=options,
        )
        return self.story.send(source, target, layer / Raw(payload) if payload else layer, **more)

    def open(self, round_trip: float = 0.02) -> Tcp:
        """SYN, SYN-ACK, ACK."""
        offer = [("MSS", self.mss), ("SAckOK", b"")]
        self.raw(CLIENT, "S", options=offer)
        self.story.wait(round_trip)
        self.seq[CLIENT] += 1
        self.raw(SERVER, "SA", options=offer, id=0)
        self.seq[SERVER] += 1
        self.raw(CLIENT, "A")
        return self

    def say(self, source: str, payload: bytes, **more: Any) -> Any:
        """Data that count."""
        packet = self.raw(source, "PA", payload, **more)
        self.seq[source] += len(payload)
        return packet

    def skip(self, source: str, size: int) -> int:
        """Data that are sent and do not come by here: their sequence number."""
        seq = self.seq[source]
        self.seq[source] += size
        self.story.ident(source)
        return seq

    def ack(self, source: str, **more: Any) -> Any:
        """A bare ACK."""
        return self.raw(source, "A", **more)

    def ask(self, payload: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", round_trip: float = 0.02) -> Tcp:
        """A request, acknowledged by itself."""
        self.say(CLIENT, payload)
        self.story.wait(round_trip)
        self.ack(SERVER)
        return self
