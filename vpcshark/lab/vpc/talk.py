"""An instance's own initiative: real traffic to a peer, over and over, each payload with a number of its own.

Must not know namespaces or mirrors.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vpcshark.lab.vpc import dns
from vpcshark.lab.vpc.services import DNS_PORT, ECHO_PORT, HTTP_PORT

PAUSE = 0.12  # seconds between two exchanges; a whole cycle of eight stays under a second
_PATIENCE = 0.5  # seconds to wait for an answer
_JUMBO = 8000  # bytes of payload: more than any Ethernet but a jumbo one carries, less than would need cutting
_A, _AAAA = 1, 28
_ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128)}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peer:
    """Whom to talk to, and what runs there. ``ipv6`` may be empty."""

    name: str
    ipv4: str
    ipv6: str
    has_http: bool = False
    has_dns: bool = False
    has_echo: bool = False


class Talker:
    """Talks to one peer and to the VPC's resolver in the name of the instance ``me``."""

    def __init__(self, me: str, peer: Peer, resolver: str) -> None:
        self._me = me
        self._peer = peer
        self._resolver = resolver
        self._numbers = itertools.count(1)

    def cycle(self, stopped: threading.Event | None = None, pause: float = 0.0) -> None:
        """One of each exchange that the peer can answer, ``pause`` seconds apart, unless ``stopped`` is set.

        A failed exchange is logged and left: the next cycle tries again.
        """
        stopped = stopped or threading.Event()
        for exchange, address in self._exchanges():
            try:
                exchange(address)
            except (OSError, http.client.HTTPException) as error:
                log.warning("%s to %s: %s", self._me, address, error)
            if stopped.wait(pause):
                return

    def talk(self, stopped: threading.Event, pause: float = PAUSE) -> None:
        """Cycle until ``stopped`` is set."""
        while not stopped.is_set():
            self.cycle(stopped, pause)

    def _exchanges(self) -> Iterator[tuple[Callable[[str], None], str]]:
        peer = self._peer
        for address in filter(None, (peer.ipv4, peer.ipv6)):
            if peer.has_http:
                yield self._get, address
            yield self._ping, address
            if peer.has_dns:
                yield self._look_up, address
        yield self._look_up, self._resolver
        if peer.has_echo:
            yield self._send_jumbo, peer.ipv4

    def _token(self, kind: str) -> str:
        return f"{kind}-{self._me}-{self._peer.name}-{next(self._numbers):08d}"

    def _get(self, address: str) -> None:
        connection = http.client.HTTPConnection(address, HTTP_PORT, timeout=_PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", f"/{self._token('http')}", headers={"Host": self._peer.name})
            connection.getresponse().read()

    def _look_up(self, server: str) -> None:
        token = self._token("dns")
        kind = _AAAA if ":" in server else _A
        query = dns.question(int(token[-8:]), f"{token}.{self._peer.name}.vpc.internal", kind)
        self._exchange(server, DNS_PORT, query)

    def _send_jumbo(self, address: str) -> None:
        self._exchange(address, ECHO_PORT, self._token("jumbo").encode().ljust(_JUMBO, b"."))

    @staticmethod
    def _exchange(address: str, port: int, data: bytes) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PATIENCE)
            sock.connect((address, port))
            sock.send(data)
            sock.recv(1 << 16)

    def _ping(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        protocol, echo = _ECHO[family]
        identifier = os.getpid() & 0xFFFF
        token = self._token("ping")
        request = struct.pack("!BBHHH", echo, 0, 0, identifier, int(token[-8:]) & 0xFFFF) + token.encode().ljust(48)
        with socket.socket(family, socket.SOCK_RAW, protocol) as sock:
            sock.settimeout(_PATIENCE)
            sock.connect((address, 0))
            sock.send(with_checksum(request) if family == socket.AF_INET else request)  # IPv6: the kernel's work
            while token.encode() not in sock.recv(1 << 16):
                pass  # other ICMP from this peer


def with_checksum(message: bytes) -> bytes:
    """An ICMP message of even length with its checksum (RFC 1071) filled in."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return message[:2] + struct.pack("!H", ~total & 0xFFFF) + message[4:]
