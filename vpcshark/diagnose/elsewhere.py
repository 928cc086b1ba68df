"""What nobody answered, looked for at the other capture points: which of them have nothing of it, and what that proves.

Whether a point would have seen it is told only by its other packets. Must not know how the silence was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.flows import flow_of
from vpcshark.diagnose.joined import Comparison
from vpcshark.diagnose.packet import address
from vpcshark.diagnose.table import Point

_SILENCES = frozenset({"syn-unanswered", "dns-unanswered", "peer-silent"})
_PROVES_NOTHING = (
    "That a point has no packet at all proves nothing: its capture may not have run, or its filter took nothing."
)


class _Missing(NamedTuple):
    """``here`` has it, ``there`` has nothing of it; of ``total`` packets ``inside`` are from while ``there`` captured.
    ``is_joined``: are other packets at both?"""

    here: Point
    there: Point
    total: int
    inside: int
    is_joined: bool


def located(finding: Finding, compared: Sequence[Comparison], points: Sequence[Point]) -> Finding:
    """The finding, with what the other points have of it."""
    if finding.kind not in _SILENCES or len(points) < 2:
        return finding
    missing = [each for made in compared for each in _missing(finding, made)]
    missing = [each for each in missing if len(points) == 2 or _hosts(finding, each.there)]
    if not missing:
        return _beside_silent_ones(finding, [point for point in points if point.is_silent])
    has, lacks = (list(dict.fromkeys(each)) for each in zip(*((m.here, m.there) for m in missing), strict=True))
    sentence = f"{finding.sentence} What was sent is at {_listed(has)}, and nothing of it at {_listed(lacks)}."
    checked = (*finding.checked, *dict.fromkeys(_said(finding, each) for each in missing))
    cause = (finding.cause, tuple(point.number for point in lacks))
    return replace(finding, sentence=sentence, checked=checked, cause=cause)


def _missing(finding: Finding, made: Comparison) -> Iterator[_Missing]:
    matched, numbers = made.matched, {(frame.file, frame.number) for frame in finding.frames}
    sides = ((made.one, made.other, matched.alone, made.offset), (made.other, made.one, matched.gone, -made.offset))
    for here, there, alone, offset in sides:
        own = [p for p in here.packets if (here.point.file, p.number) in numbers and flow_of(p) in finding.flows]
        inside = [p for p in own if there.begin <= p.at + offset <= there.end]
        only = {p.number for p in alone}
        is_there = any(there.has_flow(flow) or there.has_flow(flow.reversed()) for flow in finding.flows)
        if inside and not is_there and all(p.number in only for p in inside):
            yield _Missing(here.point, there.point, len(own), len(inside), bool(matched.ways))


def _hosts(finding: Finding, point: Point) -> list[str]:
    """Which hosts of the finding the point has packets of."""
    return [address(each) for each in dict.fromkeys(finding.ends) if each in point.hosts]


def _said(finding: Finding, found: _Missing) -> str:
    """What the silence of a point is worth."""
    hosts, name = _hosts(finding, found.there), found.there.called
    also = f", also of {' and '.join(hosts)}" if hosts else ""
    clocks = "" if found.is_joined else " by its own clock (no packet is at both points, which would compare the two)"
    unless = "" if hosts else "or it does not lie on their way, as it has no packet of either host, "
    return (
        f"At {name} there are packets from before and after {found.inside} of {found.total} of them{clocks}{also}: "
        f"they are lost on the way from {found.here.called} to it, {unless}or its capture leaves them out (a filter, "
        "or a security group or network ACL there, of whose drops a mirror shows nothing)."
    )


def _beside_silent_ones(finding: Finding, silent: Sequence[Point]) -> Finding:
    if not silent:
        return finding
    have = "has" if len(silent) == 1 else "have"
    sentence = f"{finding.sentence} No more can be told by {_listed(silent)}, which {have} no packet at all."
    return replace(finding, sentence=sentence, checked=(*finding.checked, _PROVES_NOTHING))


def silent_ones(points: Sequence[Point]) -> list[str]:
    """One remark for all points without a packet: a file may declare 65,536 interfaces."""
    silent = [point for point in points if point.is_silent]
    if not silent:
        return []
    return [f"no packet at {_listed(silent)}" if len(points) > 1 else "no packet"]


_MOST_LISTED = 6


def _listed(points: Sequence[Point]) -> str:
    """Their names."""
    names = [point.called for point in points[:_MOST_LISTED]]
    more = len(points) - len(names)
    names += [f"{more} more"] if more else []
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
