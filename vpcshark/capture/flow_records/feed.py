"""Mode "flowlogs": an ENI's flow log records as frames, for what nobody can mirror or log in to. Makes nothing in AWS.

Must not know Wireshark, nor how records are read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, replace

from vpcshark import threads
from vpcshark.aws.client import Aws
from vpcshark.aws.flow_records import choice
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.monitoring import flow_logs
from vpcshark.capture.contract.frame_stream import Arrived, Counted, FrameStream, OnEnd
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.lifecycle import file_headers
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.cleanup import sweep
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.errors import Mistake, VpcsharkError, unexpected
from vpcshark.flowlogs import delivery
from vpcshark.flowlogs.frames import Frames, Layout
from vpcshark.flowlogs.scan import Row
from vpcshark.flowlogs.wanted import Wanted, moment
from vpcshark.text import many

log = logging.getLogger(__name__)
POLL = 30.0
"""Seconds between looks for new records: they come minutes late anyhow."""
_AT_ONCE = 50_000
"""Records that are put in order of their start before they are written."""


@dataclass(frozen=True)
class World:
    """The seam of this mode: how AWS is reached."""

    connect: Callable[[], Aws]


class FlowlogsFeed(Feed):
    """Reads the records of one ENI."""

    def __init__(self, context: Context, world: World) -> None:
        self._context = context
        self._world = world

    def up(self, jobs: Jobs) -> Records:
        """See ``feed.Feed``."""
        options, clock = self._context.options, self._context.clock
        if options.user_filter.strip() or options.direction != "both":
            raise Mistake(
                "Records of flow logs can't be filtered by a capture filter or a direction.",
                "Leave it out, and filter what is shown: Wireshark's display filter.",
            )
        now = clock.now()
        wanted = Wanted(moment(options.begin, now), int(now))
        self._context.status.say("Asking AWS about flow logs ...")
        with self._context.timeline.step("connect to AWS"):
            aws = jobs.result(jobs.start(self._world.connect))
        eni = self._context.selection.single
        if not eni:
            raise Mistake("Mode flowlogs takes one ENI at a time.", "Name one, or choose mode mirror.")
        with self._context.timeline.step("find the flow log"):
            place, logs = jobs.result(jobs.start(flow_logs.covering, aws, eni))
            found = jobs.result(jobs.start(interfaces.find_eni, aws.ec2, eni))
        chosen = choice.best(place, logs)
        wanted = replace(wanted, resources=choice.resources(place, chosen))
        Layout(Reading(aws, chosen, wanted, log.info).kind)  # InputError where no frame can be made of them
        reading = Reading(aws, chosen, wanted, self._context.status.log, clock=clock)
        frames = Frames({eni: file_headers.describe(found)})
        self._context.sink.write(frames.open(eni))
        self._context.status.say(f"Reading the records of {eni} from {chosen.destination} ...")
        return Records(self._context, reading, frames)

    def account(self) -> sweep.Account:
        """See ``feed.Feed``."""
        return MirrorAccount(self._world.connect())


class Records(FrameStream):
    """The stream of a capture in mode "flowlogs": records are its frames."""

    def __init__(self, context: Context, reading: Reading, frames: Frames) -> None:
        self._context = context
        self._reading = reading
        self._frames = frames
        self._seen: dict[tuple[bytes, ...], int] = {}
        self._sink: Sink | None = None
        self._moving: Future[None] | None = None
        self._writing = threading.Lock()  # a block goes out before the next: the last ones come from another thread

    @property
    def stats(self) -> Counted:
        """See ``FrameStream``: records are frames here."""
        return Counted(sum(each.frames for each in self._frames.interfaces.values()))

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """See ``FrameStream``."""
        self._sink = sink
        self._moving = threads.start(self._run, sink, on_end, name="frames")

    def finish(self, timeout: float) -> None:
        """See ``FrameStream``: with what of the records is no frame."""
        self._reading.stop.set()
        if self._moving is not None:
            futures.wait([self._moving], timeout)
        try:
            with self._writing:
                if self._sink is not None:
                    self._sink.write(self._frames.end())
        except (SinkClosed, VpcsharkError) as error:
            log.info("The last counts could not be written: %s", error)

    def settle(self, timeout: float) -> None:
        """Wait, at most so many seconds, for what is read when the capture stops: records of its last minutes."""
        if self._moving is not None:
            futures.wait([self._moving], timeout)

    def why_silent(self, arrived: Arrived) -> list[str]:
        """See ``FrameStream``."""
        reading, now = self._reading, self._context.clock.now()
        if arrived.before:
            return [f"{many(arrived.before, 'record')} came before.", *reading.log.problems]
        said = [f"{reading.log.id} has no record of {self._context.selection} in that time."]
        return [*said, *reading.log.problems, *reading.tally.sentences(reading.log, reading.wanted, now)]

    def _run(self, sink: Sink, on_end: OnEnd) -> None:
        error: VpcsharkError | None = None
        try:
            self._pour(sink)
            if not self._context.options.follow:
                self._say()
                self._context.stop.request("All records of that time are read.")
            while not self._context.stop.wait(POLL):
                self._reading.wanted = self._next()
                self._pour(sink)
            if self._context.options.follow:
                self._reading.wanted = self._next()
                self._pour(sink)
        except SinkClosed:
            pass
        except VpcsharkError as broken:
            error = broken
        except Exception as surprise:
            log.exception("Records could not be read")
            error = unexpected(surprise)
        on_end(error)

    def _say(self) -> None:
        for sentence in self._reading.tally.sentences(
            self._reading.log, self._reading.wanted, self._context.clock.now()
        ):
            self._context.status.log(sentence)
        self._context.status.say(f"{many(self.stats.received, 'record')} read.")

    def _next(self) -> Wanted:
        """From what may still come late, until now. What is older is not remembered any more."""
        now = int(self._context.clock.now())
        begin = max(self._reading.wanted.begin, now - 2 * delivery.delay(self._reading.log))
        self._seen = {row: start for row, start in self._seen.items() if start >= begin - self._reading.log.interval}
        return replace(self._reading.wanted, begin=begin, end=now)

    def _pour(self, sink: Sink) -> None:
        """The records that are new; each batch in order of start."""
        batch: list[tuple[int, Row]] = []
        for kind, row in choice.reader(self._reading).rows():
            place = kind.places.get("start", -1)
            start = int(row[place]) if place >= 0 and row[place].isdigit() else 0
            key = tuple(row)
            if key in self._seen:
                continue
            if self._context.options.follow:
                self._seen[key] = start
            batch.append((start, (kind, row)))
            if len(batch) >= _AT_ONCE:
                self._write(sink, batch)
                batch = []
        self._write(sink, batch)

    def _write(self, sink: Sink, batch: Sequence[tuple[int, Row]]) -> None:
        ordered = sorted(batch, key=lambda each: each[0])
        blocks = b"".join(self._frames.of(kind, row) for _, (kind, row) in ordered)
        if blocks:
            with self._writing:
                sink.write(blocks)
