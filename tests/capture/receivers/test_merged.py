"""Several receivers as one: one stream, one sum, a loss that is said, an end that is the last one's."""

from __future__ import annotations

import struct
import threading

import pytest

from vpcshark.capture.contract.frame_stream import UNCOUNTED, Counted
from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.capture.receivers.merged import FleetReception, Member
from vpcshark.clock import SystemClock
from vpcshark.errors import InputError, TransportError, Unanswered
from vpcshark.wire.capture_files.blocks import enhanced_packet, interface_statistics

PATIENCE = 10.0  # seconds, for what happens at once


class Receiver:
    """A reception whose stream the test writes."""

    def __init__(self, received: int = 0) -> None:
        self.stats = Counted(received, 1, 2, {"7": 1}) if received else UNCOUNTED
        self.moved = received * 100
        self.commands: list[dict] = []
        self.sink = self.on_end = None
        self.last = b""
        self.finished = threading.Event()
        self.is_broken = self.is_slow = self.refuses = False

    def command(self, **words) -> None:
        if self.is_slow:
            raise Unanswered("The receiver does not answer.")
        if self.refuses:
            raise InputError("The filter is too long.")
        if self.is_broken:
            raise TransportError("The way broke.")
        self.commands.append(words)

    def stream(self, sink, on_end) -> None:
        self.sink, self.on_end = sink, on_end

    def finish(self, timeout: float) -> None:
        last, self.last = self.last, b""
        if last:
            self.sink.write(last)
        self.finished.set()

    def break_off(self) -> None:
        self.on_end(TransportError("The receiver ended by itself."))


class Sink:
    """Keeps what is written, unless it is shut."""

    def __init__(self) -> None:
        self.data = b""
        self.is_shut = False
        self.has_more = threading.Event()

    def write(self, data: bytes) -> None:
        if self.is_shut:
            raise SinkClosed("shut")
        self.data += data
        self.has_more.set()

    def close(self) -> None:
        """Nothing to let go of."""


class Said:
    """A status that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    log = say


def packet(time: int) -> bytes:
    return enhanced_packet(0, time, bytes(60), 60)


def times(data: bytes) -> list[int]:
    """Of the packets, in their order."""
    found = []
    while data:
        kind, length, _, high, low = struct.unpack_from("<IIIII", data)
        found += [high << 32 | low] if kind == 6 else []
        data = data[length:]
    return found


class Running:
    """A fleet that streams."""

    def __init__(self, *receivers: Receiver) -> None:
        self.receivers, self.sink, self.said, self.ends = receivers, Sink(), Said(), []
        members = [Member(f"capture-{number}", each) for number, each in enumerate(receivers, 1)]
        self.fleet = FleetReception(members, self.said, SystemClock())
        self.fleet.stream(self.sink, self.ends.append)


@pytest.fixture
def running():
    """Two receivers."""
    made = Running(Receiver(10), Receiver(20))
    yield made
    made.fleet.finish(0.1)


def test_frames_of_both_in_one_order(running: Running):
    """However they come."""
    first, second = running.receivers
    first.sink.write(packet(10) + packet(30))
    second.sink.write(packet(20) + packet(40))
    assert times(running.sink.data) == [10, 20, 30]
    first.last = packet(50)
    running.fleet.finish(1.0)
    assert times(running.sink.data) == [10, 20, 30, 40, 50]
    assert all(each.finished.is_set() for each in running.receivers)


def test_a_quiet_host_holds_nothing_back_for_long(running: Running):
    """Without anybody writing anything more."""
    running.receivers[0].sink.write(packet(10))
    assert running.sink.has_more.wait(PATIENCE)
    assert times(running.sink.data) == [10]


def test_counts_are_those_of_all(running: Running):
    assert running.fleet.stats == Counted(30, 2, 4, {"7": 2})
    assert running.fleet.moved == 3000
    assert FleetReception([Member("a", Receiver())], Said(), SystemClock()).stats == UNCOUNTED


def test_a_command_goes_to_all_and_fails_where_none_takes_it(running: Running):
    first, second = running.receivers
    second.is_broken = True
    running.fleet.command(program=[])
    assert first.commands == [{"program": []}]
    first.is_broken = True
    with pytest.raises(TransportError):
        running.fleet.command(program=[])


def test_a_filter_that_one_host_refuses_is_refused(running: Running):
    """The others were asked: whoever wanted it gives all of them the one before."""
    first, second = running.receivers
    first.refuses = True
    with pytest.raises(InputError, match="too long"):
        running.fleet.command(program=[])
    assert second.commands == [{"program": []}]


def test_a_filter_that_one_host_does_not_answer_is_not_said_to_be_in_force(running: Running):
    """It is there, and may have taken it or not; a refusal tells more."""
    first, second = running.receivers
    first.is_slow = True
    with pytest.raises(Unanswered):
        running.fleet.command(program=[])
    assert second.commands == [{"program": []}]
    second.refuses = True
    with pytest.raises(InputError, match="too long"):
        running.fleet.command(program=[])


def test_a_host_that_is_lost_is_said_and_the_rest_goes_on(running: Running):
    """In the status, the toolbar and the file; what it still had comes; its receiver is let go of."""
    first, second = running.receivers
    first.sink.write(packet(10) + interface_statistics(0, 1, 10, 0))
    second.sink.write(interface_statistics(0, 1, 20, 0) + packet(5))
    first.break_off()
    assert first.finished.wait(PATIENCE)
    assert "capture-1 is lost; 1 of 2 hosts go on" in running.said.lines[-1]
    assert running.fleet.note == "1 of 2 hosts"
    assert running.ends == []
    assert b"The capture host capture-1 was lost here" in running.sink.data
    second.sink.write(packet(20))
    assert times(running.sink.data) == [5, 10, 20]
    running.fleet.command(ping=1)
    assert second.commands == [{"ping": 1}]
    assert first.commands == []


def test_the_last_ones_end_is_the_captures(running: Running):
    """With its reason."""
    for each in running.receivers:
        each.break_off()
    (error,) = running.ends
    assert "ended by itself" in error.problem


def test_ends_after_the_stop_are_no_losses(running: Running):
    running.fleet.finish(1.0)
    for each in running.receivers:
        each.break_off()
    assert (running.said.lines, running.ends, running.fleet.note) == ([], [], "")


def test_a_reader_who_has_gone_ends_it_once(running: Running):
    """Whoever of the receivers' threads hears of it first."""
    running.sink.is_shut = True
    for each in running.receivers:
        try:
            each.sink.write(packet(10))
        except SinkClosed:
            each.on_end(None)
    assert running.ends == [None]


def test_what_is_no_block_is_that_hosts_error(running: Running):
    with pytest.raises(TransportError, match="no pcapng block"):
        running.receivers[0].sink.write(b"Last login: Tuesday\n" * 3)
