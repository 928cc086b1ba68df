"""The text of the config file: one value changed in it, and where a value stands, with all else left as it is.

Pure. Must not know which settings there are.
"""

from __future__ import annotations

import re


def change(text: str, section: str, key: str, value: str) -> str:
    """``text`` with ``key`` in ``section`` set to ``value`` ("": without it); remarks and order stay."""
    lines = (
        text.removesuffix("\n").split("\n") if text else []
    )  # as configparser ends lines; splitlines() has more ends
    begin = next((n for n, line in enumerate(lines) if _heading(line) == section), None)
    if begin is None:
        lines += [*([""] if lines and lines[-1] else []), f"[{section}]"]
        begin = len(lines) - 1
    end = next((n for n in range(begin + 1, len(lines)) if _heading(lines[n])), len(lines))
    old = next((n for n in range(begin + 1, end) if _key(lines[n]) == key), None)
    new = [f"{key} = {value}"] if value else []
    if old is None:
        lines[begin + 1 : begin + 1] = new
    else:
        lines[old : _end_of_value(lines, old, end)] = new
    return "\n".join(lines) + "\n"


def _end_of_value(lines: list[str], first: int, end: int) -> int:
    """Values go on in lines that are set in."""
    last = first + 1
    while last < end and lines[last][:1].isspace() and lines[last].strip():
        last += 1
    return last


def _heading(line: str) -> str:
    return line.strip()[1:-1].strip() if line.startswith("[") and line.strip().endswith("]") else ""


def _key(line: str) -> str:
    return "" if line[:1].isspace() or line.startswith(("#", ";")) else re.split("[=:]", line)[0].strip().lower()


def line_of(text: str, section: str, key: str) -> int:
    """The line of ``key`` in ``section``, or of the section's heading."""
    at, inside = 0, False
    for number, line in enumerate(text.split("\n"), 1):
        if _heading(line):
            inside = _heading(line) == section
            at = number if inside else at
        elif inside and key and _key(line) == key:
            return number
    return at
