"""Waiting for a launched host: asked again and again, told how long it takes, given up, or called off."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
from told import Told

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.mirror.host_access import Access
from vpcshark.capture.mirror.launched_host import BOOT, HEARTBEATS, Launcher
from vpcshark.errors import Closed, Hopeless, TransportError

HOST = CaptureHost("i-1", "new", "eni-1", "10.0.0.9")


class Waiting:
    """A stop whose time is the clock's; requested after so many waits."""

    def __init__(self, clock, waits: int = 10_000) -> None:
        self._clock, self._waits = clock, waits

    def wait(self, timeout: float) -> bool:
        self._clock.sleep(timeout)
        self._waits -= 1
        return self._waits <= 0


@pytest.fixture
def launcher(clock):
    """``launcher(answers, …)``: each login gives or raises the next answer, the last one for ever."""

    def make(answers, waits: int = 10_000, **options) -> Launcher:
        left = list(answers)

        def log_in(host):
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        context = SimpleNamespace(
            clock=clock, status=Told(), stop=Waiting(clock, waits), options=CaptureOptions(**options)
        )
        made = Launcher(context, Access(None, context.options, HOST, [], lambda address: ""))
        return SimpleNamespace(reach=partial(made.reach, log_in), context=context)

    return make


def test_a_host_that_boots_is_asked_until_it_lets_us_in(launcher):
    """sshd is not there, then the user is not; each try says how long it has been."""
    closed, refused = Closed("Nobody listens."), TransportError("No such user.")
    made = launcher([closed, closed, refused, "the transport"])
    assert made.reach(HOST) == "the transport"
    assert made.context.status.said == [f"Logging in to i-1: {n} s ..." for n in (0, 1, 2)]
    assert made.context.status.logged == ["The capture host i-1 let us in after 3 s."]


def test_after_three_minutes_it_is_given_up_with_the_last_reason(launcher, clock):
    """And with what to do about that."""
    made = launcher([Closed("Nobody listens.", "Look there.")])
    began = clock.monotonic()
    with pytest.raises(TransportError, match=r"within 180 seconds: Nobody listens\. Look there\."):
        made.reach(HOST)
    assert BOOT <= clock.monotonic() - began <= BOOT + 3


def test_what_no_boot_heals_is_told_at_once(launcher, clock):
    """A key file that is not there."""
    with pytest.raises(Hopeless):
        launcher([Hopeless("There is no such key.")]).reach(HOST)
    assert clock.slept == []


def test_a_stop_ends_the_waiting(launcher):
    """Ctrl-C while the host boots."""
    with pytest.raises(Stopped):
        launcher([Closed("Nobody listens.")], waits=2).reach(HOST)


def test_while_a_capture_runs_its_host_ends_a_quarter_of_an_hour_after_it():
    """A capture that is killed has nobody to keep the host for, however long it would have been kept."""
    assert HEARTBEATS["heartbeat_seconds"] == 900.0
