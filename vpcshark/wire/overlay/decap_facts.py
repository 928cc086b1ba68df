"""What a pcapng file says besides packets -> the same for the file of the inner frames.

Comments, names and secrets are taken as they are. An interface of the input that says something of itself, or has
statistics, is described in the output too, before or between the interfaces of the VNIs: the frames are of a VNI's, and
what was lost was lost on the input's. What is left out is counted. Must not know files: bytes in, bytes out.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from vpcshark.wire.capture_files import pcapng
from vpcshark.wire.capture_files.blocks import COMMENT, block, options, text, time_halves
from vpcshark.wire.capture_files.pcapng import (
    ETHERNET,
    INTERFACE,
    MAX_BLOCK,
    NAMES,
    SECRETS,
    SECTION,
    STATISTICS,
    Block,
)
from vpcshark.wire.capture_files.pcapng_reader import Interface, interface_of, options_of

JOURNAL = 9
MOST_SECRETS = 8 * 1024 * 1024
"""Bytes of a key log in one block: libpcap refuses a file with a block of more than 16 MiB."""
_APPLICATION = 4
_CLOCK = (9, 14)  # if_tsresol, if_tsoffset: times are nanoseconds here
_IN_SECTION, _IN_INTERFACE, _IN_STATISTICS = (COMMENT, 2, 3), range(1, 19), range(1, 9)
_TEXTS = (COMMENT, 2988)
_BYTES_IN_INTERFACE = (COMMENT, 2, 3, 4, 5, 6, 7, 11, 12, 13, 15, 18, 2988)
_NO_LIMIT = (0, 262144)
"""Snap lengths that cut nothing: tcpdump's and dumpcap's own."""
_TIMES = (2, 3)  # isb_starttime, isb_endtime

Pairs = Sequence[tuple[int, bytes]]


class _Known(NamedTuple):
    """An interface of the section: its clock, its block for the output, and whether that is written."""

    interface: Interface
    body: bytes


class Facts:
    """Takes the blocks that are no packets, in order. ``number`` gives the output's next interface id; ``application``
    is what writes the output."""

    def __init__(self, number: Callable[[], int], application: str) -> None:
        self.left_out: Counter[str] = Counter()
        self._number = number
        self._application = application
        self._has_section = False
        self._known: list[_Known] = []
        self._numbers: dict[int, int] = {}
        self._makers: dict[int, Callable[[Block], bytes]] = {
            SECTION: self._section,
            INTERFACE: self._interface,
            NAMES: _names,
            STATISTICS: self._statistics,
            SECRETS: self._secrets,
            JOURNAL: lambda found: block(JOURNAL, found.body),
        }

    def take(self, found: Block) -> bytes:
        """What becomes of a block: nothing, or one or more blocks."""
        maker = self._makers.get(found.kind)
        if maker is not None:
            return maker(found)
        self.left_out[f"block of type {found.kind:#x}"] += 1
        return b""

    def _section(self, found: Block) -> bytes:
        self._known, self._numbers = [], {}
        pairs = list(options_of(found.body, 16, len(found.body), found.order))
        kept = [(code, value) for code, value in pairs if code in _IN_SECTION]
        if self._has_section:
            self.left_out["word about a further section"] += len(kept)
            return b""
        self._has_section = True
        by = [value.decode("utf-8", "replace") for code, value in pairs if code == _APPLICATION]
        told = f"{self._application}, from a file by {by[0]}" if by and self._application else self._application
        if told:
            kept.append((_APPLICATION, text(told)))
        return block(SECTION, struct.pack("<IHHq", pcapng.BYTE_ORDER_MAGIC, 1, 0, -1) + options(kept))

    def _interface(self, found: Block) -> bytes:
        interface = interface_of(found.body, found.order)
        pairs = [*self._interface_options(found)]
        known = _Known(interface, _described(interface, pairs))
        self._known.append(known)
        return self._describe(len(self._known) - 1) if pairs else b""

    def _interface_options(self, found: Block) -> Iterator[tuple[int, bytes]]:
        for code, value in options_of(found.body, 8, len(found.body), found.order):
            if code in _CLOCK:
                continue
            if code in _BYTES_IN_INTERFACE:
                yield code, value
            elif code in _IN_INTERFACE:
                yield code, _turned(value, found.order)
            else:
                self.left_out[f"option {code} of an interface"] += 1

    def _describe(self, which: int) -> bytes:
        self._numbers[which] = self._number()
        return block(INTERFACE, self._known[which].body)

    def _statistics(self, found: Block) -> bytes:
        if len(found.body) < 12:
            self.left_out["statistics block that is too short"] += 1
            return b""
        which, high, low = struct.unpack_from(found.order + "III", found.body)
        if which >= len(self._known):
            self.left_out["statistics block of an interface that is not there"] += 1
            return b""
        described = b"" if which in self._numbers else self._describe(which)
        interface = self._known[which].interface
        pairs = list(self._counts(found, interface))
        head = struct.pack("<III", self._numbers[which], *time_halves(interface.time(high << 32 | low)))
        return described + block(STATISTICS, head + options(pairs))

    def _counts(self, found: Block, interface: Interface) -> Iterator[tuple[int, bytes]]:
        for code, value in options_of(found.body, 12, len(found.body), found.order):
            if code in _TIMES and len(value) == 8:
                high, low = struct.unpack(found.order + "II", value)
                yield code, struct.pack("<II", *time_halves(interface.time(high << 32 | low)))
            elif code in _TEXTS:
                yield code, value
            elif code in _IN_STATISTICS:
                yield code, _turned(value, found.order)
            else:
                self.left_out[f"option {code} of a statistics block"] += 1

    def _secrets(self, found: Block) -> bytes:
        if len(found.body) < 8:
            self.left_out["secrets block that is too short"] += 1
            return b""
        kind, length = struct.unpack_from(found.order + "II", found.body)
        secrets, at = found.body[8 : 8 + length], 8 + (length + 3 & ~3)
        pairs = [pair for pair in options_of(found.body, at, len(found.body), found.order) if pair[0] in _TEXTS]
        if kind != pcapng.TLS_KEY_LOG and len(found.body) > MAX_BLOCK - 12:
            self.left_out["secrets block that is longer than 16 MiB"] += 1
            return b""
        pieces = list(_pieces(secrets)) if kind == pcapng.TLS_KEY_LOG else [secrets]
        return b"".join(_secrets_block(kind, piece, pairs if not place else ()) for place, piece in enumerate(pieces))


def _turned(value: bytes, order: str) -> bytes:
    """An integer, little-endian."""
    return value if order == "<" else value[::-1]


def _described(interface: Interface, pairs: Pairs) -> bytes:
    """A described interface has the link type and the snap length of the others, for libpcap refuses a file whose
    interfaces differ in these (sf-pcapng.c); what it really had is a comment."""
    had = [f"link type {interface.link}"] if interface.link != ETHERNET else []
    had += [f"a snap length of {interface.snaplen} bytes"] if interface.snaplen not in _NO_LIMIT else []
    said = list(pairs)
    if had:
        said.append((COMMENT, text(f"The outer frames, which are not in this file, had {' and '.join(had)}.")))
    return struct.pack("<HHI", ETHERNET, 0, 0) + options([*said, (9, b"\x09")])


def _names(found: Block) -> bytes:
    """Records, their end mark, and options are lists of the same form; only their lengths have a byte order."""
    pair, at, made, body = struct.Struct(found.order + "HH").unpack_from, 0, b"", found.body
    while at + 4 <= len(body):
        code, length = pair(body, at)
        padded = length + 3 & ~3
        if at + 4 + padded > len(body):
            break
        made += struct.pack("<HH", code, length) + body[at + 4 : at + 4 + padded]
        at += 4 + padded
    return block(NAMES, made if made.endswith(bytes(4)) else made + bytes(4))


def _pieces(key_log: bytes) -> Iterator[bytes]:
    """At the ends of lines, each ``MOST_SECRETS`` long at most where lines are shorter than that."""
    at = 0
    while len(key_log) - at > MOST_SECRETS:
        cut = key_log.rfind(b"\n", at, at + MOST_SECRETS) + 1 or at + MOST_SECRETS
        yield key_log[at:cut]
        at = cut
    yield key_log[at:]


def _secrets_block(kind: int, secrets: bytes, pairs: Pairs) -> bytes:
    head = struct.pack("<II", kind, len(secrets))
    return block(SECRETS, head + secrets + bytes(-len(secrets) % 4) + options(pairs))
