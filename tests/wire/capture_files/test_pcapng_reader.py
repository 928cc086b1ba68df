"""pcapng files in all the ways that the format allows: clocks, kinds of packet blocks, sections."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from outer import SHAPES, ethernet, ipv4, pcapng_block, pcapng_head, pcapng_packet, stream, udp

from vpcshark.wire.capture_files.pcapng_reader import MAX_INTERFACES
from vpcshark.wire.overlay.decap import Decapsulator
from vpcshark.wire.overlay.decap_table import Table

INNER = ethernet(0x0800, ipv4(udp(b"x" * 58, 53)))
OUTER = SHAPES["ipv4"](INNER, 77)


def option(code: int, value: bytes, order: str) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def told(path: Path, data: bytes) -> list[str]:
    """Times to the nanosecond and lengths, as tshark reads them."""
    path.write_bytes(data)
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [f"{float(time):.6f} {length}" for time, length in (line.split("\t") for line in lines)]


CLOCKS = {
    "default": (None, 10**15 + 250_000),
    "microseconds": (6, 10**15 + 250_000),
    "nanoseconds": (9, 10**18 + 250_000_000),
    "milliseconds": (3, 10**12 + 250),
    "seconds": (0, 10**9),
    "picoseconds": (12, 10**18 + 10**10),
    "2^-20 s": (0x80 | 20, 10**9 << 20 | 1 << 18),
    "2^-30 s": (0x80 | 30, 10**9 << 30 | 1 << 28),
}
"""if_tsresol and a number of ticks."""


def clock_options(order: str, resolution: int | None, offset: int | None = None) -> bytes:
    options = b"" if resolution is None else option(9, bytes([resolution]), order)
    return options + (b"" if offset is None else option(14, struct.pack(order + "q", offset), order)) + bytes(4)


@pytest.mark.thin(4)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("clock", ["default", "nanoseconds", "milliseconds", "2^-20 s"])
def test_times_are_those_that_tshark_reads(tmp_path: Path, order, clock):
    """The lengths differ by the outer headers alone."""
    resolution, ticks = CLOCKS[clock]
    outer = pcapng_head(order, options=clock_options(order, resolution)) + pcapng_packet(OUTER, ticks, order) * 20
    made, complaint = stream(outer, Table(Decapsulator()))
    assert complaint == ""
    theirs = told(tmp_path / "outer.pcapng", outer)
    assert told(tmp_path / "inner.pcapng", made) == [line.replace(" 150", " 100") for line in theirs]
    assert len(theirs) == 20


@pytest.mark.thin(4)
@pytest.mark.parametrize("order", ["<", ">"])
def test_each_interface_has_its_own_clock(worker, tmp_path: Path, order):
    """Powers of ten and of two, with and without an offset, all in one section."""
    section, packets = pcapng_head(order)[:28], []
    for offset in (None, 0, 3600, -3600):
        for resolution, ticks in CLOCKS.values():
            section += pcapng_head(order, options=clock_options(order, resolution, offset))[28:]
            packets.append(pcapng_packet(OUTER, ticks, order, interface=len(packets)))
    outer = section + b"".join(packets)
    made, complaint = stream(outer, worker(Decapsulator()))
    assert complaint == ""
    theirs = told(tmp_path / "outer.pcapng", outer)
    assert told(tmp_path / "inner.pcapng", made) == [line.replace(" 150", " 100") for line in theirs]
    assert len(theirs) == len(packets)


@pytest.mark.thin(4)
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_packet_block_is_read(worker, tmp_path: Path, order):
    """Enhanced, simple, and the old one of the first drafts; other blocks between them are passed over."""
    simple = pcapng_block(3, struct.pack(order + "I", len(OUTER)) + OUTER, order)
    head = struct.pack(order + "HHIIII", 0, 7, 10**15 >> 32, 10**15 & 0xFFFFFFFF, len(OUTER), len(OUTER))
    old, other = pcapng_block(2, head + OUTER, order), pcapng_block(0x0BAD, b"some", order)
    outer = pcapng_head(order) + (pcapng_packet(OUTER, 10**15, order) + other + simple + old) * 9
    engine = Decapsulator()
    made, complaint = stream(outer, worker(engine))
    assert (complaint, engine.counts.taken) == ("", 27)
    assert (
        told(tmp_path / "inner.pcapng", made) == ["1000000000.000000 100", "0.000000 100", "1000000000.000000 100"] * 9
    )


def test_a_section_forgets_the_interfaces_of_the_last(worker):
    """And may have another byte order."""
    engine = Decapsulator()
    data = b"".join(pcapng_head(order) + pcapng_packet(OUTER, 1, order) * 9 for order in "<><")
    _, complaint = stream(data + pcapng_head()[:28] + pcapng_packet(OUTER, 1), worker(engine))
    assert (complaint, engine.counts.taken, engine.counts.others.total()) == ("", 27, 1)


@pytest.mark.thin(4)
@pytest.mark.parametrize(("data", "complaint"), [
    (b"\x0a\x0d\x0d\x0a" + bytes(24), "The section at byte 0 has no valid byte-order magic."),
    (pcapng_head() + b"\5\0\0\0\x10\0\0\0abcd\x14\0\0\0", "The block at byte 48 has two lengths, 16 and 20."),
    (pcapng_head() + b"\6\0\0\0\0\0\0\x10", "At byte 48 no pcapng block begins: its length would be 268435456."),
    (pcapng_head()[:28] + pcapng_head()[28:] * (MAX_INTERFACES + 1),
     f"At byte {28 + 20 * MAX_INTERFACES} there are more interfaces than 65536."),
], ids=["magic", "two lengths", "long", "interfaces"])  # fmt: skip
def test_rot_is_told_by_the_byte(worker, data, complaint):
    """In a sentence."""
    assert stream(data + bytes(8), worker(Decapsulator()))[1] == complaint


def test_a_packet_that_claims_more_than_its_block_has_is_counted(worker):
    """It is left out; those around it are not."""
    packet = bytearray(pcapng_packet(OUTER, 1))
    struct.pack_into("<I", packet, 20, len(OUTER) + 1000)
    engine = Decapsulator()
    stream(pcapng_head() + (pcapng_packet(OUTER, 1) + bytes(packet)) * 20, worker(engine))
    assert (engine.counts.taken, engine.counts.others.total()) == (20, 20)


def test_a_record_longer_than_the_buffer_is_read(worker):
    """The buffer grows for it."""
    engine = Decapsulator()
    _, complaint = stream(pcapng_head() + pcapng_packet(OUTER + bytes(300_000), 1), worker(engine), chunk=64)
    assert (complaint, engine.counts.taken) == ("", 1)
