"""``vpcshark completion SHELL``, and the answers when the shell's Tab asks: commands, options, ENIs.

argcomplete asks the parser of the one command that stands on the line. ENIs come from the prepared answers, never from
AWS: a Tab must be answered at once. Must not know what a command does.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping

import argcomplete
from argcomplete.shell_integration import shellcode

from vpcshark import context
from vpcshark.cli import parsing, statuses
from vpcshark.cli.commands import COMMANDS
from vpcshark.extcap.prepared import reader
from vpcshark.text import line

_ENTRY = re.compile(r"^interface \{value=([^{}]*)\}\{display=([^{}]*)\}$", re.MULTILINE)


def run(options: argparse.Namespace) -> int:
    """Print the script for a shell."""
    sys.stdout.write(shellcode(["vpcshark"], shell=options.shell) + "\n")
    return statuses.OK


def answer(environ: Mapping[str, str]) -> int:
    """Answer the shell, and end the process as argcomplete has it."""
    words = environ.get("COMP_LINE", "").split()
    command = next((word for word in words[1:] if not word.startswith("-")), "")
    if command in COMMANDS and not environ.get("COMP_LINE", "").endswith(command):
        argcomplete.autocomplete(parsing.parser(command))
    argcomplete.autocomplete(_choosing())
    return statuses.FAILED  # not reached, where the shell asked as it should


def _choosing() -> argparse.ArgumentParser:
    """A parser that knows the commands by name alone."""
    parser = argparse.ArgumentParser(prog="vpcshark")
    parser.add_argument("-V", "--version", action="store_true", help="say which version this is")
    parser.add_argument("-v", "--verbose", action="store_true", help="show on stderr what is logged")
    commands = parser.add_subparsers()
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose)
    return parser


def enis(environ: Mapping[str, str]) -> dict[str, str]:
    """What the last list had: id -> what a person recognises, and a name -> the same where one ENI alone has it."""
    place = reader.slot(context.folder(environ), environ)
    listed = _ENTRY.findall(reader.read(place, reader.INTERFACES) or "")
    found = {value: line(display) for value, display in listed if not _is_other(value)}
    names = [display.split(" · ")[0] for display in found.values()]
    single = {
        name: display
        for name, display in zip(names, found.values(), strict=True)
        if names.count(name) == 1 and re.fullmatch(r"[\w.+@-]+", name)
    }
    return {**single, **found}


def _is_other(value: str) -> bool:
    return value == reader.CHOOSE or value.startswith(reader.PROBLEM)
