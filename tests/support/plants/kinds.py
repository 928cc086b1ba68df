"""The registry of kinds: what is planted, what each point proves, and how tshark sees that it is there. Must not know
how anything is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HEALTHY = "healthy"
POINTS = ("client", "server")


@dataclass(frozen=True)
class Kind:
    """A kind of case. ``proves``: point ("client", "server" or "both") -> classes that its packets prove (none: nothing
    can be told there); "a|b" is either. ``admits``: point -> classes that are true besides, and no false alarm there.
    ``tells``: (tshark filter, frames at the client, at the server), each "=n", ">n" or "*" (any), which show that the
    fault is there. ``seconds``: about how long it takes at most; the longest begin first."""

    name: str
    fault: str
    make: Callable[[Any], str]
    proves: dict[str, tuple[str, ...]]
    admits: dict[str, tuple[str, ...]]
    tempting: str
    tells: tuple[tuple[str, str, str], ...]
    seconds: int


KINDS: dict[str, Kind] = {}
Maker = Callable[[Any], str]


def plant(
    fault: str,
    client: str,
    server: str,
    both: str | None = None,
    *,
    admits: str | dict[str, str] = "",
    tempting: str = "",
    tells: tuple[tuple[str, str, str], ...] = (),
    seconds: int = 10,
) -> Callable[[Maker], Maker]:
    """Register a kind, named as its function; classes are words. ``both``: if not given, what either proves."""
    either = " ".join(dict.fromkeys(f"{client} {server}".split())) if both is None else both
    told = {"client": client, "server": server, "both": either}
    besides = admits if isinstance(admits, dict) else dict.fromkeys(told, admits)

    def register(make: Maker) -> Maker:
        name = make.__name__
        proves = {point: tuple(_faults(words)) for point, words in told.items()}
        allowed = {point: tuple(besides.get(point, "").split()) for point in told}
        KINDS[name] = Kind(name, fault, make, proves, allowed, tempting, tells, seconds)
        return make

    return register


def _faults(words: str) -> list[str]:
    """What is healthy at one point and not at the other is not healthy."""
    found = words.split()
    return [word for word in found if word != HEALTHY] or found


def sound(
    tempting: str, *, admits: str | dict[str, str] = "", tells: tuple[tuple[str, str, str], ...] = ()
) -> Callable[[Maker], Maker]:
    """Register a kind where nothing is wrong. ``admits``: what may be told, as it is there, though it is no fault."""
    return plant(HEALTHY, HEALTHY, HEALTHY, admits=admits, tempting=tempting, tells=tells)
