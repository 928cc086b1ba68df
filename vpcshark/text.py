"""Text from outside (tags, names, words of AWS and of hosts, packets) made fit to be shown: the step before every sink.

A terminal obeys control characters, a reader is deceived by what turns or hides letters, and a line of five million
characters buries what is beside it. So whatever a terminal, a log, Wireshark or a capture file is given goes through
``line`` or ``lines``. Pure; must not know whose text it is, nor any room.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 4000
"""Characters of one line. EC2's tags have 256 at most, its descriptions 255; an error may join several of its own."""

MASK = "\N{REPLACEMENT CHARACTER}"
"""Stands for a character that can't be shown. Were those left out, two names could look the same."""

# Default_Ignorable_Code_Point (Unicode Character Database, DerivedCoreProperties.txt) as far as Python calls it
# printable: nobody sees these. U+2800 is blank as well.
_UNSEEN = {
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
}


def line(text: str, most: int = MOST) -> str:
    """``text`` on one line of at most ``most`` characters, and a mark of how many are left out. Each whitespace becomes
    a space; what can't be shown (control, format and direction characters, surrogates) becomes ``MASK``."""
    return lines(text, most, kept="")


def lines(text: str, most: int = MOST, kept: str = "\n\t") -> str:
    """The same for text of several lines: what is in ``kept`` stays as it is."""
    if len(text) <= most:
        return _masked(text, kept)
    return f"{_masked(text[:most], kept)}… ({len(text) - most:,} more characters)"


def cut(text: str, size: int) -> str:
    """``text`` in at most ``size`` bytes of UTF-8, no character split, with a mark if something is left out."""
    data = text.encode(errors="replace")
    if len(data) <= size:
        return data.decode()
    return data[: size - len("…".encode())].decode(errors="ignore") + "…"


def many(count: int, noun: str) -> str:
    """A number of things: ``1 packet``, ``2 packets``."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def nearest(word: str, known: Iterable[str]) -> str:
    """Which of ``known`` was probably meant by ``word``: the same letters in another order go first; "" for none."""
    import difflib

    names = list(known)
    turned = [name for name in names if sorted(name) == sorted(word)]
    return next(iter(difflib.get_close_matches(word, turned or names, n=1)), "")


def is_shown(char: str) -> bool:
    """As ``str.isprintable`` has it (nothing of the categories Cc, Cf, Cs, Co, Cn, Zl and Zp, no space but " "), and
    not unseen."""
    return char.isprintable() and ord(char) not in _UNSEEN


def _masked(text: str, kept: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in kept or is_shown(c) else " " if c.isspace() else MASK for c in text)
