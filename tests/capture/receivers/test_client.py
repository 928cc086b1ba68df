"""The receiver's other end: ready or a sentence, blocks moved whole, an end with its reason."""

from __future__ import annotations

import json
import queue
import threading

import pytest

from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.receivers.events import Events
from vpcshark.clock import SystemClock
from vpcshark.errors import Broken, InputError, TransportError, Unanswered
from vpcshark.wire.capture_files import pcapng

ONE, TWO = (pcapng.enhanced_packet(0, number, b"frame", 5) for number in (1, 2))


class FakeChannel:
    """A command whose outputs the test writes."""

    def __init__(self, status: int = 0) -> None:
        self.out: queue.Queue[bytes] = queue.Queue()
        self.error: queue.Queue[bytes] = queue.Queue()
        self.sent = b""
        self.status = status
        self.closed = threading.Event()

    def read(self, size: int) -> bytes:
        return self.out.get(timeout=180)

    def read_error(self, size: int) -> bytes:
        return self.error.get(timeout=180)

    def write(self, data: bytes) -> None:
        self.sent += data

    def close_input(self) -> None:
        self.out.put(b"")
        self.error.put(b"")

    def wait(self, timeout: float) -> int:
        return self.status

    def close(self) -> None:
        self.closed.set()
        self.close_input()


class FakeTransport:
    """The way to the fake channel."""

    name = "ssh ec2-user@10.1.0.7"
    is_closed = False

    def open(self, command):
        raise AssertionError("the channel is open already")

    def close(self) -> None:
        self.is_closed = True


class ListSink:
    """Keeps what is written; closed after ``room`` writes."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> None:
        if len(self.chunks) == self.room:
            raise SinkClosed("full")
        self.chunks.append(data)

    def close(self) -> None:
        self.room = len(self.chunks)


def begun(channel: FakeChannel, answer: float = 180.0) -> Reception:
    """A reception whose receiver said ready."""
    reception = Reception(channel, FakeTransport(), answer=answer)
    channel.error.put(b'{"event": "ready", "mode": "ring"}\n')
    reception.begin({"port": 4789}, 5.0)
    assert reception.mode == "ring"
    return reception


def test_program_and_config_are_sent_as_the_contract_has_them():
    """The length on a line, the program, the config on a line."""
    channel = FakeChannel()
    begun(channel).finish(1.0)
    length, rest = channel.sent.split(b"\n", 1)
    config, *commands = rest[int(length) :].splitlines()
    assert config == b'{"port": 4789}'
    assert all(set(json.loads(command)) == {"ping"} for command in commands)


@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        (b'{"event": "error", "problem": "UDP port 4789 is taken."}\n', 1, "UDP port 4789 is taken"),
        (b"sh: 1: exec: python3: not found\n", 127, "There is no python3 on"),
        (b"Traceback\nKeyError: 'x'\n", 1, "ended with status 1"),
    ],
)
def test_a_receiver_that_cannot_start_says_why(said: bytes, status: int, sentence: str):
    """Its own words, or what its exit status means; the host is named."""
    channel = FakeChannel(status)
    channel.error.put(said)
    channel.error.put(b"")
    reception = Reception(channel, FakeTransport())
    with pytest.raises(TransportError, match=sentence) as caught:
        reception.begin({}, 5.0)
    assert "ec2-user@10.1.0.7" in str(caught.value)
    reception.finish(0.0)


def test_blocks_reach_the_sink_until_the_end():
    """In order, all of them, also those that come after the stop."""
    channel, sink, ended = FakeChannel(), ListSink(), []
    reception = begun(channel)
    reception.stream(sink, ended.append)
    channel.out.put(ONE)
    channel.out.put(TWO)
    reception.finish(5.0)
    assert sink.chunks == [ONE, TWO]
    assert reception.moved == len(ONE + TWO)
    assert channel.closed.is_set()


def test_a_block_that_comes_in_two_reads_is_written_whole():
    """A key log's secrets are written by another thread, between two of our writes and never into a block."""
    channel, sink = FakeChannel(), ListSink()
    reception = begun(channel)
    reception.stream(sink, lambda error: None)
    channel.out.put(ONE + TWO[:10])
    channel.out.put(TWO[10:])
    reception.finish(5.0)
    assert sink.chunks == [ONE, TWO]


def test_what_is_no_block_ends_the_capture_with_a_sentence():
    """Not with a thread that is gone and a capture that never ends."""
    channel, ended = FakeChannel(), queue.Queue()
    reception = begun(channel)
    reception.stream(ListSink(), ended.put)
    channel.out.put(bytes(40))
    assert "no pcapng block" in str(ended.get(timeout=180))
    reception.finish(0.0)


