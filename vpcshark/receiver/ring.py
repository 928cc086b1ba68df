"""Frames from an AF_PACKET ring (TPACKET_V3): the kernel filters, stamps, counts and batches them; we read memory.

Kernel side: Documentation/networking/packet_mmap.rst and linux/if_packet.h. Sent to the capture host: Python 3.6 and
the standard library only. Must not know who reads the packets.
"""
# ruff: noqa: UP006, UP035, UP045

import contextlib
import mmap
import socket
import struct
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from vpcshark.receiver import kernel
from vpcshark.receiver.frames import Frames
from vpcshark.wire.capture_files.blocks import enhanced_packet

BLOCK_BYTES = 128 * 1024
RING_BYTES = 32 * 1024 * 1024
_SMALLEST_RING = 1024 * 1024
_RETIRE_MS = 4
"""A block with frames is handed over after this time, or twice it, even if it is not full."""
_USER = 1
_MAC_AT = 82
"""Where the kernel puts an Ethernet frame behind its tpacket3_hdr: TPACKET_ALIGN(68 + 16) - 14."""
_MAX_TAILS = 16384

_BLOCK = struct.Struct("<8xIIII").unpack_from  # status, frames, offset of the first frame, length
_STATUS = struct.Struct("<I")
_HEADER = struct.Struct("<IIII8xH").unpack_from  # next, seconds, nanoseconds, captured, .. MAC offset


class _Shape(NamedTuple):
    """Outer headers of one common form (IPv4: without options), for ``BlockReader.fast``.

    ``unpack`` gives what ``_HEADER`` gives, and of the frame, which begins at ``_MAC_AT``: the word at its EtherType;
    the IP protocol; the UDP port and length; the VNI; the inner addresses, EtherType, IPv4's total length and IPv6's
    payload length. What is big-endian on the wire is read byte by byte or compared in its little-endian form.
    """

    headers: int
    unpack: Any
    mask: int
    value: int


_SHAPES = (
    _Shape(50, struct.Struct("<IIII8xH68xI7xB12xHBB6xI6s6sH2xBBBB").unpack_from, 0xFFFFFF, 0x450008),  # IPv4
    _Shape(70, struct.Struct("<IIII8xH68xI4xB35xHBB6xI6s6sH2xBBBB").unpack_from, 0xF0FFFF, 0x60DD86),  # IPv6
)
_UDP = 17
_IPV4, _IPV6, _VLAN_TAGS = 0x0008, 0xDD86, (0x0081, 0xA888, 0x0091)
_UNKNOWN = 1 << 32
_PACKET = struct.Struct("<IIIIIII").pack


class BlockReader:
    """Frames in ring memory -> parts of pcapng. Knows memory only, no socket."""

    def __init__(self, frames: Frames, view: memoryview) -> None:
        self.view = view
        self._frames = frames
        self._by_wire_vni = {int.from_bytes(s.vni.to_bytes(3, "big"), "little"): s for s in frames.sources}
        self._wire_port = int.from_bytes(frames.ports.vxlan.to_bytes(2, "big"), "little")
        self._tails: Dict[int, Tuple[int, bytes]] = {}

    def slow(self, at: int, count: int) -> List[Any]:
        """``count`` frames from ``at``, of any shape."""
        parts = []
        for _ in range(count):
            following, seconds, nanoseconds, captured, mac = _HEADER(self.view, at)
            begin = at + mac
            parts.append(self._frames.frame(self.view, begin, begin + captured, seconds * 1000000000 + nanoseconds))
            at += following
        return parts

    def fast(self, at: int, count: int) -> List[Any]:
        """The same, fast if they have the first one's common shape. The kernel's filter has seen to the I flag.

        Everything that is not VXLAN straight over UDP and IP with a whole, untagged inner frame goes through ``slow``.
        """
        view, tails, sources, vxlan_port = self.view, self._tails, self._by_wire_vni, self._wire_port
        headers, unpack, mask, value = _SHAPES[view[at + _MAC_AT + 12] == 0x86]
        outer, shortest, longest = headers - 16, headers + 20, headers + self._frames.snaplen
        parts: List[Any] = []
        second = high = delta = -1
        try:
            for _ in range(count):
                (following, seconds, nanoseconds, captured, mac, shape, protocol, port, udp_high, udp_low, vni,
                 destination, origin, kind, v4_high, v4_low, v6_high, v6_low) = unpack(view, at)  # fmt: skip
                source = sources.get(vni & 0xFFFFFF)
                if kind == _IPV4:
                    claimed = (v4_high << 8 | v4_low) + headers + 14
                elif kind == _IPV6:
                    claimed = (v6_high << 8 | v6_low) + headers + 54
                else:
                    claimed = _UNKNOWN if kind in _VLAN_TAGS else 0
                if (
                    source is None
                    or claimed > captured
                    or (udp_high << 8 | udp_low) + outer != captured
                    or shape & mask != value
                    or protocol != _UDP
                    or port != vxlan_port
                    or mac != _MAC_AT
                    or not shortest <= captured <= longest
                ):
                    parts += self.slow(at, 1)
                    at += following
                    continue
                if seconds != second:
                    second = seconds
                    high = seconds * 1000000000 >> 32
                    delta = seconds * 1000000000 - (high << 32)
                low = nanoseconds + delta
                way = 2 if origin == source.mac else 1 if destination == source.mac else 0
                length = captured - headers
                tail = tails.get(length << 2 | way) or self._tail(length, way)
                begin = at + _MAC_AT + headers
                parts += (
                    _PACKET(6, tail[0], source.id, high + (low >> 32), low & 0xFFFFFFFF, length, length),
                    view[begin : begin + length],
                    tail[1],
                )
                source.received += 1
                at += following
        except struct.error:  # a tiny frame at the very end of the ring
            parts += self.slow(at, 1)
        return parts

    def _tail(self, length: int, way: int) -> Tuple[int, bytes]:
        """(total length, what follows the data) of a packet block, from now on in ``_tails``."""
        block = enhanced_packet(0, 0, bytes(length), length, way)
        if len(self._tails) >= _MAX_TAILS:
            self._tails.clear()
        tail = self._tails[length << 2 | way] = (len(block), block[28 + length :])
        return tail


