"""``vpcshark decap`` over files, pipes and bad input."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from decapping import INNER, decapsulate, parsed, told
from outer import SHAPES, ethernet, ipv4, pcap_file, pcapng_file, udp

from vpcshark import __version__
from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.cli import decap
from vpcshark.cli.infile import InFile
from vpcshark.errors import InputError
from vpcshark.wire.overlay.decap import Decapsulator
from vpcshark.wire.overlay.decap_stream import Stream

OUTERS = [SHAPES["ipv4"](INNER, 77)] * 400 + [SHAPES["ipv6"](INNER, 78)] * 3
COMMAND = [sys.executable, "-m", "vpcshark", "decap"]


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    """A capture from a target: 400 frames of one VNI, 3 of another."""
    path = tmp_path / "outer.pcap"
    path.write_bytes(pcap_file(OUTERS))
    return path


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    return tmp_path / "inner.pcapng"


def test_a_file_becomes_a_file(outer, inner, capfd):
    """With an interface per VNI; only its owner may read it; one line says what was done."""
    assert decapsulate(outer, inner) == 0
    assert told(inner, "frame.interface_name", "frame.len") == ["VNI 77\t100"] * 400 + ["VNI 78\t100"] * 3
    assert inner.stat().st_mode & 0o777 == 0o600
    assert capfd.readouterr().err == "403 frames of VNI 77, 78 from 403 packets.\n"


def test_without_numpy_the_same_comes_out(outer, inner):
    """It is an extra: 70 of the 200 megabytes that an installation takes."""
    program = "import sys; sys.modules['numpy'] = None; from vpcshark.cli import main; sys.exit(main())"
    plain = inner.with_name("plain.pcapng")
    subprocess.run([sys.executable, "-c", program, "decap", str(outer), str(plain)], capture_output=True, check=True)
    assert decapsulate(outer, inner) == 0
    assert plain.read_bytes() == inner.read_bytes()


def test_standard_input_and_output(outer, inner):
    """In a pipe between tcpdump and Wireshark, frame by frame as they come."""
    with outer.open("rb") as file:
        done = subprocess.run([*COMMAND, "-", "-"], stdin=file, capture_output=True, check=True)
    assert decapsulate(outer, inner) == 0
    assert done.stdout == inner.read_bytes()


def test_a_lone_frame_comes_through_a_pipe_at_once():
    """Nothing waits for a buffer to be full, or for the end."""
    process = subprocess.Popen([*COMMAND, "-", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdin
    assert process.stdout
    process.stdin.write(pcap_file(OUTERS[:1]))
    received = b""
    while INNER not in received and (more := process.stdout.read(4096)):
        received += more
    assert INNER in received
    process.stdin.close()
    assert process.wait(180) == 0
    process.stdout.close()


@pytest.mark.parametrize("pack", [
    gzip.compress,
    lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]),
], ids=["one member", "two members"])  # fmt: skip
def test_gzip_is_unpacked(outer, inner, pack):
    """Also several members, as "cat a.gz b.gz" makes them, and what tapes and some tools add."""
    assert decapsulate(outer, inner) == 0
    plain = inner.read_bytes()
    outer.write_bytes(pack(outer.read_bytes()))
    assert decapsulate(outer, inner) == 0
    assert inner.read_bytes() == plain


def test_pcapng_is_read_too(tmp_path, inner):
    """And gives the same frames."""
    path = tmp_path / "outer.pcapng"
    path.write_bytes(pcapng_file(OUTERS))
    assert decapsulate(path, inner) == 0
    assert told(inner, "frame.len") == ["100"] * 403


def test_options_choose_frames(outer, inner, capfd):
    """--vni and -f; the filter is in the interface block, and the rest is counted."""
    assert decapsulate("--vni", 78, "-f", "udp port 53", outer, inner) == 0
    assert told(inner, "frame.interface_name") == ["VNI 78"] * 3
    assert "400 of other VNIs" in capfd.readouterr().err
    capinfos = subprocess.run(["capinfos", str(inner)], capture_output=True, text=True, check=True).stdout
    assert "udp port 53" in capinfos


def test_directions_are_marked(outer, inner):
    """--mac: of the source."""
    assert decapsulate("--mac", "0a-00-00-00-0b-01", outer, inner) == 0
    assert set(told(inner, "frame.packet_flags_direction")) == {"0x00000002"}


BAD: Sequence[tuple[str, bytes, str, int]] = (
    ("empty", b"", "outer.pcap: It is no capture: it has 0 bytes. Nothing is written.", 0),
    ("text", b"hello, world", "outer.pcap: At byte 0 neither a pcap nor a pcapng file begins. Nothing is written.", 0),
    ("cut", pcap_file(OUTERS)[:-7], "what begins at byte {last} is not whole. 402 frames from before that are in", 402),
    ("link type", pcap_file(OUTERS, link=9), "At byte 20 it has link type 9, not Ethernet, IP or Linux cooked.", 0),
    ("no VXLAN", pcap_file([INNER] * 9), "holds no VXLAN: none of its 9 packets (9 without VXLAN) carries", 0),
    ("no packets", pcap_file([]), "holds no VXLAN: none of its 0 packets (it is empty) carries a mirrored frame", 0),
    ("cut gzip", gzip.compress(pcap_file(OUTERS), mtime=0)[:-4], "The gzip data are cut off at byte", 403),
    ("rotten gzip", gzip.compress(pcap_file(OUTERS))[:50] + bytes(50), "The gzip data before byte 100 are rotten", 0),
)


@pytest.mark.parametrize(("data", "message", "kept"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_bad_input_is_told_in_a_line(outer, inner, data, message, kept):
    """With the file's name and the byte; what was good before is kept, and can be read."""
    outer.write_bytes(data)
    with pytest.raises(InputError) as error:
        decapsulate(outer, inner)
    last = 24 + 400 * (16 + 150) + 2 * (16 + 170)
    assert message.format(last=last) in str(error.value)
    assert "\n" not in str(error.value)
    if kept:
        assert len(told(inner, "frame.len")) == kept


