"""What a pcapng's interface blocks say of capture points: a point's name, the addresses of the ENI that it is, and
which of them are the same one in several sections of a file.

Must not know packets.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import NamedTuple

from vpcshark.text import cut, line
from vpcshark.wire.capture_files.blocks import COMMENT
from vpcshark.wire.capture_files.pcapng import Block
from vpcshark.wire.capture_files.pcapng_reader import options_of

_NAME, _DESCRIPTION = 2, 3
_SEPARATOR, _MOST = " · ", 60
"""What is between the parts of a description, as captures write it."""
_NOBODYS = (b"Not captured: ", b"Made of flow log records")
"""How comments of interfaces begin at which nothing was captured."""


class Interface(NamedTuple):
    """``addresses`` are packed; ``is_captured``: may there be packets of it?"""

    name: str = ""
    addresses: frozenset[bytes] = frozenset()
    is_captured: bool = True


def described(block: Block) -> Interface:
    """What the block says."""
    said = dict(options_of(block.body, 8, len(block.body), block.order))
    parts = said.get(_DESCRIPTION, b"").decode("utf-8", "replace").split(_SEPARATOR)
    addresses = frozenset(packed for part in parts if (packed := _packed(part.strip())))
    name = cut(line(said.get(_NAME, b"").decode("utf-8", "replace")), _MOST)
    return Interface(name, addresses, not said.get(COMMENT, b"").startswith(_NOBODYS))


class Numbers:
    """The interfaces of a file, counted through all of its sections (``cat a.pcapng b.pcapng`` makes two of them).

    A section's interfaces have numbers of their own (draft-ietf-opsawg-pcapng 4.2). One that is described like an
    earlier section's, byte by byte and the section too, is the same one, as in the files of a ring; two of one section
    are two.
    """

    def __init__(self) -> None:
        self._alike: dict[tuple[bytes, bytes], list[int]] = {}
        self._count = 0
        self.next_section(b"")

    def next_section(self, body: bytes) -> None:
        """Its interfaces follow; ``body`` is its header's."""
        self._section = body
        self._here: list[int] = []
        self._met: Counter[bytes] = Counter()

    def is_new(self, body: bytes) -> bool:
        """Count the section's next interface; has no earlier section had it?"""
        alike, before = self._alike.setdefault((self._section, body), []), self._met[body]
        self._met[body] += 1
        is_new = before == len(alike)
        if is_new:
            alike.append(self._count)
            self._count += 1
        self._here.append(alike[before])
        return is_new

    def in_file(self, number: int) -> int:
        """Of the section's interface ``number``; a file without interface blocks has one, 0."""
        return self._here[number] if number < len(self._here) else number


def _packed(text: str) -> bytes:
    try:
        return ip_address(text).packed
    except ValueError:
        return b""
