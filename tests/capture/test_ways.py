"""Ways to a machine, tried side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from vpcshark.capture.ways import Way, first
from vpcshark.errors import TransportError, Unreachable
from vpcshark.transport.local import LocalTransport


class Opened(LocalTransport):
    """A transport that knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        super().close()


def fails(error: TransportError) -> Callable[[], Opened]:
    """A way that does not work."""

    def open() -> Opened:
        raise error

    return open


def test_the_first_that_works_is_used_and_the_others_are_let_go() -> None:
    """The slower one is closed as soon as it is there."""
    fast, slow, go = Opened(), Opened(), threading.Event()

    def late() -> Opened:
        go.wait(5)
        return slow

    assert first([Way("slow", late), Way("fast", lambda: fast)], "web-1", 5) is fast
    go.set()
    assert slow.closed.wait(5)
    assert not fast.closed.is_set()


def test_a_way_that_waits_begins_at_once_when_the_others_failed() -> None:
    """Nobody waits for nothing."""
    there, start = Opened(), time.monotonic()
    assert first([Way("a", fails(TransportError("no"))), Way("b", lambda: there, 30)], "web-1", 60) is there
    assert time.monotonic() - start < 20


def test_a_way_that_waits_does_not_begin_where_it_is_not_needed() -> None:
    """What costs a call is not made in vain."""
    begun = threading.Event()

    def costly() -> Opened:
        begun.set()
        return Opened()

    first([Way("a", Opened), Way("b", costly, 0.2)], "web-1", 5)
    assert not begun.wait(0.5)


def test_every_reason_is_told() -> None:
    """In the order of the ways."""
    ways = [Way("A", fails(TransportError("No key.", "Get one."))), Way("B", fails(TransportError("No plugin.")))]
    with pytest.raises(TransportError) as caught:
        first(ways, "web-1", 5)
    assert str(caught.value) == "No way leads to web-1. A: No key. B: No plugin. Get one."


def test_an_address_without_anybody_is_not_worth_a_word_beside_another() -> None:
    """The one that answered says what is wrong."""
    ways = [Way("A", fails(TransportError("Refused."))), Way("B", fails(Unreachable("Nobody.")))]
    with pytest.raises(TransportError, match=r"^Refused\.$"):
        first(ways, "web-1", 5)


def test_time_is_limited() -> None:
    """A way that never ends keeps nobody."""
    stuck = threading.Event()

    def open() -> Opened:
        stuck.wait(10)
        return Opened()

    with pytest.raises(TransportError, match="did not answer in time"):
        first([Way("A", open)], "web-1", 0.1)
    stuck.set()
