"""How commands talk to a person: progress on stderr, results on stdout; rich does both. Knows no command.

The one place that hands out a console, a table or JSON of results, so that no text reaches a terminal without
``vpcshark.text``. rich (0.1 s) is loaded by whoever says something with it.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vpcshark import text as texts
from vpcshark.capture.contract.status import Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def err() -> Console:
    """For progress and remarks: stderr, so that stdout stays a result."""
    from vpcshark.cli.terminal import CleanConsole

    return CleanConsole(stderr=True)


def out() -> Console:
    """For results. Not folded where nobody looks, so that scripts get whole lines."""
    from vpcshark.cli.terminal import CleanConsole

    return CleanConsole() if sys.stdout.isatty() else CleanConsole(width=1000)


def table() -> Table:
    """An empty table of results."""
    from vpcshark.cli.terminal import Rows

    return Rows(box=None, pad_edge=False, header_style="bold")


def styled(text: str, style: str = "") -> Text:
    """A line, or a cell, in a style."""
    from rich.text import Text

    return Text(texts.line(text), style)


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
    return getpass.getpass(texts.line(question))


def heading(console: Console, text: str) -> None:
    """A title across the page, also where ``out`` has lines without an end."""
    from rich.rule import Rule

    console.print(Rule(styled(text)), width=min(console.width, 100))


def write_json(value: object) -> None:
    r"""``value`` on stdout, in full and the same to every reader of JSON; what a terminal must not get is ``\u…``."""
    sys.stdout.write(_escaped(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def write_json_line(value: object) -> None:
    """The same on one line: one of many results, as they come."""
    sys.stdout.write(_escaped(json.dumps(value, ensure_ascii=False)) + "\n")


def write_line(text: str) -> None:
    """One of many results as text. A table would hold them all."""
    sys.stdout.write(texts.line(text) + "\n")


def _escaped(said: str) -> str:
    if said.isascii() and said.isprintable():
        return said
    return "".join(c if c == "\n" or texts.is_shown(c) else json.dumps(c)[1:-1] for c in said)


class ConsoleStatus(Status):
    """A capture's status as lines on stderr: each says what is done now."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """One line for now."""
        self._console.print(text, style="dim", soft_wrap=True)  # where a line is folded, its rest looks like another

    def log(self, line: str) -> None:
        """Details are for the log file."""
