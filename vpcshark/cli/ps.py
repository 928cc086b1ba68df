"""``vpcshark ps``: the captures that live, and those whose resources still stand. Must not know how captures run."""

from __future__ import annotations

import argparse
import time

from vpcshark.cleanup.overview import LIVE, Seen, as_json
from vpcshark.cli import console

_SHOWN = 5  # ids of one capture


def run(options: argparse.Namespace) -> int:
    """List them. Where AWS can't be asked, what the ledgers say is listed, and the reason goes to stderr."""
    from vpcshark.capture.services import captures
    from vpcshark.cli import account

    places = account.places(options)
    with console.working("Asking AWS for mirror sessions ...") as ask:
        seen, there, error = captures(places, ask)
    if options.json:
        console.write_json([as_json(one) for one in seen])
    else:
        _print(seen, time.time(), there, "No captures." if error is None else "No captures of this machine.")
    if error is not None:
        raise error
    return 0


def _print(seen: list[Seen], now: float, there: float, nothing: str = "No captures.") -> None:
    """``there``: the time by which leases run out. ``nothing`` is said where there are none."""
    out = console.out()
    if not seen:
        out.print(nothing)
        return
    table = console.table()
    for heading in ("CAPTURE", "STATE", "SOURCE", "OWNER", "AGE", "EXPIRES", "COST", "RESOURCES"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("AGE", "COST") else "left")
    for one in seen:
        table.add_row(*_row(one, now, there))
    out.print(table)
    for one in seen:
        if one.covered and one.state == LIVE:
            out.print(f"{one.capture}: {_covered(one.covered, now)}")
        for note in (*one.unproved, *one.notes[-1:]):
            out.print(f"{one.capture}: {note}")


def _row(one: Seen, now: float, there: float) -> list[str]:
    return [
        one.capture,
        one.state,
        _source(one),
        one.owner or "-",
        span(now - one.started) if one.started else "-",
        _until(one.expires - there) if one.expires else "-",
        f"${one.cost:.3f}",
        _held(one),
    ]


def _source(one: Seen) -> str:
    """Of several ENIs the number, where their ids would fill the screen (--json has them)."""
    several = len(one.sources)
    named = one.source if several <= _SHOWN or one.source not in ("", " ".join(one.sources)) else ""
    return " ".join(filter(None, (named, f"({several} ENIs)" if several > 1 else ""))) or "-"


def _held(one: Seen) -> str:
    ids = [resource for _, resource in one.resources]
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return " ".join(ids[:_SHOWN]) + more or "none"


def _covered(until: float, now: float) -> str:
    """A capture that is killed is cleaned up after by its janitor, which can ask nobody for an MFA code."""
    at = time.strftime("%H:%M", time.localtime(until))
    if until < now:
        return f"the sign-in of its janitor ended at {at}; were it killed now, somebody would have to sign in again."
    return f"its janitor can clean up until {at} (in {span(until - now)}), when the sign-in ends."


def _until(seconds: float) -> str:
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(-seconds)} ago"


def span(seconds: float) -> str:
    """``75`` -> ``1m15s``, ``7500`` -> ``2h05m``, ``200000`` -> ``2d07h``."""
    whole = max(0, int(seconds))
    for unit, size, next_unit, next_size in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // next_size:02d}{next_unit}"
    return f"{whole}s"
