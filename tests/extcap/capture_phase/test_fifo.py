"""The FIFO: opened without blocking, the close noticed, a stop never waited out."""

import os
import signal
import threading

import pytest

from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.capture.contract.stop import Stop
from vpcshark.errors import InputError
from vpcshark.extcap.capture_phase.fifo import open_sink


@pytest.fixture
def opened(fifo):
    """A sink with its reader's descriptor; the reader reads nothing by itself."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    stop = Stop()
    sink = open_sink(str(fifo), stop)
    made = {"sink": sink, "reader": reader, "stop": stop}
    yield made
    sink.close()
    if made["reader"] is not None:
        os.close(made["reader"])


def test_it_waits_for_its_reader(fifo, in_thread):
    """dumpcap comes when it comes."""
    begun = threading.Event()
    got = []

    def read():
        begun.wait(180)
        with fifo.open("rb") as file:
            got.append(file.read())

    thread = in_thread(read)
    threading.Timer(0.1, begun.set).start()
    sink = open_sink(str(fifo), Stop())
    sink.write(b"x")
    sink.close()
    thread.join(180)
    assert got == [b"x"]


def test_without_a_reader_it_gives_up(fifo):
    """With a sentence, after the time that was given."""
    with pytest.raises(InputError, match=r"Nobody opened .*fifo for reading within 0.1 seconds"):
        open_sink(str(fifo), Stop(), seconds=0.1)


def test_a_stop_ends_the_waiting_for_a_reader(fifo):
    """Not after half a minute."""
    stop = Stop()
    threading.Timer(0.05, stop.request, ["test"]).start()
    with pytest.raises(SinkClosed):
        open_sink(str(fifo), stop, seconds=600)


@pytest.mark.parametrize("path", ["", "/no/such/folder/fifo"])
def test_a_path_that_cannot_be_opened_is_an_input_error(path):
    """Also when it is missing altogether."""
    with pytest.raises(InputError):
        open_sink(path, Stop())


def test_the_close_is_noticed_while_nothing_flows(opened):
    """No byte needs to be written for it."""
    assert opened["sink"].wait_closed(0) is False
    threading.Timer(0.05, os.close, [opened["reader"]]).start()
    opened["reader"] = None
    assert opened["sink"].wait_closed(20) is True


def test_a_write_after_the_reader_has_gone_is_sink_closed(opened):
    """EPIPE, and no SIGPIPE."""
    os.close(opened["reader"])
    opened["reader"] = None
    with pytest.raises(SinkClosed):
        opened["sink"].write(b"x")


def test_a_write_into_a_full_fifo_ends_when_the_reader_goes(opened):
    """POLLERR ends the wait for room."""
    threading.Timer(0.1, os.close, [opened["reader"]]).start()
    opened["reader"] = None
    with pytest.raises(SinkClosed):
        opened["sink"].write(bytes(10_000_000))


def test_after_a_stop_a_reader_that_takes_nothing_is_not_waited_for(opened):
    """But one that reads on gets everything: the last block is written after the stop."""
    threading.Timer(0.1, opened["stop"].request, ["test"]).start()
    with pytest.raises(SinkClosed, match="takes nothing"):
        opened["sink"].write(bytes(10_000_000))
    while True:
        try:
            if not os.read(opened["reader"], 1 << 20):
                break
        except BlockingIOError:
            break
    opened["sink"].write(b"last")
    assert os.read(opened["reader"], 100) == b"last"


def test_a_signal_is_handled_while_a_write_waits_for_room(opened):
    """A blocking write would be restarted, and the signal's handler would wait for dumpcap."""
    handled = threading.Event()

    def handle(*_):
        handled.set()
        opened["stop"].request("signal")

    old = signal.signal(signal.SIGUSR1, handle)
    try:
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        with pytest.raises(SinkClosed):
            opened["sink"].write(bytes(10_000_000))
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert handled.is_set()


def test_what_is_held_comes_whole_and_in_order_once_it_is_released(opened):
    """Not a byte before: the reader's clock starts with the first."""
    sink, reader = opened["sink"], opened["reader"]
    sink.hold()
    sink.write(b"head ")
    sink.write(b"names ")
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    sink.release()
    sink.write(b"frames")
    assert os.read(reader, 99) == b"head names frames"


def test_what_is_held_goes_before_frames_that_are_spliced(opened):
    """Whoever moves the first of them."""
    sink, reader = opened["sink"], opened["reader"]
    sink.hold()
    sink.write(b"head ")
    out, into = os.pipe()
    os.write(into, b"frames")
    assert sink.take(out) == 6
    assert os.read(reader, 99) == b"head frames"
    os.close(out)
    os.close(into)


def test_what_is_held_at_the_end_goes_then(opened):
    """tshark would say besides that it had no header."""
    opened["sink"].hold()
    opened["sink"].write(b"head")
    opened["sink"].close()
    assert os.read(opened["reader"], 99) == b"head"


def test_what_is_held_for_a_reader_that_has_gone_is_dropped(opened):
    """Without an error: the capture ends anyway."""
    opened["sink"].hold()
    opened["sink"].write(b"head")
    os.close(opened["reader"])
    opened["reader"] = None
    opened["sink"].close()
