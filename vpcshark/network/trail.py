"""What a walk leaves behind: hops, the packet as it is now, and what was rewritten, which the way back undoes.

A trail is never changed: a step makes a longer one, so that a walk may part into several. Must not know how a step is
decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vpcshark.network.decision import Rule
from vpcshark.network.facts import Interface, Network
from vpcshark.network.known import Known
from vpcshark.network.packet import Packet, end_words

ALLOW, DROP, UNKNOWN, INFO = "allow", "drop", "unknown", "info"
INTERNET = "internet"
JUMBO, TRANSIT_MTU, INTERNET_MTU = 9001, 8500, 1500  # bytes; EC2 User Guide, "Network MTU"


class Hop(NamedTuple):
    """One thing on the way. ``packet`` is what leaves it. ``code``: the word of AWS's Reachability Analyzer for what
    happened, or one of ours (WALK_…); ``text`` says it in words. A tuple, since a walk makes some forty."""

    kind: str
    resource: str
    verdict: str
    packet: Packet
    code: str = ""
    text: str = ""
    name: str = ""
    az: str = ""
    vpc: str = ""
    rule: Rule | None = None
    mtu: int | None = None
    mend: str = ""
    passed: tuple[str, ...] = ()
    note: str = ""
    subnet: str = ""


@dataclass(frozen=True)
class Change:
    """A rewriting at ``place``: what came, what went. ``is_carried``: the answer is brought back to ``place`` though
    its destination is the client's address (a load balancer that preserves it)."""

    place: str
    before: Packet
    after: Packet
    is_carried: bool = False


@dataclass(frozen=True)
class End:
    """Where a question begins or ends. ``kind``: interface, subnet (an address that no interface has), internet.
    ``address`` is the one that the packet bears, "" for the interface's own."""

    kind: str
    text: str
    interface: Interface | None = None
    address: str = ""
    subnet: str = ""
    vpc: str = ""


@dataclass(frozen=True)
class Session:
    """What the way there leaves for the way back: ``passed`` maps interfaces whose groups let the flow through to the
    rule's words."""

    passed: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Context:
    """Of one way: the facts, where it shall lead, and, on the way back, the session. ``vouched``: security groups of
    what is in front of the end, so that who lets these in lets in what they pass on."""

    known: Known
    goal: End
    session: Session | None = None
    vouched: frozenset[str] = frozenset()

    @property
    def network(self) -> Network:
        """The facts at hand."""
        return self.known.network


@dataclass(frozen=True)
class Trail:
    """``origin`` emitted the packet as it is now, ``via`` what it crossed since; ``zone`` is where it is. ``end`` is
    where it came to, once it did."""

    packet: Packet
    hops: tuple[Hop, ...] = ()
    origin: Interface | None = None
    via: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()
    zone: str = ""
    passed: tuple[tuple[str, str], ...] = ()
    seen: frozenset[tuple[Any, ...]] = frozenset()
    end: str = ""
    end_interface: Interface | None = None
    end_vpc: str = ""

    def add(self, kind: str, resource: str, verdict: str = INFO, **more: Any) -> Trail:
        """One hop more."""
        hop = Hop(kind, resource, verdict, more.pop("packet", self.packet), **more)
        return self.to(hops=(*self.hops, hop))

    def to(self, **changes: Any) -> Trail:
        """The same trail, elsewhere. As ``dataclasses.replace``, which took a third of a walk's time."""
        new = object.__new__(Trail)
        new.__dict__.update(self.__dict__, **changes)
        return new

    def cross(self, joint: str) -> Trail:
        """It crosses what joins networks."""
        return self.to(via=self.via | {joint})

    def rewrite(self, place: str, after: Packet, is_carried: bool = False) -> Trail:
        """The packet becomes another at ``place``."""
        change = Change(place, self.packet, after, is_carried)
        return self.to(packet=after, changes=(*self.changes, change))

    def at(self, kind: str, resource: str) -> bool:
        """Has it been there?"""
        return any(hop.kind == kind and hop.resource == resource for hop in self.hops)

    @property
    def verdict(self) -> str:
        """Of this trail alone."""
        verdicts = {hop.verdict for hop in self.hops}
        return "blocked" if DROP in verdicts else "unknown" if UNKNOWN in verdicts or not self.end else "reachable"


def change_words(before: Packet, after: Packet) -> str:
    """What a rewriting changed, as one keeps it by hand: ``source 10.0.0.1:5000 -> 10.0.8.143:1024-65535``."""
    said = []
    if (before.src, before.sport) != (after.src, after.sport):
        said.append(f"source {end_words(before.src, before.sport)} -> {end_words(after.src, after.sport)}")
    if (before.dst, before.dport) != (after.dst, after.dport):
        said.append(f"destination {end_words(before.dst, before.dport)} -> {end_words(after.dst, after.dport)}")
    return "; ".join(said)
