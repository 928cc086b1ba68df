"""The options on a command line that a person types, through argparse, from the table. Must not know the dialog."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence

from vpcshark.options.option import Kind, Option
from vpcshark.options.table import BY_NAME, OPTIONS


def add_arguments(parser: argparse.ArgumentParser, tabs: Collection[str] = ()) -> None:
    """Give ``parser`` every option under the dialog's names, one argument group per tab; those of ``tabs`` alone, if
    any are named. Parse ``normalise(argv)``."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in OPTIONS:
        if tabs and option.group not in tabs:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        _add(groups[option.group], option)


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    flag, field = f"--{option.name}", option.field
    if option.kind is Kind.BOOLEAN:
        group.add_argument(flag, dest=field, action="store_const", const="true", help=_help(option))
        opposite = f"--no-{option.name}"
        group.add_argument(opposite, dest=field, action="store_const", const="false", help=argparse.SUPPRESS)
    else:
        action = group.add_argument(flag, dest=field, metavar=_metavar(option), help=_help(option))
        if option.choices:
            values = [value for value, _ in option.choices]
            action.completer = lambda **_: values  # type: ignore[attr-defined]  # argcomplete's, for a shell's Tab


def _metavar(option: Option) -> str:
    if option.kind is Kind.SELECTOR:
        return "|".join(value for value, _ in option.choices) + ("|ID" if option.reload else "")
    return {Kind.UNSIGNED: "N", Kind.FILE: "FILE"}.get(option.kind, "TEXT")


def _help(option: Option) -> str:
    facts = [f"{option.limits[0]} to {option.limits[1]}"] if option.kind is Kind.UNSIGNED else []
    facts += [f"default {option.default}"] if option.default else []
    facts += [f"--no-{option.name} for the opposite"] if option.kind is Kind.BOOLEAN else []
    text = f"{option.tooltip} [{'; '.join([*facts, '$' + option.variable])}]"
    return text.replace("%", "%%")


def normalise(argv: Sequence[str]) -> list[str]:
    """``argv`` with Wireshark's ``--dns true`` and ``--dns=false`` said as ``--dns`` and ``--no-dns``, for argparse."""
    words = list(argv)
    plain: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            return [*plain, word, *words]
        name, equals, text = word[2:].partition("=")
        option = BY_NAME.get(name) if word.startswith("--") else None
        if option is None or option.kind is not Kind.BOOLEAN:
            plain.append(word)
            continue
        if not equals and words and words[0].lower() in ("true", "false"):
            text = words.pop(0)
        plain.append(f"--{name}" if option.convert(text or "true", f"--{name}") else f"--no-{name}")
    return plain


def given(namespace: argparse.Namespace, tabs: Collection[str] = ()) -> dict[str, str]:
    """What was given on a command line that ``add_arguments`` described with these ``tabs``, for ``resolve``."""
    asked = [option for option in OPTIONS if not tabs or option.group in tabs]
    found = {option.name: getattr(namespace, option.field, None) for option in asked}
    return {name: text for name, text in found.items() if text is not None}
