"""The heartbeat of a capture host that was launched for captures and ends itself when nobody needs it any more.

What was put on it at its launch (``aws.compute.user_data``) reads the file and shuts the machine down once
the machine's uptime has passed the number in it. So the host needs neither credentials nor a clock that is right. Where
the folder is not, the host is of another kind, and nothing is written. Sent to the capture host: Python 3.6 and the
standard library only. Must not know frames.
"""

import contextlib
import os
import time

HEARTBEAT = "/run/vpcshark/heartbeat"
SILENCE = 900.0  # seconds without a beat after which the host shuts down
EVERY = 10.0


class Heartbeat:
    """``path`` "": none. Each beat lets the host live for ``seconds`` more."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._due = time.monotonic()

    def prolong(self, seconds: float) -> None:
        """Beat now, and from now on for so long: the host is to be there when its capture is over."""
        self._seconds = seconds
        self._due = time.monotonic()
        self.beat()

    @property
    def left(self) -> float:
        """Seconds until the next beat is due; an hour where there is none."""
        return self._due - time.monotonic() if self._path else 3600.0

    def beat(self) -> None:
        """Write it, if it is due."""
        if self.left > 0:
            return
        self._due = time.monotonic() + min(EVERY, self._seconds / 3)
        with contextlib.suppress(OSError, ValueError):  # no such folder, or not ours to write
            _write(self._path, int(uptime() + self._seconds))


def uptime() -> float:
    """Seconds since this machine's boot, as proc(5) counts them."""
    with open("/proc/uptime") as file:
        return float(file.read().split()[0])


def _write(path: str, value: int) -> None:
    """The file stands already, and anybody may write it, so that no root is needed; it is never followed elsewhere."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.write(descriptor, b"%020d\n" % value)  # one length always: nobody reads half of an older number
    finally:
        os.close(descriptor)
