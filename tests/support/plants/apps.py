"""Small clients and servers over sockets that are handed in. Must not know namespaces or faults."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

END = b"\r\n\r\n"


def head_of(connection: socket.socket) -> bytes:
    """The next request or the head of an answer; b"" at the end of the stream."""
    data = b""
    while END not in data:
        more = connection.recv(1)
        if not more:
            return b""
        data += more
    return data


def http(
    size: int = 1200, think: Callable[[int], float] = lambda number: 0.0, status: str = "200 OK"
) -> Callable[[socket.socket], None]:
    """Answers requests with ``size`` bytes after ``think(number of the request, from 1)`` seconds."""

    def handle(connection: socket.socket) -> None:
        number = 0
        while head := head_of(connection):
            number += 1
            time.sleep(think(number))
            body = b"" if head.startswith(b"HEAD") else filling(size)
            length = f"Content-Length: {len(body)}\r\n"
            connection.sendall(f"HTTP/1.1 {status}\r\nServer: plant\r\n{length}\r\n".encode() + body)
        connection.close()

    return handle


def get(connection: socket.socket, path: str = "/", host: str = "shop.example") -> tuple[int, int]:
    """(status, bytes of the body) of one request. Raises: OSError."""
    connection.sendall(request(path, host))
    return answer(connection)


def request(path: str = "/", host: str = "shop.example") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()


def answer(connection: socket.socket) -> tuple[int, int]:
    """(status, bytes of the body) of what comes; (0, 0) at the end of the stream. Raises: OSError."""
    head = head_of(connection).decode()
    if not head:
        return 0, 0
    length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0)
    return int(head.split()[1]), len(drain(connection, length))


def drain(connection: socket.socket, size: int = 1 << 62) -> bytes:
    """``size`` bytes, or all until the end."""
    parts, left = [], size
    while left and (data := connection.recv(min(left, 65536))):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def filling(size: int) -> bytes:
    """Text that no reader takes for a protocol."""
    return (b"The quick brown fox jumps over the lazy dog. " * (size // 45 + 1))[:size]


def source(size: int, pace: float = 0.0, piece: int = 16384) -> Callable[[socket.socket], None]:
    """Sends ``size`` bytes at once or in paced pieces, then closes its half and waits for the other's end."""

    def handle(connection: socket.socket) -> None:
        for at in range(0, size, piece):
            connection.sendall(filling(min(piece, size - at)))
            time.sleep(pace)
        connection.shutdown(socket.SHUT_WR)
        drain(connection)
        connection.close()

    return handle


def sink(connection: socket.socket) -> None:
    """Reads all, says "done" and closes."""
    drain(connection)
    connection.sendall(b"done\n")
    connection.close()


def upload(connection: socket.socket, size: int) -> bytes:
    """Send ``size`` bytes and the end; what the other says. Raises: OSError."""
    connection.sendall(filling(size))
    connection.shutdown(socket.SHUT_WR)
    return drain(connection)


def abort(connection: socket.socket) -> None:
    """Close with RST (SO_LINGER 0, tcp(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def outcome(act: Callable[[], object]) -> str:
    """What became of it: the name of its OSError, or "done"."""
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"
