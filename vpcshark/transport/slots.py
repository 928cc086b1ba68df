"""Waits for a free session of a connection: sshd counts one (MaxSessions) until it has seen its command end, which may
be a moment after its channel is closed. Must not know how a session is opened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from vpcshark.errors import TransportError

T = TypeVar("T")
PATIENCE = 3.0  # seconds
PAUSE = 0.05


class NoSession(TransportError):
    """The host refuses another session on this connection."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} does not start a command: the host refuses another session on this connection.",
            "See MaxSessions in its sshd_config.",
        )


def opened(attempt: Callable[[], T], sleep: Callable[[float], object] = time.sleep) -> T:
    """What ``attempt`` gives. NoSession if it is refused all the time."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except NoSession:
            if time.monotonic() > end:
                raise
        sleep(PAUSE)
