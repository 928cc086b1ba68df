"""Where packets went: the counts of every rule of every space, read before and after, in order along the cables.

The kernel counts by itself what passes a port and which rule decides; nothing here judges a packet. Must not know the
API.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from vpcshark.errors import VpcsharkError
from vpcshark.lab.vpc.routed.boxes import TABLE


@dataclass(frozen=True)
class Mark:
    """A rule: the space that it is in, the words of its comment, whether it drops."""

    space: str
    words: tuple[str, ...]
    is_drop: bool


def counts(namespaces: Mapping[str, str]) -> Counter[Mark]:
    """Packets that each rule has counted; ``namespaces``: space -> namespace. VpcsharkError."""
    places = [(space, name) for space, name in namespaces.items() if not space.startswith(("instance:", "internet"))]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda place: list(_of_space(*place)), places)
    total: Counter[Mark] = Counter()
    for mark, packets in (each for rows in found for each in rows):
        total[mark] += packets
    return total


def _of_space(space: str, namespace: str) -> Iterator[tuple[Mark, int]]:
    for rule, counted in _rules(namespace, TABLE):
        if "comment" in rule:
            is_drop = any("drop" in each for each in rule["expr"])
            yield Mark(space, tuple(rule["comment"].split("|")), is_drop), counted


def _rules(namespace: str, table: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The rules of a table that count, and what they have counted."""
    command = ["ip", "netns", "exec", namespace, "nft", "-j", "list", "table", "inet", table]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise VpcsharkError(f"The counters of {namespace} can't be read: {done.stderr.strip()}.")
    for row in json.loads(done.stdout)["nftables"]:
        rule = row.get("rule", {})
        for each in rule.get("expr", ()):
            if "counter" in each:
                yield rule, int(each["counter"]["packets"])


def packets(namespace: str, table: str) -> int:
    """What all rules of a table have counted."""
    return sum(counted for _, counted in _rules(namespace, table))


def risen(before: Mapping[Mark, int], after: Mapping[Mark, int]) -> dict[Mark, int]:
    """What was counted between; a rule that is new began at 0."""
    return {mark: count - before.get(mark, 0) for mark, count in after.items() if count > before.get(mark, 0)}


def drops(marks: Mapping[Mark, int]) -> list[tuple[str, ...]]:
    """The words of the rules that dropped something."""
    return [mark.words for mark in marks if mark.is_drop]


def way(
    marks: Mapping[Mark, int], cables: Mapping[tuple[str, str], tuple[str, str]], start: tuple[str, str]
) -> list[Mark]:
    """The rules that counted, in the order of a packet that leaves ``start`` (space, device), each once; it ends where
    nothing was counted."""
    found: list[Mark] = []
    at, been = cables.get(start), set()
    while at is not None and at not in been:
        been.add(at)
        space, device = at
        here = [mark for mark in marks if mark.space == space]
        arrived = Mark(space, ("in", device), is_drop=False)
        if arrived not in marks:
            break
        found.append(arrived)
        found += [mark for mark in here if mark.words[0] not in ("in", "out")]
        out = [mark for mark in here if mark.words[0] == "out" and (space, mark.words[1]) not in been]
        if not out:
            break
        found.append(out[0])
        at = cables.get((space, out[0].words[1]))
    return found
