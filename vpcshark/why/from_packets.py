"""What packets say of the question: of the findings, those about its flow. Must not know how packets are judged."""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.diagnose.finding import ARTEFACTS, CANNOT_TELL, LIKELY, PROVED, Finding
from vpcshark.diagnose.report import Report
from vpcshark.text import many
from vpcshark.why.asked_flow import AskedFlow
from vpcshark.why.steps import ABSENT, DIAGNOSE, Cause, Step

HEALTHY, ONE_WAY = "healthy", "one way alone"


def judge(flow: AskedFlow, report: Report, files: Sequence[str]) -> Step:
    """The step; ``flow`` has seen every capture point. Findings about other flows are counted, and decide nothing."""
    faults = [each for each in report.findings if each.kind not in ARTEFACTS and each.flows]
    ours = [each for each in faults if any(flow.has(one) for one in each.flows)]
    others = _others(len(faults) - len(ours))
    if ours:
        first = min(ours, key=lambda each: (PROVED, LIKELY, CANNOT_TELL).index(each.confidence))
        cause = Cause(first.kind, _sentence(first, files), first.next)
        return Step(DIAGNOSE, first.confidence, cause.sentence + others, cause, first.confidence == PROVED)
    if not flow.there and not flow.back:
        return Step(DIAGNOSE, ABSENT, f"No packet of the question's flow is in {_named(files)}.{others}")
    if not (flow.there and flow.back):
        seen = "there" if flow.there else "back"
        return Step(DIAGNOSE, ONE_WAY, f"Packets of the flow are in {_named(files)} on the way {seen} alone.{others}")
    said = f"Packets of the flow went both ways in {_named(files)}, and nothing is wrong with them.{others}"
    return Step(DIAGNOSE, HEALTHY, said, is_proved=True, works=True)


def _sentence(found: Finding, files: Sequence[str]) -> str:
    """With its first frames, so that a colleague can look."""
    places: dict[int, list[str]] = {}
    for each in found.frames[:4]:
        places.setdefault(each.file, []).append(str(each.number))
    frames = "; ".join(f"frames {', '.join(numbers)} of {files[file]}" for file, numbers in places.items())
    return found.sentence + (f" ({frames})" if frames else "")


def _others(count: int) -> str:
    return f" {many(count, 'finding')} about other flows: vpcshark diagnose tells." if count else ""


def _named(files: Sequence[str]) -> str:
    return ", ".join(files)
