"""What nftables' ``log group N`` tells of packets, over netlink (linux/netfilter/nfnetlink_log.h): prefix and packet.

A socket belongs to the network namespace in which it was opened. Must not know what prefixes mean.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vpcshark.errors import VpcsharkError

_NETLINK_NETFILTER = 12
_SO_RCVBUFFORCE = 33
_BUFFER = 16 << 20
_ULOG = 4 << 8
_PACKET, _CONFIG = _ULOG, _ULOG | 1
_ERROR, _REQUEST, _ACK = 2, 1, 4
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_GENERIC = struct.Struct(">BBH")  # struct nfgenmsg
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_CFG_COMMAND, _CFG_MODE, _CFG_FLAGS = 1, 2, 6
_BIND, _COPY_PACKET, _WITH_SEQUENCE = 1, 2, 1
_A_HEADER, _A_PAYLOAD, _A_PREFIX, _A_SEQUENCE = 1, 9, 10, 12
_NETDEV, _NETDEV_EGRESS = 5, 1  # NFPROTO_NETDEV, NF_NETDEV_EGRESS: there the packet begins with its Ethernet header
_ETHERNET = 14
_LARGEST = 1 << 16


@dataclass(frozen=True)
class Logged:
    """``data`` begins with the IP header; ``is_after_gap``: others were told before it, and lost."""

    prefix: str
    data: bytes
    is_after_gap: bool = False


class Listener:
    """Hears what rules of this namespace log to ``group``. VpcsharkError where the kernel can't."""

    def __init__(self, group: int, copied: int = 128) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._expected = 0
        try:
            self._configure(group, _attribute(_CFG_COMMAND, bytes([_BIND])))
            mode = _attribute(_CFG_MODE, struct.pack(">IBB", copied, _COPY_PACKET, 0))
            self._configure(group, mode + _attribute(_CFG_FLAGS, struct.pack(">H", _WITH_SEQUENCE)))
        except OSError as error:
            self._socket.close()
            raise VpcsharkError(f"The kernel does not tell of packets (nfnetlink_log): {error}.") from error
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def read(self) -> list[Logged]:
        """All that is there."""
        found: list[Logged] = []
        while True:
            try:
                data = self._socket.recv(_LARGEST)
            except OSError as error:
                if error.errno == errno.ENOBUFS:  # the next one has a gap before it
                    continue
                if error.errno == errno.EAGAIN:
                    return found
                raise
            found += self._packets(data)

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()

    def _configure(self, group: int, attributes: bytes) -> None:
        body = _GENERIC.pack(0, 0, group) + attributes
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _CONFIG, _REQUEST | _ACK, 1, 0) + body)
        answer = self._socket.recv(_LARGEST)
        (code,) = struct.unpack_from("=i", answer, _HEADER.size)
        if code:
            raise OSError(-code, os.strerror(-code))

    def _packets(self, data: bytes) -> Iterator[Logged]:
        while len(data) >= _HEADER.size:
            length, kind, *_ = _HEADER.unpack_from(data)
            if kind == _PACKET:
                yield self._packet(data[_HEADER.size : length])
            data = data[(length + 3) & ~3 :] if length >= _HEADER.size else b""

    def _packet(self, body: bytes) -> Logged:
        family = body[0]
        facts = dict(_attributes(body[_GENERIC.size :]))
        payload = facts.get(_A_PAYLOAD, b"")
        if family == _NETDEV and facts[_A_HEADER][2] == _NETDEV_EGRESS:
            payload = payload[_ETHERNET:]
        (number,) = struct.unpack(">I", facts[_A_SEQUENCE])
        is_after_gap, self._expected = number != self._expected, number + 1
        return Logged(facts[_A_PREFIX].rstrip(b"\0").decode(), payload, is_after_gap)


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return (_ATTRIBUTE.pack(length, kind) + value).ljust((length + 3) & ~3, b"\0")


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
