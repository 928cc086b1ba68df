"""What the machine needs at this moment for something bare, so that a promise in seconds can be judged on any machine,
however busy: in starts of a Python that does nothing. Must not know the product."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean

BARE = (sys.executable, "-I", "-S", "-c", "pass")
QUIET = 0.015  # seconds that a bare start takes on a machine with nothing else to do; a promise is made for such a one
PAUSE = 0.2  # seconds between two of them: they must not be a load of their own


@dataclass
class Pace:
    """The bare starts of a span of time. A thread appends them; a list's append is whole."""

    taken: list[float] = field(default_factory=list)

    def allows(self, promised: float) -> float:
        """Seconds that a thing may take now which is promised within ``promised`` seconds: never fewer than those, and
        more as bare starts take longer than they do on a quiet machine."""
        return promised * max(1.0, fmean(self.taken) / QUIET)


@contextmanager
def pace() -> Iterator[Pace]:
    """Take the machine's pace from now until the end of the block."""
    seen, over = Pace(), threading.Event()
    seen.taken.append(bare_start())
    taking = threading.Thread(target=lambda: take_until(over, seen), daemon=True)
    taking.start()
    try:
        yield seen
    finally:
        over.set()
        taking.join()


def take_until(over: threading.Event, seen: Pace) -> None:
    """One bare start after another, with pauses."""
    while not over.wait(PAUSE):
        seen.taken.append(bare_start())


def bare_start() -> float:
    """Seconds from before a bare Python starts until it has ended."""
    began = time.perf_counter()
    subprocess.run(BARE, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began
