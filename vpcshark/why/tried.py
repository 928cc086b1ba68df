"""What a test connection from the source's own host showed: plain data. Must not know how it is made.

The connection itself, and echo requests of several sizes that nobody may cut, for the path MTU.
"""

from __future__ import annotations

from dataclasses import dataclass

CONNECTED, ANSWERED, REFUSED, SILENT, UNREACHABLE, CANNOT = (
    "connected",
    "answered",
    "refused",
    "no answer",
    "unreachable",
    "cannot try",
)
"""What became of it. "no answer" proves nothing for UDP: a service need not answer."""

SMALLEST = 576
"""Bytes that every host must be ready to accept (RFC 1122, 3.3.2): what is said to be less is no MTU."""


@dataclass(frozen=True)
class Echo:
    """What became of an echo request of so many bytes that nobody may cut. ``is_answered``; else whether somebody said
    that it is too long (``is_refused``), the MTU that was named (0: none was, as by the ping of newer iputils where the
    host's own interface is too narrow), and whose that message was ("": the host itself)."""

    size: int
    is_answered: bool
    mtu: int = 0
    sender: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class Router:
    """A router on the way, by tracepath. ``mtu`` is the path's from there on, 0 where it says nothing new."""

    number: int
    address: str
    mtu: int = 0


@dataclass(frozen=True)
class Probe:
    """``outcome``: one of the words above; "" where there was no port to try. ``milliseconds`` -1: not measured.
    ``words`` are the host's for an error. ``echoes`` by size. ``code``: what a DNS answer says (RCODE), 0 for no error.
    """

    outcome: str = ""
    milliseconds: int = -1
    words: str = ""
    echoes: tuple[Echo, ...] = ()
    routers: tuple[Router, ...] = ()
    code: int = 0

    @property
    def path_mtu(self) -> int:
        """What somebody on the way said, 0 where nobody did."""
        named = [*(each.mtu for each in self.echoes), *(each.mtu for each in self.routers)]
        return min((each for each in named if each >= SMALLEST), default=0)

    @property
    def hole(self) -> tuple[int, int] | None:
        """(the largest size that was answered, the smallest above it that vanished without a word); None: no such."""
        answered = [each.size for each in self.echoes if each.is_answered]
        if not answered:
            return None
        above = [each for each in self.echoes if each.size > max(answered)]
        if not above or above[0].mtu or above[0].is_refused:
            return None
        return max(answered), above[0].size
