"""What makes paramiko fast, and keeps it small: a socket that is read ahead, and a channel's buffer that never moves
what it holds, and holds only so much.

paramiko's own buffer is one array, and each read moves all that stays in it: where the reader is slower than the
network for a moment, the whole window piles up, and every further read moves it. It also takes whatever comes, though
nothing obliges the other end to keep to the window. paramiko's socket is asked for 16 bytes, then for the rest of a
packet, each with a poll. Must not know SSH.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections import deque

from paramiko.buffered_pipe import PipeTimeout

AHEAD = 1 << 18  # bytes; more does not fit into a processor's cache
GATHERED = 1 << 16
"""Pieces of fewer bytes become one of so many: as objects of their own they would take many times their size."""


class Overfull(Exception):
    """More came than may lie here unread."""


class ReadAhead:
    """A connected socket, read in large pieces; has what paramiko asks of one. One thread may read."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._view = memoryview(bytearray(AHEAD))
        self._begin = self._end = 0
        self.send = inner.send
        self.settimeout = inner.settimeout
        self.fileno = inner.fileno
        self.getpeername = inner.getpeername
        self.shutdown = inner.shutdown
        self.close = inner.close

    @property
    def _closed(self) -> bool:
        """paramiko asks sockets for this private name."""
        return self._inner.fileno() < 0

    def recv(self, size: int) -> bytes:
        """At most ``size`` bytes, b"" at the end; raises what the socket raises."""
        begin = self._begin
        if begin == self._end:
            begin, self._end = 0, self._inner.recv_into(self._view)
        self._begin = min(begin + size, self._end)
        return bytes(self._view[begin : self._begin])


class Room:
    """Bytes that may lie unread in all the buffers that have it together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._changing = threading.Lock()

    def take(self, size: int) -> None:
        """Overfull if it is too much: nobody who keeps to the window sends that."""
        with self._changing:
            if self._held + size > self._most:
                raise Overfull(f"more than {self._most:,} bytes came that nobody had asked for yet")
            self._held += size

    def give_back(self, size: int) -> None:
        """These were read."""
        with self._changing:
            self._held -= size


class Chunks:
    """In place of ``paramiko.buffered_pipe.BufferedPipe``, and with its methods: what was fed comes out as it was fed,
    joined only up to what is asked for."""

    def __init__(self, room: Room | None = None) -> None:
        """What may lie here at once has its end where the ``room`` has it."""
        self._chunks: deque[bytes | bytearray] = deque()
        self._size = 0
        self._room = room or Room(sys.maxsize)
        self._is_closed = False
        self._event: threading.Event | None = None
        self._changed = threading.Condition()

    def set_event(self, event: threading.Event) -> None:
        """Set while there is something to read or the end."""
        with self._changed:
            self._event = event
            self._tell()

    def feed(self, data: bytes) -> None:
        """Add ``data``. Overfull if there is no room for it."""
        self._room.take(len(data))
        with self._changed:
            if data:
                self._keep(data)
                self._size += len(data)
            self._tell()

    def _keep(self, data: bytes) -> None:
        last = self._chunks[-1] if self._chunks else b""
        if isinstance(last, bytearray) and len(last) + len(data) <= GATHERED:
            last += data
        else:
            self._chunks.append(bytearray(data) if len(data) < GATHERED >> 4 else data)

    def read_ready(self) -> bool:
        """Is there something to read?"""
        return self._size > 0

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """At most ``nbytes`` bytes; waits for the first; b"" at the end. PipeTimeout after ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._size > 0 or self._is_closed, timeout):
                raise PipeTimeout
            return self._taken(nbytes)

    def empty(self) -> bytes:
        """All that is there."""
        with self._changed:
            return self._taken(self._size)

    def close(self) -> None:
        """No more comes; what is there can still be read."""
        with self._changed:
            self._is_closed = True
            self._tell()

    def __len__(self) -> int:
        return self._size

    def _taken(self, size: int) -> bytes:
        taken: list[bytes | bytearray] = []
        left = size
        while self._chunks and left > 0:
            chunk = self._chunks.popleft()
            if len(chunk) > left:
                self._chunks.appendleft(chunk[left:])
                chunk = chunk[:left]
            taken.append(chunk)
            left -= len(chunk)
        self._size -= size - left
        self._room.give_back(size - left)
        self._tell()
        return bytes(taken[0]) if len(taken) == 1 else b"".join(taken)

    def _tell(self) -> None:
        self._changed.notify_all()
        if self._event is not None:
            (self._event.set if self._size or self._is_closed else self._event.clear)()
