"""What the walk says of the question: blocked is proved by the rule, reachable only says that no rule is in the way.

Must not know how a walk is made.
"""

from __future__ import annotations

from vpcshark.network import answer as answers
from vpcshark.network.answer import BLOCKED, REACHABLE, Answer, Way
from vpcshark.network.appliances import TWO_ZONES
from vpcshark.network.trail import UNKNOWN, Hop
from vpcshark.why.steps import WALK, Cause, Step

_LOST = ("syn-unanswered", "synack-unanswered", "one-direction", "loss", "lost")
"""Classes of packets and of records: somebody between drops one direction."""


def judge(found: Answer) -> Step:
    """The step. The cause is the first block that no other way of AWS's goes round; all are told."""
    if found.verdict == BLOCKED:
        stops = answers.blockers(found)
        said = " ".join(_told(direction, hop) for direction, hop in stops)
        direction, first = next(stop for stop in stops if _way(found, stop[0]).verdict == BLOCKED)
        cause = Cause(first.code or "blocked", _told(direction, first), first.mend)
        return Step(WALK, BLOCKED, said, cause, is_proved=True)
    if found.verdict == REACHABLE:
        ways = "both ways" if found.back is not None else "on the way there"
        return Step(WALK, REACHABLE, f"No rule is in the way, {ways}; that says nothing of what listens and answers.")
    unknowns = answers.unknowns(found)
    said = " ".join(f"Not known: {named(hop)}: {hop.text or hop.code}." for _, hop in unknowns)
    said = said or " ".join(answers.notes(found)) or "AWS chooses between several ways."
    return Step(WALK, found.verdict, said, _in_two_zones(found))


def _in_two_zones(found: Answer) -> Cause | None:
    """Each way meets another appliance, whichever AWS chooses: what a stateful one drops, and nobody can read whether
    it is."""
    ways = [trail.having(UNKNOWN, "appliance") for trail in (found.back.trails if found.back is not None else ())]
    hops = [next((hop for hop in way if hop.code == TWO_ZONES), None) for way in ways]
    first = next(iter(hops), None)
    if first is None or None in hops:
        return None
    return Cause(
        TWO_ZONES, f"{named(first).capitalize()}: {first.text} ({TWO_ZONES}).", first.mend, _LOST, is_general=True
    )


def _way(found: Answer, direction: str) -> Way:
    """The way back is there where something blocks on it."""
    return found.back if direction != "forward" and found.back is not None else found.there


def _told(direction: str, hop: Hop) -> str:
    """``On the way back network acl acl-1 drops it: inbound 50 deny tcp … (SUBNET_ACL_RESTRICTION).``"""
    way = "there" if direction == "forward" else "back"
    rule = [hop.rule.text] if hop.rule is not None and hop.rule.text not in hop.text else []
    why = "; ".join([*rule, *filter(None, (hop.text,))])
    return f"On the way {way} {named(hop)} drops it: {why}" + (f" ({hop.code})." if hop.code else ".")


def named(hop: Hop) -> str:
    """``network acl acl-1``."""
    return f"{hop.kind.replace('-', ' ')} {hop.resource}".strip()
