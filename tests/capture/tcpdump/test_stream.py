"""Packets of a tcpdump into the sink, and an end that is always told."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.capture.contract.frame_stream import UNANSWERED, Arrived, Counted
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.instance.tcpdump_process import Dump, OnCounts
from vpcshark.capture.tcpdump.counts import Counts
from vpcshark.capture.tcpdump.stream import Begin, Begun, Pouring, Seams
from vpcshark.clock import SystemClock
from vpcshark.errors import TransportError, VpcsharkError


class Dumped:
    """A tcpdump whose packets the test gives."""

    last_time = 0
    counts_when_asked = True
    whose = ""

    def __init__(self) -> None:
        self.packets: queue.Queue[bytes] = queue.Queue()
        self.on_counts: OnCounts = lambda received, dropped: None
        self.is_closed = threading.Event()

    def read(self) -> bytes:
        return self.packets.get(timeout=180)

    def follow(self, path: str, on_data: Callable[[bytes], None]) -> None:
        """The key log stays empty."""

    def ask_to_end(self) -> None:
        self.packets.put(b"")

    def why_ended(self) -> None:
        """The way broke."""

    def close(self, timeout: float = 0.0) -> None:
        self.is_closed.set()


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


def begin(*dumps: Dumped, remarks: list[str] | None = None) -> Begin:
    """Gives these dumps one after the other, each with some packets; keeps the remarks."""
    left = iter(zip(dumps, [b"first", *[b"again"] * len(dumps)], strict=False))

    def begun(remark: str, on_counts: OnCounts) -> Begun:
        if remarks is not None:
            remarks.append(remark)
        dump, first = next(left)
        dump.on_counts = on_counts
        return Begun(cast("Dump", dump), first)

    return begun


def test_an_unforeseen_failure_ends_the_capture_with_a_sentence():
    """Else the thread would be gone, and the capture would go on to say that it captures."""

    dump, ended = Dumped(), queue.Queue()
    pouring = Pouring(begin(dump), Seams(Stop(), SystemClock(), Said()))
    pouring.stream(Defect(), ended.put)
    dump.packets.put(b"second")
    error = ended.get(timeout=180)
    assert isinstance(error, VpcsharkError)
    assert "unexpectedly (ValueError)" in error.problem
    pouring.finish(1.0)


class Deaf(Dumped):
    """The host does not follow the key log beside it."""

    def follow(self, path: str, on_data: Callable[[bytes], None]) -> None:
        raise TransportError("10.0.0.1 does not start a command.", "Try again.")


def test_a_dump_whose_key_log_cannot_be_followed_is_ended_before_the_next() -> None:
    """Else its signs of life would keep it running on the host for as long as the capture."""
    dump, deaf, following, sink = Dumped(), Deaf(), Dumped(), Given()
    pouring = Pouring(begin(dump, deaf, following), Seams(Stop(), SystemClock(), Said(), key_log="/tmp/keys"))
    pouring.stream(sink, lambda error: None)
    assert sink.data.get(timeout=180) == b"first"
    dump.packets.put(b"")
    assert sink.data.get(timeout=180) == b"again"
    assert deaf.is_closed.is_set()
    assert not following.is_closed.is_set()
    pouring.finish(10)


@pytest.mark.parametrize("slept", [0, 20, 3600])
def test_what_is_missing_counts_from_the_last_packet(slept: int, clock: Any) -> None:
    """A way that was cut in silence is noticed twenty seconds later, or after this machine slept, of which its
    monotonic clock knows nothing."""
    dump, following, sink, said, remarks = Dumped(), Dumped(), Given(), Said(), []

    pouring = Pouring(begin(dump, following, remarks=remarks), Seams(Stop(), Slept(clock), said))
    pouring.stream(sink, lambda error: None)
    dump.packets.put(b"second")
    assert [sink.data.get(timeout=180) for _ in range(2)] == [b"first", b"second"]
    dump.last_time = 1_000_000 * 10**9
    clock.time = 1_000_000 + slept
    dump.packets.put(b"")
    assert sink.data.get(timeout=180) == b"again"
    words = [said.lines.get(timeout=180) for _ in range(2)]
    assert words[1] == f"Connected again; packets of about {slept} seconds are missing."
    assert "from about 1970-01-12 13:46:40 UTC on" in remarks[1]
    pouring.finish(10)


class Slept:
    """The clock of a machine that sleeps in between."""

    def __init__(self, wall: Any) -> None:
        self._wall = wall

    def now(self) -> float:
        return self._wall.time

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Nobody waits here."""


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 5)), max_size=30))
def test_counts_are_the_sum_of_what_each_dump_counted(told: list[tuple[int, int, int]]) -> None:
    """Whoever speaks when: also a dump that has ended long since, with its last words."""
    counts = Counts()
    shares = [counts.share() for _ in range(4)]
    most = [(0, 0)] * 4
    for who, received, dropped in told:
        shares[who](received, dropped)
        most[who] = max(most[who][0], received), max(most[who][1], dropped)
        assert counts.total() == (sum(one for one, _ in most), sum(other for _, other in most))
    assert (counts.total() is None) == (not told)


