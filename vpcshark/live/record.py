"""What a trial found, and what of that may be shown to others: no account, address, key or id in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_SCRUBBED = (
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"), "KEY"),
    (re.compile(r"\barn:[\w-]+:[^\s\"',)]+"), "ARN"),
    (re.compile(r"\b\d{12}\b"), "ACCOUNT"),
    (re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", re.IGNORECASE), "MAC"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?\b"), "ADDRESS"),
    (re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]*", re.IGNORECASE), "ADDRESS"),
    (re.compile(r"\b([a-z]{1,10}(?:-[a-z]{1,8})?)-(?=[0-9a-f]*\d)[0-9a-f]{8,17}\b"), r"\1-ID"),
    (re.compile(r"(?:/home/|/root|/Users/|/tmp/)[^\s\"']*"), "PATH"),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*"), "SOMEBODY"),
)


@dataclass(frozen=True)
class Taken:
    """A command that was run. ``problem`` is "" if it ended as it should."""

    name: str
    seconds: float
    problem: str = ""


@dataclass(frozen=True)
class Compared:
    """A row of docs/truth.md, by how it begins, beside AWS: ``expected`` is a pattern of what was ``seen``."""

    row: str
    expected: str
    seen: str

    @property
    def agrees(self) -> bool:
        """Is AWS as the row says?"""
        return re.fullmatch(self.expected, self.seen) is not None


@dataclass
class Record:
    """Of one trial. ``left``: what was still there at the end, by kind and id."""

    version: str
    date: str
    region: str
    steps: list[Taken] = field(default_factory=list)
    rows: list[Compared] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def differences(self) -> list[str]:
        """A sentence for each step and row that is not as it should be."""
        steps = [f"{one.name}: {one.problem}" for one in self.steps if one.problem]
        rows = [f'"{one.row}": expected {one.expected}, AWS said {one.seen}' for one in self.rows if not one.agrees]
        return [scrubbed(each) for each in (*steps, *rows)]

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file that may be sent to others."""
        rows = [{**asdict(one), "agrees": one.agrees} for one in self.rows]
        steps = [asdict(one) for one in self.steps]
        told = {"version": self.version, "date": self.date, "region": self.region, "steps": steps, "rows": rows}
        shown: dict[str, Any] = _scrubbed_in({**told, "differences": self.differences(), "left": self.left})
        return shown


def scrubbed(text: str) -> str:
    """The text without what names an account, a machine or a person."""
    for pattern, word in _SCRUBBED:
        text = pattern.sub(word, text)
    return text


def _scrubbed_in(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: each if key in ("version", "date") else _scrubbed_in(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_scrubbed_in(each) for each in value]
    return scrubbed(value) if isinstance(value, str) else value
