"""The FIFO that dumpcap reads, as a Sink: opened without blocking, whole writes, and the idle close noticed.

``open`` and ``write`` on a blocking FIFO are restarted after a signal (PEP 475), so SIGTERM would be swallowed while
dumpcap is slow; here the descriptor never blocks and waiting is done in poll, beside the stop. Must not know what the
bytes are.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from vpcshark.capture.contract.sink import PIPE_SIZE, FileSink, Sink, SinkClosed, enlarge
from vpcshark.capture.contract.stop import Stop
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError

_TICK = 0.02  # seconds between two tries to open
_GRACE = 2.0  # seconds that a reader may take none of the last bytes after stop was requested
_PAUSE = 0.002  # seconds in which dumpcap takes a sixth of a full pipe
_T = TypeVar("_T")


def retry(attempt: Callable[[], _T | None], stop: Stop, seconds: float, clock: Clock) -> _T | None:
    """Call ``attempt`` until it returns something, at most ``seconds`` long; None after that or when stop is asked."""
    deadline = clock.monotonic() + seconds
    while True:
        result = attempt()
        if result is not None or clock.monotonic() >= deadline or stop.wait(_TICK):
            return result


def open_sink(path: str, stop: Stop, *, seconds: float = 30.0, clock: Clock | None = None) -> Sink:
    """Open what Wireshark gave as ``--fifo``: a FIFO, or a plain file as scripts give it.

    Waits up to ``seconds`` for dumpcap to open its end. InputError if that fails, SinkClosed if stop comes first.
    """
    if not path:
        raise InputError("--capture needs --fifo: the file to write to.", "Wireshark gives it; a script must, too.")
    if sys.platform == "win32" or not _is_fifo(path):
        return FileSink.open(path)
    descriptor = retry(lambda: _open(path), stop, seconds, clock or SystemClock())
    if descriptor is not None:
        return FifoSink(descriptor, stop)
    if stop.requested():
        raise SinkClosed("stopped before anybody read the FIFO")
    raise InputError(f"Nobody opened {path} for reading within {seconds:g} seconds.", "Start the capture again.")


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise InputError(f"{path} can't be opened: {exc.strerror}.", "Start the capture again.") from exc


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as exc:
        if exc.errno == errno.ENXIO:  # no reader yet
            return None
        raise InputError(f"{path} can't be opened: {exc.strerror}.", "Start the capture again.") from exc


class FifoSink(Sink):
    """The writing end of a FIFO whose reader is there. Takes ownership of ``descriptor``, which must not block."""

    def __init__(self, descriptor: int, stop: Stop) -> None:
        self._descriptor = descriptor
        self._stop = stop
        self._lock = threading.Lock()  # one write's bytes stay together; the descriptor is open while it is held
        self._closed = False
        self._held: bytearray | None = None
        self._pause = _PAUSE * enlarge(descriptor) / PIPE_SIZE

    def hold(self) -> None:
        """Keep what is written from now on until ``release``: the reader begins to count at the first byte."""
        self._held = bytearray()

    def release(self) -> None:
        """Write what was kept, and hold no more. SinkClosed as ``write``."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            self._write_all(held)

    def fileno(self) -> int:
        """The descriptor, for poll: POLLERR on it means that the reader has closed (Linux, measured <10 ms)."""
        return self._descriptor

    def write(self, data: bytes) -> None:
        """Write all of ``data``. SinkClosed if the reader has gone, or takes nothing any more after stop."""
        with self._lock:
            if self._held is None:
                self._write_all(data)
            else:
                self._held += data

    def _write_all(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[self._write_some(view) :]

    @property
    def drain(self) -> FifoSink:
        """Itself: see ``Drain``."""
        return self

    def take(self, pipe: int) -> int | None:
        """Move what is in ``pipe``, which must not be empty, without a copy of it (splice(2)).

        The number of bytes, 0 at the pipe's end, None if there is no room (``wait_for_room``). SinkClosed as ``write``.
        """
        with self._lock:
            if self._closed:
                raise SinkClosed("the FIFO is closed")
            self._release()
            try:
                return os.splice(pipe, self._descriptor, PIPE_SIZE, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                return None
            except OSError as exc:
                raise SinkClosed(f"the FIFO's reader has gone: {exc.strerror}") from exc

    def _write_some(self, view: memoryview) -> int:
        if self._closed:
            raise SinkClosed("the FIFO is closed")
        try:
            return os.write(self._descriptor, view)
        except BlockingIOError:
            self.wait_for_room()
            return 0
        except OSError as exc:
            raise SinkClosed(f"the FIFO's reader has gone: {exc.strerror}") from exc

    def wait_for_room(self) -> None:
        """Wait until there is room: before stop as long as it takes, after it ``_GRACE`` seconds, then SinkClosed."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        stopped = self._stop.requested()
        if not stopped:
            poll.register(self._stop, select.POLLIN)
        if not poll.poll(_GRACE * 1000 if stopped else None):
            raise SinkClosed("the FIFO's reader takes nothing any more")
        if not stopped:  # there is room for one page: wait for more, else reader and writer wake each other for each
            self._stop.wait(self._pause)

    def wait_closed(self, timeout: float) -> bool:
        """True once the reader has closed its end, noticed without writing; false after ``timeout`` seconds."""
        poll = select.poll()
        poll.register(self._descriptor, 0)  # POLLERR and POLLHUP are always reported
        return bool(poll.poll(timeout * 1000))

    def close(self) -> None:
        """Close our end, which ends the capture in dumpcap; again is harmless. What is held goes before: a reader that
        got no header would say that, too."""
        with self._lock:
            if not self._closed:
                with contextlib.suppress(SinkClosed):
                    self._release()
                self._closed = True
                os.close(self._descriptor)
