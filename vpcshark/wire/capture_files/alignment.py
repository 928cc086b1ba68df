"""Where a block begins in the middle of a pcapng stream of which the beginning is not known. Must not know packets."""

from __future__ import annotations

import struct

from vpcshark.wire.capture_files import pcapng

_KNOWN = (pcapng.INTERFACE, pcapng.NAMES, pcapng.STATISTICS, pcapng.PACKET, pcapng.SECRETS)
_FEWEST = 4
_MOST = 1 << 18
_HEAD = struct.Struct("<II").unpack_from
_LENGTH = struct.Struct("<I").unpack_from


def first_block(data: bytes) -> int:
    """The place of the first of several little-endian blocks that follow each other; -1 where there are not enough.
    A packet that holds such blocks itself may deceive: then what is read ends at its end, with a complaint."""
    for at in range(len(data) - 12 * _FEWEST + 1):
        if _is_chain(data, at):
            return at
    return -1


def _is_chain(data: bytes, at: int) -> bool:
    for _ in range(_FEWEST):
        if at + 12 > len(data):
            return False
        kind, length = _HEAD(data, at)
        if kind not in _KNOWN or length < 12 or length & 3 or length > _MOST or at + length > len(data):
            return False
        if _LENGTH(data, at + length - 4)[0] != length:
            return False
        at += length
    return True
