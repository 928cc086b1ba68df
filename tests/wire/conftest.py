"""Outer frames of every shape, and verdicts from libpcap's and the kernel's own interpreters, as fixtures."""

from __future__ import annotations

import array
import contextlib
import ctypes
import socket
import struct
from collections.abc import Callable, Iterator, Sequence

import pytest
from scapy.libs import winpcapy

Program = Sequence[tuple[int, int, int, int]]


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


@pytest.fixture(params=sorted(SHAPES))
def shape(request: pytest.FixtureRequest) -> Callable[[bytes, int], bytes]:
    """A way to wrap (inner frame, VNI) in outer headers."""
    return SHAPES[request.param]


@pytest.fixture(scope="session")
def shapes() -> dict[str, Callable[[bytes, int], bytes]]:
    """All ways to wrap (inner frame, VNI) in outer headers."""
    return SHAPES


class _Header(ctypes.Structure):
    _fields_ = [
        ("seconds", ctypes.c_long),
        ("fraction", ctypes.c_long),
        ("caplen", ctypes.c_uint),
        ("len", ctypes.c_uint),
    ]


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction))]


@pytest.fixture(scope="session")
def libpcap_verdict() -> Callable[..., int]:
    """``libpcap_verdict(program, frame, length)``: what libpcap's own interpreter (pcap_offline_filter) returns."""

    def verdict(program: Program, frame: bytes, length: int | None = None) -> int:
        instructions = (_Instruction * len(program))(*[_Instruction(*each) for each in program])
        header = _Header(0, 0, len(frame), len(frame) if length is None else length)
        found: int = winpcapy._lib.pcap_offline_filter(
            ctypes.byref(_Program(len(program), instructions)), ctypes.byref(header), frame
        )
        return found & 0xFFFFFFFF

    return verdict


class KernelFilter:
    """Runs programs in the kernel: a datagram between Unix sockets arrives if the filter on the second lets it."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.far.setblocking(False)

    def accepts(self, program: Program, frame: bytes) -> bool:
        code = array.array("B", b"".join(struct.pack("HBBI", *each) for each in program))
        self.far.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HP", len(program), code.buffer_info()[0]))
        self.near.send(frame)
        with contextlib.suppress(BlockingIOError):
            self.far.recv(1)
            return True
        return False


@pytest.fixture(scope="session")
def kernel() -> Iterator[KernelFilter]:
    """The kernel's own verdict on any bytes."""
    filter_ = KernelFilter()
    with filter_.near, filter_.far:
        yield filter_
