"""One capture from its first byte to its last deletion, whatever the mode: up, hold, down (``ending``).

Must not know Wireshark, nor how frames come: that is the ``Feed``'s.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent import futures
from dataclasses import dataclass
from functools import partial

from vpcshark import threads
from vpcshark.capture.contract.frame_stream import FrameStream
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.lifecycle.context import PATIENCE, Context
from vpcshark.capture.lifecycle.controls import Live
from vpcshark.capture.lifecycle.ending import FLUSH, TICK, Ending, Failure
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.lifecycle.silence import Silence
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import sweep
from vpcshark.cleanup.ledger import Ledger
from vpcshark.errors import VpcsharkError
from vpcshark.text import many

log = logging.getLogger(__name__)


def tell_early(status: Status, course: Course) -> None:
    """A capture of two seconds is over before AWS has made a session: no packet is no sign of no traffic."""
    said = "The capture was stopped before it had started, so no packet could come."
    log.info("%s", said)
    status.log(said)
    course.on_early(said)


@dataclass(frozen=True)
class Running:
    """A capture that is up, with those who look at it."""

    stream: FrameStream
    live: Live
    silence: Silence


class Capture:
    """Runs a feed and cleans up after it."""

    def __init__(self, context: Context, ledger: Ledger, feed: Feed) -> None:
        self._context = context
        self._ledger = ledger
        self._feed = feed
        self._failure = Failure()
        self._running: Running | None = None

    def run(self) -> None:
        """Until stop is requested or the feed ends; then clean up. VpcsharkError: what the user must know."""
        jobs = Jobs(self._context.stop)
        try:
            running = self._running = self._watched(self._feed.up(jobs), jobs)
            running.stream.stream(self._context.sink, self._stream_ended)
            self._context.course.on_up()
            self._context.status.say(f"Capturing from {self._context.selection}.")
            running.live.begin(self._context.stop)
            running.silence.begin()
            self._hold(jobs)
            self._explain(running.silence)
        except (Stopped, SinkClosed):
            self._context.stop.request("The reader closed the capture.")
            if self._running is None:
                tell_early(self._context.status, self._context.course)
        except VpcsharkError as error:
            self._fail(error)
        finally:
            ending = Ending(self._context, self._ledger, self._feed, self._failure, self._finish_frames)
            ending.run(jobs, is_up=self._running is not None)
        if self._failure.first is not None:
            raise self._failure.first

    def _watched(self, stream: FrameStream, jobs: Jobs) -> Running:
        """With what lets a toolbar, where there is one, see and steer; and what has a silence explained."""
        context, maker = self._context, self._context.maker
        text = context.options.user_filter
        live = Live(context.status, stream, lambda: maker.made, context.clock, jobs, text)
        return Running(stream, live, Silence(stream, context.status, context.stop, context.clock))

    def _explain(self, silence: Silence) -> None:
        """Where it ends without a packet and somebody wants to know why: as long as all is there to be looked at."""
        on_empty = self._context.course.on_empty
        if on_empty is not None and self._failure.first is None and not silence.broken:
            on_empty(silence.reasons())

    def _fail(self, error: VpcsharkError) -> None:
        """Remember the first failure and stop."""
        self._failure.note(error)
        self._context.stop.request(str(error))

    def _stream_ended(self, error: VpcsharkError | None) -> None:
        """Called by the frames' thread: ``error`` None means that the reader has gone."""
        if error is not None and not self._context.stop.requested():
            self._fail(error)
        self._context.stop.request("The reader closed the capture.")

    def _hold(self, jobs: Jobs) -> None:
        """Renew the lease until stop; end a capture that was forgotten."""
        stop, clock = self._context.stop, self._context.clock
        longest = self._context.options.max_duration
        end = clock.monotonic() + longest
        threads.start(self._remove_expired, name="expired captures")  # others': this capture's end waits for none
        while not stop.wait(min(self._context.lease / 3, max(0.0, end - clock.monotonic()), self._signed_for())):
            if clock.monotonic() >= end:
                stop.request(f"The capture reached its longest duration of {many(longest, 'second')} (--max-duration).")
                return
            renewing = jobs.beside(self._renew, name="lease")  # of the credentials too, if that can be done
            while not renewing.done() and not stop.requested():  # a stop waits for no AWS that does not answer
                futures.wait([renewing], TICK)
            if renewing.done():
                renewing.result()
            if not self._signed_for():
                self._fail(self._signed_out())

    def _signed_for(self) -> float:
        """Seconds until the capture must end to clean up as whoever it is; that matters where something is made."""
        return self._context.signed.lasts(self._context.clock.now()) if self._context.maker.made else math.inf

    def _signed_out(self) -> VpcsharkError:
        at = time.strftime("%H:%M", time.localtime(self._context.signed.until))
        return VpcsharkError(
            f"The capture ended, because its AWS sign-in ends at {at} and could not be renewed.",
            "Sign in again, and start it anew.",
        )

    def _remove_expired(self) -> None:
        """Others of mine whose machine never came back: this is the next start of anything."""
        try:
            sweep.remove_expired(
                self._feed.account(),
                self._context.maker.lease.owner,
                clock=self._context.clock,
                patience=PATIENCE,
                lives_here=partial(ledgers.lives_here, self._ledger.path.parent),
            )
        except VpcsharkError as error:
            log.info("Expired captures could not be looked for: %s", error)

    def _renew(self) -> None:
        expires = self._context.clock.now() + self._context.lease
        try:
            with self._context.timeline.step("renew the lease"):
                self._feed.renew(self._context.maker.made, expires)
        except VpcsharkError as error:  # two more tries fit into the lease
            log.warning("The lease could not be renewed yet: %s", error)
            self._context.status.log(f"The lease could not be renewed yet: {error}")
            return
        self._ledger.renewed(expires)

    def _finish_frames(self) -> None:
        """When no more frames come, take the last ones, and let the reader go on."""
        if self._running is not None:
            with self._context.timeline.step("flush"):
                self._running.stream.finish(FLUSH)
            if self._context.stop.requested():
                self._running.live.end()
        if self._failure.first is None:  # else whoever tells it closes the sink: Wireshark may not wait for the message
            self._context.sink.close()
