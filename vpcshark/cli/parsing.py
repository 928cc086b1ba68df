"""argparse as our commands use it: errors in two lines, the same options of all, one parser for one command.

Imports argparse alone until a command is asked for. Must not know what a command takes or does.
"""

from __future__ import annotations

import argparse
import importlib
import textwrap
from typing import Any, NoReturn

from vpcshark import __version__
from vpcshark.cli import statuses
from vpcshark.cli.commands import COMMANDS, GROUPS, module
from vpcshark.text import line, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES = """\
first steps:
  vpcshark install                 put the ENIs into Wireshark's interface list
  vpcshark interfaces              what there is to capture from
  vpcshark capture web-1           capture without Wireshark, by name or id
  vpcshark demo                    try it without an AWS account

Every option of "vpcshark capture" is in Wireshark's capture options dialog too, and as
tshark -o extcap.eni_0a1b2c.vni:77, and in the environment as VPCSHARK_VNI=77.
"""
_WIDTH = 98


class Parser(argparse.ArgumentParser):
    """Every parser takes ``-v``; an error is what is wrong and where to read on, in place of all options there are."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.add_argument(
            "-v",
            "--verbose",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show on stderr what is logged, with details",
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; what nobody knows is told by the command that it was given to, which knows what is near."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.innermost(options).refuse(unknown)
        return options

    def innermost(self, options: argparse.Namespace) -> Parser:
        """The parser of the command, or action of it, that was chosen."""
        for action in self._actions:
            if isinstance(action.choices, dict):
                inner = action.choices.get(getattr(options, action.dest, ""))
                return inner.innermost(options) if isinstance(inner, Parser) else self
        return self

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """An error that says which of its own options may have been meant."""
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        words = [word.partition("=")[0] for word in unknown if word.startswith("--")]
        near = next(filter(None, (nearest(word, flags) for word in words)), "")
        hint = f". Did you mean {near}?" if near else ""
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")

    def error(self, message: str) -> NoReturn:
        """Status 2."""
        said = line(message)
        end = "" if said.endswith((".", "?")) else "."
        self.exit(statuses.UNUSABLE, f"{self.prog}: {said}{end}\nSee: {self.prog} --help\n")


def parser(command: str = "") -> Parser:
    """The parser of ``command`` alone, so that no other one is loaded; "": of none, with the help that lists all."""
    made, commands = _outermost()
    if command:
        _declare(commands, command)
    return made


def whole() -> Parser:
    """The parser of all commands, for the man page."""
    made, commands = _outermost(is_whole=True)
    for command in COMMANDS:
        _declare(commands, command)
    return made


def _outermost(*, is_whole: bool = False) -> tuple[Parser, Any]:
    made = Parser(
        prog="vpcshark",
        usage="vpcshark [-h] [-V] [-v] COMMAND ...",
        description="See the packets of an AWS network interface (ENI) in Wireshark; leave nothing behind.",
        epilog=None if is_whole else f"{listing()}\n{EXAMPLES}\n{exit_statuses()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("-V", "--version", action="version", version=f"vpcshark {__version__}", help="say which version")
    more: dict[str, Any] = {} if is_whole else {"help": argparse.SUPPRESS}  # help lists the commands in their groups
    return made, made.add_subparsers(prog="vpcshark", dest="command", metavar="COMMAND", **more)


def _declare(commands: Any, command: str) -> None:
    importlib.import_module(f"vpcshark.cli.arguments.{module(command)}").add(commands, command)


def listing() -> str:
    """All commands in their groups, as help shows them."""
    width = max(map(len, COMMANDS))
    lines = []
    for group, commands in GROUPS.items():
        lines += [f"{group}:", *(f"  {name:{width}}  {purpose}" for name, purpose in commands.items()), ""]
    return "\n".join([*lines, '"vpcshark COMMAND --help" says what a command takes.', ""])


def exit_statuses() -> str:
    """The table of exit statuses, as help shows it."""
    lines = ["exit status:"]
    for status, meaning in statuses.TABLE.items():
        lines += textwrap.wrap(meaning, _WIDTH, initial_indent=f"  {status:<5}", subsequent_indent=" " * 7)
    return "\n".join(lines) + "\n"
