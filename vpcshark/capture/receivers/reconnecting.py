"""A receiver on another machine that is started again when its connection breaks; the rest of the capture stays.

A tunnel of an Instance Connect Endpoint is closed after an hour, Session Manager's after what the account allows. Must
not know AWS, nor how a way is had.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vpcshark import threads
from vpcshark.capture.connection.retry import PAUSE, PERSISTENCE
from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.instance.key_log import Following
from vpcshark.capture.receivers.client import Reception
from vpcshark.clock import Clock, utc
from vpcshark.errors import Broken, Hopeless, Refused, TransportError, VpcsharkError, unexpected

log = logging.getLogger(__name__)
PROGRAMS = frozenset({"program", "socket_program"})
UNTIL = "{until}"  # for it a receiver puts in when it began


class Carried(NamedTuple):
    """What a receiver takes over from the one before it: ``packets`` by interface id, how many frames were dropped,
    when the first one began (ns), the ``programs`` (words of a command) that were swapped since, what it says of the
    ``gap`` before its own frames, and the ``process`` of the last one, which may live where only the way broke."""

    packets: Mapping[int, int]
    dropped: int
    started: int
    programs: Mapping[str, Any]
    gap: str = ""
    process: tuple[int, int] = (0, 0)


Restart = Callable[[Carried], Reception]
"""A receiver on a new way to the same host, ready. VpcsharkError."""


class Resuming:
    """See ``frame_stream.Receiving``."""

    def __init__(self, reception: Reception, restart: Restart, stop: Stop, clock: Clock, status: Status) -> None:
        self._current = reception
        self._restart = restart
        self._stop = stop
        self._clock = clock
        self._status = status
        self._lock = threading.Lock()  # which receiver is the current one, and what the next has to know
        self._is_broken = self._ending = False
        self._started = reception.started
        self._programs: dict[str, Any] = {}
        self._packets: Counter[int] = Counter()
        self._moved = 0
        self._stats: Mapping[str, Any] = {}
        self._sink: Sink | None = None
        self._on_end: Callable[[VpcsharkError | None], None] = lambda error: None
        self.following: Following | None = None

    @property
    def stats(self) -> Mapping[str, Any]:
        """See ``frame_stream.Receiving``; each receiver counts on from what the one before it counted."""
        return self._current.stats or self._stats

    @property
    def moved(self) -> int:
        """By all receivers."""
        return self._moved + self._current.moved

    @property
    def note(self) -> str:
        """That nothing comes now."""
        return "connecting again" if self._is_broken else ""

    def command(self, **words: Any) -> None:
        """See ``frame_stream.Receiving``. A filter holds for the next receiver too, so that it may come while there is
        none."""
        with self._lock:
            self._programs.update({name: words[name] for name in PROGRAMS & words.keys()})
            current = self._current
        try:
            current.command(**words)
        except TransportError as error:
            if not words.keys() <= PROGRAMS:
                raise
            log.info("The next receiver gets the filter: %s", error)

    def begin_tally(self) -> None:
        """See ``silence.Tallies``."""
        self._current.begin_tally()

    def end_tally(self, timeout: float) -> Mapping[str, Any]:
        """See ``silence.Tallies``."""
        return self._current.end_tally(timeout)

    def stream(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        """See ``frame_stream.Receiving``."""
        self._sink = sink if self.following is None else self.following.before(sink)
        self._on_end = on_end
        self._current.stream(self._sink, self._ended)

    def finish(self, timeout: float) -> None:
        """See ``frame_stream.Receiving``. A way that is being opened meanwhile is closed as soon as it is."""
        with self._lock:
            self._ending = True
            current = self._current
        try:
            current.finish(timeout)
        finally:
            if self.following is not None:
                self.following.end()

    def _ended(self, error: VpcsharkError | None) -> None:
        """Called by a receiver's thread."""
        if isinstance(error, Broken) and not self._stop.requested():
            threads.start(self._resume, error, name="reconnect")
        else:
            self._on_end(error)

    def _resume(self, broken: Broken) -> None:
        try:
            self._again(broken)
        except VpcsharkError as error:
            self._on_end(TransportError(f"{broken.problem} There is no other: {error.problem}", error.remedy))
        except Exception as surprise:
            log.exception("The receiver could not be started again")
            self._on_end(unexpected(surprise))

    def _again(self, broken: Broken) -> None:
        """Until a receiver is had, the time is over or the host lets nobody in."""
        lost, broke = self._current, self._clock.monotonic()
        self._is_broken = True
        log.warning("%s Connecting again.", broken.problem)
        self._status.say(f"{broken.problem} Connecting again ...")
        lost.finish(0.0)
        while True:
            try:
                return self._take_over(self._restart(self._carried(lost)), lost)
            except (Refused, Hopeless):
                raise
            except TransportError as error:
                log.info("%s", error)
                if self._clock.monotonic() - broke > PERSISTENCE:
                    raise
            if self._stop.wait(PAUSE):
                return None

    def _carried(self, lost: Reception) -> Carried:
        with self._lock:
            programs = dict(self._programs)
        packets = self._packets + Counter(lost.packets)
        dropped = int(self.stats.get("dropped", 0))
        return Carried(packets, dropped, self._started, programs, self._gap(lost), lost.process)

    def _gap(self, lost: Reception) -> str:
        """From the last frame that came, by the capture host's clock as in the file: the break may be noticed long
        after, and hours after where this machine slept. The next receiver says until when."""
        began = lost.last_time or int(self._clock.now() * 1e9)
        times = f"from about {utc(began)} to {UNTIL} UTC"
        return f"Frames are missing here, {times}: the connection to {lost.where} broke and was made again."

    def _take_over(self, reception: Reception, lost: Reception) -> None:
        with self._lock:
            if not self._ending:
                self._stats, self._current = self.stats, reception
                self._packets.update(lost.packets)
                self._moved += lost.moved
                self._is_broken = False
            programs = dict(self._programs)
        if self._ending:
            return reception.finish(0.0)
        self._say(reception, lost, programs)
        assert self._sink is not None  # it was streamed into
        reception.stream(self._sink, self._ended)

    def _say(self, reception: Reception, lost: Reception, programs: Mapping[str, Any]) -> None:
        """To the user; and the filter to the receiver, should it have changed while it was started."""
        now = int(self._clock.now() * 1e9)
        gap = ((reception.started or now) - (lost.last_time or now)) / 1e9
        log.warning("Connected to %s again; frames of %.1f seconds are missing.", lost.where, gap)
        self._status.say(f"Connected again; packets of about {max(gap, 0.0):.0f} seconds are missing.")
        if not programs:
            return
        try:
            reception.command(**programs)
        except TransportError as error:  # its stream will say so
            log.info("%s", error)
