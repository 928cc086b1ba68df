"""The end of a capture, in any mode: session first, its last frames, then the rest, until a describe shows nothing.

What cannot be done within Wireshark's patience is the janitor's. Must not know how the capture came up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent import futures

from vpcshark import threads
from vpcshark.aws.errors import is_expired, is_unreachable
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.lifecycle.resources import YOUNG
from vpcshark.cleanup import sweep
from vpcshark.cleanup.ledger import Ledger
from vpcshark.errors import AwsError, VpcsharkError

log = logging.getLogger(__name__)

GRACE = 2.0  # of it, for what clean-up says in the end
TICK = 0.1
FLUSH = 2.0  # for the last frames and counts after a stop
SETTLE = 3.0  # for calls that are under way when a stop comes
UNREACHED = 3.5  # for creates whose connection does not come about, a little more than ``aws.client.CONNECT_TIMEOUT``


class Failure:
    """What the user must be told: the first error of all threads of one capture. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # who comes first writes, and nobody after
        self.first: VpcsharkError | None = None

    def note(self, error: VpcsharkError) -> None:
        """Remember it, if it is the first."""
        with self._lock:
            self.first = self.first or error

    @property
    def is_cut_off(self) -> bool:
        """Is there no way to AWS? Then another try would keep the user waiting for nothing; the janitor has time."""
        return isinstance(self.first, AwsError) and is_unreachable(self.first)


class Ending:
    """One capture's. ``finish_frames`` takes the last frames and lets the reader go on; it is called once."""

    def __init__(
        self, context: Context, ledger: Ledger, feed: Feed, failure: Failure, finish_frames: Callable[[], None]
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._feed = feed
        self._failure = failure
        self._finish_frames = finish_frames
        self._end = context.clock.monotonic() + context.patience

    def run(self, jobs: Jobs, *, is_up: bool) -> None:
        """Runs once, and to its end, whatever signals come meanwhile. ``is_up``: the capture was."""
        log.info("Stopping: %s", self._context.stop.reason)
        over = threading.Event()
        alarm = threads.after(self._context.patience, over.set, name="end of patience")
        self._say(is_up=is_up)
        self._settle(jobs)
        session_gone = threading.Event()
        with self._context.timeline.step("clean up"):
            removal = threads.start(self._remove, session_gone, name="clean-up")
            self._wait_for_frames(session_gone)
            jobs.end()
            self._finish_frames()
            while not removal.done() and not self._context.stop.hurried() and not over.is_set():
                futures.wait([removal], TICK)
        alarm.cancel()
        if not removal.done():
            why = "Clean-up was not waited for" if self._context.stop.hurried() else "AWS does not answer the clean-up"
            self._failure.note(
                VpcsharkError(f"{why}; it goes on in the background.", "vpcshark ps shows how far it is.")
            )

    def _say(self, *, is_up: bool) -> None:
        """What is done now: nothing, where an error came before anything had begun."""
        maker = self._context.maker
        if made := maker.made:
            self._context.status.say(f"Stopping: deleting {_sessions(made)} ...")
        elif is_up or maker.is_doubtful or self._failure.first is None:
            self._context.status.say("Stopping ...")

    def _settle(self, jobs: Jobs) -> None:
        """Nothing is made or changed any more: neither the maker nor the connection to AWS takes it. Calls that are on
        their way are waited for, so that clean-up sees what they did."""
        self._context.maker.close()
        self._feed.close()
        maker = self._context.maker
        if not (maker.settle(UNREACHED) if self._failure.is_cut_off else jobs.settle(SETTLE)):
            log.warning("A call was still under way; the janitor will look after it.")

    def _wait_for_frames(self, session_gone: threading.Event) -> None:
        """Until no session sends frames any more: one that finds nobody there is answered to the source. EC2 may deny
        for a while that it has the session that it made."""
        left = self._end - self._context.clock.monotonic() - GRACE - FLUSH
        flush = max(FLUSH, min(YOUNG - self._context.maker.quiet, left))
        for _ in range(round(flush / TICK)):
            if session_gone.wait(TICK) or self._context.stop.hurried():
                return

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
        if outcome.problems:
            self._failure.note(
                VpcsharkError(
                    " ".join(outcome.problems),
                    "vpcshark goes on trying for 15 minutes; vpcshark cleanup does it by hand.",
                )
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

        if not maker.made and (self._failure.is_cut_off or not maker.is_doubtful):
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
