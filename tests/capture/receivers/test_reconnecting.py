"""A receiver on another machine goes on when the way to it breaks: what the next one is told, and what ends it all."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

import pytest
from quiet import answers

from vpcshark.capture.contract.status import Silent, Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.receivers.reconnecting import Carried, Resuming
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError, Refused, TransportError, Unanswered, VpcsharkError
from vpcshark.wire.capture_files import pcapng

ONE, TWO, THREE = (pcapng.enhanced_packet(number % 2, number * 10**15, b"frame", 5) for number in (1, 2, 3))
GAP = (
    "Frames are missing here, from about {} to {{until}} UTC: the connection to ssh ec2-user@10.1.0.7 broke and was "
    "made again."
)


class Host:
    """A receiver that is ready at once, with the way to it, which ``breaks``; ``status`` is that of one that ends."""

    name = "ssh ec2-user@10.1.0.7"

    def __init__(self, dropped: int = 0, time: int = 1000, clock: Clock | None = None, answer: float = 180.0) -> None:
        self.out: queue.Queue[bytes] = queue.Queue()
        self.errors: queue.Queue[bytes] = queue.Queue()
        self.errors.put(b'{"event": "ready", "mode": "ring", "time": %d, "pid": 7, "born": 99}\n' % time)
        self.errors.put(b'{"event": "stats", "received": 1, "dropped": %d}\n' % dropped)
        self.sent = b""
        self.status: int | None = None
        self.refuses = False  # any filter
        self.is_slow = False  # to answer anything
        self.was_asked = threading.Event()  # for its status
        self.is_closed = threading.Event()
        self.reception = Reception(self, self, b"", clock, answer)
        self.reception.begin({}, 5.0)

    def breaks(self) -> None:
        self.out.put(b"")
        self.errors.put(b"")

    def read(self, size: int) -> bytes:
        return self.out.get(timeout=180)

    def read_error(self, size: int) -> bytes:
        return self.errors.get(timeout=180)

    def write(self, data: bytes) -> None:
        if self.is_closed.is_set():
            raise TransportError("The connection broke.")
        self.sent += data
        if b"program" in data and self.refuses:
            self.errors.put(b'{"event": "error", "problem": "It is too long."}\n')
        for line in () if self.is_slow else answers(data):
            self.errors.put(line)

    def wait(self, timeout: float) -> int:
        self.was_asked.set()
        if self.status is None:
            raise TransportError("The connection broke.")
        return self.status

    def close_input(self) -> None:
        self.breaks()

    def close(self) -> None:
        self.is_closed.set()
        self.breaks()

    def commands(self) -> list[dict[str, Any]]:
        """What it was told behind program and config, but for the signs of life."""
        size, _, rest = self.sent.partition(b"\n")
        told = [json.loads(line) for line in rest[int(size) :].splitlines()[1:]]
        return [each for each in told if "ping" not in each]


class Blocks:
    """A sink that can be waited on."""

    def __init__(self) -> None:
        self.data = b""
        self._changed = threading.Condition()

    def write(self, data: bytes) -> None:
        with self._changed:
            self.data += data
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing to let go of."""

    def wait_for(self, data: bytes) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.data == data, 10), self.data


class Scene:
    """A capture with one host; ``next`` is what comes of the next tries: a host, or why there is none."""

    def __init__(self, clock: Clock | None = None, status: Status | None = None, answer: float = 180.0) -> None:
        clock = clock or SystemClock()
        self.first, self.sink, self.stop = Host(dropped=4, clock=clock, answer=answer), Blocks(), Stop()
        self.next: queue.Queue[Host | VpcsharkError] = queue.Queue()
        self.carried: queue.Queue[Carried] = queue.Queue()
        self.ended: queue.Queue[VpcsharkError | None] = queue.Queue()
        self.resuming = Resuming(self.first.reception, self._restart, self.stop, clock, status or Silent())
        self.resuming.stream(self.sink, self.ended.put)

    def _restart(self, carried: Carried) -> Reception:
        self.carried.put(carried)
        found = self.next.get(timeout=180)
        if isinstance(found, VpcsharkError):
            raise found
        return found.reception


