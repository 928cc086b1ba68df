"""Why a mirror is silent, in words: nothing was sent; sent, but not arrived; or arrived, but filtered out.

Pure: what was found in, sentences out. Must not know how it was found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vpcshark.aws.monitoring.metrics import Counted
from vpcshark.capture.contract.frame_stream import Arrived
from vpcshark.preflight import Finding
from vpcshark.preflight.finding import FAIL
from vpcshark.text import many

NOT_SENT, NOT_ARRIVED, FILTERED = "Nothing was sent", "Sent, but not arrived", "Arrived, but filtered out"
_VERDICTS = (NOT_SENT, NOT_ARRIVED, FILTERED)
_AT_SOURCE = ("source", "type", "sessions", "permission")  # checks: what is wrong there keeps frames from being sent
_MOST = 3


@dataclass(frozen=True)
class Facts:
    """What was found. ``host`` is the capture host in words; ``new`` findings of preflight are not in order and were
    when the capture began, ``standing`` ones were not then either (``is_compared``: it was looked at then); ``lost``
    are sessions of the capture that AWS does not show any more; ``mirror_filter`` is "auto" where AWS has rules of
    ``capture_filter``; ``began`` is when the sessions were there; ``unseen`` says what could not be asked."""

    arrived: Arrived
    host: str
    vnis: Sequence[int]
    capture_filter: str = ""
    mirror_filter: str = "auto"
    new: Sequence[Finding] = ()
    standing: Sequence[Finding] = ()
    is_compared: bool = True
    lost: Sequence[str] = ()
    counted: Sequence[Counted] = ()
    began: float = 0.0
    unseen: Sequence[str] = ()


def explain(facts: Facts) -> list[str]:
    """Whole sentences; the first says which of the three it is, as far as can be told."""
    sure = list(_sure(facts))
    if facts.arrived.before:
        return _after_packets(facts, sure)
    is_told = any(sentence.startswith(_VERDICTS) for sentence in sure)
    sentences = [*sure, *counts(facts.counted, facts.began, is_told=is_told)]
    if not any(sentence.startswith(_VERDICTS) for sentence in sentences):
        sentences.insert(0, _rest(facts))
    sentences += [finding.sentence for finding in facts.standing[:_MOST]]
    return sorted([*sentences, *facts.unseen], key=lambda sentence: not sentence.startswith(_VERDICTS))


def _after_packets(facts: Facts, sure: Sequence[str]) -> list[str]:
    """Packets came before, so the source has some, and they had a way: only what has changed explains anything."""
    came = f"{many(facts.arrived.before, 'packet')} came before"
    if told := [sentence for sentence in sure if sentence.startswith(_VERDICTS)]:
        return told
    if facts.arrived.is_unanswered:
        return [f"{came}; {_unanswered(facts)}."]
    return [f"{came}, and nothing is known to be in the way now."]


def _unanswered(facts: Facts) -> str:
    return f"the receiver on {facts.host} gives no answer, so the connection to it is slow or broken"


def _sure(facts: Facts) -> Iterator[str]:
    """What was seen, the most telling first."""
    came = facts.arrived
    if facts.lost:
        yield f"{NOT_SENT} any more: {_listed(facts.lost)} of this capture is gone, because somebody deleted it."
    if came.own:
        yield f"{FILTERED}: {_frames(came.own)} came to {facts.host} in {came.seconds:.0f} s, and {_filter(facts)}."
    elif came.refused:
        yield (
            f"{FILTERED}: {_frames(came.refused)} came to {facts.host} in {came.seconds:.0f} s; {_filter(facts)}, or "
            "they are another capture's."
        )
    for finding in sorted(facts.new, key=lambda one: one.level != FAIL)[:_MOST]:
        what = NOT_SENT if finding.check in _AT_SOURCE else NOT_ARRIVED
        doubt = "" if finding.level == FAIL else ", perhaps"
        mend = f" To mend it: {finding.command}" if finding.command else ""
        since = "since the capture began, this has changed. " if facts.is_compared else ""
        yield f"{what}{doubt}: {since}{finding.sentence}{mend}"
    if came.foreign and not came.own:
        yield (
            f"Frames of other captures come to {facts.host}: {_vnis(came)}; none has "
            f"{'the VNI' if len(facts.vnis) == 1 else 'a VNI'} of this one ({_listed(list(map(str, facts.vnis)))})."
        )
    if came.other:
        yield f"{_frames(came.other)} without a VNI came to UDP 4789 of {facts.host}; nobody can tell whose."


def _rest(facts: Facts) -> str:
    """Nothing was seen that would explain it."""
    rules = ""
    if facts.mirror_filter != "auto":
        rules = f" It sends only what the rules of {facts.mirror_filter} accept."
    elif facts.capture_filter.strip():
        rules = f' Its mirror rules are those of the filter "{facts.capture_filter}": what they refuse is not sent.'
    if facts.arrived.is_unanswered:
        return f"Whether anything was sent is not known: {_unanswered(facts)}.{rules}"
    clear = "nothing is known to be in the way"
    if not facts.arrived.is_known:
        return f"Whether anything was sent is not known: what came to {facts.host} was not counted. But {clear}.{rules}"
    return (
        f"{NOT_SENT}, it seems: nothing of it came to {facts.host}, and {clear}. Most likely the source has no packets "
        f"that AWS mirrors.{rules}"
    )


def counts(counted: Sequence[Counted], began: float, *, is_told: bool = False) -> Iterator[str]:
    """What CloudWatch knows of each source's instance, all its interfaces and sessions together. Counts of five minutes
    that began before the capture's sessions say nothing of these, but whether there are packets at all. ``is_told``:
    what became of the frames is known already."""
    for one in counted[:_MOST]:
        if one.began >= began and one.mirrored:
            what = "" if is_told else f"{NOT_ARRIVED}: "
            yield f"{what}AWS counted {one.mirrored:,} mirrored packets of {one.instance} {_when(one)}."
        elif one.began >= began and one.mirrored == 0:
            what = "" if is_told else f"{NOT_SENT}: "
            yield f"{what}AWS counted no mirrored packet of {one.instance} {_when(one)}."
        elif one.packets is not None:
            yield (
                f"CloudWatch counts each five minutes and knows nothing of this capture yet; {one.instance} had "
                f"{one.packets:,} packets {_when(one)}."
            )
        if one.began >= began and one.skipped:
            yield f"AWS left {one.skipped:,} packets of {one.instance} out, because other traffic goes first."


def _when(one: Counted) -> str:
    begin, end = (time.strftime("%H:%M", time.gmtime(moment)) for moment in (one.began, one.ended))
    return f"from {begin} to {end} UTC"


def _filter(facts: Facts) -> str:
    text = facts.capture_filter.strip()
    return f'the filter "{text}" let none of them through' if text else "none of them passed the receiver"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count:,} frames"


def _vnis(came: Arrived) -> str:
    most = sorted(came.foreign.items(), key=lambda pair: -pair[1])[:_MOST]
    return ", ".join(f"VNI {vni}: {count:,} in {came.seconds:.0f} s" for vni, count in most)


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _MOST} more" if len(words) > _MOST else ""
    return ", ".join(words[:_MOST]) + more
