"""Several receivers' blocks as one stream: in order, each once; nobody waits long for who is quiet; sums are sums."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from vpcshark.wire.capture_files.blocks import enhanced_packet, interface_statistics
from vpcshark.wire.capture_files.merge import HOLD, Merger
from vpcshark.wire.capture_files.pcapng import interface_description, name_resolution, section_header

BEGIN = 1_700_000_000_000_000_000
HEAD = section_header() + interface_description("eni-0a") + interface_description("eni-0b")


def packet(time: int, name: int, interface: int = 0) -> bytes:
    """A packet that can be told from every other: its data is ``name``."""
    return enhanced_packet(interface, BEGIN + time, struct.pack(">I", name).ljust(60, b"\0"), 60)


def read(blocks: bytes, file: Path) -> list[tuple[int, int, int]]:
    """(time, name, interface) of each packet, as scapy reads the file."""
    file.write_bytes(HEAD + blocks)
    with RawPcapNgReader(str(file)) as reader:
        return [
            ((meta.tshigh << 32 | meta.tslow) - BEGIN, struct.unpack_from(">I", data)[0], int(meta.ifname == b"eni-0b"))
            for data, meta in reader
        ]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for a file."""
    return tmp_path_factory.mktemp("merge") / "merged.pcapng"


streams = st.lists(st.lists(st.integers(0, 10_000), max_size=30), min_size=1, max_size=4)


@given(streams, st.randoms(use_true_random=False))
def test_whatever_comes_soon_enough_is_in_order_and_there_once(
    file: Path, times: list[list[int]], chance: random.Random
):
    """Pieces of any size, in any turn: the oracle is Python's own sort of all packets."""
    names = iter(range(1 << 20))
    packets = [[(time, next(names), number % 2) for time in sorted(mine)] for number, mine in enumerate(times)]
    pieces = [(number, piece) for number, mine in enumerate(packets) for piece in cut(wired(mine), chance)]
    turns = [number for number, _ in pieces]
    chance.shuffle(turns)
    waiting = {number: [piece for one, piece in pieces if one == number] for number in set(turns)}
    merger, out, now = Merger(len(packets)), b"", 0.0
    for number in turns:
        now += 0.4 * HOLD / len(turns)
        merger.feed(number, waiting[number].pop(0), now)
        out += merger.take(now)
    found = read(out + merger.finish(), file)
    assert [time for time, _, _ in found] == sorted(time for mine in packets for time, _, _ in mine)
    assert Counter(found) == Counter(one for mine in packets for one in mine)
    assert merger.held == 0


def wired(packets: list[tuple[int, int, int]]) -> bytes:
    return b"".join(packet(*one) for one in packets)


def cut(data: bytes, chance: random.Random) -> list[bytes]:
    """In pieces, wherever."""
    places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(8)))
    return [data[a:b] for a, b in pairwise([0, *places, len(data)])]


def test_packets_go_out_as_soon_as_all_have_come_as_far(file: Path):
    """Without any time passing."""
    merger = Merger(2)
    merger.feed(0, packet(10, 1) + packet(30, 2), 0.0)
    assert merger.take(0.0) == b""
    merger.feed(1, packet(20, 3), 0.0)
    assert [name for _, name, _ in read(merger.take(0.0), file)] == [1, 3]
    assert [name for _, name, _ in read(merger.finish(), file)] == [2]


def test_a_quiet_stream_holds_the_others_up_for_a_moment_only(file: Path):
    """Half a second; what it has then still comes, out of order rather than not at all."""
    merger = Merger(2)
    merger.feed(0, packet(10, 1), 0.0)
    assert merger.take(HOLD - 0.001) == b""
    assert [name for _, name, _ in read(merger.take(HOLD), file)] == [1]
    merger.feed(1, packet(5, 2), HOLD)
    assert [name for _, name, _ in read(merger.take(HOLD), file)] == [2]


def test_a_stream_that_ends_holds_nobody_up(file: Path):
    """What it left unfinished is no packet."""
    merger = Merger(2)
    merger.feed(0, packet(10, 1), 0.0)
    merger.feed(1, packet(5, 2) + packet(7, 3)[:50], 0.0)
    merger.end(1)
    assert [name for _, name, _ in read(merger.take(0.0), file)] == [2, 1]
    assert merger.finish() == b""


def test_what_is_held_has_a_bound(file: Path):
    """The oldest go out first where it is reached."""
    merger = Merger(2, most_bytes=1000)
    merger.feed(0, b"".join(packet(time, time) for time in range(100)), 0.0)
    out = merger.take(0.0)
    assert merger.held <= 1000
    names = [name for _, name, _ in read(out, file)]
    assert names == list(range(len(names)))
    assert len(names) > 80


