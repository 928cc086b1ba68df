"""What the parts of a topology's data plane are called: spaces (namespaces), devices, routing tables. Pure.

A name comes from the resource's id alone, so that it stays while the account changes. Must not know what is in a space.
"""

from __future__ import annotations

import re
import zlib

NOWHERE = "none"
"""In each space the device that leads nowhere: what is routed to it has no way on."""
LOCAL, CUT_OFF = 900, 901
"""Routing tables: the ENIs of a VPC; what belongs to no table at all."""
INTERNET = "internet"
_FIRST = 1000
_SPAN = 1 << 30


def space(kind: str, identity: str) -> str:
    """("vpc", "vpc-1") -> the space's key: ``vpc:vpc-1``."""
    return f"{kind}:{identity}"


def device(letter: str, identity: str) -> str:
    """A device's name, at most 15 characters: "p" for an ENI's port, "t" for an attachment's at its gateway, "x" for a
    peering's, "y" for a peering's of gateways, "g" for an internet gateway's, "e" for a gateway endpoint's."""
    return f"{letter}-{tail(identity)}"


def tail(identity: str) -> str:
    """The end of an id, which tells it from others."""
    return re.sub(r"[^0-9A-Za-z]", "", identity)[-12:]


def chain(word: str, identity: str) -> str:
    """An nftables chain of a resource."""
    return f"{word}_{tail(identity)}"


def table(*identity: str) -> int:
    """The number of a routing table of the kernel's."""
    return _FIRST + zlib.crc32("/".join(identity).encode()) % _SPAN


def namespace(lab: str, kind: str, name: str) -> str:
    """The namespace's name: an instance's is ``<lab>-<name>``, others say what they are."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    return f"{lab}-{plain}" if kind == "instance" else f"{lab}-{kind}-{plain}"
