"""What AWS's Reachability Analyzer says of the same question, held against a walk: agree, differ, or not comparable.

It knows no IPv6 and, across a transit gateway, no way back; it shows one path, the shortest, and leaves out subnets.
So its components have to stand among the hops in their order, not the other way round. Pure; must not know calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpcshark.network import answer as answers
from vpcshark.network.answer import BLOCKED, REACHABLE, UNKNOWN_WAY, Answer
from vpcshark.network.codes import sentence
from vpcshark.network.trail import Hop

AGREE, DIFFER, INCOMPARABLE = "agree", "differ", "not comparable"
_PASSED_OVER = ("vpc-", "subnet-", "tgw-")
"""Components that a walk has as boxes, or that only one of both tells; attachments and tables (tgw-attach-, tgw-rtb-)
are compared."""


@dataclass(frozen=True)
class Component:
    """One step of the analyzer's. ``number`` is a network ACL rule's, ``destination`` a route's."""

    id: str
    number: int | None = None
    destination: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why there is no path: a code, what it is about, and both as a sentence."""

    code: str
    ids: tuple[str, ...]

    @property
    def text(self) -> str:
        """``acl-1: the network ACL denies it (SUBNET_ACL_RESTRICTION)``."""
        return f"{', '.join(self.ids) or 'the path'}: {sentence(self.code)} ({self.code})"


@dataclass(frozen=True)
class Told:
    """An analysis. ``status``: running, succeeded, failed."""

    status: str
    message: str
    is_found: bool
    there: tuple[Component, ...]
    back: tuple[Component, ...]
    explanations: tuple[Explanation, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One comparison."""

    state: str
    text: str


def read(raw: Mapping[str, Any]) -> Told:
    """An item of DescribeNetworkInsightsAnalyses."""
    parts = [raw.get(key) or [] for key in ("ForwardPathComponents", "ReturnPathComponents")]
    inner = [each for part in parts for row in part for each in row.get("Explanations") or []]
    details = [each for part in parts for row in part for each in row.get("AdditionalDetails") or []]
    remarks = [sentence(each["AdditionalDetailType"]) for each in details if each.get("AdditionalDetailType")]
    warning = raw.get("WarningMessage") or ""
    return Told(
        str(raw.get("Status") or ""),
        str(raw.get("StatusMessage") or ""),
        bool(raw.get("NetworkPathFound")),
        _components(parts[0]),
        _components(parts[1]),
        tuple(_explanation(each) for each in [*(raw.get("Explanations") or []), *inner]),
        tuple(dict.fromkeys([*remarks, *([warning] if warning else [])])),
    )


def _components(rows: Sequence[Mapping[str, Any]]) -> tuple[Component, ...]:
    return tuple(_component(row) for row in rows if (row.get("Component") or {}).get("Id"))


def _component(row: Mapping[str, Any]) -> Component:
    number = (row.get("AclRule") or {}).get("RuleNumber")
    route = row.get("RouteTableRoute") or row.get("TransitGatewayRouteTableRoute") or {}
    return Component(row["Component"]["Id"], number, route.get("DestinationCidr") or "")


def _explanation(raw: Mapping[str, Any]) -> Explanation:
    """The ids of all components that it names, in EC2's order, but for the VPC and the subnet that these are in."""
    named = [(key, value) for key, value in raw.items() if key not in ("Vpc", "Subnet", "SubnetRouteTable")]
    found = [each for _, value in named for each in (value if isinstance(value, list) else [value])]
    ids = [each["Id"] for each in found if isinstance(each, Mapping) and each.get("Id")]
    return Explanation(str(raw.get("ExplanationCode") or "UNKNOWN"), tuple(dict.fromkeys(ids)))


def compare(found: Answer, told: Told) -> list[Finding]:
    """What both say, of the verdict, each hop with its rule, and the reasons."""
    if told.status != "succeeded":
        return [Finding(INCOMPARABLE, f"the analysis is {told.status}: {told.message or 'without a reason'}")]
    findings = [_verdict(found, told)]
    if told.is_found:
        findings += _hops("there", found.there.shown.hops, told.there)
        findings += _back(found, told)
    elif found.verdict == BLOCKED:
        findings.append(_reasons(found, told))
    return findings


def _verdict(found: Answer, told: Told) -> Finding:
    """Its one verdict is of the ways that it looked at."""
    ways = [found.there, *([found.back] if found.back is not None and (told.back or not told.is_found) else [])]
    verdicts = {way.verdict for way in ways}
    ours = next(each for each in (BLOCKED, UNKNOWN_WAY, REACHABLE) if each in verdicts)
    theirs = REACHABLE if told.is_found else BLOCKED
    if ours == UNKNOWN_WAY:
        why = next((hop.text for _, hop in answers.unknowns(found)), "")
        return Finding(INCOMPARABLE, f"the analyzer says {theirs}, and the walk does not know: {why}")
    return Finding(AGREE if ours == theirs else DIFFER, f"the walk says {ours}, the analyzer {theirs}")


def _back(found: Answer, told: Told) -> Iterator[Finding]:
    if found.back is None:
        return
    if told.back:
        yield from _hops("back", found.back.shown.hops, told.back)
    else:
        yield Finding(INCOMPARABLE, "the way back: the analyzer did not look at it")


def _hops(way: str, hops: Sequence[Hop], components: Sequence[Component]) -> Iterator[Finding]:
    """Each of its components among the hops, in order, with the same rule."""
    wanted = [each for each in components if _is_compared(each.id)]
    at, count = 0, 0
    for component in wanted:
        place = next((number for number in range(at, len(hops)) if hops[number].resource == component.id), None)
        if place is None:
            yield Finding(DIFFER, f"{way}: the analyzer passes {component.id} there, and the walk does not")
            continue
        at = place + 1
        if said := _rule(hops[place], component):
            yield Finding(DIFFER, f"{way}: {component.id}: {said}")
        else:
            count += 1
    yield Finding(AGREE, f"{way}: {count} of the analyzer's {len(wanted)} components are hops, with the same rules")


def _is_compared(identity: str) -> bool:
    return identity.startswith(("tgw-attach-", "tgw-rtb-")) or not identity.startswith(_PASSED_OVER)


def _rule(hop: Hop, component: Component) -> str:
    """How the deciding rules differ; "" where they don't, or where one of both names none."""
    if hop.rule is None:
        return ""
    if component.number is not None and hop.rule.number is not None and component.number != hop.rule.number:
        return f"rule {hop.rule.number} decides here, and {component.number} at the analyzer"
    destination = getattr(hop.rule.row, "destination", "")
    if component.destination and destination and component.destination != destination:
        return f"the route to {destination} is taken here, and to {component.destination} at the analyzer"
    return ""


def _reasons(found: Answer, told: Told) -> Finding:
    """It lists codes of other paths that it tried as well, so one in common is enough."""
    ours = {hop.code: hop for _, hop in answers.blockers(found)}
    theirs = {each.code for each in told.explanations}
    common = [code for code in ours if code in theirs]
    if common:
        return Finding(AGREE, f"both name {', '.join(common)}")
    here = "; ".join(f"{hop.resource} {hop.code}" for hop in ours.values())
    return Finding(DIFFER, f"the walk names {here}, the analyzer {', '.join(sorted(theirs)) or 'nothing'}")


def state(findings: Sequence[Finding]) -> str:
    """Over all: one difference is a difference."""
    states = {each.state for each in findings}
    return DIFFER if DIFFER in states else AGREE if AGREE in states else INCOMPARABLE
