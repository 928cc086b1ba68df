"""A capture's sink with a diagnosis beside it, which may begin at any time. Must not know what is found."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from vpcshark.capture.contract.sink import PIPE_SIZE, Drain, Sink
from vpcshark.capture.diagnosing.follower import Follower
from vpcshark.wire.capture_files import pcapng

_DESCRIBES = frozenset(struct.pack("<I", kind) for kind in (pcapng.SECTION, pcapng.INTERFACE))
_MOST_HEAD = 1 << 20


class Tee(Sink):
    """Writes to ``inner`` first; then the diagnosis gets the same. ``count`` gives how many packets were written so far
    (None: nobody counts them, so nobody knows their numbers). What comes from a pipe goes there without a copy as long
    as nothing is diagnosed."""

    def __init__(self, inner: Sink, count: Callable[[], int] | None = None) -> None:
        self._inner, self._count = inner, count
        self._head = b""
        self._follower: Follower | None = None

    @property
    def head(self) -> bytes:
        """The blocks that describe section and interfaces."""
        return self._head

    def follow(self, follower: Follower) -> None:
        """From now on it gets what is written."""
        self._follower = follower

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        number = self._count() if self._count is not None else -1
        self._inner.write(data)
        if data[:4] in _DESCRIBES and len(self._head) < _MOST_HEAD:
            data = self._without_head(data)
        if self._follower is not None and data:
            self._follower.take(data, number)

    def _without_head(self, data: bytes) -> bytes:
        """What follows the blocks that describe section and interfaces."""
        at = 0
        while data[at : at + 4] in _DESCRIBES and at + 12 <= len(data):
            at += struct.unpack_from("<I", data, at + 4)[0]
        self._head += data[:at]
        if self._follower is not None:
            self._follower.describe(data[:at])
        return data[at:]

    def close(self) -> None:
        """See ``Sink``."""
        self._inner.close()

    @property
    def drain(self) -> Drain | None:
        """A way for what comes from a pipe, where ``inner`` has one."""
        way = self._inner.drain
        return None if way is None else _DrainTee(self, way)

    def take(self, way: Drain, pipe: int) -> int | None:
        """What ``Drain.take`` does by ``way``."""
        if self._follower is None:
            return way.take(pipe)
        data = os.read(pipe, PIPE_SIZE)
        if data:
            self._inner.write(data)
            self._follower.take(data, -1)
        return len(data)


class _DrainTee:
    """See ``Drain``."""

    def __init__(self, tee: Tee, way: Drain) -> None:
        self._tee, self._way = tee, way

    def take(self, pipe: int) -> int | None:
        """See ``Drain``."""
        return self._tee.take(self._way, pipe)

    def wait_for_room(self) -> None:
        """See ``Drain``."""
        self._way.wait_for_room()
