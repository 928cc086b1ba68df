"""The one process of an instance: serves and talks as its roles say. ``python -m vpcshark.lab.vpc.traffic``

Line 1 on stdin is its ``Part`` as JSON; it answers "ready" on stdout when its services are bound. Line 2 on stdin (any)
starts the talking; it answers "flowing" after one whole cycle. The end of stdin ends it, so it can't outlive its lab.
Must not know namespaces: it is started inside one.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, TextIO

from vpcshark.lab.model import LabInstance, LabWorld
from vpcshark.lab.vpc import services
from vpcshark.lab.vpc.talk import Peer, Talker

_SERVING = {"http", "dns"}
_TALK = "talk:"


@dataclass(frozen=True)
class Part:
    """What one process does at its ``addresses``; ``names``: what DNS answers, as in ``dns.answer``."""

    name: str
    resolver: str
    addresses: list[str]
    has_http: bool = False
    has_echo: bool = False
    has_dns: bool = False
    names: dict[str, list[str]] = field(default_factory=dict)
    peers: tuple[Peer, ...] = ()


def part_of(instance: LabInstance, world: LabWorld) -> Part | None:
    """The part of an instance; None if its roles ask for no process."""
    if not _has_process(instance):
        return None
    peers = tuple(peer for role in instance.roles if role.startswith(_TALK) for peer in _peers(role, world))
    return Part(
        name=instance.name,
        resolver=world.resolver,
        addresses=_addresses(instance),
        has_http="http" in instance.roles,
        has_echo=True,
        has_dns="dns" in instance.roles,
        names=names_of(world),
        peers=peers,
    )


def resolver_part(world: LabWorld) -> Part:
    """The part of the VPC's own resolver."""
    return Part("resolver", world.resolver, [world.resolver], has_dns=True, names=names_of(world))


def names_of(world: LabWorld) -> dict[str, list[str]]:
    """Lower-case instance name -> its addresses."""
    return {instance.name.lower(): _addresses(instance) for instance in world.instances}


def _addresses(instance: LabInstance) -> list[str]:
    return [address for eni in instance.enis for address in (eni.ipv4, eni.ipv6) if address]


def _has_process(instance: LabInstance) -> bool:
    is_asked_for = any(role in _SERVING or role.startswith(_TALK) for role in instance.roles)
    return is_asked_for and "host" not in instance.roles


def _peers(role: str, world: LabWorld) -> list[Peer]:
    wanted = role[len(_TALK) :]
    return [_peer(instance) for instance in world.instances if instance.name == wanted and instance.enis]


def _peer(instance: LabInstance) -> Peer:
    eni = min(instance.enis, key=lambda eni: eni.device_index)
    has_process = _has_process(instance)
    ipv6 = "" if "host" in instance.roles else eni.ipv6
    offers = ("http" in instance.roles and has_process, "dns" in instance.roles and has_process, has_process)
    return Peer(instance.name, eni.ipv4, ipv6, *offers)


def read_part(fields: dict[str, Any]) -> Part:
    """A part from its JSON object (``dataclasses.asdict``)."""
    peers = tuple(Peer(**peer) for peer in fields.pop("peers"))
    return Part(**fields, peers=peers)


def serve(part: Part) -> None:
    """Start the part's services; returns when they are bound."""
    if part.has_http:
        services.serve_http()
    if part.has_echo:
        services.serve_echo(part.addresses)
    if part.has_dns:
        services.serve_dns(part.addresses, part.names)


def run(stdin: TextIO, out: TextIO) -> None:
    """Play a part until stdin ends."""
    part = read_part(json.loads(stdin.readline()))
    serve(part)
    _say(out, "ready")
    if not stdin.readline():
        return
    stopped = threading.Event()
    talkers = [Talker(part.name, peer, part.resolver) for peer in part.peers]
    for talker in talkers:
        talker.cycle()
    _say(out, "flowing")
    threads = [threading.Thread(target=talker.talk, args=(stopped,)) for talker in talkers]
    for thread in threads:
        thread.start()
    stdin.read()
    stopped.set()


def _say(out: TextIO, word: str) -> None:
    out.write(word + "\n")
    out.flush()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(message)s")
    run(sys.stdin, sys.stdout)
