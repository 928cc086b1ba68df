"""What a host says line by line: bounded lines in linear time, and a receiver's events with their types.

The host is another machine, perhaps anybody's: it must cost us neither memory nor time without end, nor be believed to
send what it should. What does not fit is a ``ValueError`` here; whoever reads makes it an error that names the host.
Pure but for the clock. Must not know channels, nor what becomes of an event.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vpcshark.clock import Clock

MOST_LINE = 1 << 20
"""Bytes. The longest event is a tally with thousands of VNIs."""
MOST_NUMBER = 1 << 62
MOST_LINES, LINES_A_SECOND = 2000, 20
"""So many lines at once, and so many a second: events come every two seconds, and start-up files of a login shell may
print hundreds of lines, but not for ever."""


class Lines:
    """Whole lines from bytes that come in pieces of any size. ``skips``: a line that is too long is left out."""

    def __init__(self, most: int = MOST_LINE, *, skips: bool = False) -> None:
        self._most = most
        self._skips = skips
        self._begun = bytearray()
        self._is_skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` ends, without their ends. ``ValueError`` at one that is too long."""
        first, *others = data.split(b"\n")
        self._add(first)
        if not others:
            return []
        *whole, rest = others
        lines = [] if self._is_skipping else [bytes(self._begun)]
        lines += [line for line in whole if self._fits(len(line))]
        self._begun.clear()
        self._is_skipping = False
        self._add(rest)
        return lines

    def rest(self) -> bytes:
        """What no line feed has ended."""
        return bytes(self._begun)

    def clear(self) -> None:
        """Forget it: the next byte begins a line."""
        self._begun.clear()
        self._is_skipping = False

    def _add(self, data: bytes) -> None:
        if self._fits(len(self._begun) + len(data)) and not self._is_skipping:
            self._begun += data
        else:
            self._begun.clear()
            self._is_skipping = True

    def _fits(self, size: int) -> bool:
        if size > self._most and not self._skips:
            raise ValueError(f"a line of more than {self._most:,} bytes")
        return size <= self._most


class Pace:
    """How many lines may come: a burst, and a rate for ever."""

    def __init__(self, clock: Clock, burst: int = MOST_LINES, rate: float = LINES_A_SECOND) -> None:
        self._clock = clock
        self._burst, self._rate = burst, rate
        self._begun = clock.monotonic()
        self._count = 0

    def count(self, lines: int = 1) -> None:
        """``ValueError`` at those that are too many."""
        self._count += lines
        if self._count > self._burst + self._rate * max(0.0, self._clock.monotonic() - self._begun):
            raise ValueError(f"{self._count:,} lines, where some in a second would do")


class Event(NamedTuple):
    """One event of ``receiver.program``: its kind, and those of its facts that are known, each of its type."""

    kind: str
    facts: Mapping[str, Any]


def decode(line: bytes) -> Event | None:
    """The event in a line; None for a line that is none. ``ValueError`` for an event whose facts are of wrong types."""
    try:
        said = json.loads(line.decode(), parse_int=_int, parse_float=_float, parse_constant=_refuse)
    except (ValueError, RecursionError):  # a shell's words, or a line that is torn
        return None
    kind = said.get("event") if isinstance(said, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    known = _KINDS[kind]
    return Event(kind, {name: _checked(kind, name, known[name], said[name]) for name in known if name in said})


def _checked(kind: str, name: str, fits: Callable[[Any], bool], value: Any) -> Any:
    if not fits(value):
        raise ValueError(f'an event "{kind}" whose "{name}" cannot be that')
    return value


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_NUMBER  # True is an int as well


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1e9


def _is_by_vni(value: Any) -> bool:
    return isinstance(value, dict) and all(
        len(vni) <= 8 and vni.isascii() and vni.isdecimal() and _is_count(count) for vni, count in value.items()
    )


_COUNTS = {"received": _is_count, "other": _is_count, "foreign": _is_by_vni}
_KINDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "ready": {"mode": _is_text, "time": _is_count, "python": _is_text, "pid": _is_count, "born": _is_count},
    "stats": {**_COUNTS, "dropped": _is_count},
    "tally": {**_COUNTS, "seconds": _is_seconds, "own": _is_count, "refused": _is_count},
    "pong": {"ping": _is_count, "time": _is_count},
    "error": {"problem": _is_text, "remedy": _is_text},
}


def _int(digits: str) -> int | None:
    """None, which fits nowhere, instead of a number whose making would take time by the square of its length."""
    return int(digits) if len(digits) <= 20 else None


def _float(digits: str) -> float | None:
    return float(digits) if len(digits) <= 400 else None


def _refuse(name: str) -> None:
    """NaN and Infinity are no JSON; None fits nowhere."""