class Ring:
    """An AF_PACKET socket with its ring. ``OSError`` when the kernel refuses (no CAP_NET_RAW: ``PermissionError``)."""

    mode = "ring"

    def __init__(self, frames: Frames, program: Optional[kernel.Program], interfaces: List[int]) -> None:
        self._frames = frames
        self._interfaces = interfaces
        self._program: kernel.Program = ()
        self._next = 0
        self._offered = self._dropped = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kernel.ETH_P_ALL))
        try:
            self.attach(program)
            self._blocks = self._open_ring()
        except BaseException:
            self._socket.close()
            raise

    def _open_ring(self) -> int:
        """Set the ring up, the largest that the kernel has memory for. This throws away what came before the filter."""
        with contextlib.suppress(OSError):  # since Linux 4.20; the filter refuses outgoing frames anyway
            self._socket.setsockopt(kernel.SOL_PACKET, kernel.PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(kernel.SOL_PACKET, kernel.PACKET_VERSION, kernel.TPACKET_V3)
        size = RING_BYTES
        while True:
            blocks = size // BLOCK_BYTES
            request = struct.pack("7I", BLOCK_BYTES, blocks, 2048, size // 2048, _RETIRE_MS, 0, 0)
            try:
                self._socket.setsockopt(kernel.SOL_PACKET, kernel.PACKET_RX_RING, request)
                break
            except OSError:
                size //= 2
                if size < _SMALLEST_RING:
                    raise
        self._count()
        self._offered = self._dropped = 0
        self._map = mmap.mmap(self._socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._view = memoryview(self._map)
        self._reader = BlockReader(self._frames, self._view)
        return blocks

    def descriptors(self) -> List[int]:
        """What to poll for input."""
        return [self._socket.fileno()]

    def attach(self, program: Optional[kernel.Program]) -> None:
        """Filter by ``program`` from now on, which must pass only VXLAN and Geneve on our ports; None takes all on
        those. ``OSError``: the filter is the one that it was.
        """
        wanted = kernel.any_datagram(self._frames.ports[:2]) if program is None else program
        chosen = kernel.arriving(wanted, self._interfaces)
        if self._program:
            anything = kernel.arriving(kernel.ACCEPT_ALL, self._interfaces)  # what is no VXLAN is counted as other
            kernel.exchange(self._socket, chosen, self._program, anything)
        else:
            kernel.attach(self._socket, chosen)
        self._program, self._guarded = chosen, program is not None

    def read(self) -> Optional[bytes]:
        """The packets of the next block, as pcapng; None if no block is ready. The block goes back to the kernel."""
        base = self._next * BLOCK_BYTES
        status, count, first, _ = _BLOCK(self._view, base)
        if not status & _USER:
            return None
        read = self._reader.fast if self._guarded else self._reader.slow
        parts = read(base + first, count)
        data = b"".join(parts)  # the one copy; then the block may go back
        _STATUS.pack_into(self._view, base + 8, 0)
        self._next = (self._next + 1) % self._blocks
        return data

    def dropped(self) -> int:
        """How many frames were lost so far because the ring was full."""
        self._count()
        return self._dropped

    def _count(self) -> None:
        """The kernel's counters begin anew at each reading; its packets include the drops."""
        packets, drops, _ = struct.unpack(
            "3I", self._socket.getsockopt(kernel.SOL_PACKET, kernel.PACKET_STATISTICS, 12)
        )
        self._offered += packets
        self._dropped += drops

    def stop(self) -> None:
        """Take no further frames; those that are in the ring can still be read."""
        kernel.attach(self._socket, kernel.REFUSE_ALL)

    def left(self) -> int:
        """How many frames the kernel took and we have not read (some may be in a block that is not handed over yet)."""
        self._count()
        return self._offered - self._dropped - self._frames.taken

    abandon = left  # what is in the ring goes with it
