"""The records of a capture file in a buffer: where they lie and what they say, whichever the file's format.

``pcapfile`` and ``pcapngfile`` find them. Must not know what the packets carry: bytes in, bytes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from vpcshark.wire.capture_files.pcapng import Block

Blocks = bytes | memoryview
"""pcapng blocks; a view is nobody else's memory."""
MAX_RECORD = 16 * 1024 * 1024
"""No packet of a sane file is longer (libpcap's limit for blocks, in sf-pcapng.c)."""
MAX_OTHER = 64 * 1024 * 1024
"""No other block is: that of a key log has all its lines, and Wireshark writes and reads it whatever its length."""
EQUAL_RUN = 256
"""From so many records of one length on they are given as a ``range``, which can be worked on as a table."""
SLACK = 128
"""Bytes that a buffer has beyond its last record, so that fields can be looked for before lengths are."""
MIXED_SCALE = 0
"""The scale of a layout whose interfaces differ, or that is no whole number of nanoseconds."""


BROKEN, NO_INTERFACE = -1, -2
"""Link types of records that cannot be used: they contradict themselves, or name an interface that is not there."""
Options = Sequence[tuple[int, bytes]]


MADE_OF_RECORD = b": flow log record of "
"""Behind the first word of the comment of a frame that nobody captured."""


class Record(NamedTuple):
    """One packet: ``data[start:end]`` is the frame, of link type ``link``; time in nanoseconds since the epoch.

    ``options`` are those of its pcapng block that hold for the frame inside, too, as little-endian pcapng has them.
    """

    start: int
    end: int
    nanoseconds: int
    link: int
    options: Options = ()


class Layout(NamedTuple):
    """How plain packet records lie: byte order, bytes before the frame, nanoseconds per tick, link type, and how many
    interfaces there are (0 in a pcap file, whose records name none).

    ``scale`` is ``MIXED_SCALE`` where one number does not do for all interfaces.
    """

    order: str
    header: int
    scale: int
    link: int
    interfaces: int = 0


class Run(NamedTuple):
    """Packet records that follow each other in a buffer: where each begins, and where the last one ends.

    ``starts`` is a ``range`` if all records are of one length. ``is_plain``: they lie as the ``Layout`` says.
    """

    starts: Sequence[int]
    end: int
    is_plain: bool = True


class Reader(Protocol):
    """Finds records. ``origin`` is always the place of the buffer's first byte in the file, for messages."""

    remarks: list[str]
    layout: Layout
    others: list[Block]
    """What ``scan`` found besides packets: whoever works on it empties it."""
    left_out: Counter[str]
    """What packets said of themselves that is of no use for what is inside them."""

    def scan(self, data: bytearray, at: int, end: int, origin: int) -> Run:
        """The whole records in ``data[at:end]``; ``run.end`` is beyond ``at`` if there was anything whole.

        A run without records is one or more blocks that hold none. ``ValueError`` with the byte offset at the first
        thing that cannot be.
        """

    def records(self, data: bytearray, run: Run) -> Iterator[Record]:
        """What the records of ``run`` say; call it before the next ``scan``."""


def equal_run(data: bytearray, at: int, end: int, stride: int, fields: Sequence[int]) -> int:
    """How many records of ``stride`` bytes follow each other from ``at``: whole, and alike in the bytes at ``fields``.

    The bytes of one field of all records are one slice; where it first differs, the run ends.
    """
    count = (end - at) // stride
    for field in fields:
        column = data[at + field : at + count * stride : stride]
        count = min(count, len(column) - len(column.lstrip(column[:1])))
    return count
