"""What answers in a topology's instances and in its internet: TCP as a small web server, UDP as an echo.

One thread serves all; a socket stays in the namespace that it was made in. Must not know the account.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from vpcshark.errors import InputError
from vpcshark.lab.vpc import netns

_MOST = 1 << 16


@dataclass
class _Talk:
    """A connection, and what its client has said; the name of who answers."""

    name: str
    heard: bytes = b""


@dataclass
class _Open:
    """The sockets of one place, by what they serve."""

    sockets: dict[str, socket.socket] = field(default_factory=dict)


class Listening:
    """From its making to ``close``."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._places: dict[str, _Open] = {}
        self._lock = threading.Lock()
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def serve(self, place: str, namespace: str, name: str, services: Sequence[str], address: str = "") -> None:
        """Have ``services`` ("tcp 80", "udp 53") answered in a namespace, at one address or all; those that are served
        already stay. InputError for what is no service."""
        there = self._places.setdefault(place, _Open())
        for service in services:
            if service in there.sockets:
                continue
            sock = netns.inside(namespace, lambda service=service: _bound(service, address))  # type: ignore[misc]
            there.sockets[service] = sock
            with self._lock:
                self._selector.register(sock, selectors.EVENT_READ, name)
            self._wake()

    def leave(self, place: str) -> None:
        """Serve nothing there any more."""
        for sock in self._places.pop(place, _Open()).sockets.values():
            with self._lock:
                self._selector.unregister(sock)
            sock.close()

    def close(self) -> None:
        """End all of it."""
        self._is_closing = True
        if self._thread is not None:
            self._wake()
            self._thread.join()
            self._thread = None
        for place in list(self._places):
            self.leave(place)
        for talking in [key for key in self._selector.get_map().values() if isinstance(key.data, _Talk)]:
            self._selector.unregister(talking.fileobj)
            cast(socket.socket, talking.fileobj).close()
        self._is_closing = False

    def _wake(self) -> None:
        if self._thread is None and not self._is_closing:
            self._thread = threading.Thread(target=self._run, name="lab-listening", daemon=True)
            self._thread.start()
        os.write(self._rope, b".")

    def _run(self) -> None:
        while not self._is_closing:
            for key, _ in self._selector.select():
                if key.fileobj == self._bell:
                    os.read(self._bell, _MOST)
                    continue
                with contextlib.suppress(OSError, ValueError, KeyError):  # anyone may say anything, and be gone by now
                    self._answer(key)

    def _answer(self, key: selectors.SelectorKey) -> None:
        sock = key.fileobj
        assert isinstance(sock, socket.socket)
        if isinstance(key.data, _Talk):
            self._go_on(sock, key.data)
        elif sock.type == socket.SOCK_DGRAM:
            data, sender = sock.recvfrom(_MOST)
            sock.sendto(data, sender)
        else:
            talk, _ = sock.accept()
            talk.setblocking(False)
            with self._lock:
                self._selector.register(talk, selectors.EVENT_READ, _Talk(str(key.data)))

    def _go_on(self, sock: socket.socket, talk: _Talk) -> None:
        """A request answers with who it is; anything else waits for more."""
        try:
            data = sock.recv(_MOST)
            talk.heard += data
            if b"\r\n\r\n" in talk.heard:
                body = f"{talk.name}\n".encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                sock.sendall(head + body)
            elif data and len(talk.heard) < _MOST:
                return
        except OSError:
            pass  # the client is gone
        with self._lock:
            self._selector.unregister(sock)
        sock.close()


def _bound(service: str, address: str) -> socket.socket:
    protocol, _, port = service.partition(" ")
    if protocol not in ("tcp", "udp") or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f'"{service}" is nothing that a lab serves.', 'Say "tcp 80" or "udp 53".')
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    family = socket.AF_INET if address and ":" not in address else socket.AF_INET6
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if address else 0)
    sock.bind((address or "::", int(port)))
    sock.setblocking(False)
    if kind == socket.SOCK_STREAM:
        sock.listen(64)
    return sock