def test_a_reconnect_does_not_count_twice() -> None:
    """From it until the next dump's first counts, and when the ended one still has something to say."""
    dump, following, sink = Dumped(), Dumped(), Given()
    pouring = Pouring(begin(dump, following), Seams(Stop(), SystemClock(), Said()))
    pouring.stream(sink, lambda error: None)
    assert sink.data.get(timeout=180) == b"first"
    dump.on_counts(100, 3)
    assert received(sink.data.get(timeout=180)) == 100
    dump.packets.put(b"")
    assert sink.data.get(timeout=180) == b"again"
    assert pouring.stats == Counted(100, 3)
    dump.on_counts(104, 3)
    assert received(sink.data.get(timeout=180)) == 104
    following.on_counts(7, 1)
    assert received(sink.data.get(timeout=180)) == 111
    assert pouring.stats == Counted(111, 4)
    pouring.finish(10)


def test_counts_that_several_threads_write_never_go_back() -> None:
    """A reader takes the last block for the sum."""
    dumps, sink = [Dumped() for _ in range(3)], Given()
    pouring = Pouring(begin(*dumps), Seams(Stop(), SystemClock(), Said()))
    pouring.stream(sink, lambda error: None)
    for dump in dumps[:-1]:
        dump.packets.put(b"")
        assert dump.is_closed.wait(180)
    assert [sink.data.get(timeout=180) for _ in range(3)] == [b"first", b"again", b"again"]

    def tell(dump: Dumped) -> None:
        for number in range(1, 201):
            dump.on_counts(number, 0)

    tellers = [threading.Thread(target=tell, args=(dump,)) for dump in dumps]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    pouring.finish(10)
    seen = [received(block) for block in list(sink.data.queue)]
    assert seen == sorted(seen)
    assert seen[-1] == 600


def received(block: bytes) -> int:
    """isb_ifrecv of a statistics block (draft-ietf-opsawg-pcapng, 4.6)."""
    at = block.index(b"\x04\0\x08\0", 20) + 4
    return int.from_bytes(block[at : at + 8], "little")


def came(received: int) -> Arrived:
    return Arrived(is_known=True, received=received)


@pytest.mark.parametrize("counts", [True, False])
def test_a_host_that_counts_no_more_gives_no_answer(counts: bool, clock: Any) -> None:
    """Its counts come with every sign of life: where they stay away, the way has stalled, and nothing is known. One
    whose tcpdump may not be signalled counts nothing, and is believed."""
    dump = Dumped()
    dump.counts_when_asked = counts
    pouring = Pouring(begin(dump), Seams(Stop(), clock, Said()))
    pouring.begin_tally()
    assert pouring.end_tally(0.0) == came(0)
    clock.sleep(15.0)
    assert pouring.end_tally(0.0) == (UNANSWERED if counts else came(0))
    dump.on_counts(7, 0)
    assert pouring.end_tally(0.0) == came(7)
    clock.sleep(15.0)
    assert pouring.end_tally(0.0) == (UNANSWERED if counts else came(7))
