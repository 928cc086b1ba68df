"""What flow log records say of the question: where the packets were last seen, and what rejected them.

A record says that its interface let a packet through or not, at its time. What no record shows is proved only once
records of that time can no longer come. Must not know where records come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vpcshark.evidence import findings
from vpcshark.evidence.findings import NOT_SEEN, REJECTED, SEEN, Finding
from vpcshark.network.answer import BLOCKED, UNKNOWN_WAY, Answer, Way
from vpcshark.network.packet import TCP
from vpcshark.text import many
from vpcshark.why.from_walk import named
from vpcshark.why.steps import EVIDENCE, Cause, Step

SETTLED = 20 * 60
"""Seconds after which a record is there: they come 6 to 20 minutes late."""

_BOXES = ("subnet", "vpc")


@dataclass(frozen=True)
class _Proof:
    cause: Cause
    is_proved: bool


def judge(answer: Answer, found: Sequence[Finding], now: float) -> Step:
    """The step; ``now`` is when the records were asked for, in seconds since the epoch."""
    counts = Counter(each.status for each in found)
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    against = findings.against(answer.verdict, found)
    sentence = " ".join(
        [
            f"Of {many(len(found), 'hop')} that flow logs could have records of: {said}."
            if found
            else "No point can be logged.",
            *against,
        ]
    )
    proof = None
    if answer.verdict != BLOCKED:
        proof = _rejected(answer, found) or _lost(answer, found, now) or _silent(answer, found, now)
    verdict = proof.cause.kind if proof else next((each for each in (REJECTED, SEEN) if counts[each]), "nothing")
    cause, is_proved = (proof.cause, proof.is_proved) if proof else (None, False)
    return Step(EVIDENCE, verdict, sentence, cause, is_proved, contradicts=_past_a_block(answer, found))


def _rejected(answer: Answer, found: Sequence[Finding]) -> _Proof | None:
    """Where a rule let it through since, that is of the past. What comes late to a connection that has ended is
    rejected as well, so an answer's rejection proves nothing."""
    for each in found:
        if each.status == REJECTED:
            there = each.point.direction == "forward"
            way = "" if there else ", on the way back"
            said = f"{each.point.id} rejected it{way}: {each.text or 'the record does not say by which rule'}."
            if answer.verdict != UNKNOWN_WAY:
                said += " The rules let it through now: one changed since, or was not read."
            is_proved = there and not each.is_weak and answer.verdict == UNKNOWN_WAY
            return _Proof(Cause(REJECTED, said), is_proved)
    return None


def _lost(answer: Answer, found: Sequence[Finding], now: float) -> _Proof | None:
    """Seen at one point, and not at one that comes after it."""
    for direction, way in (("forward", answer.there), ("return", answer.back)):
        points = [each for each in found if each.point.direction == direction]
        last = next((number for number in reversed(range(len(points))) if points[number].status == SEEN), None)
        if way is None or last is None:
            continue
        gone = next((each for each in points[last + 1 :] if each.status == NOT_SEEN), None)
        if gone is not None:
            before = points[last]
            words = "there" if direction == "forward" else "back"
            said = f"On the way {words} it was last seen at {before.point.id}, and not at {gone.point.id}."
            cause = Cause("lost", said, _between(way, before.point.number, gone.point.number))
            return _Proof(cause, len(way.trails) == 1 and _is_settled(before, now))
    return None


def _between(way: Way, one: int, other: int) -> str:
    """What stands between two hops, which is what to look at."""
    hops = [hop for hop in way.shown.hops[one + 1 : other] if hop.resource and hop.kind not in _BOXES]
    names = ", ".join(dict.fromkeys(named(hop) for hop in hops))
    return f"Look at what stands between them: {names}." if names else ""


def _silent(answer: Answer, found: Sequence[Finding], now: float) -> _Proof | None:
    """It came to its end, and nothing left from there: TCP always answers, if only by a reset."""
    there = [each for each in found if each.point.direction == "forward"]
    back = [each for each in found if each.point.direction == "return"]
    if answer.packet.protocol != TCP or not there or not back or answer.back is None:
        return None
    if any(each.status == SEEN for each in back):
        return None
    end, first = there[-1], back[0]
    if end.status != SEEN or first.status != NOT_SEEN or end.point.id != first.point.id or not end.point.is_end:
        return None
    said = f"It came to {end.point.id}, and no answer left from there: its host drops it, or does not run."
    mend = f"Look at the host of {end.point.id}: its own firewall (nft list ruleset), and whether it answers at all."
    is_proved = len(answer.there.trails) == len(answer.back.trails) == 1
    return _Proof(Cause("no-answer", said, mend), is_proved and _is_settled(end, now))


def _is_settled(seen: Finding, now: float) -> bool:
    """Was it seen so early that whatever it left further on has been delivered? By a record that is surely its."""
    return not seen.is_weak and seen.oldest <= now - SETTLED


def _past_a_block(answer: Answer, found: Sequence[Finding]) -> str:
    """Was it seen at the end of a way that the walk calls blocked? "" if not."""
    for direction, way in (("forward", answer.there), ("return", answer.back)):
        points = [each for each in found if each.point.direction == direction]
        if way is None or way.verdict != BLOCKED or len(points) < 2:
            continue
        end = points[-1]
        if end.point.is_end and end.status == SEEN and not end.is_weak:
            return f"records have it at {end.point.id}, behind the block: a rule changed since, or was not read."
    return ""
