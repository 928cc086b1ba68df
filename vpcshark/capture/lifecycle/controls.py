"""What a running capture shows and takes: state, counts, time and cost once a second; a new filter at any time.

Only where somebody looks (``Controls``): a toolbar, not a terminal. Must not know Wireshark.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Protocol, runtime_checkable

from vpcshark import threads
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.lifecycle.costs import SESSION, Costs
from vpcshark.capture.lifecycle.frame_stream import Receiving
from vpcshark.clock import Clock
from vpcshark.errors import Halfway, VpcsharkError

TICK = 1.0  # seconds

log = logging.getLogger(__name__)


@runtime_checkable
class Controls(Protocol):
    """A status that shows figures and lets the user change the filter. Nothing here waits or raises."""

    def show(self, text: str) -> None:
        """The state and figures of now, in place of the last."""

    def on_filter(self, change: Callable[[str], None], now: str) -> None:
        """From now on, the filter being ``now``, call ``change`` with each one that the user enters; it returns at
        once."""


@runtime_checkable
class Refilters(Protocol):
    """A feed that can change its filter while it runs."""

    def refilter(self, capture_filter: str, reception: Receiving) -> str:
        """Change it, for AWS and the receiver; returns what to tell the user. VpcsharkError: why not."""


@runtime_checkable
class Priced(Protocol):
    """A feed that knows what it costs."""

    @property
    def costs(self) -> Costs:
        """As far as it is known now."""


class Live:
    """One running capture, seen and steered."""

    def __init__(
        self,
        status: Status,
        reception: Receiving,
        feed: object,
        made: Callable[[], Mapping[str, str]],
        clock: Clock,
        capture_filter: str = "",
    ) -> None:
        self._filter: str | None = capture_filter  # in force; None after a failure, where each text is worth a try
        self._wanted: str | None = None
        self._is_changing = False
        self._guard = threading.Lock()
        self._status = status
        self._reception = reception
        self._feed = feed
        self._made = made
        self._clock = clock
        self._begun = clock.monotonic()
        self._over: float | None = None  # when it was stopped
        self._kinds: list[str] = []  # of what stood then: clean-up takes it away while the last figures come
        self._ticking: Future[None] | None = None

    def begin(self, stop: Stop) -> None:
        """Show and steer until ``stop``, in threads of its own; nothing where nobody looks."""
        if isinstance(self._status, Controls):
            self._status.on_filter(self.change, self._filter or "")
            self._kinds = list(self._made().values())
            self._ticking = threads.start(self._tick, self._status, stop, name="figures")

    def end(self) -> None:
        """After the stop, when all frames have come: what is shown last stays in the toolbar until the next capture.
        Waits a moment for the thread that shows, which the stop ends, however that ended: frames are not held up."""
        if self._ticking is not None and isinstance(self._status, Controls):
            wait([self._ticking], TICK)  # lest it shows its own after this
            self._status.show(self.text())

    def _tick(self, controls: Controls, stop: Stop) -> None:
        while not stop.wait(TICK):
            controls.show(self.text())
            self._kinds = list(self._made().values())
        self._over = self._clock.monotonic()
        controls.show("Stopping ...")

    def text(self) -> str:
        """``1,234 frames · 0 dropped · 1:05 · $0.0003``: as short as the toolbar's field is."""
        seconds = (self._over or self._clock.monotonic()) - self._begun
        stats: Mapping[str, Any] = self._reception.stats
        parts = ["Capturing"] if self._over is None else []
        if stats:
            parts = [f"{stats.get('received', 0):,} frames", f"{stats.get('dropped', 0):,} dropped"]
        parts.append(_time(int(seconds)))
        kinds = list(self._made().values()) if self._over is None else self._kinds
        sessions = kinds.count(SESSION)
        if sessions > 1:
            parts.insert(0, f"{sessions} ENIs")
        if self._reception.note:
            parts.insert(0, self._reception.note)
        if sessions:
            costs = self._feed.costs if isinstance(self._feed, Priced) else Costs()
            parts.append(f"${costs.so_far(kinds, seconds, self._reception.moved):.4f}")
        return " · ".join(parts)

    def change(self, capture_filter: str) -> None:
        """Have the filter changed, or said why not, by a thread. One change at a time, and of those that wait only the
        newest: else AWS might end with the rules of one, and the receiver with the program of another."""
        with self._guard:
            self._wanted = capture_filter
            if self._is_changing:
                return
            self._is_changing = True
        threads.start(self._follow, name="filter")

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
            if not isinstance(self._feed, Refilters):
                raise VpcsharkError("This mode cannot change it while it runs.", "Stop, and start with another.")
            said = self._feed.refilter(wanted, self._reception)
        except Halfway as error:
            return str(error)
        except VpcsharkError as error:
            return f"The filter stays as it was: {error}"
        except Exception as error:  # logged and said
            log.exception("the filter could not be changed")
            return f"The filter stays as it was: vpcshark failed unexpectedly ({type(error).__name__})."
        self._filter = wanted
        return said


def _time(seconds: int) -> str:
    """``1:05``, and ``1:02:05`` from an hour on."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
