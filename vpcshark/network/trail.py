"""What a walk leaves behind: hops, the packet as it is now, and what was rewritten, which the way back undoes.

A trail is never changed: a step makes a longer one, so that a walk may part into several. Hops are made when they are
read: of most walks of a matrix, only the one that decides. Must not know how a step is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    happened, or one of ours (WALK_…); ``text`` says it in words."""

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


_Told = tuple[Any, str, str, str, Packet, Mapping[str, Any]]
"""What a hop is made of, behind that of the hop before it, or None: before, kind, resource, verdict, packet, the other
fields."""
_NEW = object.__new__


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
    rule's words. ``there`` is that way itself, None in a judgement without one."""

    passed: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    there: Trail | None = field(default=None, compare=False, repr=False)


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


class Trail:
    """``told`` is what its hops are made of, ``verdicts`` which they have. ``origin`` emitted the packet as it is now,
    ``via`` what it crossed since; ``zone`` is where it is. ``passed``:
    interfaces whose groups let it through, each with the rule's words; ``seen``: where it has been. ``end`` is where it
    came to, once it did. Not a dataclass: a walk makes some eighty, and theirs are three times as slow to copy."""

    __slots__ = (
        "changes",
        "end",
        "end_interface",
        "end_vpc",
        "origin",
        "packet",
        "passed",
        "seen",
        "told",
        "verdicts",
        "via",
        "zone",
    )

    def __init__(
        self, packet: Packet, origin: Interface | None = None, via: frozenset[str] = frozenset(), zone: str = ""
    ) -> None:
        self.told: _Told | None = None
        self.verdicts: frozenset[str] = frozenset()
        self.packet, self.origin, self.via, self.zone = packet, origin, via, zone
        self.changes: tuple[Change, ...] = ()
        self.passed: tuple[tuple[str, str], ...] = ()
        self.seen: frozenset[tuple[Any, ...]] = frozenset()
        self.end, self.end_vpc = "", ""
        self.end_interface: Interface | None = None

    def add(self, kind: str, resource: str, verdict: str = INFO, **more: Any) -> Trail:
        """One hop more. ``more``: the hop's further fields."""
        new = self._copy()
        new.told = (self.told, kind, resource, verdict, self.packet, more)
        if verdict not in self.verdicts:
            new.verdicts = self.verdicts | {verdict}
        return new

    def to(self, **changes: Any) -> Trail:
        """The same trail, elsewhere."""
        new = self._copy()
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    def visit(self, mark: tuple[Any, ...]) -> Trail | None:
        """It has been there from now on; None, if it has been before."""
        seen = self.seen | {mark}
        if len(seen) == len(self.seen):
            return None
        new = self._copy()
        new.seen = seen
        return new

    def cross(self, joint: str) -> Trail:
        """It crosses what joins networks."""
        return self if joint in self.via else self.to(via=self.via | {joint})

    def into(self, zone: str) -> Trail:
        """It is in a zone."""
        return self if zone == self.zone else self.to(zone=zone)

    def rewrite(self, place: str, after: Packet, is_carried: bool = False) -> Trail:
        """The packet becomes another at ``place``."""
        change = Change(place, self.packet, after, is_carried)
        return self.to(packet=after, changes=(*self.changes, change))

    @property
    def hops(self) -> tuple[Hop, ...]:
        """All, in the order of the way."""
        return tuple(map(_hop, reversed([*self._backwards()])))

    @property
    def last(self) -> tuple[str, str]:
        """Kind and resource of the last hop; two empty texts before the first."""
        return (self.told[1], self.told[2]) if self.told is not None else ("", "")

    def at(self, kind: str, resource: str) -> bool:
        """Has it been there?"""
        return any(told[1] == kind and told[2] == resource for told in self._backwards())

    def having(self, verdict: str, kind: str = "") -> tuple[Hop, ...]:
        """The hops with a verdict; those of one kind, if it is given."""
        if verdict not in self.verdicts:
            return ()
        found = [told for told in self._backwards() if told[3] == verdict and kind in ("", told[1])]
        return tuple(map(_hop, reversed(found)))

    @property
    def verdict(self) -> str:
        """Of this trail alone."""
        if DROP in self.verdicts:
            return "blocked"
        return "unknown" if UNKNOWN in self.verdicts or not self.end else "reachable"

    def _backwards(self) -> Iterator[_Told]:
        told = self.told
        while told is not None:
            yield told
            told = told[0]

    def _copy(self) -> Trail:
        new = _NEW(Trail)
        new.told, new.verdicts, new.packet = self.told, self.verdicts, self.packet
        new.origin, new.via = self.origin, self.via
        new.changes, new.zone, new.passed, new.seen = self.changes, self.zone, self.passed, self.seen
        new.end, new.end_interface, new.end_vpc = self.end, self.end_interface, self.end_vpc
        return new


def _hop(told: _Told) -> Hop:
    _, kind, resource, verdict, packet, more = told
    return Hop(kind, resource, verdict, **{"packet": packet, **more})


def change_words(before: Packet, after: Packet) -> str:
    """What a rewriting changed, as one keeps it by hand: ``source 10.0.0.1:5000 -> 10.0.8.143:1024-65535``."""
    said = []
    if (before.src, before.sport) != (after.src, after.sport):
        said.append(f"source {end_words(before.src, before.sport)} -> {end_words(after.src, after.sport)}")
    if (before.dst, before.dport) != (after.dst, after.dport):
        said.append(f"destination {end_words(before.dst, before.dport)} -> {end_words(after.dst, after.dport)}")
    return "; ".join(said)
