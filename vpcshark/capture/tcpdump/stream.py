"""Streams a remote tcpdump into the sink, with its counts as statistics blocks, and reconnects on failure.

Must not know AWS, nor how a dump is started.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from vpcshark import threads
from vpcshark.capture.connection.retry import retry_until
from vpcshark.capture.contract.frame_stream import UNANSWERED, UNCOUNTED, Arrived, Counted, FrameStream, OnEnd
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.instance.commands import BEAT
from vpcshark.capture.instance.tcpdump_process import Dump, OnCounts
from vpcshark.capture.instance.tls_secrets import HeldSink, Secrets
from vpcshark.capture.tcpdump.counts import CountsInFile
from vpcshark.clock import Clock, utc
from vpcshark.errors import TransportError, VpcsharkError, unexpected

log = logging.getLogger(__name__)
LATE = 2 * BEAT + 1.0  # seconds without counts that are no accident


class Begun(NamedTuple):
    """A dump that captures, and the packets that came by then."""

    dump: Dump
    first: bytes


Begin = Callable[[str, OnCounts], Begun]
"""(remark for the first packet, who is told of counts) -> a dump on a fresh connection to the host. TransportError."""


@dataclass(frozen=True)
class Seams:
    """What a stream needs of its capture. ``why_silent`` gives the sentences of ``FrameStream.why_silent``; ``key_log``
    is a file of TLS secrets on the host, "" for none."""

    stop: Stop
    clock: Clock
    status: Status
    why_silent: Callable[[Arrived], Sequence[str]] = lambda arrived: ()
    key_log: str = ""


class Pouring(FrameStream):
    """The stream of a capture in mode "tcpdump". ``begin`` starts the dump; what it raises leaves nothing running."""

    def __init__(self, begin: Begin, seams: Seams) -> None:
        self._begin = begin
        self._seams = seams
        self._secrets = Secrets()
        self._held: HeldSink | None = None
        self._moving: Future[None] | None = None
        self._ending = False
        self._counts = CountsInFile(seams.clock)
        self._dump, self._first = begin("", self._counts.share())
        self._counts.expect()

    @property
    def whose(self) -> str:
        """The pod or task that has the interface, where that is not the host itself; else ""."""
        return self._dump.whose

    @property
    def stats(self) -> Counted:
        """See ``FrameStream``; with the counts of earlier dumps."""
        total = self._counts.total()
        return UNCOUNTED if total is None else Counted(*total)

    def end_tally(self, timeout: float) -> Arrived:
        """See ``FrameStream``: the host counts anyway, unless counts should have come, and did not."""
        if self._dump.counts_when_asked and self._counts.age > LATE:
            return UNANSWERED
        return Arrived(is_known=True, received=self.stats.received)

    def refilter(self, capture_filter: str) -> str:
        """See ``FrameStream``: tcpdump has one filter for life."""
        raise VpcsharkError("tcpdump cannot change it while it runs.", "Stop, and start with another.")

    def why_silent(self, arrived: Arrived) -> Sequence[str]:
        """See ``FrameStream``."""
        return self._seams.why_silent(arrived)

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """See ``FrameStream``."""
        self._counts.begin(sink)
        if self._seams.key_log:
            sink = self._held = HeldSink(sink, self._seams.clock)
            self._follow(self._dump, self._held)
        self._moving = threads.start(self._run, sink, on_end, name="frames")

    def finish(self, timeout: float) -> None:
        """See ``FrameStream``."""
        self._ending = True
        self._counts.hold_back()
        self._dump.ask_to_end()
        if self._moving is not None:
            futures.wait([self._moving], timeout)
        self._dump.close(timeout / 2)
        if self._held is not None:
            self._held.close()
        self._counts.write()  # behind the last packet, whichever of the two came first

    def _follow(self, dump: Dump, held: HeldSink) -> None:
        self._secrets.begin_anew()
        dump.follow(self._seams.key_log, partial(self._secret, held))

    def _secret(self, held: HeldSink, data: bytes) -> None:
        if block := self._secrets.feed(data):
            held.at_once(block)

    def _run(self, sink: Sink, on_end: OnEnd) -> None:
        error: VpcsharkError | None = None
        try:
            sink.write(self._first)
            while True:
                self._pour(sink)
                if self._ending or self._seams.stop.requested():
                    return
                self._again(sink)
        except SinkClosed:
            pass
        except VpcsharkError as broken:
            error = broken
        except Exception as surprise:
            log.exception("Packets could not be moved")
            error = unexpected(surprise)
        on_end(error)

    def _pour(self, sink: Sink) -> None:
        while blocks := self._dump.read():
            sink.write(blocks)

    def _again(self, sink: Sink) -> None:
        """After an end that nobody asked for: raises what ended it, unless only the connection broke and there is a new
        one."""
        ended = self._dump.why_ended()
        self._dump.close()
        if ended is not None:
            raise ended
        last = self._dump.last_time or self._counts.began
        log.warning("The connection to the host broke.")
        self._seams.status.say("The connection broke; connecting again ...")
        retry_until(partial(self._reconnect, sink, last), _is_passing, self._seams.stop.wait, self._seams.clock)

    def _reconnect(self, sink: Sink, last: int) -> None:
        """``last``: when the last packet that came was seen (ns). That dates the gap, whenever it was noticed: a
        connection that is cut in silence is missed some seconds later, and a machine that slept misses nothing while it
        does."""
        since = f"from about {utc(last)} UTC on"
        remark = f"Packets before this one, {since}, are missing: the connection to the host broke and was made again."
        self._dump, first = self._begin(remark, self._counts.share())
        self._counts.expect()
        try:
            if self._held is not None:
                self._follow(self._dump, self._held)
        except BaseException:
            self._dump.close()
            raise
        if self._ending:  # asked to end meanwhile
            self._dump.close()
            return
        gap = max(0.0, self._seams.clock.now() - last / 1e9)
        log.warning("Connected again after %.1f seconds.", gap)
        self._seams.status.say(f"Connected again; packets of about {gap:.0f} seconds are missing.")
        sink.write(first)


def _is_passing(error: VpcsharkError) -> bool:
    return isinstance(error, TransportError)
