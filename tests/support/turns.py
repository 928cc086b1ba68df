"""Which test may run while which other one does, where there are several processes: one that is judged by the clock
runs alone. Must not know the tests."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Turns:
    """One process's turn among those that have the same ``folder``. The kernel gives back what a dead one held."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._gate, self._room = (os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600) for name in ("gate", "room"))

    def take(self, *, alone: bool) -> None:
        """Wait until the others let us in, and with ``alone`` until all of them are out. Who waits for that keeps the
        gate shut, so that he is not passed by for ever."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)

    def leave(self) -> None:
        """Let the others in."""
        fcntl.flock(self._room, fcntl.LOCK_UN)

    def be_alone(self) -> None:
        """From now until ``leave``, for a test that finds the machine too busy for what it measures."""
        self.leave()
        self.take(alone=True)
