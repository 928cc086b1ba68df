"""How commands talk to a person: progress on stderr, results on stdout; rich does both. Knows no command."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.rule import Rule


def err() -> Console:
    """For progress and remarks: stderr, so that stdout stays a result."""
    return Console(stderr=True, highlight=False)


def out() -> Console:
    """For results. Not folded where nobody looks, so that scripts get whole lines."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=1000)


@contextmanager
def working(text: str) -> Iterator[Callable[[str], str] | None]:
    """A sign of life on stderr while something is done. Yields how to ask the person at the terminal (for an MFA code)
    meanwhile; None where nobody is there."""
    with err().status(text) as status:

        def asked(question: str) -> str:
            status.stop()
            try:
                return ask(question)
            finally:
                status.start()

        yield asked if has_person() else None


def has_person() -> bool:
    """Is somebody at a terminal, who sees what is asked and can answer?"""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """What the person types, which is not shown."""
    return getpass.getpass(question)


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
