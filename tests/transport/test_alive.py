"""A path that was cut in silence is noticed, and one on which nothing is to be said is not taken for one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from vpcshark.errors import TransportError
from vpcshark.transport import alive

ENDLESS = 1000  # ticks


def at_once(work: Callable[[], object]) -> Future[object]:
    """Not aside, so that the answer is there before the next tick."""
    done: Future[object] = Future()
    done.set_result(work())
    return done


class Other:
    """The other end: it gives a sign of life when asked, as long as it lives."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.stream = alive.Heard(self.ours)
        self.asked = 0
        self.lives = True
        self.given_up_at = 0
        self.ticks = 0

    def ask(self) -> None:
        self.asked += 1
        if self.lives:
            self.theirs.send(b"!")
            self.stream.recv(1)

    def give_up(self) -> None:
        self.given_up_at = self.ticks

    def watch(self, dies_at: int = ENDLESS, says: int = ENDLESS) -> None:
        """Watch it until it is given up, or for ``ENDLESS`` ticks; it says something at every tick ``says``."""

        def wait() -> bool:
            self.ticks += 1
            self.lives = self.ticks < dies_at
            if self.lives and self.ticks % says == 0:
                self.ask()
            return self.ticks == ENDLESS

        alive.Watch(self.stream, self.ask, self.give_up, at_once).run(wait)
        self.ours.close()
        self.theirs.close()


def test_a_host_that_has_nothing_to_say_is_alive() -> None:
    """It answers when it is asked."""
    other = Other()
    other.watch()
    assert (other.given_up_at, other.ticks) == (0, ENDLESS)
    assert other.asked


def test_a_host_that_gives_no_sign_of_life_is_given_up() -> None:
    """Once, after it was asked more than once."""
    other = Other()
    other.watch(dies_at=1)
    assert other.given_up_at == alive.TICKS
    assert other.asked > 2


def test_the_time_counts_from_the_last_sign_of_life() -> None:
    """Whatever came before."""
    other = Other()
    other.watch(dies_at=500, says=3)
    assert other.given_up_at >= 500 + alive.TICKS - 3


class Cut:
    """A stream that swallows everything in both directions from ``silence`` on, as a network that is down."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._is_silent = False
        self.settimeout = inner.settimeout
        self.close = inner.close

    def silence(self) -> None:
        self._is_silent = True

    def send(self, data: bytes) -> int:
        return len(data) if self._is_silent else self._inner.send(data)

    def recv(self, size: int) -> bytes:
        while True:
            data: bytes = self._inner.recv(size)  # times out again and again, as paramiko asks it to
            if not (data and self._is_silent):
                return data

    @property
    def _closed(self) -> bool:
        return bool(self._inner._closed)


@pytest.mark.thin(5)
@pytest.mark.parametrize("way", ["ssh", "jump", "proxy command", "ssm", "endpoint"])
def test_a_silent_cut_ends_every_way(
    way: str, sshd: Any, dials: dict[str, Callable[[], Any]], log_in: Callable[..., Any]
) -> None:
    """Neither end closes anything, and what carries the connection lives on."""
    dial = dials.get(way, lambda: socket.create_connection(("127.0.0.1", sshd.port)))
    streams: list[Cut] = []

    def cut() -> Cut:
        streams.append(Cut(dial()))
        return streams[0]

    channel = log_in(dial=cut, dead_after=4.0).open(["cat"])
    channel.write(b"x")
    assert channel.read(1) == b"x"
    streams[0].silence()
    assert channel.read(1) == b""
    with pytest.raises(TransportError, match="broke"):
        channel.wait(180)
