"""Is an address this machine's? And which one is it elsewhere? The one place that asks
the machine about itself. Must not know why it is asked."""

from __future__ import annotations

import contextlib
import socket


def is_here(address: str) -> bool:
    """True if ``address`` (IPv4 or IPv6 text) belongs to this machine: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def address_towards(address: str) -> str:
    """This machine's own address on the way to another one's; "" where there is no way. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])
    return ""
