"""A capture host whose receiver is ready at once and gets no frame: a transport and its channel in one. Must not know
who captures."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def answers(told: bytes) -> Iterator[bytes]:
    """What a receiver says to the pings among these lines."""
    for line in told.splitlines():
        if line.startswith(b'{"ping"'):
            yield b'{"event": "pong", "ping": %d}\n' % json.loads(line)["ping"]


class QuietHost:
    """``on_read`` is called when its frames are asked for: then the capture holds. ``sent`` is all that it was told."""

    name = "a host"

    def __init__(self, on_read: Callable[[], None] = lambda: None) -> None:
        self.sent = b""
        self.errors: queue.Queue[bytes] = queue.Queue()
        self.errors.put(b'{"event": "ready", "mode": "ring"}\n')
        self._on_read = on_read
        self._frames: queue.Queue[bytes] = queue.Queue()

    def open(self, command: Sequence[str]) -> QuietHost:
        """It starts whatever it is told to."""
        return self

    def read(self, size: int) -> bytes:
        """No frame; nothing more once the input is closed."""
        self._on_read()
        return self._frames.get()

    def read_error(self, size: int) -> bytes:
        """That it is ready; what a test puts there; nothing more once the input is closed."""
        return self.errors.get()

    def write(self, data: bytes) -> None:
        """Whatever it is told is fine."""
        self.sent += data
        for line in answers(data):
            self.errors.put(line)

    def close_input(self) -> None:
        """It ends by that."""
        self._frames.put(b"")
        self.errors.put(b"")

    def wait(self, timeout: float | None = None) -> int:
        """It ended well."""
        return 0

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def config(self) -> dict[str, Any]:
        """The config that it was sent, on the line behind the program."""
        size, _, rest = self.sent.partition(b"\n")
        return dict(json.loads(rest[int(size) :].splitlines()[0]))
