"""The reading end of a pipe whose blocked reader can be woken. Must not know who writes into it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import IO, TypeVar

T = TypeVar("T")


class Pipe:
    """``file`` is the reading end, without a buffer. Closing a descriptor alone wakes nobody."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._woken = False
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.poll() if hasattr(select, "poll") else None  # Windows: the end of the process wakes
        if self._poll is not None:
            self._poll.register(file, select.POLLIN | select.POLLHUP)
            self._poll.register(self._wake_read, select.POLLIN)

    def read(self, size: int) -> bytes:
        """See Channel.read."""
        with self._lock:
            if not self._woken and self._poll is not None:
                self._poll.poll()
            return b"" if self._woken or self._file.closed else self._file.read(size)

    def hand_over(self, take: Callable[[int], T]) -> T | None:
        """See Piped.hand_over."""
        with self._lock:
            if not self._woken and self._poll is not None:
                self._poll.poll()
            return None if self._woken or self._file.closed else take(self._file.fileno())

    def wake(self) -> None:
        """From now on reading gives b""."""
        if not self._woken:
            self._woken = True
            os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Close the file, after ``wake``."""
        with self._lock:
            if not self._file.closed:
                self._file.close()
                os.close(self._wake_read)
                os.close(self._wake_write)


class Outputs:
    """Both outputs of a command, as ``base.Channel`` and ``base.Piped`` have them."""

    def __init__(self, output: Pipe, error: Pipe) -> None:
        self._output, self._error = output, error

    def read(self, size: int) -> bytes:
        """See Channel."""
        return self._output.read(size)

    def hand_over(self, take: Callable[[int], T]) -> T | None:
        """See Piped."""
        return self._output.hand_over(take)

    def read_error(self, size: int) -> bytes:
        """See Channel."""
        return self._error.read(size)
