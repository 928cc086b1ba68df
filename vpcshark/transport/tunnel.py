"""Byte streams that are no sockets of ours, made to look like one, so that SSH can run over them: a child process, or
anything that can be read and written by two threads.

Must not know what runs over them, nor who is at the other end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

from vpcshark.errors import TransportError
from vpcshark.transport.base import Stream

log = logging.getLogger(__name__)
MOST_WORDS = 2000  # bytes of a line on stderr, which may be another machine's
CHUNK = 65_000  # bytes; what AWS's own client sends at most in one websocket frame
GRACE = 1.0  # seconds that a process has to end after its input did


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


def process(command: Sequence[str], environment: Mapping[str, str] | None = None, name: str = "") -> Tunnel:
    """A tunnel over a child's stdin and stdout; it runs in a session of its own, without our terminal. What it says on
    stderr goes to the log. TransportError if there is no such program."""
    wide = os.name == "nt"  # there a socket can't be a standard stream
    ours, theirs = socket.socketpair()
    try:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if wide else theirs.fileno(),
            stdout=subprocess.PIPE if wide else theirs.fileno(),
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    except OSError as exc:
        ours.close()
        theirs.close()
        raise TransportError(f"{name or command[0]} cannot be started: {exc.strerror}.") from exc
    threading.Thread(target=_listen, args=(child, name or command[0]), name="tunnel's words", daemon=True).start()
    if wide:
        ours.close()
        theirs.close()
        return _over_pipes(child)
    theirs.close()
    return Tunnel(ours, lambda: _reap(child))


def _over_pipes(child: subprocess.Popen[bytes]) -> Tunnel:
    assert child.stdin is not None
    assert child.stdout is not None
    source, drain = child.stdout, child.stdin

    def send(data: bytes) -> None:
        drain.write(data)
        drain.flush()

    return pumped(lambda: os.read(source.fileno(), CHUNK), send, lambda: _reap(child))


def _listen(child: subprocess.Popen[bytes], name: str) -> None:
    assert child.stderr is not None
    with child.stderr:
        while line := child.stderr.readline(MOST_WORDS):
            log.info("%s said: %s", name, line.decode("utf-8", "replace").strip())


def _reap(child: subprocess.Popen[bytes]) -> None:
    """Its input is closed; a thread sees it end, so that nobody has to wait."""
    threading.Thread(target=_end, args=(child,), name="tunnel's end").start()


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()
    for stop in (child.terminate, child.kill):
        try:
            child.wait(GRACE)
            return
        except subprocess.TimeoutExpired:
            stop()
    child.wait()
