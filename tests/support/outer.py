"""Outer frames of every shape, capture files of every format around them, and both ways to take them off again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from vpcshark.wire.overlay.decap import Decapsulator
from vpcshark.wire.overlay.decap_stream import Stream, Worker
from vpcshark.wire.overlay.decap_table import Table


def udp(payload: bytes, port: int = 4789) -> bytes:
    return struct.pack(">HHHH", 50123, port, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, options: bytes = b"", protocol: int = 17) -> bytes:
    head = 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 7, 0, 64, protocol, 0
    return struct.pack(">BBHHHBBH", *head) + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + options + payload


def ipv6(payload: bytes, extensions: Sequence[int] = ()) -> bytes:
    kinds = [*extensions, 17]
    headers = b"".join(bytes([following, 0]) + bytes(6) for following in kinds[1:])
    head = struct.pack(">IHBB", 6 << 28, len(headers) + len(payload), kinds[0], 64)
    return head + bytes(15) + b"\x01" + bytes(15) + b"\x02" + headers + payload


def ethernet(kind: int, payload: bytes, tags: Sequence[int] = ()) -> bytes:
    tagged = b"".join(struct.pack(">HH", tag, 100) for tag in tags)
    return bytes.fromhex("0a0000000b02 0a0000000b01") + tagged + struct.pack(">H", kind) + payload


def vxlan(inner: bytes, vni: int, flags: int = 8) -> bytes:
    return struct.pack(">BxxxI", flags, vni << 8) + inner


def geneve(payload: bytes, kind: int, vni: int = 0, options: bytes = b"") -> bytes:
    return struct.pack(">BBHI", len(options) // 4, 0, kind, vni << 8) + options + payload


GWLB_OPTIONS = bytes.fromhex("0108010201020304050607080108020211121314151617180108030121222324")
"""Three TLVs, as AWS's Gateway Load Balancer sends them: 32 bytes."""

SHAPES: dict[str, Callable[[bytes, int], bytes]] = {
    "ipv4": lambda inner, vni: ethernet(0x0800, ipv4(udp(vxlan(inner, vni)))),
    "ipv4 with options": lambda inner, vni: ethernet(0x0800, ipv4(udp(vxlan(inner, vni)), b"\x94\x04\0\0" * 3)),
    "ipv6": lambda inner, vni: ethernet(0x86DD, ipv6(udp(vxlan(inner, vni)))),
    "ipv6 with a fragment header": lambda inner, vni: ethernet(0x86DD, ipv6(udp(vxlan(inner, vni)), (44,))),
    "ipv6 with extensions": lambda inner, vni: ethernet(0x86DD, ipv6(udp(vxlan(inner, vni)), (0, 43, 60))),
    "vlan": lambda inner, vni: ethernet(0x0800, ipv4(udp(vxlan(inner, vni))), (0x8100,)),
    "qinq": lambda inner, vni: ethernet(0x86DD, ipv6(udp(vxlan(inner, vni))), (0x88A8, 0x8100)),
    "geneve, ipv4, vxlan": lambda inner, vni: ethernet(
        0x0800, ipv4(udp(geneve(ipv4(udp(vxlan(inner, vni))), 0x0800, 5, GWLB_OPTIONS), 6081))
    ),
    "geneve, ipv6, vxlan": lambda inner, vni: ethernet(
        0x0800, ipv4(udp(geneve(ipv6(udp(vxlan(inner, vni))), 0x86DD, 5), 6081))
    ),
    "geneve, ethernet": lambda inner, vni: ethernet(0x86DD, ipv6(udp(geneve(inner, 0x6558, vni, GWLB_OPTIONS), 6081))),
}


def pcap_file(
    frames: Iterable[bytes], order: str = "<", nano: bool = False, link: int = 1, snaplen: int = 262144
) -> bytes:
    """A pcap file; frame n is 1 s + n ticks after the epoch's billionth second."""
    head = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link)
    stamped = enumerate(frames)
    return head + b"".join(
        struct.pack(order + "IIII", 10**9, n, len(frame), len(frame)) + frame for n, frame in stamped
    )


def modified_file(frames: Iterable[bytes]) -> bytes:
    """The same in Kuznetzov's format: behind each record's head interface, protocol, and a byte for the direction."""
    head = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 262144, 1)
    stamped = enumerate(frames)
    return head + b"".join(
        struct.pack("<IIIIIHBx", 10**9, n, len(frame), len(frame), 2, 0x0800, 0) + frame for n, frame in stamped
    )


def pcapng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def pcapng_head(order: str = "<", link: int = 1, options: bytes = b"") -> bytes:
    """A section and one interface."""
    section = pcapng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    return section + pcapng_block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def pcapng_packet(frame: bytes, ticks: int, order: str = "<", interface: int = 0) -> bytes:
    head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return pcapng_block(6, head + frame, order)


def pcapng_file(frames: Iterable[bytes], order: str = "<") -> bytes:
    """The same as ``pcap_file`` in pcapng, in microseconds."""
    return pcapng_head(order) + b"".join(pcapng_packet(frame, 10**15 + n, order) for n, frame in enumerate(frames))


FILES: dict[str, Callable[[Iterable[bytes]], bytes]] = {
    "pcap": pcap_file,
    "pcap, big-endian": lambda frames: pcap_file(frames, ">"),
    "pcap, nanoseconds": lambda frames: pcap_file(frames, nano=True),
    "pcap, modified": lambda frames: modified_file(frames),
    "pcapng": pcapng_file,
    "pcapng, big-endian": lambda frames: pcapng_file(frames, ">"),
}

WORKERS: dict[str, Callable[[Decapsulator], Worker]] = {"frame by frame": lambda engine: engine, "table": Table}


def stream(data: bytes, worker: Worker, piece: int = 1 << 20, chunk: int = 1 << 16) -> tuple[bytes, str]:
    """What a stream makes of a file that comes in pieces, and what it complained of."""
    running, at = Stream(worker, chunk=chunk), 0
    made: list[bytes | memoryview] = []
    try:
        while at < len(data):
            room = running.room()
            count = min(piece, len(room), len(data) - at)
            room[:count] = data[at : at + count]
            at += count
            made += running.take(count)
        running.finish()
    except ValueError as exc:
        return b"".join(made), str(exc)
    return b"".join(made), ""
