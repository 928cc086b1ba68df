"""Receivers on several capture hosts as one: their frames in order of time, their counts as a sum.

The status, the log and the file say when a host is lost while the others go on; the last one's end is the
capture's. Must not know AWS, nor why there are several.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from vpcshark import threads
from vpcshark.capture.contract.frame_stream import UNANSWERED, Arrived, Counted, OnEnd
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Status
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.clock import Clock
from vpcshark.errors import InputError, TransportError, Unanswered, VpcsharkError
from vpcshark.text import many
from vpcshark.wire.capture_files.merge import Merger

log = logging.getLogger(__name__)

TICK = 0.05  # seconds between two looks at what has waited long enough


class Member(NamedTuple):
    """A host of the fleet and its receiver, which is ready."""

    name: str
    reception: Receiver


class FleetReception(Receiver):
    """Receivers on several hosts, as one."""

    def __init__(self, members: Sequence[Member], status: Status, clock: Clock) -> None:
        self._members = members
        self._status = status
        self._clock = clock
        self._merger = Merger(len(members))
        # Guards merger and sink: blocks are written in the order in which they were taken. Whoever holds it may write
        # to the sink only while ``_is_over`` is false. ``_living`` changes under it, and is read without.
        self._lock = threading.Lock()
        self._living = set(range(len(members)))
        self._ending = threading.Event()
        self._is_over = False
        self._sink: Sink = _Nowhere()
        self._on_end: OnEnd = _told_nobody

    @property
    def stats(self) -> Counted:
        """Of all hosts together, those that are lost included."""
        told = [stats for member in self._members if (stats := member.reception.stats).is_known]
        return Counted(
            received=sum(each.received for each in told),
            dropped=sum(each.dropped for each in told),
            other=sum(each.other for each in told),
            foreign=_foreign(told),
            is_known=bool(told),
        )

    @property
    def moved(self) -> int:
        """Of all hosts together."""
        return sum(member.reception.moved for member in self._members)

    @property
    def note(self) -> str:
        """How many are lost, if any is."""
        count, living = len(self._members), len(self._living)
        return "" if living == count else f"{living} of {many(count, 'host')}"

    def command(self, **words: object) -> None:
        """To every host that is there. InputError if any refuses it, ``Unanswered`` if any does not tell,
        TransportError if none takes it."""
        there = self._there
        errors = [each for each in threads.together([partial(_sent, one, words) for one in there]) if each is not None]
        for error in sorted(errors, key=lambda error: not isinstance(error, InputError)):
            if isinstance(error, InputError | Unanswered):
                raise error
        if errors and len(errors) == len(there):
            raise errors[0]

    def begin_tally(self) -> None:
        """See ``FrameStream``."""
        for member in self._there:
            member.reception.begin_tally()

    def end_tally(self, timeout: float) -> Arrived:
        """See ``FrameStream``: of all hosts together, as far as they answer; "received" is right even without."""
        told = threads.together([partial(member.reception.end_tally, timeout) for member in self._there])
        told = [each for each in told if each.is_known]
        if not told:
            return UNANSWERED
        return Arrived(
            is_known=True,
            seconds=max(each.seconds for each in told),
            own=sum(each.own for each in told),
            foreign=_foreign(told),
            other=sum(each.other for each in told),
            refused=sum(each.refused for each in told),
            received=max(self.stats.received, sum(each.received or 0 for each in told)),
        )

    @property
    def _there(self) -> list[Member]:
        return [self._members[number] for number in sorted(self._living)]

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """See ``FrameStream``."""
        self._sink, self._on_end = sink, on_end
        threads.start(self._tick, name="frames that have waited")
        for number, member in enumerate(self._members):
            member.reception.stream(_Share(partial(self._take, number)), partial(self._ended, number))

    def finish(self, timeout: float) -> None:
        """See ``FrameStream``."""
        self._ending.set()
        try:
            threads.together([partial(member.reception.finish, timeout) for member in self._members])
        finally:
            self._write_the_rest(timeout)

    def _write_the_rest(self, timeout: float) -> None:
        if not self._lock.acquire(timeout=max(timeout, TICK)):  # somebody writes, and the reader does not take it
            return
        try:
            if not self._is_over and (rest := self._merger.finish()):
                self._sink.write(rest)
        except (SinkClosed, VpcsharkError) as error:
            log.info("The last frames were not taken: %s", error)
        finally:
            self._is_over = True
            self._lock.release()

    def _take(self, number: int, data: bytes) -> None:
        """What a receiver sent. Raises what writing raises, and TransportError for what are no blocks."""
        with self._lock:
            if self._is_over:
                raise SinkClosed("no more frames are taken")
            try:
                self._merger.feed(number, data, self._clock.monotonic())
            except ValueError as error:
                raise TransportError(f"{error}", "The log file says more.") from error
            self._pass_on()

    def _pass_on(self) -> None:
        if data := self._merger.take(self._clock.monotonic()):
            self._sink.write(data)

    def _tick(self) -> None:
        """Where a host is quiet, nobody's frames wait for it longer than ``merge.HOLD``."""
        while not self._ending.wait(TICK):
            if not self._merger.held:
                continue
            try:
                with self._lock:
                    if not self._is_over:
                        self._pass_on()
            except (SinkClosed, VpcsharkError) as error:
                return self._end(error if isinstance(error, VpcsharkError) else None)

    def _ended(self, number: int, error: VpcsharkError | None) -> None:
        """Called by a receiver's thread: ``error`` None means that nobody reads."""
        if error is None:
            return self._end(None)
        is_lost = not self._ending.is_set()
        try:
            with self._lock:
                self._merger.end(number, self._remark(number) if is_lost else "")
                if is_lost:
                    self._living.discard(number)
                    self._pass_on()
        except (SinkClosed, VpcsharkError) as broken:
            return self._end(broken if isinstance(broken, VpcsharkError) else None)
        if is_lost:
            self._lose(number, error)

    def _lose(self, number: int, error: VpcsharkError) -> None:
        member = self._members[number]
        threads.start(member.reception.finish, 0.0, name="a lost host")
        if not self._living:
            return self._end(error)
        said = (
            f"The capture host {member.name} is lost; {self.note} go on. Frames that are sent to it are missing, "
            "until its load balancer sends them elsewhere."
        )
        log.warning("%s %s", said, error)
        self._status.log(f"{said} {error}")
        self._status.say(said)

    def _remark(self, number: int) -> str:
        return f"The capture host {self._members[number].name} was lost here: frames sent to it later are missing."

    def _end(self, error: VpcsharkError | None) -> None:
        """Once."""
        on_end, self._on_end = self._on_end, _told_nobody
        self._ending.set()
        on_end(error)


def _foreign(told: Iterable[Counted | Arrived]) -> dict[str, int]:
    """VNI -> frames, of all together."""
    foreign: Counter[str] = Counter()
    for each in told:
        foreign.update(each.foreign)
    return dict(foreign)


def _sent(member: Member, words: Mapping[str, object]) -> InputError | TransportError | None:
    """Send it the command; why it does not take it. A stream whose way broke ends, and says so itself."""
    try:
        member.reception.command(**words)
    except (InputError, TransportError) as error:
        log.info("%s does not take a command: %s", member.name, error)
        return error
    return None


def _told_nobody(error: VpcsharkError | None) -> None:
    """Before it streams, and once the end was told."""


class _Nowhere(Sink):
    """The sink before it streams."""

    def write(self, data: bytes) -> None:
        """Drop them: they came before anybody wanted them."""

    def close(self) -> None:
        """Nothing to let go of."""


class _Share(Sink):
    """A receiver's sink."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        self._take(data)

    def close(self) -> None:
        """The fleet's own sink is closed by whoever opened it."""
