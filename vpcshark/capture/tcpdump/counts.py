"""Counts of one capture that several tcpdumps give one after the other: each its own, told together.

Must not know where they come from, nor which packets they count.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError
from vpcshark.wire.capture_files import pcapng

log = logging.getLogger(__name__)


class Counts:
    """Each ``share`` belongs to one counting process, which tells what it has counted since it began. What one says
    late, when another counts already, still stands for itself alone: so nothing is counted twice. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a share is replaced as a whole, so that a sum has each at one moment
        self._shares: list[tuple[int, int]] = []
        self._has_any = False

    def share(self) -> Callable[[int, int], None]:
        """Takes (received, dropped) of one more process. What it said once is not taken back."""
        with self._lock:
            self._shares.append((0, 0))
            return partial(self._tell, len(self._shares) - 1)

    def total(self) -> tuple[int, int] | None:
        """(received, dropped) of all; None before the first word."""
        with self._lock:
            if not self._has_any:
                return None
            return sum(received for received, _ in self._shares), sum(dropped for _, dropped in self._shares)

    def _tell(self, place: int, received: int, dropped: int) -> None:
        with self._lock:
            before = self._shares[place]
            self._shares[place] = max(before[0], received), max(before[1], dropped)
            self._has_any = True


class CountsInFile:
    """The same, written into the sink as statistics blocks when new ones come. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts = Counts()
        self._began = int(clock.now() * 1e9)
        self._heard = clock.monotonic()
        self._sink: Sink | None = None
        self._is_quiet = False
        self._writing = threading.Lock()  # of several who write, the later block has the higher counts

    def share(self) -> Callable[[int, int], None]:
        """See ``Counts.share``."""
        return partial(self._tell, self._counts.share())

    def total(self) -> tuple[int, int] | None:
        """See ``Counts.total``."""
        return self._counts.total()

    @property
    def began(self) -> int:
        """When counting did, ns since the epoch."""
        return self._began

    @property
    def age(self) -> float:
        """Seconds since counts came, or a process began."""
        return self._clock.monotonic() - self._heard

    def expect(self) -> None:
        """A process counts from now on."""
        self._heard = self._clock.monotonic()

    def begin(self, sink: Sink) -> None:
        """From now on blocks go to ``sink``."""
        self._sink = sink

    def hold_back(self) -> None:
        """No more blocks as counts come: ``write`` has the last."""
        self._is_quiet = True

    def write(self) -> None:
        """One block with the counts of now, if there are any and a sink."""
        with self._writing:
            total = self.total()
            if self._sink is None or total is None:
                return
            now = int(self._clock.now() * 1e9)
            try:
                self._sink.write(pcapng.interface_statistics(0, now, *total, self._began))
            except VpcsharkError as error:
                log.info("%s", error)
            except SinkClosed:
                pass

    def _tell(self, share: Callable[[int, int], None], received: int, dropped: int) -> None:
        self._heard = self._clock.monotonic()
        share(received, dropped)
        if not self._is_quiet:
            self.write()
