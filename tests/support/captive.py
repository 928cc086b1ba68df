"""A capture process that sends itself a signal at a step: ``python captive.py ENI FILE [STEP WHEN SIGNAL]``.

The product's own services, with a timeline of ours in their seam. WHEN is "before" or "after". A file FILE.met tells
that the signal was sent: nothing else tells it of every signal at every step. It says its steps as JSON on stdout at
the end. The lease is short, so that a renewal is among the steps.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vpcshark import logs
from vpcshark.capture.contract.host import Local
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.sink import FileSink
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.stop_watch import Watch
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.services import Services
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError

LEASE = 1.5


class FatefulTimeline(Timeline):
    """Sends this process ``number`` when ``step`` begins or has ended, and makes ``mark`` before."""

    def __init__(self, step: str, when: str, number: int, mark: Path) -> None:
        super().__init__(SystemClock())
        self._mark = mark
        self._fate = (step, when)
        self._number = number

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._meet(name, "before")
        with super().step(name):
            yield
        self._meet(name, "after")

    def _meet(self, name: str, when: str) -> None:
        if (name, when) == self._fate:
            self._mark.touch()
            os.kill(os.getpid(), self._number)


def main() -> int:
    logs.set_up("info", os.environ.get("VPCSHARK_LOG_FILE", ""))
    eni, file, step, when, number = (*sys.argv[1:], "", "", "0")[:5] if len(sys.argv) == 3 else sys.argv[1:]
    timeline = FatefulTimeline(step, when, int(number), Path(f"{file}.met"))
    stop = Stop()
    with Watch(stop, parent=lambda: 0):
        try:
            options = CaptureOptions(host=Local())
            Services(timeline=timeline, lease=LEASE).capture(
                Selection((eni,)), options, FileSink.open(file), stop, Silent()
            )
        except VpcsharkError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(json.dumps([one.name for one in timeline.steps()]))
    return 0


if __name__ == "__main__":
    assert signal.SIGTERM
    sys.exit(main())
