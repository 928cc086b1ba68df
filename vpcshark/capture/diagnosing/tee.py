"""A capture's sink with a diagnosis beside it, which may begin at any time. Must not know what is found."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from vpcshark.capture.contract.sink import PIPE_SIZE, Drain, Sink
from vpcshark.capture.diagnosing.follower import Follower
from vpcshark.wire.capture_files import pcapng

_DESCRIBES = frozenset(struct.pack("<I", kind) for kind in (pcapng.SECTION, pcapng.INTERFACE))
_MOST_HEAD = 1 << 20


@runtime_checkable
class _DrainSink(Sink, Drain, Protocol):
    """A sink that can take from a pipe."""


class Tee:
    """Writes to ``inner`` first; then the diagnosis gets the same. ``count`` gives how many packets were written so far
    (None: nobody counts them, so nobody knows their numbers)."""

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


class DrainTee(Tee):
    """The same over a sink that takes from a pipe without a copy: it does as long as nothing is diagnosed."""

    def __init__(self, inner: _DrainSink, count: Callable[[], int] | None = None) -> None:
        super().__init__(inner, count)
        self._drain = inner

    def take(self, pipe: int) -> int | None:
        """See ``Drain``."""
        if self._follower is None:
            return self._drain.take(pipe)
        data = os.read(pipe, PIPE_SIZE)
        if data:
            self._inner.write(data)
            self._follower.take(data, -1)
        return len(data)

    def wait_for_room(self) -> None:
        """See ``Drain``."""
        self._drain.wait_for_room()


def over(sink: Sink, count: Callable[[], int] | None = None) -> Tee:
    """A tee that can do what ``sink`` can."""
    return DrainTee(sink, count) if isinstance(sink, _DrainSink) else Tee(sink, count)
