"""One long answer at a time in this process: whoever reads one has the turn until it is parsed.

A command asks several things at once, and each answer may be long, as bytes and again as what is made of them: the
bound of one is the bound of all only so. Must not know what an answer says.
"""

from __future__ import annotations

import threading

SHORT = 1 << 20
"""Bytes that each answer may have whatever else is being read."""


class LongAnswer(bytes):
    """The bytes of an answer that has the turn. It is given back with ``done``, or with the last reference."""

    turn: Turn | None = None

    def __del__(self) -> None:
        done(self)


class Turn:
    """Who holds it may go beyond ``SHORT``. Safe from every thread; it may be given back by another than took it."""

    _lock = threading.Lock()

    def __init__(self) -> None:
        self._is_mine = False

    def take(self, seconds: float) -> bool:
        """Wait for it that long. True if it is ours now, or was."""
        self._is_mine = self._is_mine or self._lock.acquire(timeout=max(0.0, seconds))
        return self._is_mine

    def give_back(self) -> None:
        """Nothing, if it is not ours."""
        if self._is_mine:
            self._is_mine = False
            self._lock.release()


def kept(turn: Turn, answer: bytes | memoryview) -> bytes:
    """The answer, with which the turn goes until ``done``."""
    long = LongAnswer(answer)
    long.turn = turn
    return long


def done(answer: object) -> None:
    """It is parsed, or will not be."""
    if isinstance(answer, LongAnswer) and answer.turn is not None:
        answer.turn.give_back()
