"""Where the bytes of a capture go. Must not know what they are, nor who reads them.

The FIFO that Wireshark makes is a sink too; it lives in vpcshark/extcap/capture_phase/fifo.py.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path
from typing import BinaryIO, Protocol

from vpcshark.errors import InputError, OutputError

PIPE_SIZE = 1 << 20  # bytes; the system's default of 64 KiB makes dumpcap and us take turns


class SinkClosed(Exception):
    """Nobody reads the sink any more: a capture ends by it, and it is no error."""


class Drain(Protocol):
    """The end of a pipe that can take what is in another pipe without a copy of it: a third of the work between two."""

    def take(self, pipe: int) -> int | None:
        """Move what is in ``pipe``, which must not be empty. The number of bytes, 0 at the pipe's end, None if there is
        no room now. SinkClosed."""

    def wait_for_room(self) -> None:
        """Wait until something can be taken; SinkClosed if that will not be."""


class Sink(Protocol):
    """Takes bytes in order. ``write`` may be called by several threads: each call's bytes stay together."""

    def write(self, data: bytes) -> None:
        """Write all of ``data`` so that a reader can have it at once, or raise SinkClosed."""

    def close(self) -> None:
        """Let go of the file; may be called again. A ``write`` after it raises SinkClosed."""

    @property
    def drain(self) -> Drain | None:
        """The way for what comes from a pipe; None where there is none but ``write``."""
        return None


class FileSink(Sink):
    """A sink over a file, or over standard output for the path "-".

    ``FileSink.open`` raises InputError if the file can't be made. Files are 0600: packets are nobody else's business.
    """

    def __init__(self, file: BinaryIO, name: str = "") -> None:
        self._file = file
        self._name = name
        self.size = 0
        self._lock = threading.Lock()  # one write's bytes stay together; ``size`` is of whole ones, the file open
        self._closed = False

    @classmethod
    def open(cls, path: str | Path) -> FileSink:
        """Open ``path`` for writing ("-": standard output), unbuffered."""
        if str(path) == "-":
            enlarge(sys.stdout.fileno())
            return cls(os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0), "standard output")
        try:
            return cls(open(path, "wb", buffering=0, opener=_private), str(path))
        except OSError as exc:
            raise InputError(f"{path} can't be written: {exc.strerror}.", "Name another file.") from exc

    def write(self, data: bytes | memoryview) -> None:
        """Write all of ``data``; SinkClosed if the reader of a pipe has gone, OutputError if the disk is full. ``size``
        is how many bytes were written by then."""
        with self._lock:
            if self._closed:
                raise SinkClosed(f"{self._name} is closed")
            view = memoryview(data)
            try:
                while view:
                    count = self._file.write(view)
                    view, self.size = view[count:], self.size + count
            except BrokenPipeError as exc:
                raise SinkClosed(f"nobody reads {self._name} any more") from exc
            except OSError as exc:
                raise OutputError(f"{self._name} can't be written: {exc.strerror}.", "Make room for it.") from exc

    def cut(self, size: int) -> None:
        """Take back what was written beyond ``size`` bytes; nothing where that can't be (a pipe, a device)."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._file.truncate(size)

    def close(self) -> None:
        """Close the file; again is harmless."""
        with self._lock:
            self._closed = True
            self._file.close()


def _private(path: str, flags: int) -> int:
    """Also a file that is there already becomes 0600, unless it is another's, who lets us write to it."""
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(PermissionError):
        if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(descriptor).st_mode):  # a FIFO or device stays as it is
            os.fchmod(descriptor, 0o600)
    return descriptor


def enlarge(descriptor: int) -> int:
    """Make the pipe as large as it may be; its size, 0 where it is none or nobody knows."""
    if sys.platform != "linux":
        return 0
    import fcntl

    with contextlib.suppress(OSError):  # the user's share of pipe memory is used up: the default will do
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    with contextlib.suppress(OSError):
        return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
    return 0
