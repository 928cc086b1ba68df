"""A range of whole numbers as a regular expression, for fields that know only patterns. Pure; knows no option."""

from __future__ import annotations


def number_pattern(low: int, high: int) -> str:
    """A pattern of the decimal numbers from ``low`` to ``high``, both >= 0, with neither braces nor leading zeros.

    Sentences can't hold braces. ``number_pattern(8, 25)`` is ``[8-9]|1[0-9]|2[0-5]``.
    """
    alternatives = []
    while low <= high:
        size = 1  # of a block of numbers that share their first digits: 1, 10, 100 …
        while low and low % (size * 10) == 0 and low + size * 10 - 1 <= high:
            size *= 10
        first, digit = divmod(low // size, 10)
        last = min(9, digit + (high - low + 1) // size - 1)
        rest = "[0-9]" * (len(str(size)) - 1)
        alternatives.append(f"{first or ''}[{digit}-{last}]{rest}")
        low += (last - digit + 1) * size
    return "|".join(alternatives)
