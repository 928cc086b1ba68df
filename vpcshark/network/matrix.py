"""Many walks at once: from each of several sources to each of several targets, put together by the rule that decides.

One set of facts, then arithmetic. Must not know where the facts are from, nor how the answer is shown.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vpcshark.network import answer as answers
from vpcshark.network.alike import Sources, is_own
from vpcshark.network.answer import BLOCKED, REACHABLE, UNKNOWN_WAY, Answer, Asked
from vpcshark.network.known import Known
from vpcshark.network.trail import ALLOW, DROP, UNKNOWN, End, Hop

NOBODY = End("interface", "")
ORDER = (BLOCKED, UNKNOWN_WAY, REACHABLE)


@dataclass(frozen=True)
class Pair:
    """One walk's ends and verdict; what decides it, and on which way ("forward", "return"). ``hop`` None: nothing on
    the way decides (both are in one subnet, without groups)."""

    source: End
    target: End
    verdict: str
    direction: str = ""
    hop: Hop | None = None


@dataclass(frozen=True)
class Bundle:
    """The walks that one rule decides."""

    verdict: str
    direction: str
    hop: Hop | None
    pairs: tuple[Pair, ...]


def bundled(known: Known, questions: Iterable[Sequence[Asked]]) -> list[Bundle]:
    """Walk each; of several questions that stand together (a balancer's nodes) AWS chooses one. The blocked first."""
    pairs = [*_pairs(known, questions)]
    found: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        found.setdefault(_key(pair), []).append(pair)
    bundles = [Bundle(each[0].verdict, each[0].direction, each[0].hop, tuple(each)) for each in found.values()]
    return sorted(bundles, key=lambda bundle: ORDER.index(bundle.verdict))


def _pairs(known: Known, questions: Iterable[Sequence[Asked]]) -> Iterator[Pair]:
    """Each walk's. Sources that are alike are walked once."""
    sources = Sources(known.network)
    walked: dict[Hashable, Pair] = {}
    for together in questions:
        source = together[0].source
        key = sources.key(source)
        mark = (key, *(replace(each, source=NOBODY) for each in together)) if key is not None else None
        pair = walked.get(mark) if mark is not None else None
        if pair is not None:
            yield replace(pair, source=source)
            continue
        pair = judged(answers.together([answers.answer(known, each) for each in together]))
        if mark is not None and not _is_about(pair, source):
            walked[mark] = pair
        yield pair


def _is_about(pair: Pair, source: End) -> bool:
    """Does what decides name the source itself?"""
    return pair.hop is not None and is_own(source, pair.hop.resource)


def judged(found: Answer) -> Pair:
    """One walk's answer in short."""
    source, target = found.asked.source, found.asked.target
    wanted = {BLOCKED: DROP, UNKNOWN_WAY: UNKNOWN}.get(found.verdict)
    if wanted is not None:
        direction, hop = next(iter(answers.hops_of(found, wanted)), ("", None))
        return Pair(source, target, found.verdict, direction, hop)
    groups = found.there.shown.having(ALLOW, "security-group")
    return Pair(source, target, found.verdict, "forward", groups[-1] if groups else None)


def _key(pair: Pair) -> tuple[str, ...]:
    hop = pair.hop
    if hop is None:
        return pair.verdict, pair.direction
    rule = (hop.rule.id, hop.rule.text) if hop.rule is not None else ("", "")
    return pair.verdict, pair.direction, hop.kind, hop.resource, hop.code, *rule
