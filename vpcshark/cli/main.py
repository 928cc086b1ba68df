"""One command line: which command is meant, parsed by that one's parser.

What is imported at the top is all that ``vpcshark --help`` loads. Must not know what a command does.
"""

from __future__ import annotations

import os
import sys

from vpcshark.cli import parsing, statuses
from vpcshark.cli.commands import COMMANDS
from vpcshark.text import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; returns one of ``statuses.TABLE``."""
    if "_ARGCOMPLETE" in os.environ:
        from vpcshark.cli import completion

        return completion.answer(os.environ)
    given = sys.argv[1:] if arguments is None else arguments
    command = _command(given)
    parser = parsing.parser(command if command in COMMANDS else "")
    if said := _misplaced(given):
        parser.error(said)
    if command and command not in COMMANDS:
        parser.error(_unknown(command))
    options = parser.parse_args(given)
    if not options.command:
        parser.print_help()
        return statuses.UNUSABLE
    from vpcshark.cli import command as commands

    return commands.run(options)


def _command(given: Sequence[str]) -> str:
    """The first word that is no option, as all that may stand before the command are flags."""
    return next((word for word in given if not word.startswith("-")), "")


def _unknown(word: str) -> str:
    near = nearest(word, COMMANDS)
    return f'There is no command "{word}".' + (f" Did you mean {near}?" if near else "")


def _is_flag(word: str) -> bool:
    """May it stand before the command? Also shortened, as argparse lets it be."""
    if word.startswith("--"):
        return any(flag.startswith(word) for flag in ("--help", "--version", "--verbose"))
    return word.startswith("-") and set(word[1:]) <= set("hVv")


def _misplaced(given: Sequence[str]) -> str:
    """What is wrong with an option before the command, and how to say it; "" where there is none."""
    rest = list(given)
    while rest and _is_flag(rest[0]):
        rest.pop(0)
    if not rest or not rest[0].startswith("-"):
        return ""
    at = [n for n, word in enumerate(rest) if word in COMMANDS]
    if len(at) > 1 and rest[at[0] - 1].startswith("-"):  # --profile lab interfaces
        at.pop(0)
    if not at:
        return ""
    import shlex

    words = [rest[at[0]], *rest[at[0] + 1 :], *rest[: at[0]]]
    return f"Options stand behind the command: {shlex.join(['vpcshark', *words])}"
