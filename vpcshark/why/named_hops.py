"""What a walk's hops say of a capture's findings: "somewhere between" becomes a hop, its MTU, its time-out, its rule.

The walk is plain data, as ``network.contract`` has it and ``vpcshark walk --json`` prints it, so one that somebody made
yesterday in another account will do. Must not know how a walk is made, nor how packets are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.packet import address
from vpcshark.diagnose.report import Report
from vpcshark.text import cut, line

Hop = Mapping[str, Any]
SCHEMA = 1
JUMBO = 9001
_DROPPED = ("syn-", "synack-", "ack-", "one-direction", "peer-silent", "dns-unanswered", "icmp-refused", "rtp-one-way")
_LOST = ("loss", "policer", "shaper", "fragments-lost", "reset-by-middlebox", "marks-changed")
_IDLE = {
    "nat-gateway": "350 s",
    "load-balancer": "60 s (Application and Classic Load Balancers) or 350 s (Network Load Balancers)",
    "appliance": "350 s (a Gateway Load Balancer before it)",
    "vpc-endpoint": "350 s",
}
"""Elastic Load Balancing and NAT gateway user guides: what they forget a silent connection after, unless changed."""
_UNKNOWN = "It is not known which hop that is: vpcshark walk {} {} names it, or diagnose --walk WALK.json, --profile P."
_NAMABLE = ("pmtu-black-hole", "idle-timeout", "nat-ports-exhausted", *_DROPPED, *_LOST)


def problem(walk: object) -> str:
    """Why that is no walk; "" if it is one."""
    if not isinstance(walk, dict) or not isinstance(walk.get("forward"), dict):
        return "It is not what vpcshark walk --json prints."
    if walk.get("schema") != SCHEMA:
        return f"Its schema is {line(str(walk.get('schema')), 20)}, and only {SCHEMA} is known."
    ways = [walk["forward"], walk.get("return")]
    hops = [hop for way in ways if isinstance(way, dict) for hop in (way.get("hops") or ())]
    is_plain = all(isinstance(hop, dict) and isinstance(hop.get("packet"), dict) for hop in hops)
    return "" if hops and is_plain else "It has no hops."


def question(report: Report) -> tuple[str, str] | None:
    """(source, destination with its port) of the first finding that a walk could say more about."""
    for finding in report.findings:
        if finding.kind.startswith(_NAMABLE) and finding.flows and finding.flows[0].target_port:
            return _ends(finding.flows[0])
    return None


def _ends(flow: Flow) -> tuple[str, str]:
    """Client and server: that one's port is the smaller one."""
    asked = flow if flow.target_port < flow.source_port else flow.reversed()
    return address(asked.source), asked.server


def told(report: Report, walk: Mapping[str, Any] | None) -> Report:
    """The report with the hops named; None: without AWS, it is said what to look up."""
    return replace(report, findings=tuple(_told(each, walk) for each in report.findings))


def _told(finding: Finding, walk: Mapping[str, Any] | None) -> Finding:
    if not finding.kind.startswith(_NAMABLE) or not finding.flows:
        return finding
    if walk is None:
        is_said = "vpcshark walk" in finding.next
        return finding if is_said else _with(finding, behind=_UNKNOWN.format(*_ends(finding.flows[0])))
    hops = _hops(finding, walk)
    if not hops:
        given = (line(str(walk.get("question", {}).get(name, {}).get("given", "")), 60) for name in ("from", "to"))
        return _with(finding, behind=f"The walk from {' to '.join(given)} is not about this flow.")
    first, *rest = (cut(each, 400) for each in _said(finding, walk, hops))
    return _with(finding, first, rest)


def _with(finding: Finding, front: str = "", checked: Sequence[str] = (), behind: str = "") -> Finding:
    """What names the hop stands in front of the advice."""
    advice = " ".join(filter(None, (front, finding.next, behind)))
    return replace(finding, next=advice, checked=(*finding.checked, *checked))


