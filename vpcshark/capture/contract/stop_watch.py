"""Turns every way in which Wireshark ends a capture into one request on a Stop.

The ways: SIGTERM (Stop in the GUI, ``kill tshark``), SIGINT (Ctrl-C in a terminal goes to the whole process group),
SIGHUP, the FIFO closed while nothing flows, the control pipe closed, the parent gone (its SIGKILL tells us nothing
else). Must not know what stopping means.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

from vpcshark.capture.contract.stop import Stop

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
_TICK = 0.25  # seconds between two looks at the parent
_ONE_WISH = 0.5  # seconds within which a repeated signal is no second wish

log = logging.getLogger(__name__)


class Watch:
    """A context: within it, each of the ways above requests ``stop``, from one thread. Enter it in the main thread.
    Under nohup(1) a SIGHUP stays ignored.

    The same signal a second time, from a person who is tired of waiting, makes the clean-up go on in the background; no
    signal aborts it. (Ctrl-C in tshark sends SIGINT and SIGTERM, once each; timeout(1) sends one to the process and one
    to its group, so what comes twice within half a second is one wish.) ``parent`` gives the id of the parent,
    ``clock`` monotonic seconds.
    """

    def __init__(
        self, stop: Stop, parent: Callable[[], int] = os.getppid, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stop = stop
        self._parent = parent
        self._clock = clock
        self._first_parent = parent()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._lock = threading.Lock()  # who is in ``_readers`` has an open descriptor
        self._readers: dict[int, tuple[Callable[[], bool], str]] = {}
        self._ended = threading.Event()
        self._came: dict[int, float] = {}  # when each signal came first
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        for sock in (self._wake_reader, self._wake_writer):
            sock.setblocking(False)
        self._old = {number: signal.signal(number, _ignore) for number in _SIGNALS if not _is_left_out(number)}
        # The C handler writes the signal's number at once, whatever the main thread is blocked in.
        self._old_wake = signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._wake()
        self._thread.join()
        signal.set_wakeup_fd(self._old_wake)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._wake_reader.close()
        self._wake_writer.close()

    def add(self, descriptor: int, is_alive: Callable[[], bool], reason: str) -> None:
        """Call ``is_alive`` when ``descriptor`` has something to read, an error or a hang-up; stop once it is false.

        The descriptor must stay open until ``remove`` or the end of the context.
        """
        with self._lock:
            self._readers[descriptor] = (is_alive, reason)
        self._wake()

    def remove(self, descriptor: int) -> None:
        """Look at ``descriptor`` no more; unknown ones are no matter."""
        with self._lock:
            self._readers.pop(descriptor, None)
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"\0")
        except BlockingIOError:
            log.debug("the watcher is awake already")

    def _run(self) -> None:
        while not self._ended.is_set():
            ready = self._poll()
            for number in self._signals(ready):
                self._request(f"signal {signal.Signals(number).name}")
                now = self._clock()
                if now - self._came.setdefault(number, now) >= _ONE_WISH:
                    self._stop.hurry()
            self._look(ready)
            if self._parent() != self._first_parent:
                self._request("the parent process has gone")

    def _poll(self) -> list[int]:
        with self._lock:
            descriptors = list(self._readers)
        if not hasattr(select, "poll"):  # Windows: select knows sockets only, pipes can't be watched
            return [sock.fileno() for sock in select.select([self._wake_reader], [], [], _TICK)[0]]
        poll = select.poll()
        poll.register(self._wake_reader, select.POLLIN)
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return [descriptor for descriptor, _ in poll.poll(_TICK * 1000)]

    def _signals(self, ready: list[int]) -> list[int]:
        if self._wake_reader.fileno() not in ready:
            return []
        try:
            return [byte for byte in self._wake_reader.recv(4096) if byte in _SIGNALS]
        except BlockingIOError:
            return []

    def _look(self, ready: list[int]) -> None:
        for descriptor in ready:
            with self._lock:
                is_alive, reason = self._readers.get(descriptor, (_always, ""))
            if not is_alive():
                self._request(reason)
                self.remove(descriptor)
            elif reason and not self._ended.is_set():
                self._ended.wait(0.01)  # a pipe that has a hang-up to report but is not over must not spin

    def _request(self, reason: str) -> None:
        if not self._stop.requested():
            log.info("stop: %s", reason)
            self._stop.request(reason)


def _is_left_out(number: int) -> bool:
    """SIGHUP is ignored from the start where the user wants the capture to outlive the terminal."""
    return number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) is signal.SIG_IGN


def _ignore(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor has told the watcher already."""


def _always() -> bool:
    return True
