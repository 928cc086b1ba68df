"""The life of a capture without AWS: renewals, the longest duration, and who has the rest when it can't clean up."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from told import Told

from vpcshark.aws.client import Aws
from vpcshark.capture.contract.frame_stream import UNCOUNTED, Counted, FrameStream
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle import feed as feeds
from vpcshark.capture.lifecycle.capture import Capture
from vpcshark.capture.lifecycle.context import LEASE, PATIENCE, SIGNED_OUT, Context, SignIn
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror.creation import World
from vpcshark.capture.mirror.feed import MirrorFeed
from vpcshark.capture.modes.auto import AutoFeed
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.errors import AwsError, VpcsharkError

LEASED = tags.Lease("c-1", "me@here", 1_700_000_900.0)


class PassingStop(Stop):
    """Waiting for it takes the fake clock's time, in the thread that made it; the others' is their own."""

    def __init__(self, clock, after: float) -> None:
        super().__init__()
        self._clock, self._end = clock, clock.monotonic() + after
        self._thread = threading.current_thread()

    def wait(self, timeout: float | None = None) -> bool:
        if threading.current_thread() is not self._thread:
            return super().wait(timeout)
        if self.requested():
            return True
        self._clock.sleep(min(timeout, max(0.0, self._end - self._clock.monotonic())))
        if self._clock.monotonic() >= self._end:
            self.request("the test is over")
        return self.requested()


class Nothing(FrameStream):
    """A sink and a stream in one: no frame ever comes."""

    stats = UNCOUNTED

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def stream(self, sink, on_end) -> None: ...
    def finish(self, timeout: float) -> None: ...


@dataclass
class Account:
    """Deletes at once, unless ``gate`` is shut."""

    gate: threading.Event = field(default_factory=threading.Event)
    deleted: list[str] = field(default_factory=list)
    failure: AwsError | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    def tagged(self) -> list:
        return []

    def hides(self, kind: str) -> bool:
        return False

    def delete(self, kind: str, resource: str) -> None:
        self.gate.wait(180)
        if self.failure is not None:
            raise self.failure
        self.deleted.append(resource)


class Feed(feeds.Feed):
    """Makes one session; remembers the renewals."""

    def __init__(self, maker: Maker, account: Account) -> None:
        self._maker, self._account = maker, account
        self.renewals: list[float] = []
        self.failures: list[VpcsharkError] = []
        self.is_closed = False

    def up(self, jobs):
        self._maker.make("session", lambda labels, token: "tms-1")
        return Nothing()

    def close(self) -> None:
        self.is_closed = True

    def account(self) -> Account:
        return self._account

    def renew(self, made, expires: float) -> None:
        if self.failures:
            raise self.failures.pop()
        assert made == {"tms-1": "session"}
        self.renewals.append(expires)


@pytest.fixture
def run(tmp_path, clock):
    """Runs a capture for ``after`` seconds of the fake clock; gives the feed."""

    def run(
        after: float = 1.0,
        longest: int = 8 * 3600,
        prepare=lambda feed, stop: None,
        make_feed=None,
        signed: SignIn | None = None,
        course=Course(),  # noqa: B008 - frozen
        patience=PATIENCE,
        status=None,
        **more,
    ) -> Feed:
        book = ledgers.Ledger(tmp_path / "c-1.ledger", {"owner": "me@here"})
        timeline, stop, account = Timeline(clock), PassingStop(clock, after), Account()
        maker = Maker(book, LEASED, timeline)
        options = CaptureOptions(max_duration=longest, **more)
        seams = (stop, clock, timeline, maker, LEASE, signed or SignIn(), course, patience)
        context = Context(Selection(("eni-1",)), options, Nothing(), status or Silent(), *seams)
        feed = make_feed(context) if make_feed else Feed(maker, account)
        prepare(feed, stop)
        try:
            Capture(context, book, feed).run()
        finally:
            run.stop, run.timeline = stop, timeline
        return feed

    return run


def test_the_lease_is_renewed_three_times_within_each(run, clock):
    """Each time for a whole lease from now."""
    start = clock.now()
    feed = run(after=LEASE + 1)
    assert feed.renewals == [start + LEASE / 3 * n + LEASE for n in (1, 2, 3)]


class Toolbar(Silent):
    """Remembers which filter it was shown as the one of now."""

    shown = ""
    has_controls = True

    def show(self, text: str) -> None: ...
    def on_filter(self, change, now: str) -> None:
        self.shown = now


def test_a_toolbar_is_shown_the_users_own_filter(run):
    """Without the direction, which is put in front of whatever comes back from there."""
    toolbar = Toolbar()
    run(status=toolbar, user_filter="tcp", direction="in")
    assert toolbar.shown == "tcp"


class Launching(Feed):
    """Takes ten minutes to come up, and knows why no packet came."""

    def __init__(self, maker: Maker, account: Account, clock) -> None:
        super().__init__(maker, account)
        self._clock = clock

    def up(self, jobs):
        self._clock.sleep(600)
        super().up(jobs)

        return Explained(self._account)


class Explained(Nothing):
    """Knows why no packet came."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def why_silent(self, arrived) -> list[str]:
        assert not self._account.deleted, "it is looked at while it is there"
        return ["Nothing was sent."]


