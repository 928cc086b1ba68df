"""All kinds: importing the modules that plant registers them."""

from __future__ import annotations

from plants import doubts, healthy, layers, marks, paths, quiet, refusals, secure, states, times, unusual, voice
from plants.kinds import KINDS

__all__ = [
    "KINDS",
    "doubts",
    "healthy",
    "layers",
    "marks",
    "paths",
    "quiet",
    "refusals",
    "secure",
    "states",
    "times",
    "unusual",
    "voice",
]
