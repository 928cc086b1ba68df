"""The one judge of all attacks: how a run must have ended, whatever was done to it. Knows outcomes, not what caused
them, and nothing of the product."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from cage import Outcome

MOST = 100 << 10  # KiB of memory at most, beyond what the same process has before it does anything
WORDS = ("Traceback (most recent call last)", "bug in vpcshark", "unexpectedly")
ALLOWED = "\n\t"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
LINES = "\u2028\u2029"  # some terminals and viewers take them for line ends
SENTENCE = re.compile(r"(?m)\S+ [^\n]{6,}[.?!)]\s*$|^usage: ")
LONGEST = 4096  # bytes of one line of stderr
MANY = 1 << 16  # bytes of stderr in all


def problems(run: Outcome, idle: int, *, is_data: bool = False) -> list[str]:
    """What is wrong with it, in a few words each; [] if it ended well. ``idle``: KiB that a run takes which does
    nothing. ``is_data``: stdout holds packets."""
    return [*_of_the_process(run, idle), *_of_the_texts(run, is_data)]


def _of_the_process(run: Outcome, idle: int) -> Iterator[str]:
    if run.hung:
        yield "it hangs"
    elif run.status < 0:
        yield f"signal {-run.status} ended it"
    if run.peak - idle > MOST:
        yield f"{(run.peak - idle) >> 10} MB of memory"
    if run.strays:
        yield f"wrote {' '.join(run.strays[:3])}"
    if run.left:
        yield f"left {run.left[0][:80]}"


def _of_the_texts(run: Outcome, is_data: bool) -> Iterator[str]:
    texts = {"stderr": run.err, "the log": run.log}
    if not is_data:
        texts["stdout"] = run.out
    for name, data in texts.items():
        for word in WORDS:
            if word.encode() in data:
                yield f'"{word}" in {name}'
        if bad := raw(data):
            yield f"{bad} in {name}"
    said = run.err if is_data else run.err + b"\n" + run.out
    if run.status and not SENTENCE.search(said.decode("utf-8", "replace")):
        yield f"status {run.status} without a sentence"
    longest = max(map(len, run.err.split(b"\n")))
    if longest > LONGEST or len(run.err) > MANY:
        yield f"{len(run.err)} bytes on stderr, a line of {longest}"


def raw(data: bytes) -> str:
    """The first byte or character that must not reach a terminal, by name; "" if there is none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"the raw byte {data[error.start]:#04x}"
    for character in text:
        if is_raw(character):
            return f"raw U+{ord(character):04X}"
    return ""


def is_raw(character: str) -> bool:
    """Would a terminal obey it instead of showing it?"""
    return character not in ALLOWED and (unicodedata.category(character) == "Cc" or character in BIDI + LINES)
