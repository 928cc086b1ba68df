"""One capture from its first byte to its last deletion, whatever the mode: up, hold, down.

down: session first, the receiver's last frames, then the rest, until a describe shows nothing. What cannot be done
within Wireshark's patience is the janitor's. Must not know Wireshark, nor how frames are got: that is the ``Feed``.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from functools import partial

from vpcshark import threads
from vpcshark.aws.errors import is_expired, is_unreachable
from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.capture.lifecycle.context import PATIENCE, Context
from vpcshark.capture.lifecycle.controls import Live
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.frame_stream import Receiving
from vpcshark.capture.lifecycle.jobs import Jobs, Stopped
from vpcshark.capture.lifecycle.silence import Silence
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import sweep
from vpcshark.cleanup.ledger import Ledger
from vpcshark.errors import AwsError, VpcsharkError
from vpcshark.text import many

log = logging.getLogger(__name__)

GRACE = 2.0  # of it, for what clean-up says in the end
TICK = 0.1
FLUSH = 2.0  # for the last frames and counts after a stop
SETTLE = 3.0  # for calls that are under way when a stop comes during up
YOUNG = 8.0  # for so long after a create EC2 may say that what it made does not exist
UNREACHED = 3.5  # for creates whose connection does not come about, a little more than ``aws.client.CONNECT_TIMEOUT``


class Capture:
    """Runs a feed and cleans up after it."""

    def __init__(self, context: Context, ledger: Ledger, feed: Feed) -> None:
        self._context = context
        self._ledger = ledger
        self._feed = feed
        self._reception: Receiving | None = None
        self._failure: VpcsharkError | None = None
        self._silence: Silence | None = None
        self._live: Live | None = None
        self._end = 0.0  # until when the end is waited for

    def run(self) -> None:
        """Until stop is requested or the feed ends; then clean up. VpcsharkError: what the user must know."""
        jobs = Jobs(self._context.stop)
        try:
            self._reception = self._feed.up(jobs)
            self._reception.stream(self._context.sink, self._stream_ended)
            self._context.course.on_up()
            self._context.status.say(f"Capturing from {self._context.selection}.")
            self._show()
            self._hold()
            self._explain()
        except (Stopped, SinkClosed):
            self._context.stop.request("The reader closed the capture.")
            if self._reception is None:
                self._ended_early()
        except VpcsharkError as error:
            self._fail(error)
        finally:
            self._down(jobs)
        if self._failure is not None:
            raise self._failure

    def _show(self) -> None:
        """Let a toolbar, where there is one, see and steer; and have a silence explained."""
        context, maker, reception = self._context, self._context.maker, self._reception
        assert reception is not None
        text = context.options.user_filter
        self._live = Live(context.status, reception, self._feed, lambda: maker.made, context.clock, text)
        self._live.begin(context.stop)
        self._silence = Silence(self._feed, reception, context.status, context.stop, context.clock)
        self._silence.begin()

    def _ended_early(self) -> None:
        """A capture of two seconds is over before AWS has made a session: no packet is no sign of no traffic."""
        said = "The capture was stopped before it stood, so no packet could come."
        log.info("%s", said)
        self._context.status.log(said)
        self._context.course.on_early(said)

    def _explain(self) -> None:
        """Where it ends without a packet and somebody wants to know why: as long as all is there to be looked at."""
        on_empty = self._context.course.on_empty
        if on_empty is not None and self._silence is not None and self._failure is None and not self._silence.broken:
            on_empty(self._silence.reasons())

    def _fail(self, error: VpcsharkError) -> None:
        """Remember the first failure and stop."""
        self._failure = self._failure or error
        self._context.stop.request(str(error))

    def _stream_ended(self, error: VpcsharkError | None) -> None:
        """Called by the frames' thread: ``error`` None means that the reader has gone."""
        if error is not None and not self._context.stop.requested():
            self._fail(error)
        self._context.stop.request("The reader closed the capture.")

    def _hold(self) -> None:
        """Renew the lease until stop; end a capture that was forgotten."""
        stop, clock = self._context.stop, self._context.clock
        longest = self._context.options.max_duration
        end = clock.monotonic() + longest
        threads.start(self._remove_expired, name="expired captures")
        while not stop.wait(min(self._context.lease / 3, max(0.0, end - clock.monotonic()), self._signed_for())):
            if clock.monotonic() >= end:
                stop.request(f"The capture reached its longest duration of {many(longest, 'second')} (--max-duration).")
                return
            renewing = threads.start(self._renew, name="lease")  # of the credentials too, if that can be done
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

    def _down(self, jobs: Jobs) -> None:
        """Runs once, and to its end, whatever signals come meanwhile."""
        log.info("Stopping: %s", self._context.stop.reason)
        self._end = self._context.clock.monotonic() + self._context.patience
        over = threading.Event()
        alarm = threading.Timer(self._context.patience, over.set)
        alarm.daemon = True
        alarm.start()
        made = self._context.maker.made
        self._context.status.say(f"Stopping: deleting {_sessions(made)} ..." if made else "Stopping ...")
        self._context.maker.close()
        self._feed.close()
        if not (self._context.maker.settle(UNREACHED) if self._is_cut_off else jobs.settle(SETTLE)):
            log.warning("A call was still under way; the janitor will look after it.")
        session_gone = threading.Event()
        removal = threading.Thread(target=self._remove, args=(session_gone,), name="clean-up", daemon=True)
        with self._context.timeline.step("clean up"):
            removal.start()
            self._finish_frames(session_gone, jobs)
            while removal.is_alive() and not self._context.stop.hurried() and not over.is_set():
                removal.join(TICK)
        alarm.cancel()
        if removal.is_alive():
            why = "Clean-up was not waited for" if self._context.stop.hurried() else "AWS does not answer the clean-up"
            self._failure = self._failure or VpcsharkError(
                f"{why}; it goes on in the background.", "vpcshark ps shows how far it is."
            )

    @property
    def _is_cut_off(self) -> bool:
        """Is there no way to AWS? Then another try would keep the user waiting for nothing; the janitor has time."""
        return isinstance(self._failure, AwsError) and is_unreachable(self._failure)

    def _finish_frames(self, session_gone: threading.Event, jobs: Jobs) -> None:
        """When no more frames come, take the last ones, and let the reader go on. A frame that finds nobody there is
        answered to the source."""
        for _ in range(round(self._flush / TICK)):
            if session_gone.wait(TICK) or self._context.stop.hurried():
                break
        jobs.end()
        if self._reception is not None:
            with self._context.timeline.step("flush"):
                self._reception.finish(FLUSH)
        if self._live is not None and self._context.stop.requested():
            self._live.end()
        if self._failure is None:  # else whoever tells it closes the sink: Wireshark may not wait for the message
            self._context.sink.close()

    @property
    def _flush(self) -> float:
        """Seconds for which frames may still come: EC2 may deny for a while that it has the session that it made."""
        left = self._end - self._context.clock.monotonic() - GRACE - FLUSH
        return max(FLUSH, min(YOUNG - self._context.maker.quiet, left))

    def _remove(self, session_gone: threading.Event) -> None:
        try:
            outcome = self._outcome(session_gone)
        except VpcsharkError as error:  # no way to the account: what was made stands
            outcome = sweep.Outcome((), (str(error),))
        finally:
            session_gone.set()
        maker = self._context.maker
        for sentence in outcome.unproved:
            self._context.status.log(sentence)
        if outcome.is_clean and not maker.is_doubtful and not maker.made:  # an answer may have come meanwhile
            with self._context.timeline.step("finish the ledger"):
                self._ledger.finish()
            return
        for sentence in outcome.problems:
            self._ledger.note(sentence)
        for sentence in outcome.later:
            log.info("%s The janitor waits for that.", sentence)
        self._ledger.leave_open()
        if outcome.problems and self._failure is None:
            self._failure = VpcsharkError(
                " ".join(outcome.problems),
                "vpcshark goes on trying for 15 minutes; vpcshark cleanup does it by hand.",
            )

    def _outcome(self, session_gone: threading.Event) -> sweep.Outcome:
        maker = self._context.maker
        sessions = {resource for resource, kind in maker.made.items() if kind == "session"}
        if not sessions and not maker.is_doubtful:
            session_gone.set()

        def on_deleted(resource: str) -> None:
            maker.forget(resource)
            sessions.discard(resource)
            if not sessions and not maker.is_doubtful:
                session_gone.set()

        if not maker.made and (self._is_cut_off or not maker.is_doubtful):
            return sweep.Outcome((), ())
        return sweep.remove_capture(
            self._feed.account(),
            maker.lease.capture,
            clock=self._context.clock,
            patience=max(0.0, self._end - self._context.clock.monotonic() - GRACE),
            known=maker.made,
            young=max(0.0, YOUNG - maker.quiet),
            on_deleted=on_deleted,
            give_up=is_expired,
            hands_over=True,
        )


def _sessions(made: Mapping[str, str]) -> str:
    count = sum(kind == "session" for kind in made.values())
    return f"{count} mirror sessions" if count > 1 else "the mirror session"
