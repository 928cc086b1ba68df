"""What a pcapng's interface block says of a capture point: its name, and the addresses of the ENI that it is.

Must not know packets.
"""

from __future__ import annotations

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


def _packed(text: str) -> bytes:
    try:
        return ip_address(text).packed
    except ValueError:
        return b""
