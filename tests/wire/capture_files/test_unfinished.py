"""What comes in pieces is not copied for each of them, whoever takes it."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.wire.capture_files.merge import Merger
from vpcshark.wire.capture_files.pcapng import Cutter
from vpcshark.wire.capture_files.unfinished import Rest
from vpcshark.wire.overlay.tcpdump_stream import Converter

SIZE = 8 << 20
LONG_BLOCK = struct.pack("<III", 6, SIZE, 0) + bytes(SIZE - 16) + struct.pack("<I", SIZE)
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
LONG_RECORD = HEADER + struct.pack("<IIII", 1, 1, SIZE, SIZE) + bytes(SIZE)
MERGE = lambda: (merger := Merger(2)) and (lambda piece: merger.feed(0, piece, 0.0))  # noqa: E731
STREAMS: dict[str, tuple[Callable[[], Callable[[bytes], object]], bytes]] = {
    "blocks that are cut": (lambda: Cutter().feed, LONG_BLOCK),
    "blocks that are merged": (MERGE, LONG_BLOCK),
    "a pcap": (lambda: Converter().feed, LONG_RECORD),
    "a banner before a pcap": (lambda: Converter().feed, b"x" * (1 << 20)),
}


@pytest.mark.parametrize("name", STREAMS)
def test_small_pieces_cost_little_more_than_large_ones(name: str) -> None:
    """Copied for each piece they would cost a hundred times as much."""
    make, data = STREAMS[name]

    def spent(size: int) -> float:
        feed, began = make(), time.process_time()
        for at in range(0, len(data), size):
            feed(data[at : at + size])
        return time.process_time() - began

    small = len(data) >> 12
    assert min(spent(small) for _ in range(2)) < 20 * max(spent(len(data) >> 4) for _ in range(3)) + 0.02


@given(st.lists(st.binary(max_size=9)), st.binary(max_size=5), st.integers(0, 30))
def test_all_of_it_comes_out_once_it_is_enough(pieces: list[bytes], kept: bytes, needed: int) -> None:
    """Not before, and in order."""
    rest = Rest()
    rest.keep(kept, needed)
    whole, out = kept, b""
    for piece in pieces:
        whole += piece
        out += rest.with_more(piece)
        is_enough = len(whole) >= needed or not kept
        assert out == (whole if is_enough else b"")
