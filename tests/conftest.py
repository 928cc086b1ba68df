"""Fakes for the seams that every room shares; handed to tests as fixtures, never patched in."""

from __future__ import annotations

import pytest


class FakeClock:
    """A clock whose time passes only by sleeping; it remembers the sleeps."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> FakeClock:
    """A clock that nobody has to wait for."""
    return FakeClock()
