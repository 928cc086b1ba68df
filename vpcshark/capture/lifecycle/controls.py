"""What a running capture shows and takes: state, counts, time and cost once a second; a new filter at any time.

Only where somebody looks (``Status.has_controls``): a toolbar, not a terminal. Must not know Wireshark.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait

from vpcshark import threads
from vpcshark.capture.contract.frame_stream import FrameStream
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.lifecycle.costs import SESSION
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.clock import Clock
from vpcshark.errors import Halfway, VpcsharkError, unexpected

TICK = 1.0  # seconds

log = logging.getLogger(__name__)


class Live:
    """One running capture, seen and steered."""

    def __init__(
        self,
        status: Status,
        stream: FrameStream,
        made: Callable[[], Mapping[str, str]],
        clock: Clock,
        jobs: Jobs,
        capture_filter: str = "",
    ) -> None:
        self._filter: str | None = capture_filter  # in force; None after a failure, where each text is worth a try
        self._wanted: str | None = None
        self._is_changing = False
        self._guard = threading.Lock()  # ``_is_changing`` is true exactly while a thread will look at ``_wanted``
        self._status = status
        self._stream = stream
        self._made = made
        self._clock = clock
        self._jobs = jobs
        self._begun = clock.monotonic()
        self._over: float | None = None  # when it was stopped
        self._kinds: list[str] = []  # of what stood then: clean-up takes it away while the last figures come
        self._ticking: Future[None] | None = None

    def begin(self, stop: Stop) -> None:
        """Show and steer until ``stop``, in threads of its own; nothing where nobody looks."""
        if self._status.has_controls:
            self._status.on_filter(self.change, self._filter or "")
            self._kinds = list(self._made().values())
            self._ticking = threads.start(self._tick, stop, name="figures")

    def end(self) -> None:
        """After the stop, when all frames have come: what is shown last stays in the toolbar until the next capture.
        Waits a moment for the thread that shows, which the stop ends, however that ended: frames are not held up."""
        if self._ticking is not None:
            wait([self._ticking], TICK)  # lest it shows its own after this
            self._status.show(self.text())

    def _tick(self, stop: Stop) -> None:
        while not stop.wait(TICK):
            self._status.show(self.text())
            self._kinds = list(self._made().values())
        self._over = self._clock.monotonic()
        self._status.show("Stopping ...")

    def text(self) -> str:
        """``1,234 frames · 0 dropped · 1:05 · $0.0003``: as short as the toolbar's field is."""
        seconds = (self._over or self._clock.monotonic()) - self._begun
        stats = self._stream.stats
        parts = ["Capturing"] if self._over is None else []
        if stats.is_known:
            parts = [f"{stats.received:,} frames", f"{stats.dropped:,} dropped"]
        parts.append(_time(int(seconds)))
        kinds = list(self._made().values()) if self._over is None else self._kinds
        sessions = kinds.count(SESSION)
        if sessions > 1:
            parts.insert(0, f"{sessions} ENIs")
        if self._stream.note:
            parts.insert(0, self._stream.note)
        if sessions:
            parts.append(f"${self._stream.cost(kinds, seconds):.4f}")
        return " · ".join(parts)

    def change(self, capture_filter: str) -> None:
        """Have the filter changed, or said why not, by a thread. One change at a time, and of those that wait only the
        newest: else AWS might end with the rules of one, and the receiver with the program of another."""
        with self._guard:
            self._wanted = capture_filter
            if self._is_changing:
                return
            self._is_changing = True
        self._jobs.beside(self._follow, name="filter")

    def _follow(self) -> None:
        while (wanted := self._next()) is not None:
            if wanted != self._filter:
                self._status.say(self._changed(wanted))

    def _next(self) -> str | None:
        """What is wanted now; None ends the thread."""
        with self._guard:
            wanted, self._wanted = self._wanted, None
            self._is_changing = wanted is not None
            return wanted

    def _changed(self, wanted: str) -> str:
        """What to tell the user."""
        self._filter = None
        try:
            said = self._stream.refilter(wanted)
        except Halfway as error:
            return str(error)
        except VpcsharkError as error:
            return f"The filter stays as it was: {error}"
        except Stopped:
            return "The filter stays as it was: the capture ends."
        except Exception as error:  # logged and said
            log.exception("the filter could not be changed")
            return f"The filter stays as it was: {unexpected(error).problem}"
        self._filter = wanted
        return said


def _time(seconds: int) -> str:
    """``1:05``, and ``1:02:05`` from an hour on."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
