"""One command line: which command is meant, parsed by that one's parser.

What is imported at the top is all that ``vpcshark --help`` loads. Must not know what a command does.
"""

from __future__ import annotations

import os
import sys

from vpcshark.cli import parsing, statuses
from vpcshark.cli.commands import COMMANDS

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
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    return f'There is no command "{word}".' + (f" Did you mean {near[0]}?" if near else "")
