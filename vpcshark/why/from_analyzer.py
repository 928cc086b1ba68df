"""What AWS's Reachability Analyzer says of the question, beside the walk. Must not know how it is asked."""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.network import analyzed
from vpcshark.network.analyzed import DIFFER, Finding, Told
from vpcshark.network.answer import BLOCKED, Answer
from vpcshark.why.steps import ANALYZER, Cause, Step


def judge(answer: Answer, told: Told, found: Sequence[Finding]) -> Step:
    """The step. It knows one path, and names codes of others that it tried, so its "no" alone is no proof."""
    said = [f"{each.state}: {each.text}." for each in found]
    why = " ".join(f"It explains: {each.text}." for each in told.explanations)
    sentence = " ".join([*said, *([why] if why else [])])
    cause, denial = None, ""
    if answer.verdict == BLOCKED:
        denial = f"the analyzer: {found[0].text}" if told.is_found and found[0].state == DIFFER else ""
    elif told.status == "succeeded" and not told.is_found:
        first = told.explanations[0].code if told.explanations else "NO_PATH"
        cause = Cause(first, f"The walk says {answer.verdict}, and Reachability Analyzer finds no path. {why}".strip())
    return Step(ANALYZER, analyzed.state(found), sentence, cause, contradicts=denial)
