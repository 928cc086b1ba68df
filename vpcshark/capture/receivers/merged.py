"""Receivers on several capture hosts as one: their frames in order of time, their counts as a sum.

A host that is lost while the others go on is said, in the status, the log and the file; the last one's end is the
capture's. Must not know AWS, nor why there are several.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from vpcshark import threads
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Status
from vpcshark.capture.instance.key_log import Following
from vpcshark.capture.receivers.client import Reception
from vpcshark.clock import Clock
from vpcshark.errors import TransportError, VpcsharkError
from vpcshark.text import many
from vpcshark.wire.capture_files.merge import Merger

log = logging.getLogger(__name__)

TICK = 0.05  # seconds between two looks at what has waited long enough


class Member(NamedTuple):
    """A host of the fleet and its receiver, which is ready."""

    name: str
    reception: Reception


class FleetReception:
    """See ``frame_stream.Receiving``."""

    def __init__(self, members: Sequence[Member], status: Status, clock: Clock) -> None:
        self._members = members
        self._status = status
        self._clock = clock
        self.following: Following | None = None
        self._merger = Merger(len(members))
        self._lock = threading.Lock()  # the merger's and the sink's: what one took goes out before what the next takes
        self._living = set(range(len(members)))
        self._ending = threading.Event()
        self._is_over = False
        self._sink: Sink | None = None
        self._on_end: Callable[[VpcsharkError | None], None] = lambda error: None

    @property
    def stats(self) -> Mapping[str, Any]:
        """Of all hosts together, those that are lost included."""
        told = [member.reception.stats for member in self._members if member.reception.stats]
        if not told:
            return {}
        return {name: sum(each.get(name, 0) for each in told) for name in ("received", "dropped", "other")} | {
            "foreign": _foreign(told)
        }

    @property
    def moved(self) -> int:
        """Of all hosts together."""
        return sum(member.reception.moved for member in self._members)

    @property
    def note(self) -> str:
        """How many are lost, if any is."""
        count, living = len(self._members), len(self._living)
        return "" if living == count else f"{living} of {many(count, 'host')}"

    def command(self, **words: Any) -> None:
        """To every host that is there. TransportError if none takes it."""
        failures = []
        living = self._there
        for member in living:
            try:
                member.reception.command(**words)
            except TransportError as error:  # its stream ends with it, and that is said
                log.info("%s does not take a command: %s", member.name, error)
                failures.append(error)
        if failures and len(failures) == len(living):
            raise failures[0]

    def begin_tally(self) -> None:
        """See ``silence.Tallies``."""
        for member in self._there:
            member.reception.begin_tally()

    def end_tally(self, timeout: float) -> Mapping[str, Any]:
        """See ``silence.Tallies``: of all hosts together, as far as they answer; "received" is right even without."""
        told = threads.together([partial(member.reception.end_tally, timeout) for member in self._there])
        told = [each for each in told if each]
        if not told:
            return {}
        sums: dict[str, Any] = {name: sum(each.get(name, 0) for each in told) for name in ("own", "other", "refused")}
        received = max(int(self.stats.get("received", 0)), sum(each.get("received", 0) for each in told))
        seconds = max(each.get("seconds", 0.0) for each in told)
        return {**sums, "received": received, "seconds": seconds, "foreign": _foreign(told)}

    @property
    def _there(self) -> list[Member]:
        return [self._members[number] for number in sorted(self._living)]

    def stream(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        """See ``frame_stream.Receiving``."""
        self._sink = sink if self.following is None else self.following.before(sink)
        self._on_end = on_end
        threads.start(self._tick, name="frames that have waited")
        for number, member in enumerate(self._members):
            member.reception.stream(_Share(partial(self._take, number)), partial(self._ended, number))

    def finish(self, timeout: float) -> None:
        """See ``frame_stream.Receiving``."""
        self._ending.set()
        try:
            threads.together([partial(member.reception.finish, timeout) for member in self._members])
        finally:
            self._write_the_rest(timeout)
            if self.following is not None:
                self.following.end()

    def _write_the_rest(self, timeout: float) -> None:
        if not self._lock.acquire(timeout=max(timeout, TICK)):  # somebody writes, and the reader does not take it
            return
        try:
            if self._sink is not None and not self._is_over and (rest := self._merger.finish()):
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
        assert self._sink is not None
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
        on_end, self._on_end = self._on_end, lambda error: None
        self._ending.set()
        on_end(error)


def _foreign(told: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """VNI -> frames, of all together."""
    foreign: dict[str, int] = {}
    for each in told:
        for vni, count in each.get("foreign", {}).items():
            foreign[vni] = foreign.get(vni, 0) + count
    return foreign


class _Share:
    """A receiver's sink."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        self._take(data)

    def close(self) -> None:
        """The fleet's own sink is closed by whoever opened it."""
