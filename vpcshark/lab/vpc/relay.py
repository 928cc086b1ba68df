"""Joins two sockets: what comes out of one goes into the other, both ways, until one ends. Must not know what it is."""

from __future__ import annotations

import contextlib
import socket
import threading

_CHUNK = 1 << 16


def join(first: socket.socket, second: socket.socket) -> None:
    """Returns when it is over, both closed."""
    for sock in (first, second):
        sock.settimeout(None)
    back = threading.Thread(target=_move, args=(second, first), daemon=True)
    back.start()
    _move(first, second)
    back.join()
    first.close()
    second.close()


def _move(source: socket.socket, drain: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            drain.sendall(data)
    for sock in (source, drain):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def line_of(sock: socket.socket) -> str:
    """The first line, read byte by byte, so that what follows stays in the socket."""
    line = b""
    while not line.endswith(b"\n") and len(line) < 4096:
        byte = sock.recv(1)
        if not byte:
            break
        line += byte
    return line.decode("ascii", "replace").strip()