def test_a_clock_can_begin_when_frames_can_come(run, clock):
    """Not before, however long the launch of a host takes; and not if it never comes up."""
    begun, ups = clock.monotonic(), []
    course = Course(lambda: ups.append(clock.monotonic() - begun))
    run(after=3000, make_feed=lambda context: Launching(context.maker, Account(), clock), course=course)
    assert ups == [600]

    def fails(feed, stop):
        feed.up = lambda jobs: (_ for _ in ()).throw(AwsError("No host."))

    with pytest.raises(AwsError):
        run(prepare=fails, course=course)
    assert ups == [600]


def test_a_capture_that_was_stopped_before_it_had_started_says_so(run):
    """Else no packet would look like no traffic. One that had does not say it."""
    said: list[str] = []

    def stopped(feed, stop):
        feed.up = lambda jobs: (_ for _ in ()).throw(Stopped)

    run(prepare=stopped, course=Course(on_early=said.append))
    assert said == ["The capture was stopped before it had started, so no packet could come."]
    run(course=Course(on_early=said.append))
    assert len(said) == 1


def test_an_error_before_anything_has_begun_is_told_without_a_word_of_stopping(run):
    """A wrong id, say: there is nothing to stop. What was made or ran is."""
    said = []
    for made, is_up in ((False, False), (True, False), (False, True)):
        status = Told()

        def prepare(feed, stop, made=made, is_up=is_up):
            ups = feed.up

            def up(jobs):
                if made:
                    ups(jobs)
                if not is_up:
                    raise AwsError("There is no network interface eni-1.")
                return Breaking()

            feed.up = up

        with pytest.raises(VpcsharkError):
            run(prepare=prepare, status=status)
        said.append([text for text in status.said if text.startswith("Stopping")])
    assert said == [[], ["Stopping: deleting the mirror session ..."], ["Stopping ..."]]


class Breaking(Nothing):
    """Its frames end with an error at once."""

    def stream(self, sink, on_end) -> None:
        on_end(VpcsharkError("The way broke."))


@pytest.mark.parametrize(("received", "told"), [(0, [["Nothing was sent."]]), (7, [])])
def test_a_capture_that_ends_empty_says_why(run, clock, received, told):
    """Before its session is deleted; one with packets has nothing to explain."""
    said: list = []

    def make_feed(context):
        feed = Launching(context.maker, Account(), clock)
        up = feed.up

        def counted(jobs):
            reception = up(jobs)
            reception.stats = Counted(received)
            return reception

        feed.up = counted
        return feed

    run(make_feed=make_feed, course=Course(on_empty=said.append))
    assert said == told


def test_a_renewal_that_fails_is_no_end(run, clock):
    """AWS may be slow for a while: the next one comes in time."""
    start = clock.now()

    def prepare(feed, stop):
        feed.failures = [AwsError("Slow down.", code="RequestLimitExceeded")]

    assert run(after=LEASE, prepare=prepare).renewals[0] == start + LEASE / 3 * 2 + LEASE


def test_a_capture_ends_while_it_can_still_clean_up(run, clock):
    """Credentials that nobody can renew (MFA) take it along, with everything removed; the user is told."""
    start, feeds = clock.now(), []
    with pytest.raises(VpcsharkError, match="because its AWS sign-in ends at"):
        run(after=10 * 3600, signed=SignIn(start + 3000), prepare=lambda feed, stop: feeds.append(feed))
    assert clock.now() - start == pytest.approx(3000 - SIGNED_OUT)
    assert feeds[0].account().deleted == ["tms-1"]


def test_a_sign_in_that_is_renewed_in_time_is_no_end(run, clock):
    """The renewal of the lease is a call, and renews short-lived credentials before it."""
    signed = SignIn(clock.now() + 200)

    def prepare(feed, stop):
        feed.renew = lambda made, expires: setattr(signed, "until", clock.now() + 200)

    run(after=3600, signed=signed, prepare=prepare)


def test_a_forgotten_capture_ends(run, clock):
    """After its longest duration, with everything removed."""
    start = clock.now()
    feed = run(after=10 * 3600, longest=3600)
    assert clock.now() - start == pytest.approx(3600)
    assert "--max-duration" in run.stop.reason
    assert feed.account().deleted == ["tms-1"]
    assert feed.is_closed


