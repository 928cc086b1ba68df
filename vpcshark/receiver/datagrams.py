"""Frames without privilege: VXLAN datagrams from UDP sockets, filtered, stamped and counted by the kernel.

For each address there is a SO_REUSEPORT group of two sockets: the first refuses all, the second is ours, and the filter
is the group's own program (SO_ATTACH_REUSEPORT_CBPF, Linux 4.5), which returns the index of the socket that gets a
datagram. So the drop counter of ours tells only what was lost for want of room; with SO_ATTACH_FILTER it would count
what the filter refused, too. Sent to the capture host: Python 3.6 and the standard library only. Must not know who
reads the packets.
"""
# ruff: noqa: UP006, UP035, UP045

import contextlib
import errno
import socket
import struct
import time
from typing import List, Optional, Tuple

from vpcshark.receiver import kernel
from vpcshark.receiver.frames import Frames

_RECEIVE_BYTES = 32 * 1024 * 1024
_BATCH = 256
_ANCILLARY_BYTES = 128
_ANY_VXLAN = [(0x06, 0, 0, 1)]
_REFUSE = [(0x06, 0, 0, 0)]
_TIME = struct.Struct("@ll")


class Datagrams:
    """The sockets on ``address`` (empty, or not one of this machine's: on all). ``OSError`` EADDRINUSE when the port is
    taken.
    """

    mode = "socket"

    def __init__(self, frames: Frames, program: Optional[kernel.Program], port: int, address: str) -> None:
        self._frames = frames
        self._claim = _claim(port)
        self._pairs: List[Tuple[socket.socket, socket.socket]] = []
        for family, local in _places(address, port):
            self._pairs.append(_open_pair(family, local, port, program or _ANY_VXLAN))

    def descriptors(self) -> List[int]:
        """What to poll for input."""
        return [ours.fileno() for _, ours in self._pairs]

    def attach(self, program: Optional[kernel.Program]) -> None:
        """Filter by ``program`` from now on; None takes any VXLAN."""
        for refusing, _ in self._pairs:
            kernel.attach(refusing, program or _ANY_VXLAN, kernel.SO_ATTACH_REUSEPORT_CBPF)

    def read(self) -> Optional[bytes]:
        """The packets of some datagrams, as pcapng; None if there is no datagram."""
        parts: List[bytes] = []
        received = 0
        for _, ours in self._pairs:
            with contextlib.suppress(BlockingIOError):
                for _ in range(_BATCH):
                    data, ancillary, _, _ = ours.recvmsg(65535, _ANCILLARY_BYTES)
                    received += 1
                    parts.append(self._frames.datagram(data, _stamp(ancillary)))
        return b"".join(parts) if received else None

    def dropped(self) -> int:
        """How many datagrams were lost so far because the socket's buffer was full."""
        return sum(kernel.socket_drops(ours) for _, ours in self._pairs)

    def refused(self) -> int:
        """How many datagrams the filter refused so far."""
        return sum(kernel.socket_drops(refusing) for refusing, _ in self._pairs)

    def stop(self) -> None:
        """Take no further datagrams; those that are queued can still be read."""
        self.attach(_REFUSE)

    def left(self) -> int:
        """How many frames will still come although ``read`` gave None: none."""
        return 0

    def abandon(self) -> int:
        """Throw away what is queued; how many datagrams that were."""
        count = 0
        for _, ours in self._pairs:
            with contextlib.suppress(BlockingIOError):
                while True:
                    ours.recv(1)
                    count += 1
        return count


def _claim(port: int) -> socket.socket:
    """What two receivers that start at the same moment cannot both have: between the look at the port and its bind,
    with SO_REUSEPORT, the other would not be seen. An abstract name (unix(7)), which goes with the process.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.bind("\0vpcshark-udp-{}".format(port))  # noqa: UP032
    except OSError:
        sock.close()
        raise
    return sock


def _places(address: str, port: int) -> List[Tuple[int, str]]:
    """(family, address) to bind: the given address if this machine has it, else all."""
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            _probe(family, address, port)
            return [(family, address)]
        except OSError as exc:
            if exc.errno != errno.EADDRNOTAVAIL:
                raise
    _probe(socket.AF_INET, "0.0.0.0", port)
    places = [(int(socket.AF_INET), "0.0.0.0")]
    try:
        _probe(socket.AF_INET6, "::", port)
        places.append((int(socket.AF_INET6), "::"))
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise
    return places


def _probe(family: int, address: str, port: int) -> None:
    """``OSError`` unless nobody else has the port: a bind with SO_REUSEPORT would not tell."""
    with _datagram_socket(family) as sock:
        sock.bind((address, port))


def _datagram_socket(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def _open_pair(family: int, address: str, port: int, program: kernel.Program) -> Tuple[socket.socket, socket.socket]:
    """The program is in place before the second socket is, so nothing comes in unfiltered."""
    refusing, ours = _datagram_socket(family), _datagram_socket(family)
    for sock in (refusing, ours):
        sock.setsockopt(socket.SOL_SOCKET, kernel.SO_REUSEPORT, 1)
    kernel.attach(refusing, kernel.REFUSE_ALL)
    refusing.bind((address, port))
    kernel.attach(refusing, program, kernel.SO_ATTACH_REUSEPORT_CBPF)
    _prepare(ours, family)
    ours.bind((address, port))
    return refusing, ours


def _prepare(sock: socket.socket, family: int) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, kernel.SO_TIMESTAMPNS, 1)
    if family == socket.AF_INET6:
        with contextlib.suppress(OSError):  # VXLAN over IPv6 may come without a checksum (RFC 6935)
            sock.setsockopt(kernel.SOL_UDP, kernel.UDP_NO_CHECK6_RX, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, kernel.SO_RCVBUFFORCE, _RECEIVE_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)  # the kernel takes what rmem_max allows


def _stamp(ancillary: List[Tuple[int, int, bytes]]) -> int:
    """The kernel's time of arrival, in ns."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == kernel.SO_TIMESTAMPNS and len(value) >= _TIME.size:
            seconds, nanoseconds = _TIME.unpack_from(value)
            return int(seconds) * 1000000000 + int(nanoseconds)
    return int(time.time() * 1000000000)
