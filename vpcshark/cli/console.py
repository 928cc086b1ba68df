"""How commands talk to a person: progress on stderr, results on stdout; rich does both. Knows no command."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.rule import Rule


def err() -> Console:
    """For progress and remarks: stderr, so that stdout stays a result."""
    return Console(stderr=True, highlight=False)


def out() -> Console:
    """For results. Not folded where nobody looks, so that scripts get whole lines."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=1000)


def heading(console: Console, text: str) -> None:
    """A title across the page, also where ``out`` has lines without an end."""
    console.print(Rule(text), width=min(console.width, 100))


class ConsoleStatus:
    """A capture's status as lines on stderr: each says what is done now."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """One line for now."""
        self._console.print(text, style="dim", markup=False)

    def log(self, line: str) -> None:
        """Details are for the log file."""
