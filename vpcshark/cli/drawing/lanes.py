"""Where the hops of a walk stand in its picture: the way there downwards, and the way back upwards beside it.

Hops stand in boxes, subnet in VPC, as long as they follow each other there; where both ways pass the same VPC it has
one box. Must not know sizes, colours or SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from vpcshark.network.trail import ALLOW, DROP, INFO, UNKNOWN, Hop, Trail

THERE, BACK = "there", "back"
WORDS = {ALLOW: "passes", DROP: "BLOCKED", UNKNOWN: "UNKNOWN", INFO: ""}
BEYOND = {ALLOW: "would pass", DROP: "BLOCKS NEXT", UNKNOWN: "UNKNOWN", INFO: ""}
QUIET = {"subnet", "vpc"}
"""Kinds that are boxes, not hops."""


@dataclass(frozen=True)
class Card:
    """One hop. ``is_beyond``: it stands past a block, and is told as if that had let the packet through."""

    way: str
    number: int
    hop: Hop
    is_beyond: bool

    @property
    def key(self) -> str:
        """The same for the hop in the picture and in the list: ``there-3``."""
        return f"{self.way}-{self.number}"

    @property
    def heading(self) -> str:
        """``network acl acl-1 public``."""
        return f"{kind_words(self.hop)} {named(self.hop)}"

    @property
    def verdict(self) -> str:
        """In a word or two; "" where there is nothing to decide."""
        return (BEYOND if self.is_beyond else WORDS)[self.hop.verdict]


@dataclass(frozen=True)
class Part:
    """Cards in one subnet; ``subnet`` "" for what stands in none."""

    subnet: str
    zone: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Block:
    """Parts in one VPC; ``vpc`` "" for what joins VPCs."""

    vpc: str
    key: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Row:
    """What stands beside each other; a lane may be empty there."""

    there: Block | None
    back: Block | None


def kind_words(hop: Hop) -> str:
    """``network acl``."""
    return hop.kind.replace("-", " ")


def named(hop: Hop) -> str:
    """Its id, and its name if it has one."""
    return f"{hop.resource} {hop.name}" if hop.name else hop.resource


def why(hop: Hop) -> str:
    """The deciding rule, the words, and what changed in the packet's header."""
    said = [hop.rule.text] if hop.rule is not None and hop.rule.text not in hop.text else []
    return "; ".join([*said, *filter(None, (hop.text, hop.note))])


def names(*trails: Trail) -> dict[str, str]:
    """Of the boxes: id of a VPC or subnet -> "id name"."""
    return {hop.resource: named(hop) for trail in trails for hop in trail.hops if hop.kind in QUIET}


def cards(trail: Trail, way: str) -> list[Card]:
    """The hops to be shown, in the order of the packet."""
    found: list[Card] = []
    is_beyond = False
    for hop in trail.hops:
        if hop.kind in QUIET and hop.verdict in (INFO, ALLOW):
            continue
        found.append(Card(way, len(found) + 1, hop, is_beyond))
        is_beyond = is_beyond or hop.verdict == DROP
    return found


def blocks(lane: Sequence[Card]) -> list[Block]:
    """Cards that follow each other in one VPC, and within it in one subnet."""
    found: list[tuple[str, list[tuple[str, str, list[Card]]]]] = []
    for card in lane:
        vpc, subnet, zone = card.hop.vpc, card.hop.subnet, card.hop.az
        if not found or found[-1][0] != vpc:
            found.append((vpc, []))
        parts = found[-1][1]
        if not subnet and zone and parts and parts[-1][1] == zone:
            subnet = parts[-1][0]  # a NAT gateway stands where its interface does
        if not parts or parts[-1][0] != subnet:
            parts.append((subnet, zone, []))
        parts[-1][2].append(card)
    return [
        Block(vpc, vpc or parts[0][2][0].hop.resource, tuple(Part(*each[:2], tuple(each[2])) for each in parts))
        for vpc, parts in found
    ]


def upwards(lane: Sequence[Block]) -> list[Block]:
    """The same from its end to its beginning."""
    return [
        Block(
            block.vpc,
            block.key,
            tuple(Part(part.subnet, part.zone, part.cards[::-1]) for part in reversed(block.parts)),
        )
        for block in reversed(lane)
    ]


def rows(there: Sequence[Block], back: Sequence[Block]) -> list[Row]:
    """Both lanes from top to bottom (``back`` is turned already), the same VPC beside itself."""
    found: list[Row] = []
    keys = [each.key for each in there], [each.key for each in back]
    matched = SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes()
    for tag, left, left_end, right, right_end in matched:
        pairs = zip_longest(there[left:left_end], back[right:right_end])
        if tag == "equal":
            found += [Row(*pair) for pair in pairs]
        else:
            found += [Row(each, None) for each in there[left:left_end]]
            found += [Row(None, each) for each in back[right:right_end]]
    return found
