"""Enforces in the fabric what the account's routes, network ACLs and security groups say, by Linux's own means.

Each entry becomes an nftables rule at the port that leads to the target (before the target's packet sockets see the
frame), each route table a table of the kernel's, which looks up the longest prefix. Only mirrored frames are judged.
Must not know moto, nor what vpcshark makes of such facts.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from vpcshark.errors import VpcsharkError
from vpcshark.lab.guards import Entry, Guard, RouteEntry
from vpcshark.lab.model import VXLAN_PORT
from vpcshark.lab.vpc import netns

log = logging.getLogger(__name__)

_TABLE = "vpcshark-lab"
_FIRST = 3000  # our route tables and marks
_PRIORITY = 3000
_HOPS = 4
_PROTOCOLS = {"17": "udp", "6": "tcp", "1": "icmp", "icmpv6": "58"}


@dataclass(frozen=True)
class Pair:
    """A guard and the fabric's port that leads to its target."""

    port: str
    guard: Guard


class Enforcer:
    """For the ports of one namespace; routes are looked up there, or in ``lookups``, where nothing else is routed.
    Remembers what is in force, so that nothing is done twice."""

    def __init__(self, fabric: str, lookups: str = "") -> None:
        self._fabric, self._lookups = fabric, lookups or fabric
        self._now: list[Pair] = []
        self._known: dict[tuple[tuple[RouteEntry, ...], str, str], str] = {}

    def enforce(self, pairs: Sequence[Pair]) -> None:
        """Judge the frames of exactly these pairs from now on. VpcsharkError with the tool's own words."""
        wanted = sorted(set(pairs), key=lambda pair: (pair.port, pair.guard.source, pair.guard.start))
        if wanted == self._now:
            return
        if shutil.which("nft") is None:
            log.warning(
                "There is no nft (package nftables): routes, network ACLs and security groups are not enforced."
            )
            return
        reached = [self._reached(pair.guard) for pair in wanted]
        _run(["ip", "netns", "exec", self._fabric, "nft", "-f", "-"], script(wanted, reached))
        self._now = wanted

    def others(self, pairs: Sequence[Pair]) -> list[Pair]:
        """What is in force now for other sources and targets than those of ``pairs``."""
        named = {(pair.port, pair.guard.source) for pair in pairs}
        return [pair for pair in self._now if (pair.port, pair.guard.source) not in named]

    def _reached(self, guard: Guard) -> bool:
        """Do the routes lead into the target's VPC?"""
        key = (guard.routes, guard.start, guard.target)
        if key not in self._known:
            self._known[key] = self._walk(guard)
        return self._known[key] == guard.goal

    def _walk(self, guard: Guard) -> str:
        """The VPC that the kernel's look-ups end in, "" if none."""
        numbers = {name: _FIRST + index for index, name in enumerate(sorted({each.table for each in guard.routes}))}
        _run(["ip", "-n", self._lookups, "-force", "-batch", "-"], "\n".join(_cleared(numbers)) + "\n", is_strict=False)
        netns.ip_batch(_tables(guard.routes, numbers), self._lookups)
        at = guard.start
        for _ in range(_HOPS):
            matched = self._match(guard.target, numbers[at]) if at in numbers else ""
            at = next((r.via for r in guard.routes if (r.table, _canonical(r.destination)) == (at, matched)), "")
            if not at.startswith("tgw-rtb-"):
                return at
        return ""

    def _match(self, address: str, mark: int) -> str:
        """The destination of the kernel's longest match, "" if there is none."""
        command = ["ip", "-n", self._lookups, "-j", "route", "get", "fibmatch", address, "mark", str(mark)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            return ""
        destination = str(json.loads(found.stdout)[0]["dst"])
        return _canonical("0.0.0.0/0" if destination == "default" else destination)


def script(pairs: Sequence[Pair], reached: Sequence[bool]) -> str:
    """What nft(8) is told: the whole table anew, in one transaction."""
    lines = [f"add table netdev {_TABLE}", f"delete table netdev {_TABLE}", f"table netdev {_TABLE} {{"]
    for number, (pair, is_reached) in enumerate(zip(pairs, reached, strict=True)):
        lines += _chains(number, pair.guard, is_reached=is_reached)
    for port in sorted({pair.port for pair in pairs}):
        lines.append(f' chain {port} {{ type filter hook egress device "{port}" priority 0; policy accept;')
        for number, pair in enumerate(pairs):
            if pair.port == port:
                lines.append(f"  ip saddr {pair.guard.source} udp dport {VXLAN_PORT} jump pair{number}")
        lines.append(" }")
    return "\n".join([*lines, "}", ""])


def _chains(number: int, guard: Guard, *, is_reached: bool) -> list[str]:
    """One chain for each that has a say, in the order of the way; the last one joins them."""
    said = {"out": (guard.out, "daddr"), "into": (guard.into, "saddr"), "rules": (guard.rules, "saddr")}
    lines, jumps = [], []
    for name, (entries, side) in said.items():
        if entries is not None:
            lines += [f" chain {name}{number} {{", *_rules(entries, side), "  drop", " }"]
            jumps.append(f"  jump {name}{number}")
    body = jumps if is_reached else ["  drop"]
    return [*lines, f" chain pair{number} {{", *body, " }"]


def _rules(entries: Iterable[Entry], side: str) -> list[str]:
    return [f"  {condition(entry, side)} {'return' if entry.is_allow else 'drop'}" for entry in entries]


def condition(entry: Entry, side: str) -> str:
    """The packets that the entry is about, as nft(8) says it; ``side`` "saddr" or "daddr" is the far end."""
    family = "ip6" if ":" in entry.cidr else "ip"
    words = [f"{family} {side} {ip_network(entry.cidr, strict=False)}"]
    protocol = _PROTOCOLS.get(entry.protocol, entry.protocol)
    if protocol != "-1":
        words.append(f"meta l4proto {protocol}")
        if entry.ports is not None and protocol in ("udp", "tcp"):
            words.append(f"{protocol} dport {entry.ports[0]}-{entry.ports[1]}")
    return " ".join(words)


def _cleared(numbers: Mapping[str, int]) -> list[str]:
    return [
        command
        for number in numbers.values()
        for command in (f"rule del fwmark {number}", f"rule del fwmark {number}", f"route flush table {number}")
    ]


def _tables(routes: Iterable[RouteEntry], numbers: Mapping[str, int]) -> list[str]:
    """Every route to the loopback device: the kernel says which one fits, and what it leads to is known here."""
    commands = [f"route replace {_canonical(r.destination)} dev lo table {numbers[r.table]}" for r in routes]
    for number in numbers.values():
        commands.append(f"rule add fwmark {number} lookup {number} priority {_PRIORITY}")
        commands.append(f"rule add fwmark {number} unreachable priority {_PRIORITY + 1}")
    return commands


def _canonical(destination: str) -> str:
    return str(ip_network(destination, strict=False))


def _run(command: Sequence[str], text: str, *, is_strict: bool = True) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if is_strict and done.returncode != 0:
        raise VpcsharkError(f"The lab's rules could not be put in force: {done.stderr.strip()}.")
