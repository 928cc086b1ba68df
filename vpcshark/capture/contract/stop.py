"""A thread-safe, idempotent request to end a capture.

Must not know why (a ``reason`` is text for the log) and what ending means.
"""

from __future__ import annotations

import contextlib
import select
import socket
import weakref
from collections import deque
from collections.abc import Callable


class Stopped(Exception):
    """Somebody said stop while a step ran. Caught by the capture, never shown."""


class Stop:
    """Requested once and for all. Thread-safe, and without a lock, so that a signal handler can't deadlock on it.

    (``threading.Event.set`` in a handler hangs if the signal came while the main thread was inside ``wait``.)
    Waiting is done on a socket pair, so ``fileno`` can stand in a poll beside other descriptors.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._reasons: deque[str] = deque()
        self._hurries: deque[str] = deque()
        self._waiting: deque[Callable[[], None]] = deque()
        weakref.finalize(self, _close, self._reader, self._writer)

    def request(self, reason: str) -> None:
        """Ask to stop. The first reason counts. Callbacks run here, in the thread that asks first."""
        self._reasons.append(reason)
        with contextlib.suppress(BlockingIOError):
            self._writer.send(b"!")
        self._call_back()

    def requested(self) -> bool:
        """True from the first request on."""
        return bool(self._reasons)

    def hurry(self) -> None:
        """Somebody asks a second time, and will not wait for the end."""
        self._hurries.append("")

    def hurried(self) -> bool:
        """Should what is left be done by others?"""
        return bool(self._hurries)

    @property
    def reason(self) -> str:
        """Why, "" if not requested."""
        return self._reasons[0] if self._reasons else ""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a request at most ``timeout`` seconds (None: for ever); true if there is one."""
        if not self._reasons:
            _wait_readable(self._reader, timeout)
        return self.requested()

    def fileno(self) -> int:
        """A descriptor that is readable from the request on, for poll and select. Never read from it."""
        return self._reader.fileno()

    def on_request(self, function: Callable[[], None]) -> None:
        """Call ``function`` once when stop is requested, or now if it was. It must return soon and not raise."""
        self._waiting.append(function)
        if self.requested():
            self._call_back()

    def _call_back(self) -> None:
        while True:
            try:
                function = self._waiting.popleft()  # atomic: no callback runs twice, whoever comes first
            except IndexError:
                return
            function()


def _wait_readable(sock: socket.socket, timeout: float | None) -> None:
    if hasattr(select, "poll"):  # no limit of 1024 descriptors, unlike select; Windows has only select
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
    else:
        select.select([sock], [], [], timeout)


def _close(*socks: socket.socket) -> None:
    for sock in socks:
        sock.close()
