"""Sixty filters that people use, as rules: what these let through, beside the rules of f73e615 with twice the code.

``real_filters.tsv``: pcap-filter(7)'s examples, Wireshark's wiki (CaptureFilters) and tcpdump cheat sheets, names
replaced by addresses; the rules that f73e615 made of each (both directions have the same); and how today's differ:
"same", "less" comes, or "other".
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from ipaddress import ip_network
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from vpcshark.wire.mirror_rules.translation import MirrorRule, translate

TABLE = Path(__file__).with_name("real_filters.tsv")
ROWS = list(csv.reader(TABLE.read_text("utf-8").splitlines()[1:], delimiter="\t", quoting=csv.QUOTE_NONE))
NO_PORT = -1


class Line(NamedTuple):
    """A rule as spans: protocol, source, destination, source ports, destination ports."""

    version: int
    accepts: bool
    spans: tuple[tuple[int, int], ...]


def line(action: str, protocol: str, source: str, destination: str) -> Line:
    """A rule of the table: ``+``, ``6``, ``10.0.0.0/8,*``, ``0.0.0.0/0,80-80``."""
    (source, ports), (destination, to_ports) = source.rsplit(",", 1), destination.rsplit(",", 1)
    networks = [ip_network(source), ip_network(destination)]
    protocols = (0, 255) if protocol == "*" else (int(protocol), int(protocol))
    ends = tuple((int(network[0]), int(network[-1])) for network in networks)
    return Line(networks[0].version, action == "+", (protocols, *ends, span(ports), span(to_ports)))


def span(ports: str) -> tuple[int, int]:
    """``*`` is true of packets without ports too."""
    if ports == "*":
        return (NO_PORT, 65535)
    low, high = ports.split("-")
    return (int(low), int(high))


def then(rules: str) -> list[Line]:
    """What the table says."""
    lines = []
    for rule in rules.split() if rules != "none" else []:
        head, ends = rule.split(":", 1)
        lines.append(line(head[0], head[1:], *ends.split(">")))
    return lines


def now(rules: Iterable[MirrorRule], direction: str) -> list[Line]:
    """What is made today."""

    def end(cidr: str, ports: tuple[int, int] | None) -> str:
        return f"{cidr},*" if ports is None else f"{cidr},{ports[0]}-{ports[1]}"

    return [
        line(
            "+" if rule.action == "accept" else "-",
            "*" if rule.protocol is None else str(rule.protocol),
            end(rule.source_cidr, rule.source_ports),
            end(rule.destination_cidr, rule.destination_ports),
        )
        for rule in sorted(rules, key=lambda rule: rule.number)
        if rule.direction == direction
    ]


def accepts(lines: list[Line], point: tuple[int, ...]) -> bool:
    """First match decides, none: not mirrored."""
    for rule in lines:
        if all(low <= value <= high for value, (low, high) in zip(point, rule.spans, strict=True)):
            return rule.accepts
    return False


def points(lines: list[Line]) -> Iterable[tuple[int, ...]]:
    """A packet of every kind that these rules can tell apart."""
    values: list[set[int]] = [{0, 6, 17, 132}, {0}, {0}, {NO_PORT, 0}, {NO_PORT, 0}]
    for rule in lines:
        for place, (low, high) in zip(values, rule.spans, strict=True):
            place |= {low, high + 1}
    for point in product(*values):
        has_ports = NO_PORT not in point[3:]
        is_packet = point[0] in (6, 17) if has_ports else point[3] == point[4]
        if is_packet and point[0] <= 255 and max(point[3:]) <= 65535:
            yield point


def compared(before: list[Line], after: list[Line]) -> str:
    """ "same", "less", "more" or "other"."""
    found = set()
    for version in (4, 6):
        old, new = ([rule for rule in lines if rule.version == version] for lines in (before, after))
        for point in points(old + new):
            found.add((accepts(old, point), accepts(new, point)))
    more, less = (False, True) in found, (True, False) in found
    return "other" if more and less else "more" if more else "less" if less else "same"


@pytest.mark.parametrize(("filter_", "rules", "today"), [row[1:] for row in ROWS], ids=[row[1] for row in ROWS])
def test_what_comes_is_what_the_table_says(filter_: str, rules: str, today: str):
    """Beside the rules of f73e615, packet by packet."""
    translation = translate(filter_)
    for direction in ("ingress", "egress"):
        assert compared(then(rules), now(translation.rules, direction)) == today.split(":")[0]


def test_at_least_54_of_60_let_through_the_same():
    """And no row lets through more alone; where something else comes the row says what."""
    verdicts = [row[3] for row in ROWS]
    assert len(ROWS) == 60
    assert verdicts.count("same") >= 54
    assert all(": " in verdict for verdict in verdicts if verdict != "same")
    assert not [verdict for verdict in verdicts if verdict.startswith("more")]


def test_the_comparison_sees_what_differs():
    """The judge of the table."""
    wide, narrow = (now(translate(text).rules, "ingress") for text in ("ip", "tcp dst port 80"))
    assert compared(wide, narrow) == "other"
    assert compared(now(translate("ip and tcp").rules, "ingress"), now(translate("ip").rules, "ingress")) == "more"
    assert compared(now(translate("ip").rules, "ingress"), now(translate("ip and tcp").rules, "ingress")) == "less"
    assert compared(wide, wide) == "same"
