"""RTP headers (RFC 3550, 5.1). Must not know flows."""

from __future__ import annotations

import struct
from typing import NamedTuple

_CLOCKS = {0: 8000, 3: 8000, 4: 8000, 8: 8000, 9: 8000, 15: 8000, 18: 8000, 26: 90000, 31: 90000, 34: 90000}
"""Of static payload types (RFC 3551, 6); of dynamic ones it is not in the packets."""


class Header(NamedTuple):
    """What verdicts read of a packet."""

    kind: int
    is_marked: bool
    seq: int
    stamp: int
    source: int


def read(data: bytes) -> Header | None:
    """None: no RTP, or RTCP."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    kind = data[1] & 0x7F
    if 64 <= kind <= 95:  # RTCP's packet types, seen without their first bit (RFC 5761, 4)
        return None
    seq, stamp, source = struct.unpack_from(">HII", data, 2)
    return Header(kind, bool(data[1] & 0x80), seq, stamp, source)


def clock(kind: int) -> int:
    """Ticks a second; 0: not known."""
    return _CLOCKS.get(kind, 0)
