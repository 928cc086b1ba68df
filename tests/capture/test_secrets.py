"""TLS secrets: whole lines, once each, and before the packets."""

from __future__ import annotations

import threading

import pytest

from vpcshark.capture.secrets import HeldSink, Secrets
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.wire import pcapng

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
    assert sink.came.wait(5)
    held.close()
    with pytest.raises(VpcsharkError, match=r"unexpectedly \(ValueError\)"):
        held.write(b"another")


def test_packets_come_without_anything_after_them() -> None:
    """The last one does not wait for a next one."""
    sink = Collected()
    held = HeldSink(sink, SystemClock(), 0.01)
    held.write(b"packet")
    assert sink.came.wait(5)
    held.close()