def _hops(finding: Finding, walk: Mapping[str, Any]) -> list[Hop]:
    """Those of the way that the finding's packets go; a NAT may have rewritten them on it."""
    for name in ("forward", "return"):
        way = walk.get(name)
        hops = list(way.get("hops") or ()) if isinstance(way, dict) else []
        seen = {(hop["packet"].get("source"), hop["packet"].get("destination")) for hop in hops}
        if any((address(flow.source), address(flow.target)) in seen for flow in finding.flows):
            return hops
    return []


def _said(finding: Finding, walk: Mapping[str, Any], hops: Sequence[Hop]) -> Iterator[str]:
    """The most telling first."""
    kind = finding.kind
    if kind == "pmtu-black-hole":
        yield from _sizes(finding, hops)
    elif kind == "idle-timeout":
        yield from _forgets(hops)
    elif kind == "nat-ports-exhausted":
        gates = [hop for hop in hops if hop.get("kind") == "nat-gateway"]
        yield from (f"It is {_named(hop)}: its metric ErrorPortAllocation decides." for hop in gates)
    elif kind.startswith(_DROPPED):
        yield from _rules(walk)
    yield f"By the walk the way is: {_listed(hops)}."


def _sizes(finding: Finding, hops: Sequence[Hop]) -> Iterator[str]:
    sized = [hop for hop in hops if isinstance(hop.get("mtu"), int)]
    narrow = min(sized, key=lambda hop: int(hop["mtu"]), default=None)
    if narrow is None:
        return
    mtu, lost = int(narrow["mtu"]), finding.size
    if lost and lost <= mtu:
        yield (
            f"Every hop of AWS on this way takes {mtu} bytes or more, and {lost} bytes are lost: the hop that takes "
            f"less is beyond {_named(hops[-1])}, on the other side (on premises, or the host's own tunnel)."
        )
    elif mtu < JUMBO:
        before = f" for the {lost} bytes that are lost" if lost else ""
        yield f"It is {_named(narrow)}: it takes {mtu} bytes, the least of this way{before}."
    yield "By the walk: " + ", ".join(f"{_named(hop)} {hop['mtu']}" for hop in _changes(sized)) + " bytes."


def _changes(sized: Sequence[Hop]) -> list[Hop]:
    """Hops that take another size than the one before."""
    return [hop for number, hop in enumerate(sized) if not number or hop["mtu"] != sized[number - 1]["mtu"]]


def _forgets(hops: Sequence[Hop]) -> Iterator[str]:
    found = list(dict.fromkeys(f"{_named(hop)} after {_IDLE[hop['kind']]}" for hop in hops if hop.get("kind") in _IDLE))
    if found:
        yield f"On this way silent connections are forgotten by {'; '.join(found)}."
    else:
        yield "No hop of AWS on this way forgets silent connections but the instances' own connection tracking."


def _rules(walk: Mapping[str, Any]) -> Iterator[str]:
    stops = [each for each in walk.get("blockers") or () if isinstance(each, dict)]
    for each in stops[:2]:
        rule = each.get("rule") or {}
        words = line(str(each.get("text") or rule.get("text") or each.get("reason") or ""), 200)
        way = "there" if each.get("direction") == "forward" else "back"
        mend = line(str(each.get("mend") or ""), 200)
        yield f"By the walk {_named(each)} drops it on the way {way}: {words}." + (f" {mend}" if mend else "")
    if not stops and walk.get("verdict") == "reachable":
        yield "By the walk no rule of AWS is in the way: look at the hosts themselves, and at what is beyond AWS."


def _named(hop: Hop) -> str:
    kind = line(str(hop.get("kind", "")).replace("-", " "), 40)
    name = line(str(hop.get("name") or ""), 60)
    resource = line(str(hop.get("resource", "")), 80)
    return f"{kind} {resource}".strip() + (f" ({name})" if name and name != resource else "")


def _listed(hops: Sequence[Hop]) -> str:
    shown = ("security-group", "network-acl", "route-table", "subnet")
    return ", ".join(dict.fromkeys(_named(hop) for hop in hops if hop.get("kind") not in shown))
