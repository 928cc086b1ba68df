"""Does a CIDR block or a prefix list hold an address? Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network


def holds(cidr: str, address: str) -> bool:
    """Is ``address`` in the block? Never across IP versions; what is no block holds nothing."""
    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except (ValueError, TypeError):
        return False


def length(cidr: str) -> int:
    """The prefix length of a block."""
    return ip_network(cidr, strict=False).prefixlen


def single(address: str) -> str:
    """The block that holds ``address`` alone."""
    return f"{address}/{ip_address(address).max_prefixlen}"


def blocks(destination: str, prefix_lists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The CIDR blocks of ``destination``, itself or a prefix list's; None: a list whose entries are not known."""
    return prefix_lists.get(destination) if destination.startswith("pl-") else (destination,)
