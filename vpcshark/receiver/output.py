"""stdout without waiting: what the reader does not take yet is kept, up to a limit, and the caller sees that it is
full.

Sent to the capture host: Python 3.6 and the standard library only. Must not know what the bytes are.
"""

import collections
import contextlib
import fcntl
import os
import select
import time

from vpcshark.receiver.kernel import F_SETPIPE_SZ

LIMIT = 8 * 1024 * 1024
_PIPE_BYTES = 1024 * 1024


class Output:
    """A descriptor in non-blocking mode. ``BrokenPipeError`` and other ``OSError`` of writing go to the caller."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = 0
        self._queue: collections.deque[memoryview] = collections.deque()
        self._was_blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError):  # a pipe takes it, a socket or a file does not need it
            fcntl.fcntl(descriptor, F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def full(self) -> bool:
        """Should the caller stop to take frames?"""
        return self.pending >= LIMIT

    def put(self, data: bytes) -> None:
        """Write ``data``, or keep what does not fit."""
        if data:
            self._queue.append(memoryview(data))
            self.pending += len(data)
            self.flush()

    def flush(self) -> None:
        """Write what the reader takes now."""
        while self._queue:
            data = self._queue[0]
            try:
                written = os.write(self.descriptor, data)
            except BlockingIOError:
                return
            self.pending -= written
            if written < len(data):
                self._queue[0] = data[written:]
            else:
                self._queue.popleft()

    def close(self, seconds: float) -> bool:
        """Write the rest within ``seconds`` and give the descriptor back as it was; False if something is left."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        try:
            self.flush()
            while self._queue and time.monotonic() < deadline:
                poll.poll(50)
                self.flush()
            return not self._queue
        finally:
            os.set_blocking(self.descriptor, self._was_blocking)
