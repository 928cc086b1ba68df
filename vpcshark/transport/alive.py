"""Notices a path that was cut in silence, as ssh(1) does with ServerAliveInterval: nothing came for a while though the
other end was asked for a sign of life.

A socket's own time-outs see only the nearest end: behind a tunnel that is AWS's, or a program here. Must not know SSH.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from vpcshark import threads
from vpcshark.transport.base import Stream

log = logging.getLogger(__name__)
DEAD_AFTER = 20.0  # seconds without a byte
TICKS = 20  # in that time; the other end is asked at every fourth


class Heard:
    """A stream, and how often something came from it."""

    def __init__(self, inner: Stream) -> None:
        self._inner = inner
        self._receive = inner.recv
        self.times = 0
        self.send = inner.send
        self.settimeout = inner.settimeout
        self.close = inner.close

    def recv(self, size: int) -> bytes:
        """As the stream's own."""
        data = self._receive(size)
        self.times += 1
        return data

    def __getattr__(self, name: str) -> Any:
        """paramiko asks sockets for more, if they have it."""
        return getattr(self._inner, name)


class Watch:
    """Calls ``ask`` while nothing comes from ``stream``, and ``give_up`` once if nothing comes all the same.

    It counts ticks, not the time: a process that was stopped, or a machine that slept, has missed nothing.
    """

    def __init__(
        self,
        stream: Heard,
        ask: Callable[[], object],
        give_up: Callable[[], object],
        aside: Callable[[Callable[[], object]], Future[object]] = threads.start,
    ) -> None:
        """``aside`` begins a call that may hang, as ``ask`` does where nobody takes the question."""
        self._aside = aside
        self._stream = stream
        self._ask = ask
        self._give_up = give_up
        self._over = threading.Event()

    def start(self, dead_after: float) -> None:
        """Watch, in a thread, until ``end``."""
        wait = lambda: self._over.wait(dead_after / TICKS)  # noqa: E731
        threading.Thread(target=self.run, args=(wait,), name="signs of life", daemon=True).start()

    def end(self) -> None:
        """Watch no more; may be called again."""
        self._over.set()

    def run(self, wait: Callable[[], bool]) -> None:
        """The same here; ``wait`` waits for a tick and says whether that was the last one."""
        heard, silent = self._stream.times, 0
        asking: Future[object] | None = None
        while not wait():
            silent = silent + 1 if self._stream.times == heard else 0
            heard = self._stream.times
            if silent == TICKS:
                self._give_up()
                return
            if silent % 4 == 3 and (asking is None or asking.done()):
                asking = self._aside(self._ask)


def give_up_in_time(connection: socket.socket) -> None:
    """Let TCP give up on what nobody acknowledges (RFC 5482), so that nobody waits in it for a quarter of an hour."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_AFTER * 1000))
