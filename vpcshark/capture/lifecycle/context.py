"""What every step of one capture works with: selection, options, and the seams to the world.

Must not know the steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.clock import Clock
from vpcshark.flowlogs.match import Flow

LEASE = 15 * 60.0  # seconds; renewed three times within each
PATIENCE = 20.0  # Wireshark waits 30 s before SIGKILL (EXTCAP_FACTS); the janitor has the rest
SIGNED_OUT = 60.0  # seconds before the end of its credentials at which a capture ends, so that it can clean up


@dataclass
class SignIn:
    """Until when the capture's credentials are good (seconds since the epoch; 0: nobody says)."""

    until: float = 0.0

    def lasts(self, now: float) -> float:
        """For how many seconds they are good yet, less ``SIGNED_OUT``."""
        return max(0.0, self.until - SIGNED_OUT - now) if self.until else math.inf


@dataclass(frozen=True)
class Absent:
    """An interface that the packets pass and that nobody can capture from: its id, and why. It has a block in the file,
    so that whoever reads it knows of the gap. ``flows`` are those that are asked for there; ``has_records``: a flow
    log's are its frames."""

    id: str
    why: str
    flows: tuple[Flow, ...] = ()
    has_records: bool = False


@dataclass(frozen=True)
class Context:
    """What every step of one capture works with: what is wanted, and the seams to the world."""

    selection: Selection
    options: CaptureOptions
    sink: Sink
    status: Status
    stop: Stop
    clock: Clock
    timeline: Timeline
    maker: Maker
    lease: float = LEASE
    signed: SignIn = field(default_factory=SignIn)
    course: Course = field(default_factory=Course)
    patience: float = PATIENCE
    absent: tuple[Absent, ...] = ()
