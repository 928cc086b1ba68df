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
        return self.packets.get(timeout=180)

    def ask_to_end(self) -> None:
        self.packets.put(b"")

    def why_ended(self) -> None:
        """The way broke."""

    def begin(self) -> bytes:
        return b"again"

    def close(self, timeout: float = 0.0) -> None:
        """Nothing to let go of."""


class Said:
    """A status that is looked at."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()

    def say(self, text: str) -> None:
        self.lines.put(text)

    def log(self, text: str) -> None: ...


class Given:
    """A sink."""

    def __init__(self) -> None:
        self.data: queue.Queue[bytes] = queue.Queue()

    def write(self, data: bytes) -> None:
        self.data.put(data)

    def close(self) -> None:
        """Nothing to let go of."""


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
    pouring = Pouring(dump, b"first", restart, Stop(), SystemClock(), Said())
    pouring.stream(Defect(), ended.put)
    dump.packets.put(b"second")
    error = ended.get(timeout=180)
    assert isinstance(error, VpcsharkError)
    assert "unexpectedly (ValueError)" in error.problem
    pouring.finish(1.0)


def test_what_is_missing_counts_from_the_last_packet(clock):
    """A way that was cut in silence is noticed twenty seconds later; nothing came meanwhile."""
    dump, following, sink, said = Dumped(), Dumped(), Given(), Said()
    pouring = Pouring(dump, b"first", lambda remark: following, Stop(), clock, said)
    pouring.stream(sink, lambda error: None)
    dump.packets.put(b"second")
    assert [sink.data.get(timeout=180) for _ in range(2)] == [b"first", b"second"]
    clock.time += 20
    dump.packets.put(b"")
    assert sink.data.get(timeout=180) == b"again"
    words = [said.lines.get(timeout=180) for _ in range(2)]
    assert words[1] == "Connected again; packets of about 20 seconds are missing."
    pouring.finish(10)