def test_a_sink_that_fails_in_an_unforeseen_way_ends_the_capture_too():
    """The same."""

    class Defect(ListSink):
        def write(self, data: bytes) -> None:
            raise ZeroDivisionError

    channel, ended = FakeChannel(), queue.Queue()
    reception = begun(channel)
    reception.stream(Defect(), ended.put)
    channel.out.put(ONE)
    assert "unexpectedly (ZeroDivisionError)" in str(ended.get(timeout=180))
    reception.finish(0.0)


def test_a_receiver_that_dies_is_an_error():
    """The end of the stream without our wish is told with the receiver's last words."""
    channel, ended = FakeChannel(), queue.Queue()
    reception = begun(channel)
    channel.error.put(b"Killed\n")
    channel.out.put(b"")
    reception.stream(ListSink(), ended.put)
    error = ended.get(timeout=180)
    assert isinstance(error, TransportError)
    reception.finish(0.0)


def test_a_reader_that_goes_is_no_error():
    """Wireshark closing the FIFO is a way of stopping."""
    channel, ended = FakeChannel(), queue.Queue()
    reception = begun(channel)
    reception.stream(ListSink(room=0), ended.put)
    channel.out.put(ONE)
    assert ended.get(timeout=180) is None
    reception.finish(0.0)


def filtering(channel: FakeChannel, *said: bytes, answer: float = 180.0) -> Reception:
    """A reception whose receiver answers its next filter so; {n} is the number of the ping behind that."""
    reception = begun(channel, answer)
    written = channel.write

    def write(data: bytes) -> None:
        written(data)
        if b"ping" in data and b"program" in channel.sent:
            for line in said:
                channel.error.put(line.replace(b"{n}", str(json.loads(data)["ping"]).encode()))

    channel.write = write  # type: ignore[method-assign]
    return reception


FILTER: dict[str, object] = {"program": [[6, 0, 0, 1]], "socket_program": [[6, 0, 0, 1]]}
REFUSED = b'{"event": "error", "problem": "It is too long.", "remedy": "Use a shorter one."}\n'
ANSWERED = b'{"event": "pong", "ping": {n}}\n'


def test_a_filter_is_in_force_when_the_receiver_has_answered():
    """It answers a ping behind it."""
    reception = filtering(FakeChannel(), ANSWERED)
    reception.command(**FILTER)
    reception.finish(1.0)


def test_a_filter_that_the_receiver_refuses_is_an_error_and_no_end():
    """In its words. The next one is judged for itself, and a way that breaks later may be mended."""
    channel, ended = FakeChannel(), []
    reception = filtering(channel, REFUSED, ANSWERED)
    with pytest.raises(InputError, match=r"It is too long\. Use a shorter one\."):
        reception.command(**FILTER)
    channel.status = None  # type: ignore[assignment]  # there is none where the way broke
    done = threading.Event()
    reception.stream(ListSink(), lambda error: (ended.append(error), done.set()))
    channel.out.put(b"")
    channel.error.put(b"")
    assert done.wait(180)
    assert isinstance(ended[0], Broken)
    reception.finish(1.0)


def test_whether_a_filter_is_in_force_is_not_known_before_an_answer():
    """Only that is said; the receiver may be slow."""
    reception = filtering(FakeChannel(), answer=0.0)
    with pytest.raises(Unanswered, match="does not answer"):
        reception.command(**FILTER)
    reception.finish(1.0)


def test_an_answer_that_comes_too_late_is_not_the_next_filters():
    """The receiver was slow, and refuses the first filter when the second is on its way."""
    channel = FakeChannel()
    events = listening(channel)
    first = events.expect()
    with pytest.raises(Unanswered):
        events.check(first, 0.0)
    second = events.expect()
    channel.error.put(REFUSED + b"".join(ANSWERED.replace(b"{n}", b"%d" % ping) for ping in (first, second)))
    events.check(second, 180.0)
    third = events.expect()
    channel.error.put(REFUSED + ANSWERED.replace(b"{n}", b"%d" % third))
    with pytest.raises(InputError, match="too long"):
        events.check(third, 180.0)
    channel.close()


def test_a_sign_of_life_is_no_answer_to_a_filter():
    """It may be asked for and answered between a filter's number and that filter."""
    channel = FakeChannel()
    events = listening(channel)
    expected, sign = events.expect(), events.ping()
    channel.error.put(ANSWERED.replace(b"{n}", b"%d" % sign) + b'{"event": "tally"}\n')
    assert events.tally(180.0).is_known
    with pytest.raises(Unanswered):
        events.check(expected, 0.0)
    channel.close()


def listening(channel: FakeChannel) -> Events:
    """What a receiver says that is ready."""
    events = Events(channel, "web-1", SystemClock(), lambda remark: None)
    events.begin()
    channel.error.put(b'{"event": "ready"}\n')
    assert events.wait_until_ready(180.0)
    return events


def test_a_receiver_that_ends_instead_of_an_answer_is_waited_for_no_longer():
    channel = FakeChannel()
    reception = filtering(channel, b"")
    with pytest.raises(TransportError, match="does not answer"):
        reception.command(**FILTER)
    reception.finish(1.0)
