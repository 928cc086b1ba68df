"""The registry of kinds: what is planted, what each point proves, and how tshark sees that it is there. Must not know
how anything is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HEALTHY = "healthy"
POINTS = ("client", "server")
CALM = frozenset(
    [
        "healthy",
        "slow-server",
        "slow-network",
        "slow-client",
        "shaper",
        "mss-clamp-one-way",
        "one-direction",
        "refused",
        "reset-by-peer",
        "http-502",
        "http-504",
        "dns-servfail",
        "dns-nxdomain",
        "marks-changed",
        "capture-lost-packets",
        "capture-duplicated",
        "tls-alert",
        "tls-expired",
        "tls-version",
        "tls-cipher",
        "tls-name",
        "tls-no-server-hello",
        "tls-plaintext",
    ]
)
"""Classes where no TCP segment is to be sent again, also if the machine is busy."""


Maker = Callable[[Any], str]
Sign = tuple[str, str, str]


@dataclass(frozen=True)
class Kind:
    """A kind of case. ``proves``: point ("client", "server" or "both") -> classes that its packets prove (none: nothing
    can be told there); "a|b" is either. ``admits``: point -> classes that are true besides, and no false alarm there.
    ``signs``: (tshark filter, frames at the client, at the server), each "=n", ">n" or "*" (any), which show that the
    fault is there. ``seconds``: about how long it takes at most; the longest begin first."""

    name: str
    fault: str
    make: Maker
    proves: dict[str, tuple[str, ...]]
    admits: dict[str, tuple[str, ...]]
    tempting: str
    signs: tuple[Sign, ...]
    seconds: int


KINDS: dict[str, Kind] = {}


def seen(*signs: Sign) -> Callable[[Maker], Maker]:
    """What tshark sees of it: ``Kind.signs``."""

    def note(make: Maker) -> Maker:
        make.signs = signs  # type: ignore[attr-defined]
        return make

    return note


def takes(seconds: int) -> Callable[[Maker], Maker]:
    """How long it takes."""

    def note(make: Maker) -> Maker:
        make.seconds = seconds  # type: ignore[attr-defined]
        return make

    return note


def plant(
    fault: str,
    client: str,
    server: str,
    both: str | None = None,
    *,
    admits: str | dict[str, str] = "",
    tempting: str = "",
) -> Callable[[Maker], Maker]:
    """Register a kind, named as its function; classes are words. ``both``: if not given, what either proves."""
    either = " ".join(dict.fromkeys(f"{client} {server}".split())) if both is None else both
    told = {"client": client, "server": server, "both": either}
    besides = admits if isinstance(admits, dict) else dict.fromkeys(told, admits)

    def register(make: Maker) -> Maker:
        name = make.__name__
        proves = {point: tuple(_faults(words)) for point, words in told.items()}
        allowed = {point: tuple(besides.get(point, "").split()) for point in told}
        signs, seconds = getattr(make, "signs", ()), getattr(make, "seconds", 10)
        KINDS[name] = Kind(name, fault, make, proves, allowed, tempting, signs, seconds)
        return make

    return register


def _faults(words: str) -> list[str]:
    """What is healthy at one point and not at the other is not healthy."""
    found = words.split()
    return [word for word in found if word != HEALTHY] or found


def sound(tempting: str, *, admits: str | dict[str, str] = "") -> Callable[[Maker], Maker]:
    """Register a kind where nothing is wrong. ``admits``: what may be told, as it is there, though it is no fault."""
    return plant(HEALTHY, HEALTHY, HEALTHY, admits=admits, tempting=tempting)
