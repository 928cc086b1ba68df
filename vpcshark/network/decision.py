"""What one rule set says of one packet: let through, dropped, or only for a part of the ports; and by which rule.

Must not know which rule sets there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vpcshark.network.packet import Ports, port_words

ALLOW, DROP, PARTLY = "allow", "drop", "partly"


@dataclass(frozen=True)
class Rule:
    """The rule that decides, as AWS has it: its id (or the id of what holds it), its number if it has one, its text.
    ``row`` is the fact itself (a Route, an AclEntry …), for who has to know more than its text."""

    id: str
    number: int | None
    text: str
    row: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Decision:
    """``denied``: the ports for which a PARTLY does not hold. ``passed``: rules that were looked at before. ``holder``:
    the id of what has the rule, where the rule has one of its own."""

    verdict: str
    rule: Rule | None = None
    denied: tuple[Ports, ...] = ()
    passed: tuple[str, ...] = ()
    holder: str = ""

    @property
    def denied_words(self) -> str:
        """``32768-49151``, for a sentence; "" where no ports are concerned."""
        return ", ".join(filter(None, map(port_words, self.denied)))


class Unclear(Exception):
    """A fact is missing, or AWS decides it in a way that nobody can read: the sentence says which, and why."""

    def __init__(self, text: str, code: str = "WALK_UNKNOWN") -> None:
        self.text, self.code = text, code
        super().__init__(text)
