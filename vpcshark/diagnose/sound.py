"""What is known of packets that are not judged one by one, as nothing is suspicious about them: evidence for the rest.

Must not know how it is found out.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from vpcshark.diagnose.packet import Packet

Server = tuple[bytes, int]


def _none(servers: Iterable[Server]) -> list[list[Packet]]:
    del servers
    return []


@dataclass
class Sound:
    """``passed``: from which host to which one, the longest packet that was acknowledged; ``lasts``: when the
    established connections were seen last, in order; ``clients``: how many connections each host opened; ``openings``:
    for some servers the packets with which their connections began and ended. ``unheard`` and ``refused``: how many
    more connections to a server nobody answered for long, or a reset did; ``crowd``: how many connections were counted
    in all, and not looked at. ``is_doubled``: does the capture see packets twice (None: nobody looked)? ``has_loops``:
    may there be packets that come by again and again?"""

    packets: int = 0
    connections: int = 0
    unsure: int = 0
    datagrams: int = 0
    begin: int = 0
    end: int = 0
    ttls: dict[bytes, Counter[int]] = field(default_factory=dict)
    passed: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    lasts: list[int] = field(default_factory=list)
    clients: Counter[bytes] = field(default_factory=Counter)
    openings: Callable[[Iterable[Server]], list[list[Packet]]] = _none
    unheard: Counter[Server] = field(default_factory=Counter)
    refused: Counter[Server] = field(default_factory=Counter)
    crowd: int = 0
    is_doubled: bool | None = None
    has_loops: bool = True

    def close(self) -> None:
        """Nothing more is asked: let go of what ``openings`` holds, for it holds this in turn."""
        self.openings = _none

    def after(self, at: int) -> int:
        """How many established connections go on after ``at``."""
        return len(self.lasts) - bisect.bisect_right(self.lasts, at)


class Batch(NamedTuple):
    """Packets in the order of the file, those of further TLS handshakes, and what is known of all others.

    ``is_first``: it has all that is no TCP; others have only the ICMP of that."""

    packets: list[Packet]
    handshakes: list[Packet]
    sound: Sound
    is_first: bool
