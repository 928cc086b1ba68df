"""tcpdump's stream on its way into pcapng, judged by scapy's pcap writer and pcapng reader."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import RawPcapNgReader

from vpcshark.wire.capture_files import pcapng
from vpcshark.wire.overlay.tcpdump_stream import Converter

FRAMES = [bytes(Ether() / IP() / UDP() / (b"x" * size)) for size in (0, 1, 500, 1400)]


def stream(frames: list[bytes], order: str = "<", magic: int = 0xA1B2C3D4, kind: int = 1) -> bytes:
    """A pcap file by hand, as pcap-savefile(5) has it."""
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, kind)
    records = [struct.pack(order + "IIII", 1000 + n, 7, len(f), len(f) + n) + f for n, f in enumerate(frames)]
    return head + b"".join(records)


def read(blocks: bytes, tmp_path: Path) -> list[tuple[bytes, int, int]]:
    """(frame, length, ns) of each packet, as scapy sees a file with these blocks."""
    file = tmp_path / "o.pcapng"
    file.write_bytes(pcapng.section_header() + pcapng.interface_description("eni-1") + blocks)
    with RawPcapNgReader(str(file)) as reader:
        return [(bytes(data), meta.wirelen, (meta.tshigh << 32) + meta.tslow) for data, meta in reader]


@pytest.mark.parametrize(("order", "magic", "unit"), [("<", 0xA1B2C3D4, 1000), (">", 0xA1B23C4D, 1)])
def test_frames_lengths_and_times_arrive(order: str, magic: int, unit: int, tmp_path: Path) -> None:
    """Either byte order, micro- or nanoseconds."""
    found = read(Converter().feed(stream(FRAMES, order, magic)), tmp_path)
    assert found == [(f, len(f) + n, (1000 + n) * 10**9 + 7 * unit) for n, f in enumerate(FRAMES)]


@given(cuts=st.lists(st.integers(0, 3000), max_size=8), banner=st.binary(max_size=200))
def test_pieces_and_banners_make_no_difference(cuts: list[int], banner: bytes) -> None:
    """However the stream is cut, and whatever a login script prints before it."""
    data = banner.replace(b"\xd4\xc3", b"") + stream(FRAMES)
    converter, got, begin = Converter(), b"", 0
    for cut in [*sorted(cuts), len(data)]:
        got += converter.feed(data[begin:cut])
        begin = max(begin, cut)
    assert got == Converter().feed(stream(FRAMES))


def test_other_link_types_and_endless_banners_are_errors() -> None:
    """What is no Ethernet is said, and so is a host that only talks."""
    with pytest.raises(ValueError, match="link type 113"):
        Converter().feed(stream([], kind=113))
    with pytest.raises(ValueError, match="Other output"):
        Converter().feed(b"a" * (2 << 20))


def test_a_broken_record_is_an_error() -> None:
    """A length that no packet has."""
    with pytest.raises(ValueError, match="broken"):
        Converter().feed(stream([]) + struct.pack("<IIII", 0, 0, 1 << 30, 0))


def test_the_remark_is_on_the_first_packet_alone() -> None:
    """It speaks of the gap before it."""
    blocks = Converter(remark="a gap").feed(stream(FRAMES))
    assert blocks.count(b"a gap") == 1
    assert blocks.index(b"a gap") < 150


def test_what_is_inside_vxlan_comes_out(tmp_path: Path) -> None:
    """And what is not encapsulated, unless the filter for inner frames refuses it."""
    inner = bytes(Ether(src="0a:00:00:00:00:01") / IP(src="1.2.3.4") / UDP(dport=53))
    outer = bytes(Ether() / IP() / UDP(dport=4789) / VXLAN(vni=7, flags="Instance") / inner)
    both = stream([outer, FRAMES[0]])
    assert [f for f, _, _ in read(Converter(decapsulate=True).feed(both), tmp_path)] == [inner, FRAMES[0]]
    picky = Converter(decapsulate=True, wanted=lambda frame, length: frame == inner)
    assert [f for f, _, _ in read(picky.feed(both), tmp_path)] == [inner]


def test_a_filter_for_inner_frames_is_told_their_length_on_the_wire() -> None:
    """Also of those that a snap length cut."""
    inner = bytes(Ether() / IP() / UDP(dport=53) / (b"?" * 400))
    outer = bytes(Ether() / IP() / UDP(dport=4789) / VXLAN(vni=7, flags="Instance") / inner)
    cut = struct.pack("<IIII", 0, 0, 120, len(outer)) + outer[:120]
    asked: list[tuple[int, int]] = []
    converter = Converter(decapsulate=True, wanted=lambda frame, length: bool(asked.append((len(frame), length))))
    converter.feed(stream([]) + cut)
    assert asked == [(120 - (len(outer) - len(inner)), len(inner))]


def test_nothing_is_kept_of_what_was_given() -> None:
    """A long stream takes no more room than a short one."""
    converter, size = Converter(), io.BytesIO(stream(FRAMES * 60))
    tracemalloc.start(25)
    while data := size.read(777):
        converter.feed(data)
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(True, "*/vpcshark/wire/*", all_frames=True)]
    )
    tracemalloc.stop()
    kept = sum(one.size for one in snapshot.statistics("filename"))  # other threads of this process are not asked
    assert kept < 20_000 < len(size.getvalue())
