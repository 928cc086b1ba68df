"""A key log that is followed by a way of its own: on this machine, with a real shell and tail."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hands import wait_until

from vpcshark.capture.instance.key_log import Following
from vpcshark.clock import SystemClock
from vpcshark.errors import TransportError
from vpcshark.transport.local import LocalTransport
from vpcshark.wire.capture_files import pcapng

LINE = b"CLIENT_TRAFFIC_SECRET_0 " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
OTHER = b"SERVER_TRAFFIC_SECRET_0 " + b"ab" * 32 + b" " + b"ef" * 48 + b"\n"


class Collected:
    """A sink that keeps what comes, and can be waited on."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self._changed = threading.Condition()

    def write(self, data: bytes) -> None:
        with self._changed:
            self.data.append(data)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing to let go of."""

    def wait_for(self, data: bytes) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: data in self.data, 20), self.data


class Way(LocalTransport):
    """To this machine; knows when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        super().close()
        self.closed.set()


class Ways:
    """Those that were opened; the latest can be broken."""

    def __init__(self) -> None:
        self.opened: list[Way] = []

    def open(self) -> Way:
        self.opened.append(Way())
        return self.opened[-1]


def test_secrets_come_before_the_packets_that_were_held(tmp_path: Path) -> None:
    """What is added to the file overtakes a packet."""
    log, sink = tmp_path / "keys", Collected()
    followed = Following(Ways().open, str(log), SystemClock())
    followed.begin()
    held = followed.before(sink, lambda own: None)
    log.write_bytes(LINE)
    sink.wait_for(pcapng.decryption_secrets(LINE))
    held.write(b"packet")
    with log.open("ab") as file:
        file.write(OTHER)
    sink.wait_for(b"packet")
    followed.end()
    assert sink.data[-1] == b"packet"


def test_a_way_that_breaks_is_opened_anew_and_no_line_comes_twice(tmp_path: Path) -> None:
    """The feed is told, because the new connection's packets must be left out too."""
    log, sink, ways, told = tmp_path / "keys", Collected(), Ways(), threading.Event()
    log.write_bytes(LINE)
    followed = Following(ways.open, str(log), SystemClock(), pause=0.05)
    followed.begin()
    followed.before(sink, lambda own: told.set())
    sink.wait_for(pcapng.decryption_secrets(LINE))
    ways.opened[0].close()
    assert told.wait(180)
    with log.open("ab") as file:
        file.write(OTHER)
    sink.wait_for(pcapng.decryption_secrets(OTHER))
    followed.end()
    assert sink.data.count(pcapng.decryption_secrets(LINE)) == 1


def test_a_way_that_cannot_be_left_out_of_the_capture_is_closed_before_the_next(tmp_path: Path) -> None:
    """Its packets would make others; and nothing on the other machine may go on for nobody."""
    log, sink, ways, told = tmp_path / "keys", Collected(), Ways(), threading.Event()
    log.write_bytes(LINE)

    def leave_out(own: str) -> None:
        if len(ways.opened) == 2:
            raise TransportError("The receiver does not answer.", "Try again in a moment.")
        told.set()

    followed = Following(ways.open, str(log), SystemClock(), pause=0.05)
    followed.begin()
    followed.before(sink, leave_out)
    sink.wait_for(pcapng.decryption_secrets(LINE))
    ways.opened[0].close()
    assert told.wait(180)
    assert ways.opened[1].closed.is_set()
    assert not ways.opened[2].closed.is_set()
    followed.end()


def test_a_way_that_is_opened_while_the_capture_ends_is_closed(tmp_path: Path) -> None:
    """``end`` closes the way that there is; the one that comes a moment later is closed too."""
    log, ways, opening, ended = tmp_path / "keys", Ways(), threading.Event(), threading.Event()
    log.write_bytes(LINE)

    def slowly() -> Way:
        if ways.opened:
            opening.set()
            assert ended.wait(180)
        return ways.open()

    sink, followed = Collected(), Following(slowly, str(log), SystemClock(), pause=0.05)
    followed.begin()
    followed.before(sink, lambda own: None)
    sink.wait_for(pcapng.decryption_secrets(LINE))
    ways.opened[0].close()
    assert opening.wait(180)
    followed.end()
    ended.set()
    wait_until(lambda: len(ways.opened) == 2, "the way is opened")
    assert ways.opened[1].closed.wait(180)


def test_without_a_way_one_sentence_says_what_needs_it() -> None:
    """Never silently nothing."""

    def nowhere() -> LocalTransport:
        raise TransportError("10.0.0.1 refuses SSH connections.", "Check that sshd runs there.")

    with pytest.raises(TransportError) as caught:
        Following(nowhere, "/keys", SystemClock()).begin()
    assert caught.value.problem == (
        "The TLS key log needs a way to the source's instance: 10.0.0.1 refuses SSH connections."
    )
    assert caught.value.remedy.startswith("Check that sshd runs there.")
