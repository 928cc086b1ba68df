"""Mode "auto": a mirror where the source can be mirrored and something can receive it, else tcpdump on its instance,
else the records of a flow log.

AWS decides what can be mirrored, not a table of ours: the mirror is tried, and what AWS or the plan refuses is the
reason for tcpdump, in the log and on the screen. A mistake in the user's own options is no such reason: it is told.
Must not know how either feed works.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from vpcshark.aws.errors import is_gone
from vpcshark.capture.contract.frame_stream import FrameStream
from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.cleanup import sweep
from vpcshark.errors import AwsError, Hopeless, InputError, Mistake, TransportError, VpcsharkError

log = logging.getLogger(__name__)

MakeFeed = Callable[[Context, bool], Feed]
"""(context, whether the interface is described in the sink already) -> a feed."""


class AutoFeed(Feed):
    """``mirror`` first, ``tcpdump`` if that cannot be; both have the shape of ``MakeFeed``."""

    def __init__(
        self, context: Context, mirror: MakeFeed, tcpdump: MakeFeed, flowlogs: Callable[[Context], Feed]
    ) -> None:
        self._sink = _Noticing(context.sink)
        self._context = replace(context, sink=self._sink)
        self._mirror = mirror(self._context, False)
        self._make_tcpdump = tcpdump
        self._make_flowlogs = flowlogs
        self._feed: Feed = self._mirror

    def up(self, jobs: Jobs) -> FrameStream:
        """See ``feed.Feed``."""
        try:
            return self._mirror.up(jobs)
        except VpcsharkError as error:
            if isinstance(error, (Hopeless, Mistake)) or (isinstance(error, AwsError) and _is_final(error)):
                raise
            return self._second(jobs, error)

    def close(self) -> None:
        """See ``feed.Feed``."""
        self._mirror.close()
        self._feed.close()

    def account(self) -> sweep.Account:
        """See ``feed.Feed``: what was made, the mirror made."""
        return self._mirror.account()

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """See ``feed.Feed``."""
        self._mirror.renew(made, expires)

    def _second(self, jobs: Jobs, why: VpcsharkError) -> FrameStream:
        log.info("No mirror, so tcpdump on the instance: %s", why)
        self._context.status.log(f"No mirror, so tcpdump on the instance: {why.problem}")
        self._context.status.say("No mirror can be had; trying tcpdump on the instance ...")
        self._feed = self._make_tcpdump(self._context, self._sink.is_used)
        try:
            return self._feed.up(jobs)
        except VpcsharkError as error:
            log.info("Nor tcpdump: %s", error)
            if self._sink.is_used or not isinstance(error, InputError):
                raise _both(why, error) from error
            return self._third(jobs, _both(why, error))

    def _third(self, jobs: Jobs, why: VpcsharkError) -> FrameStream:
        """Flow logs, of what is on no instance where tcpdump could run (a NAT gateway, RDS)."""
        feed = self._make_flowlogs(self._context)
        try:
            found = feed.up(jobs)
        except VpcsharkError as error:
            log.info("Nor flow logs: %s", error)
            raise VpcsharkError(f"{why.problem} No flow log: {error.problem}", error.remedy) from error
        self._feed = feed
        self._context.status.log(f"Neither packets, so the records of a flow log: {why.problem}")
        return found


def _is_final(error: AwsError) -> bool:
    """Can AWS not be asked? Then nobody knows the instance either. Or is the filter or target not there that the user
    named?"""
    return not error.code or is_gone(error)


def _both(mirror: VpcsharkError, tcpdump: VpcsharkError) -> VpcsharkError:
    """One sentence. Where neither machine was reached, the capture host's reason is enough; the log has the other."""
    if isinstance(mirror, TransportError) and isinstance(tcpdump, TransportError):
        return VpcsharkError(f"{mirror.problem} The instance itself can't be captured on either.", mirror.remedy)
    return VpcsharkError(f"No mirror: {mirror.problem} No tcpdump: {tcpdump.problem}", tcpdump.remedy)


class _Noticing(Sink):
    """A sink that knows whether anything was written to it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.is_used = False

    def write(self, data: bytes) -> None:
        """Pass it on."""
        self.is_used = True
        self._sink.write(data)

    def close(self) -> None:
        """Pass it on."""
        self._sink.close()
