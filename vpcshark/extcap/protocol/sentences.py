"""The one renderer of extcap sentences: ``arg {number=0}{call=--vni}``. No other module writes a brace.

Wireshark splits a line by ``\\{([a-zA-Z_-]*?)\\=(.*?)\\}(?=\\{|$|\\s)`` (extcap_parser.c), so text that holds braces or
a line's end could make another sentence of it; Name tags are such text. Pure; must not know what is said.
"""

from __future__ import annotations

from vpcshark.text import line

_BRACES = str.maketrans("{}", "()")


def clean(text: str) -> str:
    """``text`` on one line, braces made round, and cleaned as ``vpcshark.text`` has it."""
    return " ".join(line(text.translate(_BRACES)).split())


def sentence(kind: str, **fields: str | int | bool | None) -> str:
    """One sentence with its line end; the fields in the order given, those that are None left out."""
    parts = [f"{{{name}={clean(_text(value))}}}" for name, value in fields.items() if value is not None]
    return f"{kind} {''.join(parts)}\n"


def _text(value: str | int | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
