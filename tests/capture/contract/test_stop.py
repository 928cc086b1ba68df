"""The stop: once, for everybody, from anywhere."""

import os
import select
import signal
import threading
import time

from vpcshark.capture.contract.stop import Stop


def test_the_first_reason_counts_and_a_second_request_is_harmless():
    """Whoever comes later changes nothing."""
    stop = Stop()
    assert (stop.requested(), stop.reason, stop.wait(0)) == (False, "", False)
    stop.request("one")
    stop.request("two")
    assert (stop.requested(), stop.reason, stop.wait(0), stop.wait(0)) == (True, "one", True, True)


def test_everybody_who_waits_is_woken():
    """Waiting takes nothing away from others."""
    stop = Stop()
    woken = []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(180))) for _ in range(5)]
    for thread in threads:
        thread.start()
    stop.request("now")
    for thread in threads:
        thread.join(180)
    assert woken == [True] * 5


def test_callbacks_run_once_each_before_or_after_the_request():
    """A late one runs at once, and none runs again."""
    stop, called = Stop(), []
    stop.on_request(lambda: called.append("early"))
    stop.request("one")
    stop.on_request(lambda: called.append("late"))
    stop.request("two")
    assert called == ["early", "late"]


def test_its_descriptor_is_readable_from_the_request_on():
    """So it can stand in a poll beside pipes."""
    stop, poll = Stop(), select.poll()
    poll.register(stop, select.POLLIN)
    assert poll.poll(0) == []
    stop.request("now")
    assert poll.poll(0) == poll.poll(0) == [(stop.fileno(), select.POLLIN)]


def test_a_signal_handler_may_request_while_the_main_thread_waits():
    """This is where threading.Event can deadlock: the handler runs inside the wait that it ends."""
    stop = Stop()
    old = signal.signal(signal.SIGUSR1, lambda *_: stop.request("signal"))
    try:
        timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR1])
        begin = time.monotonic()
        timer.start()
        assert stop.wait(900)
        assert time.monotonic() - begin < 300  # the handler ended the wait, not the wait itself
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_many_requests_do_not_block():
    """The pair of sockets fills up, and that is no matter."""
    stop = Stop()
    for _ in range(100_000):
        stop.request("again")
    assert stop.reason == "again"
