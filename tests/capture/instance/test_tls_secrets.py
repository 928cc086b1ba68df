"""TLS secrets: whole lines, once each, and before the packets."""

from __future__ import annotations

import queue
import threading

import pytest

from vpcshark.capture.instance.tls_secrets import HeldSink, Secrets
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.wire.capture_files import pcapng

LINE = b"CLIENT_TRAFFIC_SECRET_0 " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
OTHER = b"SERVER_TRAFFIC_SECRET_0 " + b"ab" * 32 + b" " + b"ef" * 48 + b"\n"


class Collected:
    """A sink that keeps what comes, and tells when."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.came = threading.Event()

    def write(self, data: bytes) -> None:
        self.data.append(data)
        self.came.set()

    def close(self) -> None:
        """Nothing to let go of."""


class Stalled(Collected):
    """Takes nothing until ``goes_on``."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, data: bytes) -> None:
        self.came.set()
        assert self.goes_on.wait(180)
        super().write(data)


def test_a_line_becomes_a_block_when_it_is_whole() -> None:
    """Pieces of any size."""
    secrets = Secrets()
    assert secrets.feed(LINE[:20]) == b""
    assert secrets.feed(LINE[20:] + OTHER[:5]) == pcapng.decryption_secrets(LINE)
    assert secrets.feed(OTHER[5:]) == pcapng.decryption_secrets(OTHER)


def test_a_line_comes_out_once() -> None:
    """After a reconnect the file is read from its start again."""
    secrets = Secrets()
    secrets.feed(LINE)
    secrets.begin_anew()
    assert secrets.feed(LINE + OTHER) == pcapng.decryption_secrets(OTHER)


def test_what_is_no_key_log_line_is_left_out() -> None:
    """Comments, and whatever else a file may hold."""
    assert Secrets().feed(b"# a comment\npassword=hunter2\nCLIENT_RANDOM zz zz\n") == b""


def test_secrets_go_before_packets() -> None:
    """Packets wait for a moment."""
    sink = Collected()
    held = HeldSink(sink, SystemClock(), 0.2)
    held.write(b"packet")
    held.at_once(b"secret")
    held.close()
    assert sink.data == [b"secret", b"packet"]


def test_a_sink_that_fails_is_told_to_whoever_writes_next() -> None:
    """However it fails: a thread that is gone would be a capture that gets nothing more, unsaid."""

    class Defect(Collected):
        def write(self, data: bytes) -> None:
            super().write(data)
            raise ValueError("no block begins here")

    sink = Defect()
    held = HeldSink(sink, SystemClock(), 0.0)
    held.write(b"packet")
    assert sink.came.wait(180)
    held.close()
    with pytest.raises(VpcsharkError, match=r"unexpectedly \(ValueError\)"):
        held.write(b"another")


def test_a_reader_that_stalls_makes_the_writer_wait() -> None:
    """What is too much is dropped at the capture host then, and counted; here it would only take memory, for ever."""

    sink = Stalled()
    held = HeldSink(sink, SystemClock(), 0.0, most=10)
    taken: queue.Queue[int] = queue.Queue()

    def pour() -> None:
        for number in range(4):
            held.write(b"packet")
            taken.put(number)

    writer = threading.Thread(target=pour)
    writer.start()
    assert sink.came.wait(180)
    assert [taken.get(timeout=180), taken.get(timeout=180)] == [0, 1]
    with pytest.raises(queue.Empty):
        taken.get(timeout=0.2)
    sink.goes_on.set()
    assert [taken.get(timeout=180), taken.get(timeout=180)] == [2, 3]
    writer.join()
    held.close()
    assert sink.data == [b"packet"] * 4


def test_a_reader_that_stalls_holds_no_stop_up() -> None:
    """What it did not take by then is lost to it."""
    sink = Stalled()
    held = HeldSink(sink, SystemClock(), 0.0, patience=0.2)
    held.write(b"packet")
    assert sink.came.wait(180)
    held.close()
    assert sink.data == []
    sink.goes_on.set()


def test_packets_that_are_too_many_to_be_held_go_on_early() -> None:
    """The hold must not be the slowest part of a fast capture."""
    sink = Collected()
    held = HeldSink(sink, SystemClock(), 1000.0, most=10)
    held.write(b"packet")
    held.write(b"packet")
    assert sink.came.wait(180)
    held.close()
    assert sink.data == [b"packet"] * 2


def test_packets_come_without_anything_after_them() -> None:
    """The last one does not wait for a next one."""
    sink = Collected()
    held = HeldSink(sink, SystemClock(), 0.01)
    held.write(b"packet")
    assert sink.came.wait(180)
    held.close()
