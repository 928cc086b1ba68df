"""The detached process that cleans up when its capture dies: it waits for the end of a pipe whose other end only the
capture holds, so that the kernel itself tells it of any death.

Started before the first create. Must not import boto3 before it is needed, nor hold anything open that Wireshark waits
for (EXTCAP_FACTS: a grandchild that keeps stderr open keeps the session open).
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from vpcshark.cleanup import detached, tidy
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import VpcsharkError

log = logging.getLogger(__name__)

PATIENCE = 15 * 60.0
LONGEST_TICK = 1.0


class Janitor:
    """The capture's end of the pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The janitor's process id, for those who watch processes."""
        return self._process.pid

    def check(self) -> None:
        """VpcsharkError where the janitor has ended: then nothing may be made that nobody would remove."""
        if self._process.poll() is not None:
            raise VpcsharkError(
                f"The process that cleans up after this capture has ended (status {self._process.returncode}), so "
                "nothing is created.",
                "Start the capture again. If that does not help, is vpcshark installed completely for this Python?",
            )

    def entrust(self, line: bytes) -> None:
        """Hand it credentials to clean up with, should ours have gone by then: through the pipe alone, so that they are
        never in an argument list, an environment or a file. Its death is ``check``'s to tell."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (OSError, ValueError):  # ValueError: released already
            log.info("The janitor %d takes no credentials any more.", self._process.pid)

    def release(self) -> None:
        """The capture is over: the janitor looks whether the ledger is finished, and ends or takes over."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # what a dead one did not read
            self._process.stdin.close()

    def dismiss(self, timeout: float = 2.0) -> None:
        """Let a janitor with nothing to do end, and reap it, so that no zombie is left in a long-lived parent."""
        self.release()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            log.warning("The janitor %d is still at work.", self._process.pid)


def spawn(ledger: Path, python: str = sys.executable) -> Janitor:
    """Start the janitor of the capture that writes ``ledger``, in a session of its own, with no descriptor of ours."""
    ledger = ledger.resolve()  # it works in another directory
    command = detached.program(python, "vpcshark.cleanup.janitor", str(ledger))
    return Janitor(detached.start(command, ledger.parent, stdin=subprocess.PIPE))


ReachBy = Callable[[bytes], tidy.Reach]
"""What ``Janitor.entrust`` was given last (b"": nothing) -> the ways to the account."""


def watch(pipe: IO[bytes], ledger: Path, *, reach_by: ReachBy, clock: Clock) -> tidy.Tidied:
    """Wait until the capture lets go of the pipe, then finish what it left unfinished."""
    entrusted = b""
    for line in pipe:
        entrusted = line if line.endswith(b"\n") else entrusted  # death may cut one short
    reach = reach_by(entrusted)
    end = clock.monotonic() + PATIENCE
    pause = 0.05  # the pipe of a dying process may close a moment before its lock does
    while ledger.exists():
        tidied = tidy.tidy(ledger, reach=reach, clock=clock, patience=PATIENCE, is_sure=True)
        if tidied.outcome is not None or clock.monotonic() > end:
            return tidied
        clock.sleep(pause)
        pause = min(pause * 1.6, LONGEST_TICK)
    return tidy.Tidied(ledger)


def _reach_by(entrusted: bytes) -> tidy.Reach:
    from vpcshark.cleanup.account import reach, reach_with  # here: it leads to AWS

    return reach_with(entrusted, SystemClock()) if entrusted else reach


def main() -> None:
    """The janitor's process: one argument, the ledger; the pipe is its stdin."""
    for name in ("SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    from vpcshark import logs

    logs.set_up("info")
    watch(sys.stdin.buffer, Path(sys.argv[1]), reach_by=_reach_by, clock=SystemClock())
    os._exit(0)  # nothing of ours is left to unwind; a hung library thread must not keep us
