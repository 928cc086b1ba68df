"""pcapng: tshark and capinfos read what we write; our reader takes any bytes, split anywhere."""

from __future__ import annotations

import json
import struct
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.wire.capture_files import pcapng

FRAME = bytes.fromhex("0a0000000002 0a0000000001 0800 4500001c00010000 4011 66cf 0a000001 0a000002 0035 0035 0008 0000")
TIME = 1_700_000_000_123_456_789


def whole_file() -> bytes:
    return b"".join([
        pcapng.section_header(comment="Made for a test · ünïcode", application="vpcshark 0"),
        pcapng.interface_description("eni-0a", "web-1 · 10.0.0.1", "tcp port 443", 262144),
        pcapng.interface_description("eni-0b"),
        pcapng.name_resolution([("10.0.0.1", "web-1"), ("fe80::1", "web-1-six")]),
        pcapng.decryption_secrets(b"CLIENT_RANDOM 00 11\n"),
        pcapng.enhanced_packet(0, TIME, FRAME, len(FRAME), 2),
        pcapng.enhanced_packet(1, TIME + 1, FRAME[:41], len(FRAME), 1, comment="cut"),
        pcapng.enhanced_packet(1, TIME + 2, b"", 0),
        pcapng.interface_statistics(0, TIME + 5, 1, 7, started=TIME),
    ])  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ours.pcapng"
    path.write_bytes(whole_file())
    return path


