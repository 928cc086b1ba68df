"""``vpcshark ps``: a row is readable however many ENIs a capture has."""

from __future__ import annotations

import pytest

from vpcshark.cleanup.overview import Seen
from vpcshark.cli import ps


def seen(source: str, count: int) -> Seen:
    """A capture of so many ENIs."""
    sources = tuple(f"eni-{n}" for n in range(count))
    return Seen("c-1", "me", "live", source, tuple(("session", f"tms-{n}") for n in range(count)), sources=sources)


@pytest.mark.parametrize(
    ("one", "source", "held"),
    [
        (seen("eni-0", 1), "eni-0", "tms-0"),
        (seen("", 0), "-", "none"),
        (seen("web", 50), "web (50 ENIs)", "tms-0 tms-1 tms-2 tms-3 tms-4 and 45 more"),
        (seen("eni-0 eni-1", 2), "eni-0 eni-1 (2 ENIs)", "tms-0 tms-1"),
        (seen(" ".join(f"eni-{n}" for n in range(50)), 50), "(50 ENIs)", "tms-0 tms-1 tms-2 tms-3 tms-4 and 45 more"),
    ],
)
def test_many_ids_are_counted(one: Seen, source: str, held: str):
    """``--json`` has them all."""
    row = ps._row(one, 0.0, 0.0)
    assert (row[2], row[-1]) == (source, held)


def test_it_says_until_when_the_janitor_can_clean_up(capsys):
    """Of a living capture whose sign-in ends."""
    ps._print([Seen("c-1", "me", "live", covered=1900.0), Seen("c-2", "me", "dead", covered=1900.0)], 100.0, 100.0)
    lines = [line for line in capsys.readouterr().out.splitlines() if "janitor" in line]
    assert len(lines) == 1
    assert lines[0].startswith("c-1: its janitor can clean up until ")
    assert "(in 30m00s)" in lines[0]
