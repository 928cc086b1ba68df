"""The options dialog: ``arg`` and ``value`` sentences from the table of options. Must not know the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vpcshark.capture.options import CaptureOptions
from vpcshark.extcap.digits import number_pattern
from vpcshark.extcap.option import Kind, Option
from vpcshark.extcap.options import BY_NAME, OPTIONS, resolve_leniently
from vpcshark.extcap.sentences import sentence


def dialog(environ: Mapping[str, str]) -> str:
    """The ``arg`` and ``value`` sentences of the options dialog, numbered by their place in the table.

    Wireshark passes a boolean's default as if the user had chosen it, so that default is the environment's word.
    Selector defaults are not passed, and a text's default would always be: it is a placeholder instead.
    """
    known = resolve_leniently({}, environ)
    lines = []
    for number, option in enumerate(OPTIONS):
        lines.append(_argument(number, option, known))
        chosen = getattr(known, option.field)
        lines += [_choice(number, value, text, value == chosen) for value, text in option.choices]
    return "".join(lines)


def _argument(number: int, option: Option, known: CaptureOptions) -> str:
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
        placeholder=option.placeholder or None,
        tooltip=option.tooltip,
        group=option.group,
    )


def _type(option: Option) -> str:
    """A number is a text for Wireshark: its own number fields can't be empty (ExtArgNumber::defaultValue in
    extcap_argument.cpp shows 0 when there is no default), and a 0 below the range stops the whole dialog."""
    return Kind.STRING.value if option.kind is Kind.UNSIGNED else option.kind.value


def _validation(option: Option) -> str | None:
    """The pattern for the dialog, unless it has braces: a sentence can't hold those, and the capture checks again."""
    if option.kind is Kind.UNSIGNED:
        return f"^({number_pattern(*option.limits)})$"
    if option.kind is not Kind.STRING or not option.pattern or "{" in option.pattern:
        return None
    return f"^({option.pattern})$"


def _choice(number: int, value: str, display: str, default: bool) -> str:
    return sentence("value", arg=number, value=value, display=display, default=default)


def reloaded(name: str, offered: Sequence[tuple[str, str]]) -> str:
    """The ``value`` sentences of the selector ``name``: its fixed values, then ``offered``. "" for any other option."""
    option = BY_NAME.get(name)
    if option is None or not option.reload:
        return ""
    number = OPTIONS.index(option)
    pairs = [*option.choices, *offered]
    return "".join(_choice(number, value, display, value == option.default) for value, display in pairs)
