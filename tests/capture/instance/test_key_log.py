"""A key log that is followed by a way of its own: on this machine, with a real shell and tail."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

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


class Ways:
    """Transports to this machine; the latest can be broken."""

    def __init__(self) -> None:
        self.opened: list[LocalTransport] = []

    def open(self) -> LocalTransport:
        self.opened.append(LocalTransport())
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
