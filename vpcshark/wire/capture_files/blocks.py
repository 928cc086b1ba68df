"""The pcapng blocks that hold what was captured: packets and counts (draft-ietf-opsawg-pcapng, 4.3 and 4.6).

Little-endian, times in nanoseconds since the epoch. Sent to the capture host, so Python 3.6 and the standard library
only. Must not know where packets come from. The blocks that describe a capture are in ``pcapng``.
"""
# ruff: noqa: UP006, UP007, UP035

from struct import Struct
from typing import Iterable, Sequence, Tuple, Union

Data = Union[bytes, memoryview]

ENHANCED_PACKET, INTERFACE_STATISTICS = 6, 5
COMMENT = 1
_END_OF_OPTIONS = bytes(4)
_PAIR = Struct("<HH").pack
_HEAD = Struct("<II").pack
_WORD = Struct("<I").pack
_PACKET = Struct("<IIIII").pack
_LONG = Struct("<Q").pack


def padding(length: int) -> bytes:
    """What fills ``length`` bytes up to a multiple of four."""
    return bytes(-length % 4)


def option(code: int, value: bytes) -> bytes:
    """One option; a value that is too long for its 16-bit length is cut."""
    value = value[:65535]
    return _PAIR(code, len(value)) + value + padding(len(value))


def text(value: str, limit: int = 65532) -> bytes:
    """UTF-8, cut to ``limit`` bytes (what an option holds) without splitting a character."""
    return value.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore").encode()


def options(pairs: Iterable[Tuple[int, bytes]]) -> bytes:
    """An option list with its end mark, or nothing when there are none."""
    listed = b"".join([option(code, value) for code, value in pairs])
    return listed + _END_OF_OPTIONS if listed else b""


def block(kind: int, body: bytes) -> bytes:
    """A block around ``body``, whose length must be a multiple of four."""
    total = len(body) + 12
    return b"".join((_HEAD(kind, total), body, _WORD(total)))


def time_halves(nanoseconds: int) -> Tuple[int, int]:
    """A time as pcapng has it: high word first."""
    return nanoseconds >> 32 & 0xFFFFFFFF, nanoseconds & 0xFFFFFFFF


def enhanced_packet(
    interface: int,
    nanoseconds: int,
    data: Data,
    length: int,
    direction: int = 0,
    comment: str = "",
    more: Sequence[Tuple[int, bytes]] = (),
) -> bytes:
    """An EPB. ``length`` is the frame's length on the wire, ``direction`` 1 inbound, 2 outbound, 0 unknown; ``more``
    are further options."""
    pairs = [(COMMENT, text(comment)), *more] if comment else [*more]
    if direction:
        pairs.append((2, _WORD(direction)))
    head = _PACKET(interface, *time_halves(nanoseconds), len(data), length)
    return block(ENHANCED_PACKET, b"".join((head, data, padding(len(data)), options(pairs))))


def interface_statistics(
    interface: int, nanoseconds: int, received: int, dropped: int, started: int = 0, comment: str = ""
) -> bytes:
    """An ISB: since ``started`` (0: not said), ``received`` frames were taken and ``dropped`` lost for want of room."""
    pairs = [(COMMENT, text(comment))] if comment else []
    if started:
        pairs.append((2, _HEAD(*time_halves(started))))
        pairs.append((3, _HEAD(*time_halves(nanoseconds))))
    pairs += [(4, _LONG(received)), (5, _LONG(dropped))]
    return block(INTERFACE_STATISTICS, _PACKET(interface, *time_halves(nanoseconds), 0, 0)[:12] + options(pairs))