def test_clean_means_no_ledger(run, tmp_path):
    """What lies in the folder is alive or unfinished."""
    run()
    assert ledgers.all_paths(tmp_path) == []


def test_expired_credentials_leave_the_ledger_open_with_the_reason(run, tmp_path, clock):
    """At once: waiting in this process helps nobody, and Wireshark waits."""

    def prepare(feed, stop):
        feed.account().failure = AwsError("The AWS credentials have expired.", code="ExpiredToken")
        feed.account().tagged = lambda: (_ for _ in ()).throw(feed.account().failure)

    start = clock.now()
    with pytest.raises(VpcsharkError, match="expired"):
        run(prepare=prepare)
    assert clock.now() - start < 5
    (left,) = ledgers.all_paths(tmp_path)
    assert not ledgers.is_live(left)
    assert ledgers.read(left).made == {"tms-1": "session"}
    assert "expired" in ledgers.read(left).notes[-1]


def test_who_asks_twice_does_not_wait(run, tmp_path):
    """The capture returns while a delete hangs; its ledger is not finished, so the janitor has it."""
    shut: list[threading.Event] = []

    def prepare(feed, stop):
        shut.append(feed.account().gate)
        shut[0].clear()
        stop.hurry()

    with pytest.raises(VpcsharkError, match="in the background"):
        run(prepare=prepare)
    shut[0].set()
    assert len(ledgers.all_paths(tmp_path)) == 1


def test_where_the_account_cannot_be_reached_for_clean_up_that_is_told(run, tmp_path):
    """What was made stands then; the ledger is the janitor's."""

    def prepare(feed, stop):
        def refused():
            raise AwsError("The AWS credentials have expired.", code="ExpiredToken")

        feed.account = refused

    with pytest.raises(VpcsharkError, match="have expired"):
        run(prepare=prepare)
    (left,) = ledgers.all_paths(tmp_path)
    assert not ledgers.is_live(left)
    assert ledgers.read(left).made == {"tms-1": "session"}


@pytest.mark.parametrize("silent", ["delete", "tagged", "renew", "account"])
def test_an_aws_that_takes_calls_and_never_answers_holds_up_no_stop(run, tmp_path, silent):
    """Whatever call it is that hangs: twenty seconds are promised, Wireshark kills after thirty. What is left is told,
    and is the janitor's, for the ledger says it."""
    over = threading.Event()

    def never(*arguments):
        over.wait(120)
        raise AwsError("The test is over.")

    def prepare(feed, stop):
        def never_renewed(made, expires):
            stop.request("the test is over")
            never()

        if silent == "renew":
            feed.renew = never_renewed
        elif silent == "account":
            feed.account = never
        else:
            setattr(feed.account(), silent, never)

    def go():
        return run(after=LEASE / 2, prepare=prepare, patience=PATIENCE if silent == "renew" else 0.3)

    try:
        if silent == "renew":
            go()
            assert ledgers.all_paths(tmp_path) == []
        else:
            with pytest.raises(VpcsharkError, match=r"AWS does not answer .* in the background"):
                go()
            assert ledgers.read(ledgers.all_paths(tmp_path)[0]).capture == "c-1"
        assert not over.is_set(), "it has ended while AWS is silent"
        assert Context.patience == 20
    finally:
        over.set()
        for thread in threading.enumerate():
            if thread.name in ("clean-up", "lease"):
                thread.join(60)


class Empty:
    """EC2 of an account that has nothing."""

    def get_paginator(self, operation: str):
        return SimpleNamespace(paginate=lambda **parameters: [])


class Dump(Feed):
    """The second way: up at once, and it makes nothing."""

    def __init__(self) -> None: ...
    def up(self, jobs):
        return Nothing()

    def close(self) -> None: ...


def test_a_mirror_that_ended_before_it_knew_aws_is_no_end_for_what_runs_in_its_place(run):
    """No rule can say "arp", so there is tcpdump, and nothing to renew: it is found out at the first renewal."""
    aws: Aws = SimpleNamespace(ec2=Empty(), profile="", region="", stop_creating=lambda: None)
    world = World(lambda: aws, None, None, None, "python3", lambda profile, region: None, lambda account: None)

    def make_feed(context: Context) -> AutoFeed:
        return AutoFeed(context, lambda context, _: MirrorFeed(context, world), lambda context, _: Dump(), None)

    feed = run(after=LEASE, make_feed=make_feed, mode="auto", user_filter="arp")
    assert "renew the lease" in [step.name for step in run.timeline.steps()]
    assert run.stop.reason == "the test is over"
    assert feed.account().tagged() == []
