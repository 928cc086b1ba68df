"""Byte streams that are no sockets of ours, made to look like one, so that SSH can run over them: anything that can be
read and written by two threads.

Must not know what runs over them, nor who is at the other end.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

from vpcshark.transport.base import Stream

CHUNK = 65_000  # bytes; what AWS's own client sends at most in one websocket frame


class Tunnel:
    """What paramiko asks of a socket. ``on_close`` is called once, by ``close``."""

    def __init__(self, inner: socket.socket, on_close: Callable[[], None]) -> None:
        self._inner = inner
        self._on_close = on_close
        self._lock = threading.Lock()
        self._is_closed = False
        self.send = inner.send
        self.recv = inner.recv
        self.settimeout = inner.settimeout
        self.fileno = inner.fileno

    @property
    def _closed(self) -> bool:
        """paramiko asks sockets for this private name."""
        return self._is_closed

    def close(self) -> None:
        """End the stream; may be called again, by any thread."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        with contextlib.suppress(OSError):
            self._inner.shutdown(socket.SHUT_RDWR)
        self._inner.close()
        self._on_close()


def pumped(receive: Callable[[], bytes], send: Callable[[bytes], object], close: Callable[[], None]) -> Tunnel:
    """A tunnel over two functions that wait: ``receive`` gives b"" at the end, ``close`` wakes both."""
    ours, theirs = socket.socketpair()

    def inwards() -> None:
        with contextlib.suppress(OSError):
            while data := receive():
                theirs.sendall(data)
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_RDWR)

    def outwards() -> None:
        with contextlib.suppress(OSError):
            while data := theirs.recv(CHUNK):
                send(data)
        close()
        threads[0].join()
        theirs.close()

    threads = [threading.Thread(target=work, name="tunnel", daemon=True) for work in (inwards, outwards)]
    for thread in threads:
        thread.start()
    return Tunnel(ours, lambda: None)


def join(connection: socket.socket, stream: Stream) -> None:
    """Carry bytes both ways until one of the two ends, then end both. OSError."""

    def outwards() -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := connection.recv(CHUNK):
                while data:
                    data = data[stream.send(data) :]
        stream.close()

    stream.settimeout(None)
    sending = threading.Thread(target=outwards, name="tunnel", daemon=True)
    sending.start()
    try:
        while data := stream.recv(CHUNK):
            connection.sendall(data)
    finally:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        sending.join()


def wait_readable(sock: socket.socket, timeout: float) -> bool:
    """Is there something to read, or the end, within ``timeout`` seconds? ValueError or OSError if it is closed."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], timeout)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(timeout * 1000))
