"""The order of the steps: cheap ones first, on and on until the answer is proved. Must not know what a step does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vpcshark.errors import AwsError
from vpcshark.network.answer import Answer
from vpcshark.network.decision import Unclear
from vpcshark.why import from_walk
from vpcshark.why.steps import UNKNOWN, WALK, Conclusion, Step, conclude


@dataclass(frozen=True)
class Later:
    """A step after the walk: what it costs, and how it is taken. ``take`` may raise AwsError and Unclear."""

    name: str
    price: str
    take: Callable[[Answer], Step]


@dataclass(frozen=True)
class Found:
    """``answer`` is the walk's; None where not even its ends could be looked at."""

    answer: Answer | None
    steps: tuple[Step, ...]
    conclusion: Conclusion


def inquire(
    walk: Callable[[], Answer], later: Sequence[Later], tell: Callable[[Step, Later | None], None], is_all: bool
) -> Found:
    """Take the steps in their order. ``tell`` gets each with the one that is next, None after the last. ``is_all``: go
    on when the answer is proved. Raises InputError for what the user gave and cannot be used, AwsError where the walk
    can't ask AWS at all."""
    try:
        answer = walk()
    except Unclear as doubt:
        first = Step(WALK, UNKNOWN, str(doubt))
        tell(first, None)
        return Found(None, (first,), conclude([first]))
    steps = [from_walk.judge(answer)]
    for each in later:
        if conclude(steps).is_proved and not is_all:
            break
        tell(steps[-1], each)
        steps.append(_taken(each, answer))
    tell(steps[-1], None)
    return Found(answer, tuple(steps), conclude(steps))


def _taken(step: Later, answer: Answer) -> Step:
    """What cannot be asked is unknown, and no reason to leave out what comes after it."""
    try:
        return step.take(answer)
    except (Unclear, AwsError) as doubt:
        return Step(step.name, UNKNOWN, str(doubt))
