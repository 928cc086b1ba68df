"""The path of a connection as sources: walked first, then captured at every interface that its packets pass.

The walk's answer becomes a plain selection, so the mode beneath knows nothing of it. Must not know how a walk is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vpcshark.aws.flow_records.reading import Reading
from vpcshark.capture.contract.frame_stream import FrameStream
from vpcshark.capture.flow_records import beside
from vpcshark.capture.lifecycle.context import Absent, Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.cleanup import sweep
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.settings import PathEnds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Walked:
    """``points``: ids of the interfaces on instances, in the order of the path; ``capture_filter`` lets its packets
    through, as each of them sees these; ``absent``: the others; ``verdict``: what the rules say of it."""

    points: tuple[str, ...]
    capture_filter: str
    absent: tuple[Absent, ...]
    verdict: str


class PathFeed(Feed):
    """``walk`` may raise VpcsharkError; ``make`` gives the feed of what was found."""

    def __init__(
        self,
        context: Context,
        walk: Callable[[PathEnds], Walked],
        make: Callable[[Context], Feed],
        account: Callable[[], sweep.Account],
        read: Callable[[Context, Absent], Reading],
    ) -> None:
        """``account``: where a capture that came to nothing would have made something. ``read``: what reads the flow
        log records of a point that can't be captured; VpcsharkError."""
        self._context = context
        self._walk = walk
        self._make = make
        self._account = account
        self._read = read
        self._feed: Feed | None = None

    def up(self, jobs: Jobs) -> FrameStream:
        """See ``feed.Feed``."""
        context = self._context
        context.status.say(f"Walking {context.selection} ...")
        with context.timeline.step("walk the path"):
            found = [jobs.result(jobs.start(self._walk, path)) for path in context.selection.paths]
        for path, walked in zip(context.selection.paths, found, strict=True):
            self._say(f"{path} is {walked.verdict} by the rules; captured at {', '.join(walked.points) or 'nothing'}.")
        resolved = wanted(context, found)
        with context.timeline.step("find the flow logs"):
            readings = self._readings(jobs, resolved.absent)
        return self._together(jobs, resolved, readings) if readings else self._begun(jobs, resolved)

    def _begun(self, jobs: Jobs, context: Context) -> FrameStream:
        self._feed = self._make(context)
        return self._feed.up(jobs)

    def _together(self, jobs: Jobs, context: Context, readings: Mapping[Absent, Reading]) -> FrameStream:
        """Packets, with the records of the points that have some. Their blocks are the last ones of the header."""
        header = beside.Header(context.sink)
        absent = tuple(replace(each, has_records=each in readings) for each in context.absent)
        packets = self._begun(jobs, replace(context, absent=absent, sink=header))
        numbers = range(header.interfaces - len(absent), header.interfaces)
        points = [
            beside.records(context, readings[each], each, number)
            for each, number in zip(context.absent, numbers, strict=True)
            if each in readings
        ]
        return beside.Beside(packets, points, context.clock)

    def _readings(self, jobs: Jobs, absent: Sequence[Absent]) -> dict[Absent, Reading]:
        """Those of the points that a flow log covers; what is told of each."""
        asked = [(each, jobs.start(self._read, self._context, each)) for each in absent]
        found: dict[Absent, Reading] = {}
        for each, reading in asked:
            try:
                found[each] = jobs.result(reading)
                self._say(f"{each.id} is not captured: {each.why} Its frames are records of {found[each].log.id}.")
            except VpcsharkError as error:
                self._say(f"{each.id} is not captured: {each.why} Nor has it records: {error.problem}")
        return found

    def _say(self, said: str) -> None:
        log.info("%s", said)
        self._context.status.log(said)

    def close(self) -> None:
        """See ``feed.Feed``."""
        if self._feed is not None:
            self._feed.close()

    def account(self) -> sweep.Account:
        """See ``feed.Feed``."""
        return self._account() if self._feed is None else self._feed.account()

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """See ``feed.Feed``."""
        if self._feed is not None:
            self._feed.renew(made, expires)


def wanted(context: Context, found: Sequence[Walked]) -> Context:
    """The context with the points of the paths as sources, and with a filter for their packets where the user gave
    none. InputError where no point can be captured from."""
    selection = context.selection
    points = tuple(dict.fromkeys(point for each in found for point in each.points if point not in selection.enis))
    if not points and not selection.enis:
        raise InputError(
            f"No interface on {selection} is on an instance, so there is nothing to capture from.",
            "Records of a flow log may have it: vpcshark walk SRC DST --evidence.",
        )
    alone = len(points) == 1 and not selection.enis and not (selection.tags or selection.groups or selection.balancers)
    resolved = (
        replace(selection, enis=points, paths=()) if alone else replace(selection, points=points, name=str(selection))
    )
    options = context.options
    if not options.user_filter.strip() and not (selection.enis or selection.tags or selection.groups):
        filters = tuple(dict.fromkeys(each.capture_filter for each in found if each.capture_filter))
        one = filters[0] if len(filters) == 1 else " or ".join(f"({each})" for each in filters)
        options = replace(options, user_filter=one)
    absent = tuple(dict.fromkeys(gone for each in found for gone in each.absent))
    return replace(context, selection=resolved, options=options, absent=absent)
