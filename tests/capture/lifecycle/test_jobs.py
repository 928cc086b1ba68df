"""Steps run side by side, and a stop is not kept waiting by them."""

from __future__ import annotations

import threading

import pytest

from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.lifecycle.jobs import Jobs


def test_results_and_failures_come_through():
    """A step's value, or its error."""
    jobs = Jobs(Stop())
    assert jobs.result(jobs.start(lambda: 5)) == 5
    with pytest.raises(ZeroDivisionError):
        jobs.result(jobs.start(lambda: 1 // 0))
    assert jobs.settle(5)


def test_a_stop_ends_the_waiting_while_a_step_still_runs():
    """SIGTERM must not wait for a slow call."""
    stop, hold = Stop(), threading.Event()
    jobs = Jobs(stop)
    slow = jobs.start(hold.wait)
    threading.Timer(0.01, stop.request, ["test"]).start()
    with pytest.raises(Stopped):
        jobs.wait_for(slow)
    assert not jobs.settle(0.0)
    hold.set()
    assert jobs.settle(5)


def test_nothing_begins_after_a_stop():
    """A create that was not sent needs no clean-up."""
    stop = Stop()
    stop.request("test")
    with pytest.raises(Stopped):
        Jobs(stop).start(lambda: 5)


def test_the_first_failure_is_told_while_others_still_run():
    """A refused create must not wait for an SSH time-out."""
    hold = threading.Event()
    jobs = Jobs(Stop())
    slow = jobs.start(hold.wait)
    failing = jobs.start(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        jobs.wait_for(slow, failing)
    hold.set()
    assert jobs.settle(5)
