"""Every way to end a capture becomes one request."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.stop_watch import Watch
from vpcshark.extcap.capture_phase.fifo import open_sink


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A FIFO that nobody has open."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_requests_the_stop_and_a_second_one_nothing_more(number):
    """The handlers that were there before come back."""
    before = signal.getsignal(number)
    with Watch(stop := Stop()):
        os.kill(os.getpid(), number)
        assert stop.wait(180)
        os.kill(os.getpid(), number)
        assert stop.reason == f"signal {signal.Signals(number).name}"
    assert signal.getsignal(number) is before


def test_under_nohup_a_capture_outlives_its_terminal():
    """nohup(1) has SIGHUP ignored from the start; the other signals end it all the same."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Watch(stop := Stop()):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(180)
        assert stop.reason == "signal SIGTERM"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("apart", "is_second_wish"), [(0.0, False), (0.49, False), (0.5, True), (60.0, True)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_again_within_half_a_second_is_the_same_wish(number, apart, is_second_wish):
    """timeout(1) sends it to the process and to its group."""
    times = queue.Queue()
    for seconds in (100.0, 100.0 + apart):
        times.put(seconds)
    with Watch(stop := Stop(), clock=times.get):
        os.kill(os.getpid(), number)
        assert stop.wait(180)
        os.kill(os.getpid(), number)
        while not times.empty():
            threading.Event().wait(0.001)
    assert stop.hurried() is is_second_wish


def test_the_parent_that_goes_requests_the_stop():
    """A killed Wireshark sends nothing; the parent's id changes."""
    parents = iter([100, 100, 100] + [1] * 1000)
    with Watch(stop := Stop(), parent=lambda: next(parents)):
        assert stop.wait(180)
    assert stop.reason == "the parent process has gone"


def test_the_fifo_closed_while_idle_requests_the_stop(fifo):
    """dumpcap went first: -a duration, -c, Ctrl-C."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with Watch(stop := Stop()) as watch:
        sink = open_sink(str(fifo), stop)
        watch.add(sink.fileno(), lambda: not sink.wait_closed(0), "the FIFO was closed")
        assert not stop.wait(0.6)
        os.close(reader)
        assert stop.wait(180)
    sink.close()
    assert stop.reason == "the FIFO was closed"


def test_a_descriptor_that_was_removed_is_looked_at_no_more(fifo):
    """Its number may belong to another file by then."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with Watch(stop := Stop()) as watch:
        sink = open_sink(str(fifo), stop)
        watch.add(sink.fileno(), lambda: not sink.wait_closed(0), "the FIFO was closed")
        watch.remove(sink.fileno())
        os.close(reader)
        assert not stop.wait(0.6)
    sink.close()


def test_a_main_thread_that_is_busy_does_not_delay_the_stop():
    """The watcher hears of the signal even while the main thread runs no Python."""
    program = (
        "import ctypes, signal, sys, time\n"
        "from vpcshark.capture.contract.stop import Stop\n"
        "from vpcshark.capture.contract.stop_watch import Watch\n"
        "stop, begin = Stop(), time.monotonic()\n"
        "with Watch(stop):\n"
        "    stop.on_request(lambda: print(stop.reason, time.monotonic() - begin < 300, flush=True))\n"
        "    print('ready', flush=True)\n"
        "    sleep = ctypes.CDLL(None).sleep\n"
        "    while left := sleep(900): sleep(left)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.readline() == "signal SIGTERM True\n"
        process.kill()
