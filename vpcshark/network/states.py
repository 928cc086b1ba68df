"""Does the state of a thing let packets through? AWS's word for it decides; a state that was not told is unknown.

Must not know what the thing is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from vpcshark.network.trail import ALLOW, DROP, UNKNOWN


class Stated(NamedTuple):
    """What a state means for a hop: its verdict, code and words; no words where all is well."""

    verdict: str
    code: str
    text: str


def judged(what: str, state: str, good: Collection[str], code: str = "BAD_STATE") -> Stated:
    """``what`` ("the instance") begins the sentence. "" is a state that nobody told."""
    if not state:
        return Stated(UNKNOWN, "WALK_UNKNOWN", f"the state of {what.removeprefix('the ')} was not told")
    if state.lower() in good:
        return Stated(ALLOW, "", "")
    return Stated(DROP, code, f"{what} is {state}")
