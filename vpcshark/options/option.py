"""One option: what it is called, what its values are, how text becomes one of them.

Must not know which options there are (vpcshark/options/table.py) nor where their text comes from. Pure.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from vpcshark.errors import InputError


class Kind(enum.Enum):
    """What a value is; the text is Wireshark's type (extcap_parser.c, as of 4.0).

    ``boolean`` and not ``boolflag``: the latter's "no" is no argument at all, the same as "not said". ``selector`` and
    not ``editselector``: 4.0 has none and says so on stdout, and in later ones a typed text counts only while no item
    is chosen, and a default that nobody saved is shown as empty (ExtArgEditSelector in ui/qt/extcap_argument.cpp). A
    ``selector`` passes any text that ``-o`` gives.
    """

    SELECTOR = "selector"
    UNSIGNED = "unsigned"
    BOOLEAN = "boolean"
    STRING = "string"
    FILE = "fileselect"


@dataclass(frozen=True)
class Option:
    """One row. ``name`` is also the field of CaptureOptions (dashes as underscores); ``default`` is text, "" is None.

    ``meaning`` completes "is not ...", for values that don't fit. ``pattern`` must match the whole text.
    """

    name: str
    group: str
    kind: Kind
    display: str
    tooltip: str
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    limits: tuple[int, int] = (0, 0)
    pattern: str = ""
    meaning: str = ""
    placeholder: str = ""
    reload: bool = False
    must_exist: bool = False

    @property
    def field(self) -> str:
        """The field of CaptureOptions."""
        return self.name.replace("-", "_") if self.name != "from" else "begin"  # a word of Python's

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"VPCSHARK_{self.name.replace('-', '_').upper()}"

    def convert(self, text: str, origin: str = "") -> str | int | bool | None:
        """The value that ``text`` stands for. InputError names the option, the value and what is allowed."""
        if not text:
            return self.convert(self.default) if self.default else (None if self.kind is Kind.UNSIGNED else "")
        try:
            return self._converted(text)
        except ValueError as exc:
            shown = text if len(text) <= 60 else f"{text[:60]}…"
            raise InputError(
                f'{origin or "--" + self.name}: "{shown}" is not {self._allowed()}.',
                "Correct it in the capture options, on the command line or in the environment.",
            ) from exc

    def _converted(self, text: str) -> str | int | bool:
        if self.kind is Kind.UNSIGNED:
            return _whole_number(text, self.limits)
        if self.kind is Kind.BOOLEAN:
            return _truth(text)
        if self.choices and not self.pattern and text not in dict(self.choices):
            raise ValueError(text)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError(text)
        return text

    def _allowed(self) -> str:
        if self.meaning:
            return self.meaning
        if self.kind is Kind.UNSIGNED:
            return f"a whole number from {self.limits[0]} to {self.limits[1]}"
        if self.kind is Kind.BOOLEAN:
            return "true or false"
        return "one of: " + ", ".join(value for value, _ in self.choices)


def _whole_number(text: str, limits: tuple[int, int]) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ValueError(text)
    number = int(text)
    if not limits[0] <= number <= limits[1]:
        raise ValueError(text)
    return number


def _truth(text: str) -> bool:
    truth = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in truth:
        raise ValueError(text)
    return truth[text.lower()]
