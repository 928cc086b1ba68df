"""A walk's answer on a terminal: one screen that can be pasted into a ticket. Must not know how it was found out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from vpcshark.cli import console, walk_costs
from vpcshark.network import answer as answers
from vpcshark.network import matrix
from vpcshark.network.answer import Answer, Way
from vpcshark.network.matrix import Bundle
from vpcshark.network.packet import words
from vpcshark.network.trail import ALLOW, DROP, INFO, JUMBO, UNKNOWN, Hop, Trail

STYLES = {ALLOW: "green", DROP: "bold red", UNKNOWN: "yellow", INFO: "", "reachable": "green", "blocked": "bold red"}
MARKS = {ALLOW: "ok", DROP: "DROP", UNKNOWN: "?", INFO: ""}
QUIET = {"subnet", "vpc"}
"""Kinds that stand beside the others' hops already."""


def show(found: Answer, out: Console, every_path: bool = False) -> None:
    """Verdict, the way there, the way back, what blocks with its mend, what is not known."""
    out.print(console.styled(f"{found.verdict.upper()}  {_names(found)}", STYLES.get(found.verdict, "yellow")))
    _show_way("There", found.there, out, every_path)
    if found.back is not None:
        _show_way("Back", found.back, out, every_path)
    for text in answers.notes(found):
        out.print(text)
    _show_summary(found, out)
    out.print(walk_costs.words(found), soft_wrap=True)
    _show_stops(found, out)


def show_matrix(bundles: Sequence[Bundle], out: Console) -> None:
    """Who can and who can't, by the rule that decides."""
    counts = [f"{sum(len(b.pairs) for b in bundles if b.verdict == each)} {each}" for each in matrix.ORDER]
    out.print(", ".join(each for each in counts if not each.startswith("0 ")) + ".")
    for bundle in bundles:
        out.print()
        out.print(console.styled(_decided(bundle), STYLES.get(bundle.verdict, "yellow")))
        for pair in bundle.pairs:
            ends = [
                f"{each.text} {each.interface.id if each.interface else ''}".strip()
                for each in (pair.source, pair.target)
            ]
            out.print("  " + " -> ".join(ends), soft_wrap=True)
        if bundle.hop is not None and bundle.hop.mend:
            out.print(f"  mend (of the first): {bundle.hop.mend}", soft_wrap=True)


def _decided(bundle: Bundle) -> str:
    """``BLOCKED  3 by security group sg-1, there: none of 2 inbound rules lets it through``."""
    head = f"{bundle.verdict.upper()}  {len(bundle.pairs)}"
    hop = bundle.hop
    if hop is None:
        return head
    way = "there" if bundle.direction == "forward" else "back"
    return f"{head} by {hop.kind.replace('-', ' ')} {hop.resource} {hop.name}".rstrip() + f", {way}: {_why(hop)}"


def _names(found: Answer) -> str:
    return f"{found.asked.source.text} -> {found.asked.target.text}  {words(found.packet)}"


def _show_way(title: str, way: Way, out: Console, every_path: bool) -> None:
    trails = way.trails if every_path else way.trails[:1]
    for number, trail in enumerate(trails, 1):
        count = f" {number} of {len(way.trails)}" if len(way.trails) > 1 else ""
        out.print()
        out.print(console.styled(f"{title}{count}: {trail.verdict}", STYLES.get(trail.verdict, "yellow")))
        _show_trail(trail, out)


def _show_trail(trail: Trail, out: Console) -> None:
    table = console.table()
    for name in ("", "HOP", "RESOURCE", "ZONE", "WHY"):
        table.add_column(name, no_wrap=name not in ("WHY", "RESOURCE"), overflow="fold")
    for hop in trail.hops:
        if hop.kind in QUIET and hop.verdict in (INFO, ALLOW):
            continue
        named = f"{hop.resource} {hop.name}" if hop.name else hop.resource
        style = STYLES.get(hop.verdict, "")
        table.add_row(
            console.styled(MARKS[hop.verdict], style),
            hop.kind.replace("-", " "),
            named,
            hop.az,
            console.styled(_why(hop)),
        )
    out.print(table)


def _why(hop: Hop) -> str:
    """The deciding rule, the words, and what changed in the packet's header."""
    said = [hop.rule.text] if hop.rule is not None and hop.rule.text not in hop.text else []
    return "; ".join([*said, *filter(None, (hop.text, hop.note))])


def _show_summary(found: Answer, out: Console) -> None:
    """The smallest packet size and the zones."""
    size = answers.mtu(found)
    zones = answers.zones(found.there)
    out.print()
    if size:
        jumbo = "" if size >= JUMBO else "; larger ones need path MTU discovery (ICMP back)"
        out.print(f"MTU {size} bytes{jumbo}." + (f" Zones there: {' -> '.join(zones)}." if zones else ""))


def _show_stops(found: Answer, out: Console) -> None:
    for title, stops, style in (
        ("Blocked by", answers.blockers(found), "bold red"),
        ("Not known", answers.unknowns(found), "yellow"),
    ):
        for direction, hop in stops:
            way = "there" if direction == "forward" else "back"
            reason = f" ({hop.code})" if hop.code else ""
            out.print(
                console.styled(
                    f"{title}: {hop.kind.replace('-', ' ')} {hop.resource}, {way}: {_why(hop)}{reason}", style
                )
            )
            if hop.mend:
                out.print(f"  mend: {hop.mend}", soft_wrap=True)
