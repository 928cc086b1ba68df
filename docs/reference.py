"""Writes the pages of docs/reference from the tables that the program itself uses. Run by `make docs`.

tests/test_docs.py fails where a page is not what this writes. Must not hold facts of its own about options.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from vpcshark import settings
from vpcshark.cli import parsing, statuses
from vpcshark.cli.commands import GROUPS as COMMAND_GROUPS
from vpcshark.cli.fields import FIELDS
from vpcshark.options.option import Kind, Option
from vpcshark.options.table import OPTIONS

FOLDER = Path(__file__).resolve().parent / "reference"
BY_SCRIPT = "<!-- Written by docs/reference.py: change the tables of the program instead. -->\n"


def pages() -> dict[str, str]:
    """File name -> text."""
    return {
        "commands.md": "".join(commands()),
        "options.md": "".join(options()),
        "config.md": "".join(config()),
        "exit-statuses.md": "".join(exit_statuses()),
        "json.md": "".join(json_fields()),
    }


def commands() -> Iterator[str]:
    """Every command with what it takes; the options of a capture have a page of their own."""
    yield f"{BY_SCRIPT}# Commands\n"
    parsers = subparsers(parsing.whole())
    for group, members in COMMAND_GROUPS.items():
        yield f"\n## {group[:1].upper()}{group[1:]}\n"
        for command, purpose in members.items():
            yield f"\n### vpcshark {command}\n\n{purpose[:1].upper()}{purpose[1:]}.\n\n"
            yield from arguments(parsers[command], f"vpcshark {command}")
            yield from below(parsers[command])


def below(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What stands below the options in the help of a command, and once what its own commands have there."""
    found = [each.epilog for each in (parser, *subparsers(parser).values()) if each.epilog]
    for text in dict.fromkeys(found):
        yield "\n```text\n" + text.strip() + "\n```\n"


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Command -> its parser."""
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: made for choices in found for name, made in choices.items() if made}


def arguments(parser: argparse.ArgumentParser, command: str) -> Iterator[str]:
    """A line for each, and for those of its own commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, made in action.choices.items():
                yield f"- `{command} {name}`: {made.description or made.prog}\n"
                yield from (f"    {line}" for line in arguments(made, f"{command} {name}"))
        elif action.help not in (None, argparse.SUPPRESS) and not is_elsewhere(action, command):
            yield f"- `{named(action)}`: {parser._get_formatter()._expand_help(action)}\n"


def is_elsewhere(action: argparse.Action, command: str) -> bool:
    """Is it help, or an option of a capture, which has its section in options.md?"""
    own = {f"--{option.name}" for option in OPTIONS} if command == "vpcshark capture" else set()
    return action.dest in ("help", "verbose") or not own.isdisjoint(action.option_strings)


def named(action: argparse.Action) -> str:
    """As in a usage line."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return value
    return ", ".join(action.option_strings) + (f" {value}" if action.nargs != 0 else "")


def exit_statuses() -> Iterator[str]:
    """Of all commands."""
    yield f"{BY_SCRIPT}# Exit statuses\n\n| status | meaning |\n| --- | --- |\n"
    for status, meaning in statuses.TABLE.items():
        yield f"| {status} | {meaning} |\n"


def json_fields() -> Iterator[str]:
    """Of each command with ``--json``."""
    yield f"{BY_SCRIPT}# JSON\n\n`--json` prints one JSON value on standard output"
    yield " (`flowlogs show` and `flowlogs read`: one on each line).\n`[]` means the items of an array.\n"
    for command, fields in FIELDS.items():
        yield f"\n## vpcshark {command} --json\n\n| field | meaning |\n| --- | --- |\n"
        yield from (f"| `{field}` | {meaning} |\n" for field, meaning in fields.items())


def options() -> Iterator[str]:
    """Every option with its values, default and other spellings."""
    yield f"{BY_SCRIPT}# Options\n\n"
    yield (
        "Each option is in Wireshark's dialog, on the command line of `vpcshark capture`, in tshark as\n"
        "`-o extcap.<eni with _>.<option without ->:<value>`, in the environment, and in the\n"
        "[config file](config.md) under `[defaults]`. The first of these that has a value wins: dialog,\n"
        "`-o` or command line; environment; config file.\n"
    )
    for group, members in groupby(OPTIONS, key=lambda option: option.group):
        yield f"\n## {group}\n"
        for option in members:
            yield from described(option)


def described(option: Option) -> Iterator[str]:
    """One option's section."""
    yield f"\n### {option.name}\n\n{option.tooltip}\n\n"
    yield f"- In the dialog: *{option.display}*\n- Command line: `{spelled(option)}`\n"
    yield f"- Environment: `{option.variable}`\n- Values: {values(option)}\n"
    if option.default:
        yield f"- Default: `{option.default}`\n"


def spelled(option: Option) -> str:
    """As on the command line."""
    if option.kind is Kind.BOOLEAN:
        return f"--{option.name}, --no-{option.name}"
    return f"--{option.name} VALUE"


def values(option: Option) -> str:
    """What is allowed, in words."""
    if option.kind is Kind.UNSIGNED:
        return f"{option.limits[0]} to {option.limits[1]}"
    if option.kind is Kind.BOOLEAN:
        return "`true` or `false`"
    if option.kind is Kind.FILE:
        return "a file"
    named = ", ".join(f"`{value}` ({text})" for value, text in option.choices)
    if option.meaning:
        return f"{option.meaning}{f'; {named}' if named else ''}"
    return named or "text"


def config() -> Iterator[str]:
    """The file as it begins, with every key."""
    yield f"{BY_SCRIPT}# Config file\n\n"
    yield (
        "`vpcshark config path` says where the file is, `vpcshark config edit` opens it, and\n"
        "`vpcshark config set SECTION.NAME VALUE` changes one line. A wrong line is an error that names it.\n\n"
        "Profile and region of every command: `--profile` and `--region`, else `VPCSHARK_PROFILE` and\n"
        "`VPCSHARK_REGION`, else this file, else what the AWS command line would use. Commands that list or clean\n"
        "up do so for all of `list.profiles` and `list.regions`.\n\n"
    )
    yield f"```ini\n{settings.EXAMPLE}```\n"


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
