"""Outer frames of every shape, and verdicts from libpcap's and the kernel's own interpreters, as fixtures."""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
from outer import FILES, SHAPES, WORKERS
from scapy.libs import winpcapy

from vpcshark.wire.overlay.decap import Decapsulator
from vpcshark.wire.overlay.decap_stream import Worker

Program = Sequence[tuple[int, int, int, int]]


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
        self._attach(struct.pack("HP", len(program), code.buffer_info()[0]))
        self.near.send(frame)
        with contextlib.suppress(BlockingIOError):
            self.far.recv(1)
            return True
        return False

    def _attach(self, program: bytes) -> None:
        """Linux counts a filter and the one that it replaces together, and refuses a socket more than
        net.core.optmem_max; what is detached it gives back a moment later."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.far.setsockopt(socket.SOL_SOCKET, 26, program)
                return
            except OSError as error:
                if error.errno != errno.ENOMEM or time.monotonic() > deadline:
                    raise
            with contextlib.suppress(FileNotFoundError):  # none is left
                self.far.setsockopt(socket.SOL_SOCKET, 27, 0)
            time.sleep(0.01)


@pytest.fixture(scope="session")
def kernel() -> Iterator[KernelFilter]:
    """The kernel's own verdict on any bytes."""
    filter_ = KernelFilter()
    with filter_.near, filter_.far:
        yield filter_


@pytest.fixture(params=sorted(FILES))
def file_of(request: pytest.FixtureRequest) -> Callable[[Iterable[bytes]], bytes]:
    """``file_of(frames)``: a capture file, in each format."""
    return FILES[request.param]


@pytest.fixture(params=sorted(WORKERS))
def worker(request: pytest.FixtureRequest) -> Callable[[Decapsulator], Worker]:
    """Each way of decapsulating records."""
    return WORKERS[request.param]
