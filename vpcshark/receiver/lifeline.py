"""How a receiver notices that its capture is gone although no connection was closed, and takes its sshd along.

A path that is cut in silence keeps a TCP connection, and with it sshd and all under it, for a quarter of an hour. So a
capture sends a line every few seconds, and a receiver that hears none ends itself and the process of sshd that serves
this one connection, if its command line says that the connection is its own. Sent to the capture host: Python 3.6 and
the standard library only. Must not know frames.
"""
# ruff: noqa: UP006, UP035

import contextlib
import os
import signal
import sys
import time
from typing import Tuple

OWNS_CONNECTION = "owns-connection"
_SERVERS = ("sshd", "sshd-session")  # the latter since OpenSSH 9.8
NAP = 1.0
"""Seconds; to wake up later than by this is more than a busy machine's everyday life."""
_MOST_ANCESTORS = 5  # shell, sudo and its monitor may stand between


class Lifeline:
    """``seconds`` of silence are the end; 0: never."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = self._woke = time.monotonic()

    def hear(self) -> None:
        """The capture said something."""
        self._heard = time.monotonic()

    def wake(self, slept: float) -> None:
        """Once a turn, which was to take ``slept`` seconds, ``NAP`` at most. What took far longer was this machine
        standing still: nothing could be heard meanwhile.
        """
        now = time.monotonic()
        late = now - self._woke - slept
        self._woke = now
        if late > NAP:
            self._heard += late

    @property
    def left(self) -> float:
        """Seconds until the end; an hour where there is none."""
        return self._heard + self._seconds - time.monotonic() if self._seconds else 3600.0


def end_connection() -> None:
    """End the sshd that serves the connection we came by, if it is ours. The listening sshd is further up.

    On the user's own machine the next sshd up is the one of the user's login.
    """
    _end_server(_server_of(os.getppid()))


def born(pid: int) -> int:
    """When a process began, in ticks since the boot: with its number, no other ever has it. OSError, ValueError."""
    return _process(pid)[2]


def end_earlier(pid: int, since: int) -> None:
    """End the receiver that went on before us, if it lives: a way that broke for the capture may not have broken here,
    and the two would take the same frames. With the sshd that it came by, unless we came by the same."""
    try:
        if born(pid) != since:
            return
        server = _server_of(_process(pid)[1])
    except (OSError, ValueError):  # it has ended
        return
    if server != _server_of(os.getppid()):
        _end_server(server)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _server_of(pid: int) -> int:
    """The nearest sshd from ``pid`` up; 0 for none."""
    for _ in range(_MOST_ANCESTORS):
        if pid <= 1:
            return 0
        try:
            name, parent, _ = _process(pid)
        except (OSError, ValueError):  # it has just ended, or /proc is not there
            return 0
        if name in _SERVERS:
            return pid
        pid = parent
    return 0


def _end_server(pid: int) -> None:
    if pid and OWNS_CONNECTION in sys.argv[1:]:
        with contextlib.suppress(OSError):  # not ours to end: then the kernel's time-outs must do
            os.kill(pid, signal.SIGTERM)


def _process(pid: int) -> Tuple[str, int, int]:
    """Name, parent and begin of a process, from /proc/PID/stat (proc(5): the name is in brackets and may hold any)."""
    with open("/proc/{}/stat".format(pid), "rb") as file:  # noqa: UP032
        before, _, after = file.read().decode("utf-8", "replace").rpartition(")")
    fields = after.split()
    return before.partition("(")[2], int(fields[1]), int(fields[19])
