"""Walks a path for a capture: which interfaces its packets pass, by what AWS says. Must not know what is captured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_network

from vpcshark.aws.client import Aws
from vpcshark.capture.lifecycle.context import Absent
from vpcshark.capture.modes.path import Walked
from vpcshark.errors import InputError
from vpcshark.flowlogs.match import Flow
from vpcshark.network.answer import SOMEBODY, SOMEBODY_V6
from vpcshark.network.decision import Unclear
from vpcshark.network.packet import ANY, Packet, Ports
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
    absent = tuple(Absent(identity, why, _flows(packet)) for identity, why, packet in captures.gaps(answer))
    return Walked(tuple(points), capture_filter, absent, answer.verdict)


def _flows(packet: Packet) -> tuple[Flow, ...]:
    """Both directions of it, as records have them."""
    ends = [None if each in (SOMEBODY, SOMEBODY_V6) else ip_network(each) for each in (packet.src, packet.dst)]
    ports = [each[0] if each is not None and each[0] == each[1] else None for each in (packet.sport, packet.dport)]
    protocol = None if packet.protocol == ANY else int(packet.protocol)
    there = Flow(ends[0], ports[0], ends[1], ports[1], protocol)
    return there, Flow(ends[1], ports[1], ends[0], ports[0], protocol)


def _port(path: PathEnds) -> Ports | None:
    return questions.ports(path.port) if path.port else None
