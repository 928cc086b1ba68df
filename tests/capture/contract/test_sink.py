"""One contract for all sinks: a file, standard output, the FIFO that dumpcap reads."""

import os
import stat
import sys
import threading

import pytest

from vpcshark.capture.contract.sink import FileSink, SinkClosed
from vpcshark.capture.contract.stop import Stop
from vpcshark.errors import InputError, OutputError
from vpcshark.extcap.capture_phase.fifo import open_sink


class Harness:
    """A sink and what has been read from it."""

    def __init__(self, sink, read):
        self.sink = sink
        self.read = read


def _file(tmp_path):
    return Harness(FileSink.open(tmp_path / "out"), (tmp_path / "out").read_bytes)


def _plain_file_as_fifo(tmp_path):
    return Harness(open_sink(str(tmp_path / "out"), Stop()), (tmp_path / "out").read_bytes)


def _fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    pieces = []

    def drain():
        with path.open("rb") as file:
            while piece := file.read(1 << 16):
                pieces.append(piece)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    sink = open_sink(str(path), Stop())

    def read():
        sink.close()
        reader.join(180)
        return b"".join(pieces)

    return Harness(sink, read)


@pytest.fixture(params=[_file, _plain_file_as_fifo, _fifo], ids=lambda make: make.__name__)
def harness(request, tmp_path):
    """Each implementation in turn."""
    made = request.param(tmp_path)
    yield made
    made.sink.close()


def test_bytes_arrive_whole_and_in_order(harness):
    """Also when they are many times what a pipe holds."""
    data = os.urandom(5_000_000)
    harness.sink.write(b"head")
    harness.sink.write(data)
    harness.sink.write(b"")
    assert harness.read() == b"head" + data


def test_writes_of_several_threads_do_not_mix(harness):
    """Blocks of pcapng must stay whole."""
    size = 300_000

    def write(letter):
        for _ in range(5):
            harness.sink.write(letter * size)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    data = harness.read()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert len(pieces) == 15
    assert all(len(set(piece)) == 1 for piece in pieces)


def test_a_closed_sink_refuses_and_can_be_closed_again(harness):
    """SinkClosed and nothing else, so that callers have one thing to expect."""
    harness.sink.close()
    harness.sink.close()
    with pytest.raises(SinkClosed):
        harness.sink.write(b"x")


def test_a_capture_file_is_the_users_alone(tmp_path):
    """Packets are nobody else's business."""
    FileSink.open(tmp_path / "out").close()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_made_is_an_input_error(tmp_path):
    """The sentence names the file."""
    with pytest.raises(InputError, match="no/such can't be written: No such file or directory"):
        FileSink.open(tmp_path / "no" / "such")


def test_a_full_disk_is_an_output_error():
    """Not a traceback, and not a mistake in the command."""
    sink = FileSink.open("/dev/full")
    with pytest.raises(OutputError, match="/dev/full can't be written: No space left"):
        sink.write(b"x")
    sink.close()


def test_a_pipe_whose_reader_has_gone_is_closed():
    """``vpcshark capture eni-… -w - | head`` ends the capture."""
    reader, writer = os.pipe()
    sink = FileSink(os.fdopen(writer, "wb", buffering=0), "standard output")
    os.close(reader)
    with pytest.raises(SinkClosed):
        sink.write(b"x")
    sink.close()


def test_a_dash_is_standard_output(capfdbinary):
    """Closing the sink leaves the process its standard output."""
    with capfdbinary.disabled():
        pass
    old = sys.stdout
    sys.stdout = os.fdopen(os.dup(1), "w")
    try:
        sink = FileSink.open("-")
        sink.write(b"\x0a\x0d")
        sink.close()
    finally:
        sys.stdout.close()
        sys.stdout = old
    assert capfdbinary.readouterr().out == b"\x0a\x0d"


@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o600, 0o400, 0o777])
def test_a_file_of_packets_is_the_users_alone_whatever_it_was_before(before, tmp_path):
    """Also under a name that is there already."""
    path = tmp_path / "out"
    if before is not None:
        path.write_bytes(b"older packets")
        path.chmod(before | 0o200)
    FileSink.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b""


def test_what_is_no_file_keeps_its_mode(tmp_path):
    """A FIFO's is its maker's matter."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    path.chmod(0o644)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    FileSink.open(path).close()
    os.close(reader)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
