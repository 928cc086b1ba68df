"""What Linux offers and Python's socket module does not name: packet rings, socket filters, who owns an address.

Numbers are those of the kernel's uapi headers, the same on all architectures that EC2 has. Sent to the capture host:
Python 3.6 and the standard library only. Must not know what the frames are.
"""
# ruff: noqa: UP006, UP035, UP045

import array
import errno
import fcntl
import socket
import struct
from typing import List, Optional, Sequence, Tuple

Program = Sequence[Sequence[int]]

SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_REUSEPORT = 26, 33, 35, 15
SO_ATTACH_REUSEPORT_CBPF, SO_MEMINFO = 51, 55
SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_IGNORE_OUTGOING = 263, 5, 6, 10, 23
TPACKET_V3 = 2
ETH_P_ALL = 3
SOL_UDP, UDP_NO_CHECK6_RX = 17, 102
F_SETPIPE_SZ = 1031
_SIOCGIFCONF = 0x8912
_MEMINFO_DROPS = 8

_PACKET_TYPE, _INTERFACE_INDEX, _PACKET_OUTGOING = 0xFFFFF004, 0xFFFFF008, 4
_LOAD, _LOAD_HALF, _LOAD_BYTE, _LOAD_HALF_X, _HEADER_LENGTH = 0x20, 0x28, 0x30, 0x48, 0xB1
_JUMP_EQUAL, _RETURN = 0x15, 0x06
REFUSE_ALL = [(_RETURN, 0, 0, 0)]
ACCEPT_ALL = [(_RETURN, 0, 0, 0x7FFFFFFF)]


def attach(sock: socket.socket, program: Program, option: int = SO_ATTACH_FILTER) -> None:
    """Put a classic BPF program on a socket, in place of the one there; ``OSError`` when the kernel refuses it."""
    code = array.array("B", b"".join([struct.pack("HBBI", *instruction) for instruction in program]))
    sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("HP", len(program), code.buffer_info()[0]))


def exchange(sock: socket.socket, program: Program, earlier: Program, between: Program) -> None:
    """Put ``program`` in the place of ``earlier``. Linux counts both while they change places, up to
    net.core.optmem_max: where that is too much, ``between`` is there for a moment: it should be short and take what
    either takes, so that no frame is missed. ``OSError``: ``earlier`` is in its place.
    """
    try:
        attach(sock, program)
    except OSError as exc:
        if exc.errno != errno.ENOMEM:
            raise
        attach(sock, between)
        try:
            attach(sock, program)
        except OSError:
            attach(sock, earlier)
            raise


def arriving(program: Program, interfaces: Sequence[int]) -> List[Sequence[int]]:
    """``program`` for frames that arrive (loopback shows each twice) on one of ``interfaces``; none: on any."""
    count = len(interfaces)
    refuse = [(_RETURN, 0, 0, 0)]
    head = [(_LOAD, 0, 0, _PACKET_TYPE), (_JUMP_EQUAL, count + 1 if count else 0, 0 if count else 1, _PACKET_OUTGOING)]
    if count:
        head.append((_LOAD, 0, 0, _INTERFACE_INDEX))
        head += [(_JUMP_EQUAL, count - place, 0, index) for place, index in enumerate(interfaces)]
    return [*head, *refuse, *program]


def any_datagram(ports: Sequence[int]) -> List[Sequence[int]]:
    """A filter for outer frames with UDP to one of ``ports``, for when none was given."""
    count = len(ports)
    tests = [(_JUMP_EQUAL, count - 1 - place, int(place == count - 1), port) for place, port in enumerate(ports)]
    accept = [(_RETURN, 0, 0, 0x7FFFFFFF), (_RETURN, 0, 0, 0)]
    v6 = [(_LOAD_BYTE, 0, 0, 20), (_JUMP_EQUAL, 0, count + 2, 17), (_LOAD_HALF, 0, 0, 56), *tests, *accept]
    v4 = [(_LOAD_BYTE, 0, 0, 23), (_JUMP_EQUAL, 0, count + 3, 17), (_HEADER_LENGTH, 0, 0, 14), (_LOAD_HALF_X, 0, 0, 16)]
    v4 += [*tests, *accept]
    return [
        (_LOAD_HALF, 0, 0, 12),
        (_JUMP_EQUAL, 2, 0, 0x0800),
        (_JUMP_EQUAL, len(v4) + 1, 0, 0x86DD),
        (_RETURN, 0, 0, 0),
        *v4,
        *v6,
    ]


def owner_of(address: str) -> Optional[int]:
    """The index of the interface that has ``address``, or None."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        packed = socket.inet_pton(family, address)
    except OSError:
        return None
    found = _ipv6_addresses() if family == socket.AF_INET6 else _ipv4_addresses()
    return next((index for owned, index in found if owned == packed), None)


def _ipv4_addresses() -> List[Tuple[bytes, int]]:
    size = 16 + (24 if struct.calcsize("P") == 8 else 16)  # struct ifreq: a name and a union
    room = array.array("B", bytes(size * 4096))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, _SIOCGIFCONF, struct.pack("iP", len(room), room.buffer_info()[0]))
    used = room.tobytes()[: struct.unpack("iP", answer)[0]]
    found = []
    for at in range(0, len(used), size):
        name = used[at : at + 16].split(b"\0")[0].decode().split(":")[0]  # an alias has its interface's index
        found.append((used[at + 20 : at + 24], socket.if_nametoindex(name)))
    return found


def _ipv6_addresses() -> List[Tuple[bytes, int]]:
    try:
        with open("/proc/net/if_inet6") as lines:
            rows = [line.split() for line in lines]
    except OSError:
        return []
    return [(bytes.fromhex(row[0]), int(row[1], 16)) for row in rows]


def socket_drops(sock: socket.socket) -> int:
    """How many datagrams the kernel dropped at ``sock`` so far (modulo 2^32); ``OSError`` before Linux 4.12."""
    return int(struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))[_MEMINFO_DROPS])
