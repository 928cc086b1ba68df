"""What stands between a source and its target, as the account says it, word for word: for the data plane to enforce.

Plain facts without a verdict: entries, rules and routes as they were written, prefix lists and references to groups
spelled out as blocks. Must not know moto, namespaces, nor what vpcshark makes of such facts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """An entry of a network ACL or a rule of a security group. ``protocol`` "-1" is all; ``ports`` None is all."""

    cidr: str
    protocol: str = "-1"
    ports: tuple[int, int] | None = None
    is_allow: bool = True


@dataclass(frozen=True)
class RouteEntry:
    """A route of a VPC's or a transit gateway's ``table``. ``via`` is the VPC or the table that it leads to, "" if it
    leads nowhere that has our instances: a blackhole, the Internet."""

    table: str
    destination: str
    via: str


@dataclass(frozen=True)
class Guard:
    """All that decides for one pair. ``out`` and ``into`` are the network ACLs' entries in their order, None inside one
    subnet, where none is in the way; ``rules`` the target's security groups'. ``start`` is the source's route table,
    ``goal`` the target's VPC."""

    source: str
    target: str
    out: tuple[Entry, ...] | None
    into: tuple[Entry, ...] | None
    rules: tuple[Entry, ...]
    routes: tuple[RouteEntry, ...]
    start: str
    goal: str
