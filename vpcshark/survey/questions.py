"""A user's words for a walk, made into a question: ends, protocol, ports. Resolves names; asks nothing else.

Must not know how a walk is made, nor shown.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from vpcshark.errors import InputError
from vpcshark.network import answer, ends
from vpcshark.network.answer import Answer, Asked
from vpcshark.network.decision import Unclear
from vpcshark.network.known import Known
from vpcshark.network.packet import ANY, ICMP, ICMP6, TCP, UDP, Ports, number
from vpcshark.network.trail import INTERNET, End

_WITH_PORT = re.compile(
    r"^\[(?P<v6>[0-9a-fA-F:.]+)\](?::(?P<port6>\d+))?$|^(?P<rest>[^:]+|lb:[^:]+|arn:.+):(?P<port>\d+)$"
)
_HOST = re.compile(r"^(?=.*[A-Za-z])[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\.?$")
Resolver = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Wanted:
    """A walk in the user's words. ``port`` and ``source_port`` None: not given."""

    source: str
    target: str
    port: Ports | None = None
    protocol: str = ""
    source_port: Ports | None = None
    wants_return: bool = True
    is_v6: bool = False
    vpc: str = ""


def split(text: str) -> tuple[str, Ports | None]:
    """``db-1:5432`` -> ("db-1", (5432, 5432)); an IPv6 address with a port stands in brackets. InputError."""
    found = _WITH_PORT.match(text)
    if found is None:
        return text.strip("[]") if text.startswith("[") else text, None
    port = found["port6"] or found["port"]
    return found["v6"] or found["rest"], ports(port) if port else None


def ports(text: str) -> Ports:
    """ "80" or "1024-65535". InputError for what is no port."""
    low, _, high = text.partition("-")
    if not (low.isdigit() and (high or low).isdigit() and 0 <= int(low) <= int(high or low) <= 65535):
        raise InputError(f'"{text}" is no port.', "A port is a number from 0 to 65535, or a range as in 1024-65535.")
    return int(low), int(high or low)


def protocol(text: str, port: Ports | None) -> str:
    """The number of a protocol; TCP if only a port is given, any packet without. InputError."""
    if not text:
        return TCP if port else ANY
    found = number(text)
    if found != ANY and not (found.isdigit() and int(found) <= 255):
        raise InputError(f'"{text}" is no protocol.', "Say tcp, udp, icmp, any, or a number from 0 to 255.")
    if port and found not in (TCP, UDP):
        raise InputError(f"{text} has no ports.", "Leave the port out, or say --protocol tcp or udp.")
    return found


def resolved(text: str, is_v6: bool = False, resolve: Resolver | None = None) -> list[str]:
    """The addresses of a DNS name as this machine sees it; what is none is itself. InputError if nobody knows it."""
    if not _HOST.match(text):
        return [text]
    try:
        return [*dict.fromkeys((resolve or partial(_addresses, is_v6))(text))]
    except OSError as exc:
        raise InputError(
            f"This machine can't resolve {text}: {exc.strerror or exc}.",
            "Give its address: names may mean something else inside of a VPC.",
        ) from exc


def _addresses(is_v6: bool, name: str) -> list[str]:
    rows = socket.getaddrinfo(name, None, socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM)
    return [str(row[4][0]) for row in rows]


def attempt(known: Known, wanted: Wanted, sources: Sequence[str], targets: Sequence[str]) -> Answer:
    """One walk with what is known: both ends are looked for before the first that is missing is told. Raises Mistake,
    Unclear."""
    source, goals = _ends(known, wanted, sources[0], targets)
    if source.kind == INTERNET:  # then an address that nobody here has is no end
        goals = [replace(each, kind=ends.NOWHERE) if each.kind == INTERNET else each for each in goals]
        if not goals[0].interface and not goals[0].address:
            raise InputError("Both ends are in the internet.", "One end of a walk is in a VPC.")
    found = answer.together([answer.answer(known, asked(source, each, wanted)) for each in goals])
    return replace(found, notes=tuple(_names_resolved((wanted.source, sources), (wanted.target, targets))))


def asked(source: End, target: End, wanted: Wanted) -> Asked:
    """One question between two ends that are found. InputError for a protocol that is none."""
    kind = protocol(wanted.protocol, wanted.port)
    kind = ICMP if kind == ICMP6 else kind
    return Asked(source, target, kind, wanted.port, wanted.source_port, wanted.wants_return, wanted.is_v6)


def _ends(known: Known, wanted: Wanted, source: str, targets: Sequence[str]) -> tuple[End, list[End]]:
    """Where it begins and where it may end, each by the word that the user gave. Raises Mistake, Unclear."""
    looks = [partial(_first, known, source, wanted.vpc)]
    looks += [partial(ends.find, known, each, wanted.vpc) for each in targets]
    found: list[list[End]] = []
    doubts: list[Unclear] = []
    for look in looks:
        try:
            found.append(look())
        except Unclear as doubt:
            doubts.append(doubt)
    if doubts:
        raise doubts[0]
    goals = [replace(end, text=wanted.target) for each in found[1:] for end in each]
    return replace(found[0][0], text=wanted.source), goals


def _first(known: Known, text: str, vpc: str) -> list[End]:
    return [ends.source(known, text, vpc)]


def _names_resolved(*ends_of: tuple[str, Sequence[str]]) -> Iterator[str]:
    """Of each DNS name, whose word its addresses are: a VPC's own resolver may say others."""
    for name, addresses in ends_of:
        if [name] != [*addresses]:
            yield (
                f"{name} is {', '.join(addresses)} to this machine's resolver; inside a VPC the name may mean another "
                "address."
            )
