"""Tells whether a network interface belongs to this machine, and which address this machine has elsewhere. The one
place that asks the machine about itself. Must not know why it is asked."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from ipaddress import ip_address

IsHere = Callable[[str, str], bool]
"""``is_here(address, mac)``, with "" for a MAC that is not known."""


def is_here(address: str, mac: str = "") -> bool:
    """True if an interface with ``address`` (IPv4 or IPv6 text) and ``mac`` belongs to this machine.

    The address alone does not tell: a private network at home, of a VPN or of containers may have those of the VPC.
    A loopback address is nobody else's: the lab without root lends such to its ENIs. No address is nobody's, though
    "" can be bound to.
    """
    if not address:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))  # only an address of this machine's can be bound to
    except OSError:
        return False
    return not mac or ip_address(address).is_loopback or mac.lower() in _macs()


def _macs() -> set[str]:
    import psutil

    links = (one for addresses in psutil.net_if_addrs().values() for one in addresses if one.family == psutil.AF_LINK)
    return {link.address.lower().replace("-", ":") for link in links}  # Windows writes dashes


def address_towards(address: str) -> str:
    """This machine's own address on the way to another one's; "" where there is no way. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])
    return ""
