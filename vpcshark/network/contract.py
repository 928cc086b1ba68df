"""An answer as plain data, in the form that scripts rely on: schema 1. Must not know how it is printed.

``resource`` holds ids, never names. ``reason`` is a code, one of AWS's Reachability Analyzer where it has one, else
one of ours (WALK_…); ``text`` says it in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vpcshark.network import answer as answers
from vpcshark.network import matrix
from vpcshark.network.answer import Answer, Way
from vpcshark.network.matrix import Bundle
from vpcshark.network.packet import Packet, protocol_words
from vpcshark.network.trail import End, Hop, Trail

SCHEMA = 1


def as_json(found: Answer, every_path: bool = False) -> dict[str, Any]:
    """The whole answer; with ``every_path`` each way that AWS may choose."""
    return {
        "schema": SCHEMA,
        "verdict": found.verdict,
        "question": question(found),
        "forward": _way(found.there, every_path),
        "return": _way(found.back, every_path) if found.back is not None else None,
        "blockers": [_stop(direction, hop) for direction, hop in answers.blockers(found)],
        "unknowns": [_stop(direction, hop) for direction, hop in answers.unknowns(found)],
        "notes": answers.notes(found),
        "mtu": answers.mtu(found),
        "zones": answers.zones(found.there),
    }


def matrix_json(bundles: Sequence[Bundle]) -> dict[str, Any]:
    """Many walks, by the rule that decides them."""
    verdicts = {each.verdict for each in bundles}
    return {
        "schema": SCHEMA,
        "verdict": next(each for each in matrix.ORDER if each in verdicts),
        "groups": [
            {
                "verdict": each.verdict,
                "decided_by": _stop(each.direction, each.hop) if each.hop is not None else None,
                "walks": [{"from": _end(pair.source), "to": _end(pair.target)} for pair in each.pairs],
            }
            for each in bundles
        ],
    }


def unanswered(source: str, target: str, why: str) -> dict[str, Any]:
    """Where not even the ends could be looked at."""
    return {
        "schema": SCHEMA,
        "verdict": answers.UNKNOWN_WAY,
        "question": {"source": source, "destination": target},
        "forward": {"verdict": answers.UNKNOWN_WAY, "hops": []},
        "return": None,
        "blockers": [],
        "unknowns": [
            {"direction": "forward", "kind": "end", "resource": "", "reason": "WALK_UNKNOWN", "text": why, "mend": ""}
        ],
    }


def question(found: Answer) -> dict[str, Any]:
    """What was asked, as it was understood."""
    asked = found.asked
    return {
        "from": _end(asked.source),
        "to": _end(asked.target),
        **packet(found.packet),
        "return": asked.wants_return,
    }


def _end(end: End) -> dict[str, str]:
    interface = end.interface
    return {
        "given": end.text,
        "kind": end.kind,
        "interface": interface.id if interface else "",
        "instance": interface.instance if interface else "",
        "vpc": end.vpc,
    }


def _way(way: Way, every_path: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"verdict": way.verdict, "hops": _hops(way.shown)}
    if every_path:
        said["paths"] = [{"verdict": trail.verdict, "hops": _hops(trail)} for trail in way.trails]
    return said


def _hops(trail: Trail) -> list[dict[str, Any]]:
    return [hop_json(hop) for hop in trail.hops]


def hop_json(hop: Hop) -> dict[str, Any]:
    """One hop."""
    rule = hop.rule
    return {
        "kind": hop.kind,
        "resource": hop.resource,
        "name": hop.name,
        "az": hop.az,
        "vpc": hop.vpc,
        "subnet": hop.subnet,
        "rule": {"id": rule.id, "number": rule.number, "text": rule.text} if rule is not None else None,
        "verdict": hop.verdict,
        "reason": hop.code,
        "text": hop.text,
        "packet": {**packet(hop.packet), "change": hop.note},
        "mtu": hop.mtu,
        "mend": hop.mend,
        "passed": [*hop.passed],
    }


def _stop(direction: str, hop: Hop) -> dict[str, Any]:
    found = hop_json(hop)
    kept = ("kind", "resource", "name", "az", "vpc", "rule", "reason", "text", "mend")
    return {"direction": direction, **{key: found[key] for key in kept}}


def packet(each: Packet) -> dict[str, Any]:
    """A packet's header; ports as [from, to]."""
    return {
        "source": each.src,
        "destination": each.dst,
        "protocol": protocol_words(each.protocol),
        "source_ports": [*each.sport] if each.sport else None,
        "destination_ports": [*each.dport] if each.dport else None,
        "icmp": [*each.icmp] if each.icmp else None,
    }