def test_a_snap_length_of_nothing_is_remarked(outer, inner, capfd):
    """It is read all the same."""
    outer.write_bytes(pcap_file(OUTERS, snaplen=0))
    assert decapsulate(outer, inner) == 0
    assert "outer.pcap: The snap length at byte 16 is 0" in capfd.readouterr().err


def test_frames_that_nobody_wants_are_told_from_no_frames(outer, inner):
    """Other VNIs are named; a filter that accepts nothing is said."""
    with pytest.raises(InputError, match=r"no frame of the VNI that is asked for\. It has frames of VNI 77"):
        decapsulate("--vni", 5, outer, inner)
    with pytest.raises(InputError, match="has 403 mirrored frames, none of which the filter accepts"):
        decapsulate("-f", "tcp", outer, inner)


def test_files_that_cannot_be_had(outer, inner, tmp_path):
    """Not there, a folder, the input itself, a folder that is not there."""
    for arguments, message in (
        ((tmp_path / "none", inner), "none can't be read: No such file or directory"),
        ((tmp_path, inner), "Is a directory"),
        ((outer, outer), "is the file to be read"),
        ((outer, tmp_path / "none" / "x"), "x can't be written: No such file or directory"),
    ):
        with pytest.raises(InputError, match=message):
            decapsulate(*arguments)
    assert outer.read_bytes() == pcap_file(OUTERS)


@pytest.mark.parametrize("words", [["--vni", "16777216"], ["--vni", "x"], ["--mac", "1:2"], ["--port", "0"]])
def test_options_that_cannot_be(words, capsys):
    """argparse says which."""
    with pytest.raises(SystemExit):
        parsed("IN", "OUT", *words)
    assert f'"{words[1]}" is not a' in capsys.readouterr().err


def test_a_filter_that_libpcap_refuses(outer, inner):
    """Before any file is touched."""
    with pytest.raises(InputError, match="This is not a capture filter: "):
        decapsulate("-f", "port 70000", outer, inner)
    assert not inner.exists()


@pytest.mark.parametrize("text", ["inbound", "tcp and not outbound"])
def test_a_filter_that_asks_for_a_direction_is_refused(text, outer, inner):
    """It would find nothing, and nobody would know why."""
    with pytest.raises(InputError, match="which way the frames of a file go"):
        decapsulate("-f", text, outer, inner)
    assert not inner.exists()


def test_a_reader_that_goes_away_is_no_error(outer):
    """vpcshark decap IN - | head."""
    outer.write_bytes(pcap_file(OUTERS * 50))
    process = subprocess.Popen([*COMMAND, str(outer), "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(10)
    process.stdout.close()
    _, err = process.communicate(timeout=180)
    assert (process.returncode, err) == (0, b"")


class FullDisk:
    """A sink that takes nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.is_closed = False

    def write(self, data: bytes) -> None:
        raise self.error

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.thin(2)
@pytest.mark.parametrize("error", [SinkClosed("gone"), InputError("The disk is full.")])
def test_a_write_that_fails_ends_both_threads(outer, error):
    """And is told; neither goes on, nor waits for the other for ever."""
    outer.write_bytes(pcap_file(OUTERS * 5000))
    disk, source = FullDisk(error), InFile.open(str(outer))
    job = decap.Job(source, Decapsulator(), lambda: disk)
    before = threading.active_count()
    with pytest.raises(type(error)):
        job.run(lambda: None)
    assert source.position < source.size
    assert threading.active_count() == before
    job.close()
    assert disk.is_closed


class Slow:
    """A sink that lets others go first, and keeps what it gets."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        piece = bytes(data)
        for _ in range(200):
            os.sched_yield()
        self.data += piece

    def close(self) -> None:
        pass


def test_two_threads_write_in_the_order_of_the_file(outer):
    """What one thread alone makes of it; each frame has its own payload, and there are twenty chunks."""
    frames = [ethernet(0x0800, ipv4(udp(number.to_bytes(4, "big") * 300, 53))) for number in range(16_000)]
    outer.write_bytes(pcap_file([SHAPES["ipv4"](frame, 77) for frame in frames]))
    sink, alone = Slow(), Stream(Decapsulator(), f"vpcshark {__version__}")
    job = decap.Job(InFile.open(str(outer)), Decapsulator(), lambda: sink)
    job.run(lambda: None)
    job.close()
    wanted, data = bytearray(), outer.read_bytes()
    while data:
        room = alone.room()
        count = min(len(room), len(data))
        room[:count], data = data[:count], data[count:]
        wanted += b"".join(map(bytes, alone.take(count)))
    assert sink.data == wanted


def test_progress_is_shown_on_a_terminal(outer, inner):
    """And removed at the end; a pipe gets the last line alone."""
    main, side = os.openpty()
    outer.write_bytes(pcap_file(OUTERS * 100))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([*COMMAND, str(outer), str(inner)], stderr=side, env=environment)
    os.close(side)
    shown = b""
    while b"packets." not in shown:
        shown += os.read(main, 4096)
    assert process.wait(180) == 0
    os.close(main)
    assert b"outer.pcap" in shown
    assert b"40300 frames of VNI 77, 78" in shown
