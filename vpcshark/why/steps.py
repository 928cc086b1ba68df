"""What a step found, and what follows of all of them: plain data. Must not know how a step is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = 1
WALK, EVIDENCE, ANALYZER, PROBE, DIAGNOSE = "walk", "evidence", "analyzer", "probe", "diagnose"
CAPTURE = "capture"  # whose packets "diagnose" judges
UNKNOWN, ABSENT = "unknown", "not in the files"
WORKS, UNDECIDED, CONTRADICTION = "works", "undecided", "contradiction"
"""Classes of conclusions that are no cause."""
NAT_PORTS = "nat-ports-exhausted"
"""``diagnose``'s class."""


@dataclass(frozen=True)
class Cause:
    """Why the packets don't come through: a class, a sentence, and what mends it (a command where there is one).
    ``explains``: classes that are what it looks like where it is looked at. ``is_general``: it is not of this flow
    alone, so a way that works refutes it."""

    kind: str
    sentence: str
    mend: str = ""
    explains: tuple[str, ...] = ()
    is_general: bool = False


@dataclass(frozen=True)
class Step:
    """``cause``: what is wrong by this step, and ``is_proved``: is there no other explanation? ``works``: packets went
    both ways, and nothing was wrong. ``contradicts``: how it speaks against what the walk has proved."""

    name: str
    verdict: str
    sentence: str
    cause: Cause | None = None
    is_proved: bool = False
    works: bool = False
    contradicts: str = ""


@dataclass(frozen=True)
class Conclusion:
    """What follows. ``kind`` is a cause's, or one of the classes above."""

    kind: str
    sentence: str
    mend: str = ""
    is_proved: bool = False


def conclude(steps: Sequence[Step]) -> Conclusion:
    """What all steps together say. What is proved by one and denied by another is proved no longer: a wrong answer is
    worse than none."""
    proved = [each for each in steps if each.cause is not None and each.is_proved]
    denials = [each.contradicts for each in steps if each.contradicts]
    denials += [f"{each.name}: {each.sentence}" for each in steps if each.works]
    if proved and denials:
        said = "; ".join(f"{each.name}: {each.cause.sentence}" for each in proved if each.cause is not None)
        return Conclusion(CONTRADICTION, f"The steps do not agree. {said} But {'; '.join(denials)}")
    for each in proved or _likely(steps):
        assert each.cause is not None
        reason = _reason(each.cause, steps)
        if reason is not None:
            return Conclusion(reason.kind, f"{reason.sentence} {each.cause.sentence}", reason.mend)
        sentence, mend = _with_others(each.cause, [one.cause for one in steps if one is not each and one.cause])
        return Conclusion(each.cause.kind, sentence, mend, each.is_proved or _is_proved_together(each, steps))
    if any(each.works for each in steps):
        return Conclusion(WORKS, next(each.sentence for each in steps if each.works), is_proved=True)
    told = [each.sentence for each in (steps[0], *steps[1:][-1:])]
    return Conclusion(UNDECIDED, " ".join([*told, *(() if _has_packets(steps) else ("Packets would decide.",))]))


def _likely(steps: Sequence[Step]) -> list[Step]:
    """Causes that are not proved, the last step's first."""
    works = any(each.works for each in steps)
    return [each for each in reversed(steps) if each.cause is not None and not (works and each.cause.is_general)]


def _is_proved_together(one: Step, steps: Sequence[Step]) -> bool:
    """Packets show that new connections of this flow alone get no answer, and its gateway has counted why."""
    kinds = {each.name: each.cause.kind for each in steps if each.cause is not None}
    return one.name == DIAGNOSE and kinds[DIAGNOSE] == kinds.get(EVIDENCE) == NAT_PORTS


def _reason(seen: Cause, steps: Sequence[Step]) -> Cause | None:
    """What another step knows to look like that. It is the best explanation, and another one is possible."""
    causes = [each.cause for each in steps if each.cause is not None]
    return next((each for each in causes if seen.kind in each.explains), None)


def _with_others(cause: Cause, others: Sequence[Cause]) -> tuple[str, str]:
    """(sentence, mend): what another step found of the same kind is as good, and may know what this one can't."""
    agreeing = [each for each in others if each.kind == cause.kind]
    sentences = [cause.sentence, *(each.sentence for each in agreeing)]
    mends = filter(None, dict.fromkeys([*(each.mend for each in agreeing), cause.mend]))
    return " ".join(dict.fromkeys(sentences)), " ".join(mends)


def _has_packets(steps: Sequence[Step]) -> bool:
    return any(each.name == DIAGNOSE and each.verdict not in (UNKNOWN, ABSENT) for each in steps)


def needs_packets(steps: Sequence[Step]) -> bool:
    """Is nothing proved, and has nobody shown packets of the flow yet?"""
    return not conclude(steps).is_proved and not _has_packets(steps)


def as_json(question: Any, steps: Sequence[Step], captures: Sequence[str], end: Conclusion) -> dict[str, Any]:
    """What scripts rely on."""
    return {
        "schema": SCHEMA,
        "question": question,
        "steps": [
            {
                "step": each.name,
                "verdict": each.verdict,
                "sentence": each.sentence,
                "proved": each.is_proved,
            }
            for each in steps
        ],
        "captures": [*captures],
        "conclusion": {"class": end.kind, "sentence": end.sentence, "mend": end.mend, "proved": end.is_proved},
    }
