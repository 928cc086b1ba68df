"""Ways to a machine, tried side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from vpcshark.capture.connection.race import Way, first
from vpcshark.errors import AwsError, Closed, Hopeless, Keyless, Refused, TransportError, Unreachable, VpcsharkError
from vpcshark.transport.local import LocalTransport


class Opened(LocalTransport):
    """A transport that knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        super().close()


def fails(error: VpcsharkError) -> Callable[[], Opened]:
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
    assert first([Way("a", fails(TransportError("no"))), Way("b", lambda: there, 600)], "web-1", 900) is there
    assert time.monotonic() - start < 300


def test_a_way_that_waits_does_not_begin_where_it_is_not_needed() -> None:
    """What costs a call is not made in vain."""
    begun = threading.Event()

    def costly() -> Opened:
        begun.set()
        return Opened()

    first([Way("a", Opened), Way("b", costly, 0.2)], "web-1", 5)
    assert not begun.wait(0.5)


def test_the_reason_of_the_first_way_is_told_and_the_log_has_all(caplog: pytest.LogCaptureFixture) -> None:
    """One sentence and what to do; a page of reasons is read by nobody."""
    caplog.set_level("INFO")
    ways = [Way("A", fails(TransportError("No key.", "Get one."))), Way("B", fails(TransportError("No plugin.")))]
    with pytest.raises(TransportError) as caught:
        first(ways, "web-1", 5)
    assert str(caught.value) == "No key. Get one."
    assert "B does not work: No plugin." in caplog.text


def test_a_machine_that_refused_a_key_is_not_asked_by_other_ways_with_it() -> None:
    """It is the same sshd behind each: nobody waits for the same answer, not even where it was asked already."""
    begun, stuck = threading.Event(), threading.Event()

    def asked() -> Opened:
        begun.set()
        return Opened()

    def slow() -> Opened:
        stuck.wait(900)
        return Opened()

    own, start = frozenset({"own"}), time.monotonic()
    ways = [
        Way("A", fails(Refused("Not with this key.")), keys=own),
        Way("B", slow, keys=own),
        Way("C", asked, 1.0, keys=own),
    ]
    with pytest.raises(Refused, match=r"^Not with this key\.$"):
        first(ways, "web-1", 900)
    stuck.set()
    assert time.monotonic() - start < 300
    assert not begun.wait(1.5)


def test_a_way_with_other_keys_is_tried_where_one_was_refused() -> None:
    """A pushed key may be taken."""
    there = Opened()
    ways = [
        Way("A", fails(Refused("no")), keys=frozenset({"own"})),
        Way("B", lambda: there, 30, keys=frozenset({"own", "pushed"})),
    ]
    assert first(ways, "web-1", 60) is there


def test_the_machine_s_own_word_counts_more_than_a_way_that_did_not_lead_there() -> None:
    """Whoever was refused has the way already."""
    ways = [Way("A", fails(TransportError("No endpoint."))), Way("B", fails(Refused("Not with this key.")))]
    with pytest.raises(Refused, match=r"^Not with this key\.$"):
        first(ways, "web-1", 5)


KEYLESS = Keyless("There is no key.", "Name one.")
DENIED = AwsError("You may not send a key.", "Ask for ec2-instance-connect:SendSSHPublicKey.", code="AccessDenied")


def test_without_a_key_and_without_permissions_it_is_hopeless_and_they_are_named() -> None:
    """Whoever waits for a machine to boot need not wait for that."""
    with pytest.raises(Hopeless, match=r"There is no key. Name one. Ask for ec2-instance-connect:SendSSHPublicKey."):
        first([Way("ssh", fails(KEYLESS)), Way("eic", fails(DENIED))], "web-1", 5)


def test_without_a_key_the_missing_permission_is_named_also_where_another_way_may_open_yet() -> None:
    ways = [Way("ssh", fails(KEYLESS)), Way("eic", fails(DENIED)), Way("ssm", fails(TransportError("Not online.")))]
    with pytest.raises(Refused, match=r"There is no key. Name one. Ask for ec2-instance-connect:SendSSHPublicKey."):
        first(ways, "web-1", 5)


def test_where_the_machine_refused_a_key_no_permission_is_asked_for() -> None:
    refused = Refused("web-1 does not let me in.", "Check the key.")
    with pytest.raises(Refused, match=r"Check the key\.$"):
        first([Way("ssh", fails(refused)), Way("eic", fails(DENIED))], "web-1", 5)


def test_where_nobody_is_at_the_address_the_next_way_s_reason_is_told_too() -> None:
    """A private address that does not answer may be as it should be."""
    ways = [
        Way("A", fails(Unreachable("Nobody.", "Look."))),
        Way("B", fails(TransportError("No plugin.", "Install it."))),
        Way("C", fails(TransportError("No endpoint.", "Make one."))),
    ]
    with pytest.raises(TransportError) as caught:
        first(ways, "web-1", 5)
    assert str(caught.value) == "Nobody. No other way leads to web-1: No plugin. Look. Install it."


def test_an_address_without_anybody_is_not_worth_a_word_beside_another() -> None:
    """The one that answered says what is wrong."""
    ways = [Way("A", fails(TransportError("Refused."))), Way("B", fails(Unreachable("Nobody.")))]
    with pytest.raises(TransportError, match=r"^Refused\.$"):
        first(ways, "web-1", 5)


def test_where_one_address_answers_that_nobody_listens_the_others_have_a_moment_left() -> None:
    """Nobody waits three seconds for an address that swallows everything."""
    stuck, start = threading.Event(), time.monotonic()

    def swallowed() -> Opened:
        stuck.wait(900)
        return Opened()

    ways = [
        Way("A", fails(Closed("A refuses.", "Start sshd.")), is_direct=True),
        Way("B", swallowed, is_direct=True),
        Way("C", fails(TransportError("C is not online."))),
    ]
    with pytest.raises(TransportError, match=r"^A refuses\. Start sshd\.$"):
        first(ways, "web-1", 900)
    stuck.set()
    assert time.monotonic() - start < 300


def test_another_address_is_used_though_the_first_is_closed() -> None:
    """A private address may be that of somebody else's machine where we are."""
    there = Opened()

    def late() -> Opened:
        time.sleep(0.2)
        return there

    assert first([Way("A", fails(Closed("no")), is_direct=True), Way("B", late, is_direct=True)], "web-1", 15) is there


def test_time_is_limited() -> None:
    """A way that never ends keeps nobody."""
    stuck = threading.Event()

    def open() -> Opened:
        stuck.wait(10)
        return Opened()

    with pytest.raises(TransportError, match="did not answer in time"):
        first([Way("A", open)], "web-1", 0.1)
    stuck.set()
