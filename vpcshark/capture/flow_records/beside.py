"""Records of flow logs beside packets: the points of a path that nobody can capture from, in the same file.

Both are put in order of time as far as both are there. AWS tells records minutes later: these go out when they come,
each with the time that it tells of. Must not know what a path is, nor where packets are from.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from vpcshark import threads
from vpcshark.aws.client import Aws
from vpcshark.aws.flow_records import choice
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.aws.monitoring import flow_logs
from vpcshark.capture.contract.frame_stream import Arrived, Counted, FrameStream, OnEnd
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.flow_records.feed import Records
from vpcshark.capture.lifecycle.context import Absent, Context
from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError
from vpcshark.flowlogs.frames import Frames, Interface, Layout
from vpcshark.flowlogs.wanted import Wanted, moment
from vpcshark.wire.capture_files import pcapng
from vpcshark.wire.capture_files.merge import Merger

log = logging.getLogger(__name__)
TICK = 0.05  # seconds between two looks at what has waited long enough
_LAST = 5.0  # seconds for the records that are read when the capture stops, of all points together


def reading(context: Context, aws: Aws, absent: Absent) -> Reading:
    """What reads the records of the asked flow there. VpcsharkError says why nothing can."""
    now = context.clock.now()
    place, logs = flow_logs.covering(aws, absent.id)
    chosen = choice.best(place, logs)
    begin = moment(context.options.begin, now)
    wanted = Wanted(begin, int(now), choice.resources(place, chosen), absent.flows, has_gaps=False)
    found = Reading(aws, chosen, wanted, context.status.log, clock=context.clock)
    Layout(found.kind)  # InputError where no frame can be made of them
    wanted.test(found.kind)  # InputError where they don't tell flows apart
    return found


def records(context: Context, found: Reading, absent: Absent, number: int) -> Records:
    """Its stream, whose frames are of the file's interface ``number``; it goes on until the capture stops."""
    frames = Frames()
    where = absent.id if Layout(found.kind).where >= 0 else "unknown"
    frames.interfaces[where.encode()] = Interface(number)
    return Records(replace(context, options=replace(context.options, follow=True)), found, frames)


class Header(Sink):
    """A sink that knows how many interface blocks went through it, and passes all on."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.interfaces = 0

    def write(self, data: bytes) -> None:
        """Whole blocks without a section, as modes write them before they stream."""
        self.interfaces += sum(
            each.kind == pcapng.INTERFACE for each in pcapng.read_blocks(pcapng.section_header() + data)
        )
        self._sink.write(data)

    def close(self) -> None:
        """Pass it on."""
        self._sink.close()


class Beside(FrameStream):
    """Packets, which decide all that is asked of a capture, and records, in order of time as far as they are there."""

    def __init__(self, packets: FrameStream, points: Sequence[Records], clock: Clock) -> None:
        self._packets = packets
        self._points = points
        self._clock = clock
        self._merger = Merger(1 + len(points), counting=1)
        self._lock = threading.Lock()  # merger and sink: blocks are written in the order in which they were taken
        self._ending = threading.Event()
        self._sink: Sink | None = None

    @property
    def stats(self) -> Counted:
        """Of the packets alone."""
        return self._packets.stats

    @property
    def note(self) -> str:
        """See ``FrameStream``."""
        return self._packets.note

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """See ``FrameStream``."""
        self._sink = sink
        threads.start(self._tick, name="frames that have waited")
        self._packets.stream(Share(partial(self._take, 0)), on_end)
        for number, each in enumerate(self._points, 1):
            each.stream(Share(partial(self._take, number)), _ended)

    def finish(self, timeout: float) -> None:
        """See ``FrameStream``: with the records of the last minutes, as far as there are any yet."""
        end = self._clock.monotonic() + _LAST
        for each in self._points:  # they read side by side; Wireshark waits for all of us, and AWS is to be cleaned up
            each.settle(max(0.0, end - self._clock.monotonic()))
            each.finish(0)
        self._packets.finish(timeout)
        self._ending.set()
        try:
            with self._lock:
                if self._sink is not None and (rest := self._merger.finish()):
                    self._sink.write(rest)
        except (SinkClosed, VpcsharkError) as error:
            log.info("The last frames were not taken: %s", error)

    def _take(self, number: int, data: bytes) -> None:
        """What a stream brought. Raises what writing raises."""
        with self._lock:
            self._merger.feed(number, data, self._clock.monotonic())
            self._pass_on()

    def _pass_on(self) -> None:
        if self._sink is not None and (data := self._merger.take(self._clock.monotonic())):
            self._sink.write(data)

    def _tick(self) -> None:
        """Packets wait for records, which are late, no longer than ``merge.HOLD``."""
        while not self._ending.wait(TICK):
            try:
                with self._lock:
                    self._pass_on()
            except (SinkClosed, VpcsharkError):  # whoever brings the next frame is told
                return

    def cost(self, kinds: Collection[str], seconds: float) -> float:
        """See ``FrameStream``."""
        return self._packets.cost(kinds, seconds)

    def begin_tally(self) -> None:
        """See ``FrameStream``."""
        self._packets.begin_tally()

    def end_tally(self, timeout: float) -> Arrived:
        """See ``FrameStream``."""
        return self._packets.end_tally(timeout)

    def refilter(self, capture_filter: str) -> str:
        """See ``FrameStream``: records keep to the flow that was asked for."""
        return self._packets.refilter(capture_filter)

    def why_silent(self, arrived: Arrived) -> Sequence[str]:
        """See ``FrameStream``."""
        return self._packets.why_silent(arrived)

    def why_silent_still(self) -> Sequence[str]:
        """See ``FrameStream``."""
        return self._packets.why_silent_still()


class Share(Sink):
    """A stream's own way in."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        self._take(data)

    def close(self) -> None:
        """The capture's own sink is closed by whoever opened it."""


def _ended(error: VpcsharkError | None) -> None:
    """The packets go on."""
    if error is not None:
        log.warning("No more records: %s", error)
