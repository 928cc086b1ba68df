"""Writes the pages of docs/reference from the tables that the program itself uses. Run by `make docs`.

tests/test_docs.py fails where a page is not what this writes. Must not hold facts of its own about options.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from vpcshark import settings
from vpcshark.extcap.option import Kind, Option
from vpcshark.extcap.options import OPTIONS

FOLDER = Path(__file__).resolve().parent / "reference"
BY_SCRIPT = "<!-- Written by docs/reference.py: change the tables of the program instead. -->\n"


def pages() -> dict[str, str]:
    """File name -> text."""
    return {"options.md": "".join(options()), "config.md": "".join(config())}


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
    )
    yield f"```ini\n{settings.EXAMPLE}```\n"


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
