"""The control pipes: framing against the developer guide's layout, and the toolbar against slow and absent GUIs."""

import os
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.capture.contract.stop import Stop
from vpcshark.clock import SystemClock
from vpcshark.extcap.capture_phase.fifo import retry
from vpcshark.extcap.protocol.toolbar import (
    ADD,
    FILTER,
    INITIALIZED,
    LOG,
    SET,
    STATE,
    STATUSBAR,
    Decoder,
    Message,
    Toolbar,
    encode,
)

MESSAGES = st.lists(st.builds(Message, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=300)))


def test_a_message_has_the_layout_of_the_developer_guide():
    """Sync byte, 24 bits of length over control, command and payload, big-endian."""
    assert encode(Message(3, 2, b"hello\n")) == b"T" + struct.pack(">I", 8)[1:] + b"\x03\x02hello\n"
    with pytest.raises(ValueError, match="65536 bytes"):
        encode(Message(0, 1, bytes(65536)))


@given(MESSAGES, st.integers(1, 7))
def test_messages_survive_any_cutting(messages, size):
    """The pipe may give one byte at a time."""
    data = b"".join(map(encode, messages))
    decoder = Decoder()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [message for piece in pieces for message in decoder.feed(piece)] == messages


@pytest.mark.parametrize("data", [b"X", b"T\0\0\1\0", b"T\0\0\0"])
def test_what_is_not_this_protocol_is_refused(data):
    """A wrong sync byte, a length too short for control and command."""
    with pytest.raises(ValueError, match="control message"):
        Decoder().feed(data)


def test_the_quit_message_of_wireshark_5_is_heard():
    """SP_QUIT, a Q with a length of 0, between other messages and in pieces."""
    decoder = Decoder()
    data = encode(Message(1, SET, b"x")) + b"Q\0\0\0"
    for byte in data[:-1]:
        decoder.feed(bytes([byte]))
    assert not decoder.quit
    decoder.feed(data[-1:])
    assert decoder.quit


@pytest.fixture
def gui(tmp_path):
    """Both pipes, and a toolbar that waits for them at most as long as a test may."""

    class Gui:
        control_in, control_out = tmp_path / "in", tmp_path / "out"
        stop = Stop()

        def open(self, seconds=20.0):
            wait = lambda attempt: retry(attempt, self.stop, seconds, SystemClock())  # noqa: E731
            return Toolbar.open(str(self.control_in), str(self.control_out), wait)

    os.mkfifo(Gui.control_in)
    os.mkfifo(Gui.control_out)
    return Gui()


@pytest.fixture
def connected(gui, in_thread):
    """The pipes opened as the GUI of 4.0 does it: its writing end blocks until the extcap reads."""
    ends = {}

    def connect():
        ends["to"] = os.open(gui.control_in, os.O_WRONLY)
        ends["from"] = os.open(gui.control_out, os.O_RDONLY)

    thread = in_thread(connect)
    toolbar = gui.open()
    thread.join(180)
    yield toolbar, ends
    toolbar.close()
    for descriptor in ends.values():
        os.close(descriptor)


def test_the_gui_that_blocks_on_its_pipe_is_let_go_first(connected):
    """control-in is opened before control-out, else both sides wait for ever."""
    toolbar, ends = connected
    assert toolbar.fileno() is not None
    assert set(ends) == {"to", "from"}


def test_lines_and_status_reach_the_gui(connected):
    """Log lines end with a newline; the status goes to the status bar, and to the log, which keeps it."""
    toolbar, ends = connected
    toolbar.log("Creating the mirror session")
    toolbar.say("Capturing from eni-1.")
    assert Decoder().feed(os.read(ends["from"], 65536)) == [
        Message(LOG, ADD, b"Creating the mirror session\n"),
        Message(LOG, STATUSBAR, b"Capturing from eni-1."),
        Message(LOG, ADD, b"Capturing from eni-1.\n"),
    ]


def test_what_is_logged_and_said_is_logged_once(connected):
    """A later one of the same words is another one."""
    toolbar, ends = connected
    for tell in (toolbar.log, toolbar.say, toolbar.log):
        tell("The copies go to capture-1.")
    read = Decoder().feed(os.read(ends["from"], 65536))
    assert [(one.control, one.command) for one in read] == [(LOG, ADD), (LOG, STATUSBAR), (LOG, ADD)]


def test_state_can_be_read_it_is_never_disabled(connected):
    """Wireshark's disabled fields are too pale; what is typed there changes nothing."""
    toolbar, ends = connected
    entered = []
    toolbar.on_filter(entered.append, "tcp")
    toolbar.show("1 frame")
    os.write(ends["to"], encode(Message(STATE, SET, b"mine")))
    assert toolbar.read() is True
    assert entered == []
    assert Decoder().feed(os.read(ends["from"], 65536)) == [
        Message(FILTER, SET, b"tcp"),
        Message(STATE, SET, b"1 frame"),
    ]


def test_a_gui_that_does_not_read_costs_lines_not_packets(connected):
    """Writing never blocks, and what does arrive is whole messages."""
    toolbar, ends = connected
    for _ in range(1000):
        toolbar.log("x" * 10_000)
    decoder, messages = Decoder(), []
    toolbar.close()
    while data := os.read(ends["from"], 65536):
        messages += decoder.feed(data)
    assert 0 < len(messages) < 1000
    assert all(len(message.payload) == 4000 for message in messages)


def test_what_the_gui_sets_is_known_until_it_closes(connected):
    """Changed values come first, then Initialized; the closed pipe is told from one not yet used."""
    toolbar, ends = connected
    assert toolbar.read() is True
    os.write(ends["to"], encode(Message(2, SET, b"tcp")) + encode(Message(0, INITIALIZED, b""))[:5])
    assert toolbar.read() is True
    assert (toolbar.values, toolbar.initialized) == ({2: b"tcp"}, False)
    os.write(ends["to"], encode(Message(0, INITIALIZED, b""))[5:])
    assert toolbar.read() is True
    assert toolbar.initialized is True
    os.close(ends.pop("to"))
    assert toolbar.read() is False


def test_each_return_in_the_filter_field_is_passed_on(connected):
    """Also on the same text: it may have failed the first time."""
    toolbar, ends = connected
    entered = []
    toolbar.on_filter(entered.append, "tcp")
    for text in (b" udp ", b" udp ", b""):
        os.write(ends["to"], encode(Message(FILTER, SET, text)))
    assert toolbar.read() is True
    assert entered == ["udp", "udp", ""]


def test_a_pipe_that_nobody_has_opened_is_not_closed(gui):
    """At first a read gives nothing, as after a close; a capture must not end by that."""
    toolbar = gui.open(seconds=0.05)
    assert toolbar.read() is True
    toolbar.log("nobody hears this")
    toolbar.close()
    toolbar.close()


def test_without_pipes_there_is_a_silent_toolbar():
    """tshark gives none."""
    toolbar = Toolbar.open("", "", lambda attempt: attempt())
    toolbar.say("x")
    toolbar.log("x")
    assert toolbar.fileno() is None
    assert toolbar.read() is True
    toolbar.close()


def test_threads_may_write_at_the_same_time(connected):
    """No message is torn."""
    toolbar, ends = connected
    threads = [threading.Thread(target=toolbar.log, args=("y" * 3000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert len(Decoder().feed(os.read(ends["from"], 65536))) == 8
