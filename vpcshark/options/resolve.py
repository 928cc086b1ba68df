"""Options resolved: from command line, environment, settings and the table to a ``CaptureOptions``.

Must not know the dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vpcshark.capture.contract import host
from vpcshark.capture.contract.options import CaptureOptions, mirror_filter, ssh_from
from vpcshark.errors import InputError
from vpcshark.options.table import AUTO, BY_NAME, CHOOSER, OPTIONS

_TYPED: Mapping[str, Callable[[str], object]] = {
    "host": host.parse,
    "mirror_filter": mirror_filter,
    "host_ssh_from": ssh_from,
}
"""Options whose text is parsed once, here: field -> its parser."""


def resolve(
    values: Mapping[str, str],
    environ: Mapping[str, str],
    capture_filter: str = "",
    defaults: Mapping[str, str] | None = None,
) -> CaptureOptions:
    """The options of a capture. ``values`` maps names to text from the command line, ``defaults`` to text from the
    user's settings; "" is "not given".

    InputError if one does not fit.
    """
    unknown = sorted(name for name in defaults or {} if name not in BY_NAME)
    if unknown:
        raise InputError(f"Unknown option in the settings: {unknown[0]}.", "See vpcshark capture --help.")
    fields: dict[str, Any] = {}
    for option in OPTIONS:
        sources = (
            (values.get(option.name, ""), f"--{option.name}"),
            (environ.get(option.variable, ""), option.variable),
            ((defaults or {}).get(option.name, ""), f"{option.name} in the settings"),
        )
        text, origin = next(((text, origin) for text, origin in sources if text), ("", ""))
        fields[option.field] = option.convert(text, origin)
    for field, typed in _TYPED.items():
        fields[field] = typed(fields[field])
    return CaptureOptions(user_filter=capture_filter, **fields)


def resolve_leniently(
    values: Mapping[str, str], environ: Mapping[str, str], defaults: Mapping[str, str] | None = None
) -> CaptureOptions:
    """The same, but what does not fit has its default: for the dialog, where a value may be half typed."""
    known = {name: text for name, text in (defaults or {}).items() if name in BY_NAME}
    return resolve(_fitting(values, ""), _fitting(environ, "VPCSHARK_"), "", _fitting(known, ""))


def chosen(values: Mapping[str, str]) -> dict[str, str]:
    """The chooser's values without those that choose nothing."""
    asked = {option.name for option in CHOOSER}
    return {name: text for name, text in values.items() if not (name in asked and text == AUTO)}


def _fitting(texts: Mapping[str, str], prefix: str) -> dict[str, str]:
    fitting = {}
    for option in OPTIONS:
        name = option.variable if prefix else option.name
        try:
            option.convert(texts.get(name, ""))
        except InputError:
            continue
        fitting[name] = texts.get(name, "")
    return fitting
