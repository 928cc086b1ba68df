"""The options dialog: ``arg`` and ``value`` sentences from the table of options. Must not know the command line."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.extcap.protocol.number_pattern import number_pattern
from vpcshark.extcap.protocol.sentences import sentence
from vpcshark.options.option import Kind, Option
from vpcshark.options.resolve import resolve_leniently
from vpcshark.options.table import table

_MOST_TOOLTIP = 240  # characters: about four lines


def dialog(
    environ: Mapping[str, str],
    defaults: Mapping[str, str] | None = None,
    *,
    is_chooser: bool = False,
    save: bool = True,
) -> str:
    """The ``arg`` and ``value`` sentences of the options dialog, numbered by their place in the table.

    Wireshark passes a boolean's default as if the user had chosen it, so that default is the word of environment and
    settings. Selector defaults are not passed, and a text's default would always be: it is a placeholder instead.
    ``save`` false: Wireshark makes no preferences of the values (which it would forget with the dialog's window).
    """
    known = resolve_leniently({}, environ, defaults)
    said = resolve_leniently({}, {}, defaults)
    lines = []
    for number, option in enumerate(table(is_chooser=is_chooser)):
        chosen = str(getattr(known, option.field, "") or option.default)
        lines.append(_argument(number, option, known, said, save))
        lines += [_choice(number, value, text, value == chosen) for value, text in _choices(option, str(chosen))]
    return "".join(lines)


def _choices(option: Option, chosen: str) -> tuple[tuple[str, str], ...]:
    """The fixed values, and what the user's settings have instead of them: else the dialog would show another one."""
    if not option.choices or chosen in dict(option.choices):
        return option.choices
    return ((chosen, f"{chosen} (from the settings)"), *option.choices)


def _argument(number: int, option: Option, known: CaptureOptions, said: CaptureOptions, save: bool) -> str:
    return sentence(
        "arg",
        number=number,
        call=f"--{option.name}",
        display=option.display,
        type=_type(option),
        default=getattr(known, option.field) if option.kind is Kind.BOOLEAN else None,
        validation=_validation(option),
        mustexist=option.must_exist if option.kind is Kind.FILE else None,
        reload=True if option.reload else None,
        save=None if save else False,
        placeholder=_placeholder(option, said) or None,
        tooltip=_tooltip(option.tooltip),
        group=option.group,
    )


def _tooltip(text: str) -> str:
    """The first sentences, as rich text: Qt folds that, and leaves plain text on one line as long as it may be
    (QToolTip). The manual has all of it."""
    first, *others = re.split(r"(?<=[.:]) (?=[A-Z])", text)
    for sentence_ in others:
        if len(first) + len(sentence_) >= _MOST_TOOLTIP and not first.endswith(":"):
            break
        first += f" {sentence_}"
    return f"<qt>{html.escape(first, quote=False)}</qt>"


def _type(option: Option) -> str:
    """A number is a text for Wireshark: its own number fields can't be empty (ExtArgNumber::defaultValue in
    extcap_argument.cpp shows 0 when there is no default), and a 0 below the range stops the whole dialog."""
    return Kind.STRING.value if option.kind is Kind.UNSIGNED else option.kind.value


def _placeholder(option: Option, said: CaptureOptions) -> str:
    """What an empty field means: the value from the settings, else the table's own words."""
    value = getattr(said, option.field, "")
    is_typed = option.kind in (Kind.STRING, Kind.UNSIGNED, Kind.FILE)
    is_said = value is not None and str(value) not in ("", option.default)
    return str(value) if is_typed and is_said else option.placeholder


def _validation(option: Option) -> str | None:
    """The pattern for the dialog, unless it has braces: a sentence can't hold those, and the capture checks again."""
    if option.kind is Kind.UNSIGNED:
        return f"^({number_pattern(*option.limits)})$"
    if option.kind is not Kind.STRING or not option.pattern or "{" in option.pattern:
        return None
    return f"^({option.pattern})$"


def _choice(number: int, value: str, display: str, default: bool) -> str:
    return sentence("value", arg=number, value=value, display=display, default=default)


def reloaded(name: str, offered: Sequence[tuple[str, str]], *, is_chooser: bool = False) -> str:
    """The ``value`` sentences of the selector ``name``: its fixed values, then ``offered``; "" for any other option."""
    rows = enumerate(table(is_chooser=is_chooser))
    found = [(number, option) for number, option in rows if option.name == name and option.reload]
    return "".join(
        _choice(number, value, display, value == option.default)
        for number, option in found
        for value, display in [*option.choices, *offered]
    )
