"""Packets of a tcpdump into the sink, and an end that is always told."""

from __future__ import annotations

import queue

from vpcshark.capture.pouring import Pouring
from vpcshark.capture.stop import Stop
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError


class Dumped:
    """A tcpdump whose packets the test gives."""

    def __init__(self) -> None:
        self.packets: queue.Queue[bytes] = queue.Queue()

    def read(self) -> bytes:
        return self.packets.get(timeout=10)

    def ask_to_end(self) -> None:
        self.packets.put(b"")

    def close(self, timeout: float = 0.0) -> None:
        """Nothing to let go of."""


class Silent:
    """A status that nobody looks at."""

    def say(self, text: str) -> None: ...
    def log(self, text: str) -> None: ...


class Defect:
    """A sink that fails in a way that nobody foresaw, at the second packet."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.data.append(data)
        if len(self.data) == 2:
            raise ValueError("no block begins here")

    def close(self) -> None:
        """Nothing to let go of."""


def test_an_unforeseen_failure_ends_the_capture_with_a_sentence():
    """Else the thread would be gone, and the capture would go on to say that it captures."""

    def restart(remark: str) -> Dumped:
        raise AssertionError("the way did not break")

    dump, ended = Dumped(), queue.Queue()
    pouring = Pouring(dump, b"first", restart, Stop(), SystemClock(), Silent())
    pouring.stream(Defect(), ended.put)
    dump.packets.put(b"second")
    error = ended.get(timeout=5)
    assert isinstance(error, VpcsharkError)
    assert "unexpectedly (ValueError)" in error.problem
    pouring.finish(1.0)
