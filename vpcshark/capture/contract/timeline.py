"""When each step of a capture began and ended: what ``vpcshark capture --trace`` prints. Thread-safe, knows no step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from vpcshark.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One step: its name, and seconds from the capture's start."""

    name: str
    began: float
    ended: float


class Timeline:
    """Collects steps; ``zero`` is the moment of its making."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero = clock.monotonic()
        self._guard = threading.Lock()  # ``_steps`` is read as a whole
        self._steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times the block under ``name``, also when it raises."""
        began = self._clock.monotonic() - self._zero
        try:
            yield
        finally:
            with self._guard:
                self._steps.append(Step(name, began, self._clock.monotonic() - self._zero))

    def timed(self, name: str, call: Callable[..., T], *arguments: object) -> T:
        """What ``call`` gives, as the step ``name``."""
        with self.step(name):
            return call(*arguments)

    @property
    def seconds(self) -> float:
        """Since the capture's start."""
        return self._clock.monotonic() - self._zero

    def mark(self, name: str) -> None:
        """A moment instead of a span."""
        with self.step(name):
            pass

    def steps(self) -> list[Step]:
        """All steps so far, by their beginning."""
        with self._guard:
            return sorted(self._steps, key=lambda step: (step.began, step.ended))
