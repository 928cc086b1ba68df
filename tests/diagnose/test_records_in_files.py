"""A path's file has flow log records beside packets: what nobody captured is judged by nobody."""

from __future__ import annotations

from vpcshark.diagnose import table
from vpcshark.flowlogs.frames import Frames
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.wire.capture_files import pcapng

_NAMES = ("interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
_ROW = b"eni-1 10.0.0.1 10.0.0.2 40000 80 6 3 180 1700000000 1700000060".split()
_PACKET = (
    bytes(12)
    + b"\x08\0"
    + bytes.fromhex("450000280000000040060000 0a000001 0a000002")
    + bytes.fromhex("9c40 0050 00000000 00000000 5002 ffff 0000 0000")
)


def test_frames_of_records_are_no_packets_of_a_point():
    """Their interface has none, the packets' interface all of its own; both are numbered."""
    frames = Frames()
    blocks = pcapng.section_header() + frames.open("eni-1") + pcapng.interface_description("eni-2")
    record = frames.of(LogFormat(_NAMES), _ROW)
    packet = pcapng.enhanced_packet(1, 1_700_000_001_000_000_000, _PACKET, len(_PACKET))
    found = table.read_bytes(blocks + record + packet + record)
    assert (found.frames, found.unknown) == (3, 2)
    assert [place for place, point in found.points.items() if point.others] == [(1, -1)]