def tshark(file: Path, *arguments: str) -> str:
    command = ["tshark", "-r", str(file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_tshark_reads_every_value_of_a_packet(file):
    """Time to the nanosecond, lengths, interface, direction, comment."""
    fields = [
        "frame.time_epoch",
        "frame.len",
        "frame.cap_len",
        "frame.interface_name",
        "frame.packet_flags_direction",
        "frame.comment",
    ]
    rows = [
        line.split("\t") for line in tshark(file, "-T", "fields", *[a for f in fields for a in ("-e", f)]).splitlines()
    ]
    assert [row[:4] for row in rows] == [
        ["1700000000.123456789", "42", "42", "eni-0a"],
        ["1700000000.123456790", "42", "41", "eni-0b"],
        ["1700000000.123456791", "0", "0", "eni-0b"],
    ]
    assert [int(row[4], 0) if row[4] else 0 for row in rows] == [2, 1, 0]
    assert rows[1][5] == "cut"


def test_tshark_resolves_the_names(file):
    """The name resolution block works for IPv4 and IPv6."""
    assert "web-1 " in tshark(file, "-N", "n")
    assert "web-1-six" in tshark(file, "-N", "n", "-q", "-z", "hosts")


def test_capinfos_reads_section_and_interfaces(file):
    """Comment, application, description, filter, counts."""
    text = subprocess.run(["capinfos", str(file)], capture_output=True, text=True, check=True).stdout
    for expected in (
        "Made for a test · ünïcode",
        "vpcshark 0",
        "Name = eni-0a",
        "Description = web-1 · 10.0.0.1",
        "tcp port 443",
    ):
        assert expected in text
    assert "Time precision = nanoseconds (9)" in text
    assert "Number of stat entries = 1" in text


def test_statistics_and_secrets_survive_dumpcaps_pipe(file, tmp_path):
    """What Wireshark captures through: received and dropped, start and end, and the key log arrive."""
    again = tmp_path / "again.pcapng"
    with file.open("rb") as stdin:
        subprocess.run(["dumpcap", "-q", "-i", "-", "-w", str(again)], stdin=stdin, check=True, capture_output=True)
    blocks = {block.kind: block.body for block in pcapng.read_blocks(again.read_bytes())}
    assert b"CLIENT_RANDOM 00 11\n" in blocks[pcapng.SECRETS]
    statistics = blocks[pcapng.STATISTICS]
    halves = struct.pack("<II", TIME >> 32, TIME & 0xFFFFFFFF)
    assert struct.pack("<HH", 2, 8) + halves in statistics
    assert struct.pack("<HHQ", 4, 8, 1) in statistics
    assert struct.pack("<HHQ", 5, 8, 7) in statistics


def read_until_it_fails(reader: pcapng.Reader, *pieces: bytes) -> tuple[list[pcapng.Block], str]:
    """The blocks before the first problem, and its sentence."""
    found = []
    try:
        for piece in pieces:
            for block in reader.feed(piece):
                found.append(block)
        reader.finish()
    except ValueError as exc:
        return found, str(exc)
    return found, ""


def test_our_reader_reads_what_we_write():
    """Kinds in their order, offsets that tile the file."""
    blocks = pcapng.read_blocks(whole_file())
    assert [block.kind for block in blocks] == [0x0A0D0D0A, 1, 1, 4, 10, 6, 6, 6, 5]
    ends = [block.offset + len(block.body) + 12 for block in blocks]
    assert [0, *ends] == [*(block.offset for block in blocks), len(whole_file())]


@given(cuts=st.lists(st.integers(0, len(whole_file()))))
def test_pieces_of_any_size_give_the_same_blocks(cuts):
    """A pipe gives what it has."""
    data = whole_file()
    edges = [0, *sorted(cuts), len(data)]
    reader = pcapng.Reader()
    found = [block for start, end in pairwise(edges) for block in reader.feed(data[start:end])]
    reader.finish()
    assert found == pcapng.read_blocks(data)


@given(st.data())
def test_rot_is_said_with_its_place(data):
    """What was good before it is given first; the message has the byte offset; the reader never loops."""
    good = whole_file()
    at = data.draw(st.integers(0, len(good) - 1))
    rotten = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    reader = pcapng.Reader()
    found, problem = read_until_it_fails(reader, rotten)
    assert not problem or f"byte {found[-1].offset + len(found[-1].body) + 12 if found else 0}" in problem
    intact = [block for block in pcapng.read_blocks(good) if block.offset + len(block.body) + 12 <= at]
    assert found[: len(intact)] == intact


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_taken(data, size):
    """Blocks or a ValueError, whatever comes."""
    _, problem = read_until_it_fails(pcapng.Reader(), *(data[at : at + size] for at in range(0, len(data), size)))
    assert "byte" in problem or data == b""


def test_a_big_endian_section_is_read():
    """Files from elsewhere."""
    data = struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack(
        ">IIHHII", 1, 20, 1, 0, 0, 20
    )
    assert [(block.kind, block.order) for block in pcapng.read_blocks(data)] == [(0x0A0D0D0A, ">"), (1, ">")]


@given(st.integers(0, len(whole_file())))
def test_whole_blocks_end_where_a_block_ends(cut):
    """A stream that breaks off in a block can be cut where Wireshark still reads it."""
    end = pcapng.whole_blocks(whole_file()[:cut])
    assert cut - 120 < end <= cut
    assert end in {0, *(block.offset + len(block.body) + 12 for block in pcapng.read_blocks(whole_file()))}


@given(st.integers(1, 200))
def test_a_cutter_gives_whole_blocks_however_they_come(size):
    """All of them, in order, each piece readable by itself."""
    data, cutter = whole_file(), pcapng.Cutter()
    pieces = [cutter.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert b"".join(pieces) == data
    assert all(pcapng.whole_blocks(piece) == len(piece) for piece in pieces)
    bodies = [block.body for block in pcapng.read_blocks(data) if block.kind == pcapng.PACKET]
    assert cutter.packets == Counter(int.from_bytes(body[:4], "little") for body in bodies)


PACKET = pcapng.enhanced_packet(1, 5, bytes(60), 60, 1)
STATISTICS = pcapng.interface_statistics(0, 5, 1, 0, 3, "clocks differ by 0.1 s")
FOREIGN = {
    "a section": pcapng.section_header(),
    "an interface": pcapng.interface_description("eni-0"),
    "names": pcapng.name_resolution([("10.0.0.1", "bank.example")]),
    "secrets": pcapng.decryption_secrets(b"CLIENT_RANDOM 00 00\n"),
    "a simple packet": struct.pack("<IIIII", 3, 20, 0, 0, 20),
    "a block of its own": struct.pack("<III", 0xBAD, 12, 12),
    "a packet of an interface that is not there": pcapng.enhanced_packet(2, 5, bytes(60), 60),
    "statistics of an interface that is not there": pcapng.interface_statistics(7, 5, 1, 0),
    "statistics without a time": struct.pack("<III", 5, 12, 12),
    **{
        f"a comment with {char!r}": struct.pack("<IIIII", 5, 36, 0, 0, 0)
        + struct.pack("<HH", 1, len(char.encode()))
        + char.encode().ljust(4, b"\0")
        + bytes(4)
        + struct.pack("<I", 36)
        for char in ("\x1b", "\u202e", "\u009b", "\n")
    },
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("size", [1, 1000])
def test_of_another_machine_only_packets_and_counts_pass(name, size):
    """Anything else would change what all the other packets of the file mean, or what is read of them."""
    cutter = pcapng.Cutter()
    cutter.interfaces = frozenset([0, 1])
    good = PACKET + STATISTICS
    assert cutter.feed(good) == good
    data = FOREIGN[name] + good
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    with pytest.raises(ValueError, match=r"which no receiver sends|which is not there|control characters"):
        all(cutter.feed(piece) is not None for piece in pieces)


@pytest.mark.parametrize("length", [0, 4, 13, 2**31])
def test_whole_blocks_does_not_trust_a_length(length):
    """It neither loops nor waits for gigabytes."""
    with pytest.raises(ValueError, match="byte 0"):
        pcapng.whole_blocks(struct.pack("<II", 6, length) + bytes(100))


@pytest.mark.parametrize("name", ["a" * 100_000, "ü" * 50_000, "a\0b"])
def test_long_and_odd_texts_stay_readable(tmp_path, name):
    """A tag may hold anything; an option holds 64 KiB."""
    path = tmp_path / "long.pcapng"
    names = pcapng.name_resolution([("10.0.0.1", name)])
    path.write_bytes(pcapng.section_header(name) + pcapng.interface_description(name, name, name) + names)
    assert json.loads(tshark(path, "-T", "json")) == []
    assert len(pcapng.read_blocks(path.read_bytes())) == 3


def test_an_address_that_is_none_is_refused():
    """The inventory gives addresses; anything else is a mistake."""
    with pytest.raises(ValueError, match="web-1"):
        pcapng.name_resolution([("web-1", "web-1")])