@pytest.fixture
def scene():
    made = Scene()
    yield made
    made.stop.request("the test is over")
    made.resuming.finish(1.0)


def test_frames_go_on_by_a_new_way(scene: Scene):
    """What the broken one cut off is left out, so that the file stays whole; the new receiver is told of the gap before
    it has any frame, so that none of its own gets before what is said of it."""
    scene.first.out.put(ONE + TWO[:10])
    scene.first.breaks()
    second = Host()
    scene.next.put(second)
    second.out.put(THREE)
    scene.sink.wait_for(ONE + THREE)
    assert scene.carried.get(timeout=180).gap == GAP.format("1970-01-12 13:46:40"), (
        "from ONE on, which is the last whole"
    )
    assert second.commands() == []
    assert scene.first.is_closed.is_set()
    assert scene.resuming.moved == len(ONE + TWO[:10] + THREE)
    assert scene.ended.empty()


class Said(Silent):
    """A status that is looked at."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()

    def say(self, text: str) -> None:
        self.lines.put(text)


@pytest.mark.parametrize("slept", [0, 25, 3600, 5 * 86400])
@pytest.mark.parametrize("last_words", ["none", "stats", "a pong", "half a frame"])
def test_a_gap_begins_at_the_last_frame_whenever_it_is_noticed(slept: int, last_words: str, clock: Any) -> None:
    """This machine may have slept since, and what the kernel kept for it (events, half a frame) is read only now."""
    told = Said()
    scene = Scene(clock, told)
    scene.first.out.put(ONE)
    scene.sink.wait_for(ONE)
    clock.time = 1_000_000 + slept
    if last_words == "half a frame":
        scene.first.out.put(TWO[:10])
    elif last_words != "none":
        line = (
            b'{"event": "pong", "ping": 0, "time": 1}\n'
            if last_words == "a pong"
            else b'{"event": "stats", "received": 1, "dropped": 4}\n'
        )
        scene.first.errors.put(line)
    scene.first.breaks()
    assert scene.carried.get(timeout=180).gap == GAP.format("1970-01-12 13:46:40")
    second = Host(time=(1_000_000 + slept + 3) * 10**9, clock=clock)
    scene.next.put(second)
    second.out.put(THREE)
    scene.sink.wait_for(ONE + THREE)
    assert [told.lines.get(timeout=180) for _ in range(2)][1] == (
        f"Connected again; packets of about {slept + 3} seconds are missing."
    )
    scene.stop.request("the test is over")
    scene.resuming.finish(1.0)


def test_before_the_first_frame_a_gap_begins_with_the_receiver(scene: Scene) -> None:
    """What it had in its ring is not known."""
    scene.first.breaks()
    assert scene.carried.get(timeout=180).gap == GAP.format("1970-01-01 00:00:00")
    scene.next.put(Refused("It lets nobody in."))


def test_the_next_receiver_counts_on(scene: Scene):
    """The frames that came, by interface, and those that were dropped, since the first one began; and which process
    the last one is, which may live."""
    scene.first.out.put(ONE + TWO + THREE)
    scene.sink.wait_for(ONE + TWO + THREE)
    scene.first.breaks()
    assert scene.carried.get(timeout=180) == Carried(
        {1: 2, 0: 1}, 4, 1000, {}, GAP.format("1970-02-04 17:20:00"), (7, 99)
    )
    second = Host(dropped=6)
    scene.next.put(second)
    second.out.put(ONE)
    scene.sink.wait_for(ONE + TWO + THREE + ONE)
    second.breaks()
    assert scene.carried.get(timeout=180) == Carried(
        {1: 3, 0: 1}, 6, 1000, {}, GAP.format("1970-01-12 13:46:40"), (7, 99)
    )
    scene.next.put(Refused("It lets nobody in."))


def test_a_filter_that_is_changed_meanwhile_is_the_next_receivers(scene: Scene):
    """Whether it comes before the next one is asked for, or while it starts."""
    scene.resuming.command(program=[[6, 0, 0, 1]])
    scene.first.breaks()
    assert scene.carried.get(timeout=180).programs == {"program": [[6, 0, 0, 1]]}
    scene.resuming.command(program=[[6, 0, 0, 2]])
    second = Host()
    scene.next.put(second)
    second.out.put(ONE)
    scene.sink.wait_for(ONE)
    (told,) = second.commands()
    assert told["program"] == [[6, 0, 0, 2]]


def test_a_filter_that_is_refused_is_not_the_next_receivers_either(scene: Scene):
    """That begins by the one before."""
    scene.resuming.command(program=[[6, 0, 0, 1]])
    scene.first.refuses = True
    with pytest.raises(InputError, match="too long"):
        scene.resuming.command(program=[[6, 0, 0, 2]])
    scene.first.breaks()
    assert scene.carried.get(timeout=180).programs == {"program": [[6, 0, 0, 1]]}
    scene.next.put(Refused("It lets nobody in."))


def test_a_filter_that_is_not_answered_is_not_the_next_receivers_either():
    """Whoever wanted it was told that it is not in force."""
    scene = Scene(answer=0.0)
    scene.first.is_slow = True
    with pytest.raises(Unanswered):
        scene.resuming.command(program=[[6, 0, 0, 2]])
    scene.first.breaks()
    assert scene.carried.get(timeout=180).programs == {}
    scene.next.put(Refused("It lets nobody in."))
    scene.stop.request("the test is over")
    scene.resuming.finish(1.0)


def test_a_filter_that_the_next_receiver_refuses_is_said():
    """It came while that one was starting; frames come by an earlier one."""
    said = Said()
    scene = Scene(status=said)
    scene.first.breaks()
    scene.carried.get(timeout=180)
    scene.resuming.command(program=[[6, 0, 0, 2]])
    second = Host()
    second.refuses = True
    scene.next.put(second)
    second.out.put(ONE)
    scene.sink.wait_for(ONE)
    lines = [said.lines.get(timeout=180) for _ in range(3)]
    assert lines[-1] == "Packets are arriving by an earlier filter: It is too long."
    scene.stop.request("the test is over")
    scene.resuming.finish(1.0)


def test_another_try_is_made_where_the_host_does_not_answer(scene: Scene):
    """It may take a moment."""
    scene.first.breaks()
    scene.next.put(TransportError("It does not answer."))
    second = Host()
    scene.next.put(second)
    second.out.put(ONE)
    scene.sink.wait_for(ONE)


def test_a_host_that_lets_nobody_in_any_more_ends_the_capture(scene: Scene):
    """No time mends that."""
    scene.first.breaks()
    scene.next.put(Refused("It lets nobody in.", "Give it your key."))
    error = scene.ended.get(timeout=180)
    assert isinstance(error, TransportError)
    assert error.problem == "The connection to ssh ec2-user@10.1.0.7 broke. There is no other: It lets nobody in."


def test_an_unforeseen_failure_ends_the_capture(scene: Scene):
    """With a sentence: a thread that is gone would be a capture that waits for ever."""
    scene.first.breaks()
    scene.next.put(None)
    assert "unexpectedly (AttributeError)" in str(scene.ended.get(timeout=180))


def test_a_receiver_that_ends_by_itself_is_not_started_again(scene: Scene):
    """It has a status then, and words."""
    scene.first.status = 1
    scene.first.errors.put(b"Killed\n")
    scene.first.breaks()
    assert "ended by itself: Killed." in str(scene.ended.get(timeout=180))
    assert scene.carried.empty()


@pytest.mark.parametrize(
    ("said", "told"),
    [(b"Killed\n", "ended by itself: Killed."), (b'{"event": "error", "problem": "No memory"}\n', ": No memory.")],
)
def test_last_words_may_come_after_the_last_frame(scene: Scene, said: bytes, told: str):
    """They come by a stream of their own."""
    scene.first.status = 1
    scene.first.out.put(b"")
    assert scene.first.was_asked.wait(180)
    scene.first.errors.put(said)
    scene.first.errors.put(b"")
    assert told in str(scene.ended.get(timeout=180))


def test_a_way_that_is_had_only_after_the_stop_is_closed(scene: Scene):
    """Nothing stays on the host."""
    scene.first.breaks()
    scene.carried.get(timeout=180)
    scene.resuming.finish(0.0)
    late = Host()
    scene.next.put(late)
    assert late.is_closed.wait(180)
