"""A walk over facts that are asked for while it is walked: each round asks what the last one missed.

Must not know how a question is put to AWS, nor what a walk does with the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Network
from vpcshark.network.known import Known, Question
from vpcshark.survey import parse, parse_joints

T = TypeVar("T")
MOST_ROUNDS = 16  # some five networks one after the other
Puts = Callable[[Iterable[Question]], tuple[list[tuple[str, Any]], dict[str, str], int]]


@dataclass(frozen=True)
class Asked:
    """Questions that were asked, one by one or all of a kind."""

    questions: frozenset[Question]
    kinds: frozenset[str]

    def __contains__(self, question: object) -> bool:
        return question in self.questions or (isinstance(question, tuple) and question[0] in self.kinds)


@dataclass
class Survey:
    """What was asked and answered so far. Not for several threads. ``rounds`` and ``calls`` count; ``whole`` are kinds
    of questions of which everything was asked, ``whole_by`` says of a kind which other one asks for all of it."""

    put: Puts
    asked: set[Question] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    whole_by: Mapping[str, str] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    calls: int = 0

    def look(self, attempt: Callable[[Known], T]) -> T:
        """``attempt`` again and again, until it misses nothing more. Raises what it raises, Unclear too where nobody
        can answer."""
        for _ in range(MOST_ROUNDS):
            known = Known(self.network(), Asked(frozenset(self.asked), frozenset(self.whole)))
            try:
                found = attempt(known)
            except Unclear:
                if not known.missing:
                    raise
            else:
                if not known.missing:
                    return found
            self.ask(known.missing)
        return attempt(Known(self.network()))

    def network(self) -> Network:
        """The facts so far."""
        return parse.build(parse_joints.PARTS, _grouped(self.answers), self.unknown)

    def ask(self, questions: Iterable[Question]) -> None:
        """Put the questions, and keep what comes."""
        wanted = dict.fromkeys((self.whole_by[each[0]],) if each[0] in self.whole_by else each for each in questions)
        items, unknown, calls = self.put(wanted)
        self.asked |= {*questions, *wanted}
        self.whole |= {kind for kind, other in self.whole_by.items() if (other,) in wanted}
        self.rounds += 1
        self.calls += calls
        self.unknown.update(unknown)
        for key, item in items:
            self.answers.setdefault(key, []).append(item)


def _grouped(answers: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Entries of prefix lists come one by one, page after page; each belongs to its list."""
    entries: dict[str, list[Any]] = {}
    for each in answers.get("PrefixListEntry", ()):
        entries.setdefault(each["PrefixListId"], []).append(each)
    lists = [{"PrefixListId": identity, "Entries": rows} for identity, rows in entries.items()]
    return {**answers, "PrefixListEntries": [*answers.get("PrefixListEntries", ()), *lists]}
