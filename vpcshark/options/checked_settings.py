"""The user's settings with every option in them checked against the table: what is wrong is told with file and line.

Must not know what the options do, nor who asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark import settings
from vpcshark.capture.contract.selection import Selection, of_named
from vpcshark.errors import InputError
from vpcshark.options.table import BY_NAME
from vpcshark.settings import Settings
from vpcshark.text import nearest


def load() -> Settings:
    """The user's. InputError."""
    return checked(settings.load())


def checked(known: Settings) -> Settings:
    """The same settings. InputError for an option that there is not, or a value that does not fit."""
    _check(known, "defaults", known.defaults)
    for capture in known.captures.values():
        _check(known, capture.section, capture.options)
    return known


def _check(known: Settings, section: str, values: Mapping[str, str]) -> None:
    for name, text in values.items():
        if name not in BY_NAME:
            near = nearest(name, BY_NAME)
            hint = f" (did you mean {near}?)" if near else ""
            raise known.wrong(section, name, f"there is no option {name}{hint}")
        try:
            BY_NAME[name].convert(text, name)
        except InputError as error:
            raise known.wrong(section, name, error.problem) from error


def named(name: str, known: settings.Settings) -> tuple[Selection, Mapping[str, str]]:
    """What the named capture means, and the defaults of its options. InputError if there is none of that name."""
    if name not in known.captures:
        raise InputError(f"There is no capture named {name} in the settings.", "vpcshark config shows them.")
    return of_named(known.captures[name]), known.defaults_of(name)
