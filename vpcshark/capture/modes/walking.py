"""Walks a path for a capture: which interfaces its packets pass, by what AWS says. Must not know what is captured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vpcshark.aws.client import Aws
from vpcshark.capture.lifecycle.context import Absent
from vpcshark.capture.modes.path import Walked
from vpcshark.errors import InputError
from vpcshark.network.decision import Unclear
from vpcshark.network.packet import Ports
from vpcshark.settings import PathEnds
from vpcshark.survey import asking, questions
from vpcshark.survey.rounds import Survey
from vpcshark.why import captures


def walked(connect: Callable[[], Aws], path: PathEnds) -> Walked:
    """Walk there and back, in one account and Region. InputError for ends that are none; AwsError."""
    wanted = questions.Wanted(path.source, path.destination, _port(path), path.protocol)
    sources, targets = (questions.resolved(each) for each in (path.source, path.destination))
    attempt = partial(questions.attempt, wanted=wanted, sources=sources, targets=targets)
    try:
        answer = Survey(partial(asking.put, [connect()])).look(attempt)
    except Unclear as doubt:
        raise InputError(f"The path {path} can't be walked: {doubt.text}", "vpcshark walk tells more of it.") from doubt
    points, capture_filter = captures.points(answer)
    absent = tuple(Absent(identity, why) for identity, why in captures.gaps(answer))
    return Walked(tuple(points), capture_filter, absent, answer.verdict)


def _port(path: PathEnds) -> Ports | None:
    return questions.ports(path.port) if path.port else None