def test_one_receivers_packets_may_be_a_little_out_of_order(file: Path):
    """Those of several CPUs are."""
    merger = Merger(1)
    merger.feed(0, packet(20, 1) + packet(10, 2), 0.0)
    assert [name for _, name, _ in read(merger.take(0.0), file)] == [2, 1]


def test_counts_of_one_interface_become_one_sum(tmp_path: Path):
    """Received and dropped, the first start, the last time, each comment once: as tshark reads it."""
    merger = Merger(2)
    merger.feed(0, statistics(0, 5, 100, 1, "The clock of a."), 0.0)
    assert merger.take(10.0) == b""
    merger.feed(1, statistics(0, 7, 40, 2, "The clock of b.") + statistics(1, 7, 3, 0), 0.0)
    (found,) = interface_statistics_of(merger.take(10.0), tmp_path)
    assert (found["received"], found["dropped"]) == (140, 3)
    assert found["comment"] == "The clock of a. The clock of b."
    (rest,) = interface_statistics_of(merger.finish(), tmp_path)
    assert (rest["interface"], rest["received"]) == (1, 3)


def test_counts_do_not_wait_for_one_who_does_not_count(tmp_path: Path):
    """The second time that somebody counts, the first is told; those of one who is lost stay in the sum."""
    merger = Merger(2)
    merger.feed(1, statistics(0, 1, 5, 0), 0.0)
    merger.feed(0, statistics(0, 2, 100, 0), 0.0)
    merger.take(0.0)
    merger.feed(0, statistics(0, 4, 150, 0), 0.0)
    assert merger.take(0.0) == b""
    merger.feed(0, statistics(0, 6, 200, 0), 0.0)
    assert [one["received"] for one in interface_statistics_of(merger.take(0.0), tmp_path)] == [155]
    merger.end(1, "b was lost here.")
    (lost,) = interface_statistics_of(merger.take(0.0), tmp_path)
    assert (lost["received"], lost["comment"]) == (205, "b was lost here.")


def statistics(interface: int, time: int, received: int, dropped: int, comment: str = "") -> bytes:
    return interface_statistics(interface, BEGIN + time, received, dropped, BEGIN, comment)


def interface_statistics_of(blocks: bytes, folder: Path) -> list[dict]:
    """What the statistics blocks say, read by the draft's own words (section 4.6); tshark must take the file."""
    file = folder / "statistics.pcapng"
    file.write_bytes(HEAD + blocks)
    done = subprocess.run(["tshark", "-r", str(file), "-T", "json"], capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout or "[]")) == (0, []), done.stderr
    found = []
    while blocks:
        kind, length, interface = struct.unpack_from("<III", blocks)
        assert kind == 5
        values = dict(options(blocks[20 : length - 4]))
        counts = {name: struct.unpack("<Q", values[code])[0] for name, code in (("received", 4), ("dropped", 5))}
        found.append({"interface": interface, "comment": values.get(1, b"").decode(), **counts})
        blocks = blocks[length:]
    return found


def options(data: bytes):
    while len(data) >= 4:
        code, length = struct.unpack_from("<HH", data)
        yield code, data[4 : 4 + length]
        data = data[4 + (length + 3 & ~3) :]


def test_other_blocks_pass():
    """At once, as they are."""
    names = name_resolution([("10.0.0.1", "web-1")])
    merger = Merger(2)
    merger.feed(0, names, 0.0)
    assert merger.take(0.0) == names


def test_what_is_no_block_is_refused():
    with pytest.raises(ValueError, match="no pcapng block"):
        Merger(1).feed(0, b"Last login: Tuesday\n" * 2, 0.0)


def test_what_was_good_before_it_is_kept(file: Path):
    """However much of it came in one piece with what is no block."""
    merger = Merger(2, most_bytes=0)
    with pytest.raises(ValueError, match="no pcapng block"):
        merger.feed(0, packet(10, 1) + packet(20, 2) + b"\xff" * 40, 0.0)
    merger.end(0)
    assert [name for _, name, _ in read(merger.take(0.0) + merger.finish(), file)] == [1, 2]
    assert merger.held == 0


def test_counts_beyond_what_a_block_can_say_are_told_as_the_most_it_can(tmp_path: Path):
    """A host that is not ours any more may say anything."""
    merger = Merger(2)
    for stream in (0, 1):
        merger.feed(stream, statistics(0, 1, 2**64 - 1, 1), 0.0)
    (found,) = interface_statistics_of(merger.take(0.0), tmp_path)
    assert (found["received"], found["dropped"]) == (2**64 - 1, 2)
