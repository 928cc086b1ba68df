"""A receiver on another machine that is started again when its connection breaks; the rest of the capture stays.

A tunnel of an Instance Connect Endpoint is closed after an hour, Session Manager's after what the account allows. Must
not know AWS, nor how a connection is made.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from vpcshark import threads
from vpcshark.capture.connection.retry import retry_until
from vpcshark.capture.contract.frame_stream import UNCOUNTED, Arrived, Counted, OnEnd
from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.receivers.client import PROGRAMS, Reception
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.clock import Clock, utc
from vpcshark.errors import Broken, Hopeless, InputError, Refused, TransportError, Unanswered, VpcsharkError, unexpected

log = logging.getLogger(__name__)
UNTIL = "{until}"  # for it a receiver puts in when it began


class Carried(NamedTuple):
    """What a receiver takes over from the one before it: ``packets`` by interface id, how many frames were dropped,
    when the first one began (ns), the ``programs`` (words of a command) that were swapped since, what it says of the
    ``gap`` before its own frames, and the ``process`` of the last one, which may live where only the way broke."""

    packets: Mapping[int, int]
    dropped: int
    started: int
    programs: Mapping[str, object]
    gap: str = ""
    process: tuple[int, int] = (0, 0)


Restart = Callable[[Carried], Reception]
"""A receiver on a new connection to the same host, ready. VpcsharkError."""


class Resuming(Receiver):
    """See ``FrameStream``."""

    def __init__(self, reception: Reception, restart: Restart, stop: Stop, clock: Clock, status: Status) -> None:
        self._current = reception
        self._restart = restart
        self._stop = stop
        self._clock = clock
        self._status = status
        self._lock = threading.Lock()  # held while the current receiver changes, with all that is added up of it
        self._is_broken = self._ending = False
        self._started = reception.started
        self._programs: dict[str, object] = {}
        self._packets: Counter[int] = Counter()
        self._moved = 0
        self._stats = UNCOUNTED

    @property
    def stats(self) -> Counted:
        """See ``FrameStream``; each receiver counts on from what the one before it counted."""
        now = self._current.stats
        return now if now.is_known else self._stats

    @property
    def moved(self) -> int:
        """By all receivers."""
        return self._moved + self._current.moved

    @property
    def note(self) -> str:
        """That nothing comes now."""
        return "connecting again" if self._is_broken else ""

    def command(self, **words: object) -> None:
        """See ``Receiver``. A filter holds for the next receiver too, so that it may come while there is none."""
        with self._lock:
            before = dict(self._programs)
            self._programs.update({name: words[name] for name in PROGRAMS & words.keys()})
            current = self._current
        try:
            current.command(**words)
        except (InputError, Unanswered):
            with self._lock:
                self._programs = before
            raise
        except TransportError as error:
            if not words.keys() <= PROGRAMS:
                raise
            log.info("The next receiver gets the filter: %s", error)

    def begin_tally(self) -> None:
        """See ``FrameStream``."""
        self._current.begin_tally()

    def end_tally(self, timeout: float) -> Arrived:
        """See ``FrameStream``."""
        return self._current.end_tally(timeout)

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """See ``FrameStream``."""
        self._current.stream(sink, partial(self._ended, sink, on_end))

    def finish(self, timeout: float) -> None:
        """See ``FrameStream``. A connection that is being opened meanwhile is closed as soon as it is open."""
        with self._lock:
            self._ending = True
            current = self._current
        current.finish(timeout)

    def _ended(self, sink: Sink, on_end: OnEnd, error: VpcsharkError | None) -> None:
        """Called by a receiver's thread."""
        if isinstance(error, Broken) and not self._stop.requested():
            threads.start(self._resume, sink, on_end, error, name="reconnect")
        else:
            on_end(error)

    def _resume(self, sink: Sink, on_end: OnEnd, broken: Broken) -> None:
        try:
            if (reception := self._again(broken)) is not None:
                reception.stream(sink, partial(self._ended, sink, on_end))
        except VpcsharkError as error:
            on_end(TransportError(f"{broken.problem} There is no other: {error.problem}", error.remedy))
        except Exception as surprise:
            log.exception("The receiver could not be started again")
            on_end(unexpected(surprise))

    def _again(self, broken: Broken) -> Reception | None:
        """Until a receiver is there, the time is over or the host lets nobody in; None if it is not wanted any more."""
        lost = self._current
        self._is_broken = True
        log.warning("%s Connecting again.", broken.problem)
        self._status.say(f"{broken.problem} Connecting again ...")
        lost.finish(0.0)
        restart = partial(self._restarted, lost)
        return self._taken_over(retry_until(restart, _is_passing, self._stop.wait, self._clock), lost)

    def _restarted(self, lost: Reception) -> Reception:
        return self._restart(self._carried(lost))

    def _carried(self, lost: Reception) -> Carried:
        with self._lock:
            programs = dict(self._programs)
        packets = self._packets + Counter(lost.packets)
        return Carried(packets, self.stats.dropped, self._started, programs, self._gap(lost), lost.process)

    def _gap(self, lost: Reception) -> str:
        """From the last frame that came, by the capture host's clock as in the file: the break may be noticed long
        after, and hours after where this machine slept. The next receiver says until when."""
        began = lost.last_time or int(self._clock.now() * 1e9)
        times = f"from about {utc(began)} to {UNTIL} UTC"
        return f"Frames are missing here, {times}: the connection to {lost.where} broke and was made again."

    def _taken_over(self, reception: Reception, lost: Reception) -> Reception | None:
        with self._lock:
            if not self._ending:
                self._stats, self._current = self.stats, reception
                self._packets.update(lost.packets)
                self._moved += lost.moved
                self._is_broken = False
            programs = dict(self._programs)
            is_late = self._ending
        if is_late:
            reception.finish(0.0)
            return None
        self._say(reception, lost, programs)
        return reception

    def _say(self, reception: Reception, lost: Reception, programs: Mapping[str, object]) -> None:
        """To the user; and the filter to the receiver, should it have changed while it was started."""
        now = int(self._clock.now() * 1e9)
        gap = ((reception.started or now) - (lost.last_time or now)) / 1e9
        log.warning("Connected to %s again; frames of %.1f seconds are missing.", lost.where, gap)
        self._status.say(f"Connected again; packets of about {max(gap, 0.0):.0f} seconds are missing.")
        if not programs:
            return
        try:
            reception.command(**programs)
        except InputError as error:
            self._status.say(f"Packets are arriving by an earlier filter: {error}")
        except TransportError as error:  # its stream will say so
            log.info("%s", error)


def _is_passing(error: VpcsharkError) -> bool:
    return isinstance(error, TransportError) and not isinstance(error, Refused | Hopeless)
