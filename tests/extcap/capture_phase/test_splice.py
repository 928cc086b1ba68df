"""From a local command's pipe into the FIFO without a copy: whole, whatever the reader does."""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
from pathlib import Path

import pytest

from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.receivers.splice import HAS_SPLICE
from vpcshark.errors import TransportError, VpcsharkError
from vpcshark.extcap.capture_phase.fifo import open_sink
from vpcshark.transport.local import LocalChannel, LocalTransport

SIZE = 9_000_001  # bytes: several pipes full, and no number of pages


class NeverRead:
    """A local channel whose bytes can't be had by a copy."""

    def __init__(self, channel: LocalChannel) -> None:
        self.hand_over = channel.hand_over
        self.read_error = channel.read_error
        self.close_input = channel.close_input
        self.write = channel.write
        self.wait = channel.wait
        self.close = channel.close

    def read(self, size: int) -> bytes:
        """Not here."""
        raise AssertionError("this is a copy")


@pytest.fixture
def drained(fifo: Path):
    """Starts a command whose stdout goes into the FIFO: (its reception, the reader, the stop, how it ended)."""
    if not HAS_SPLICE:
        pytest.skip("no splice(2) here")
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    stop = Stop()
    sink = open_sink(str(fifo), stop)
    transport = LocalTransport()
    made: list[Reception] = []

    def start(*command: str) -> tuple[Reception, int, Stop, queue.Queue[VpcsharkError | None]]:
        reception = Reception(NeverRead(transport.open(command)), transport)
        made.append(reception)
        ends: queue.Queue[VpcsharkError | None] = queue.Queue()
        reception.stream(sink, ends.put)
        return reception, reader, stop, ends

    yield start
    transport.close()
    sink.close()
    for descriptor in {reader}:
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test did


def read(descriptor: int, size: int) -> bytes:
    """So many bytes, or what there is until the end; fails if none come for twenty seconds."""
    data = bytearray()
    while len(data) < size:
        assert select.select([descriptor], [], [], 20)[0], f"after {len(data)} bytes no more came"
        more = os.read(descriptor, size - len(data))
        if not more:
            break
        data += more
    return bytes(data)


def test_every_byte_arrives_in_order(drained, tmp_path: Path):
    """Though the reader is slower than the command, and the pipes are full most of the time."""
    file = tmp_path / "blocks"
    file.write_bytes(os.urandom(SIZE))
    _, reader, _, ends = drained("cat", str(file))
    assert read(reader, SIZE) == file.read_bytes()
    assert isinstance(ends.get(timeout=180), TransportError)  # it ended by itself


def test_a_few_bytes_are_there_at_once(drained):
    """While the command waits for what comes next."""
    reception, reader, _, ends = drained(sys.executable, "-c", "import sys; print('one'); sys.stdout.flush(); input()")
    assert read(reader, 4) == b"one\n"
    assert ends.empty()
    reception.finish(20)


def test_a_reader_that_goes_is_no_error(drained):
    """It is how a capture ends."""
    _, reader, _, ends = drained("cat", "/dev/zero")
    read(reader, 4096)
    os.close(reader)
    assert ends.get(timeout=180) is None


def test_after_a_stop_a_reader_that_takes_nothing_is_not_waited_for(drained):
    """Wireshark may have forgotten its pipe."""
    _, reader, stop, ends = drained("cat", "/dev/zero")
    read(reader, 4096)
    stop.request("test")
    assert ends.get(timeout=180) is None


def test_the_end_of_the_transport_wakes_who_waits(drained):
    """A command that says nothing, and another thread that finishes it."""
    reception, _, _, ends = drained("sleep", "600")
    finishing = threading.Thread(target=reception.finish, args=(0.2,))
    finishing.start()
    assert isinstance(ends.get(timeout=180), TransportError)
    finishing.join(180)
    assert not finishing.is_alive()
