"""The birthmark of what a capture made: what its create itself said, and no tag can forge.

A tag is a claim: whoever may call ec2:CreateTags can put any tag on anything. But the ClientToken of an instance, the
name and description of a security group, and the description of a mirror resource or of a rule are said when it is
made, and AWS shows them ever after. They hold the capture's id, so that everybody can check a claim without our ledger.
Nothing in it is secret: it proves that a capture made the resource, not whose it is nor until when, which only tags
say. Pure; must not know AWS calls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from vpcshark.aws.kinds import GROUP, INSTANCE

GROUP_DESCRIPTION = "Capture host of vpcshark"  # of every security group that ``aws.compute.launch`` creates
MOST = 255  # characters of a description, of the kind that has the fewest (a rule's)
_OURS = "vpcshark-"
_NAME = re.compile(r"vpcshark-c-[0-9a-z-]+")
_MADE_BY = re.compile(r"vpcshark c-[0-9a-z-]+: ")
_TOKEN = re.compile(rf"{_NAME.pattern}-[0-9a-f]{{32}}")


@dataclass(frozen=True)
class Birth:
    """What AWS shows of a resource's creation: an instance's ClientToken, a group's name, a description."""

    token: str = ""
    name: str = ""
    description: str = ""


def token(capture: str) -> str:
    """A new ClientToken for one create of the capture. EC2 takes at most 64 characters."""
    return f"{_OURS}{capture}-{os.urandom(16).hex()}"


def group_name(capture: str) -> str:
    """Of the security group of the capture's own host."""
    return f"{_OURS}{capture}"


def description(capture: str, words: str) -> str:
    """Of a mirror resource or a rule that the capture makes."""
    return f"vpcshark {capture}: {words}"[:MOST]


def is_captures(birth: Birth) -> bool:
    """Does the description say that a capture made this mirror resource or rule, whichever it was?"""
    return bool(_MADE_BY.match(birth.description))


def is_launched(birth: Birth) -> bool:
    """Did a capture launch this instance, or create this group? Not necessarily the one whose tag it has now: a kept
    host is handed on."""
    if birth.name:
        return bool(_NAME.fullmatch(birth.name)) and birth.description == GROUP_DESCRIPTION
    return bool(_TOKEN.fullmatch(birth.token))


@dataclass(frozen=True)
class Proof:
    """What shows that a resource is one capture's: its birthmark, or the capture's ledger, if that is here. ``ids`` are
    those that the ledger knows, ``unanswered`` its creates without an answer (ClientToken -> kind)."""

    capture: str
    owner: str = ""
    ids: frozenset[str] = frozenset()
    unanswered: Mapping[str, str] = field(default_factory=dict)

    def covers(self, kind: str, resource: str, birth: Birth) -> bool:
        """Is it the capture's own?"""
        if resource in self.ids:
            return True
        if kind in (INSTANCE, GROUP):
            return is_launched(birth) or (kind == INSTANCE and birth.token in self.unanswered)
        return birth.description.startswith(description(self.capture, "")) or self._was_cut_off(kind, birth)

    def _was_cut_off(self, kind: str, birth: Birth) -> bool:
        """Made by a vpcshark without birthmarks, whose ledger waits for the answer: by the description it gave."""
        waiting = [one for token, one in self.unanswered.items() if not token.startswith(_OURS)]
        return kind in waiting and _reads(birth.description, f"vpcshark capture by {self.owner}")


def _reads(text: str, wanted: str) -> bool:
    """Is it the same but for the characters that a rule's description may not have (a "-" stands for each)?"""
    return len(text) == len(wanted) and all(a in (b, "-") for a, b in zip(text, wanted, strict=True))
