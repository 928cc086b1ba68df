"""What a running capture shows, and what becomes of a filter that is typed while it runs."""

import threading
from queue import SimpleQueue

import pytest

from vpcshark.capture.contract.frame_stream import UNCOUNTED, Counted, FrameStream
from vpcshark.capture.contract.status import Silent, Status
from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.lifecycle.controls import Live
from vpcshark.capture.lifecycle.costs import Costs
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.errors import VpcsharkError


class Stream(FrameStream):
    """Counts; costs what it is told; changes its filter, or fails as it was made to."""

    stats = UNCOUNTED

    def __init__(self, failure=None, costs=Costs()):  # noqa: B008 - frozen
        self.failure, self._costs, self.moved = failure, costs, 0

    def stream(self, sink, on_end):
        """Nothing comes."""

    def finish(self, timeout):
        """Nothing runs."""

    def cost(self, kinds, seconds):
        return self._costs.so_far(kinds, seconds, self.moved)

    def refilter(self, capture_filter):
        """Say so."""
        if self.failure:
            raise self.failure
        return f"now {capture_filter}"


class Fixed(Stream):
    """Its filter stays."""

    refilter = FrameStream.refilter


class Seen(Status):
    """A status with controls, that remembers."""

    has_controls = True

    def __init__(self):
        self.said, self.shown, self.filter = SimpleQueue(), [], None

    def say(self, text):
        self.said.put(text)

    def log(self, line):
        """For the log."""

    def show(self, text):
        self.shown.append(text)

    def on_filter(self, change, now):
        self.filter = (change, now)


def test_the_figures_of_now_in_one_line(clock):
    """Frames once the receiver has counted, cost where there is a session."""
    stream = Stream()
    live = Live(Silent(), stream, lambda: {"tms-1": "session", "tmf-1": "filter"}, clock, Jobs(Stop()))
    clock.sleep(3725)
    assert live.text() == "Capturing · 1:02:05 · $0.0155"
    stream.stats = Counted(12345, 6)
    assert live.text() == "12,345 frames · 6 dropped · 1:02:05 · $0.0155"
    assert Live(Silent(), stream, dict, clock, Jobs(Stop())).text() == "12,345 frames · 6 dropped · 0:00"
    three = Live(Silent(), stream, lambda: dict.fromkeys("abc", "session"), clock, Jobs(Stop()))
    clock.sleep(3600)
    assert three.text() == "3 ENIs · 12,345 frames · 6 dropped · 1:00:00 · $0.0450"


def test_a_host_that_was_launched_and_another_zone_cost_too(clock):
    """An hour of a session and a host, and a gigabyte."""
    stream = Stream(costs=Costs(1, 1, is_own=True, host_type="t4g.small"))
    stream.moved = 1_000_000_000
    live = Live(Silent(), stream, lambda: {"tms-1": "session", "i-1": "instance"}, clock, Jobs(Stop()))
    clock.sleep(3600)
    assert live.text() == "Capturing · 1:00:00 · $0.0518"


def test_nobody_looks_and_nothing_runs(clock):
    """A terminal gets no line a second."""
    Live(Silent(), Stream(), dict, clock, Jobs(Stop())).begin(Stop())


def test_the_toolbar_is_told_until_the_stop_and_gets_the_filter_of_the_start(clock):
    """It may still hold what was typed into an earlier capture."""
    seen, stop = Seen(), Stop()
    stop.request("over")
    live = Live(seen, Stream(), dict, clock, Jobs(Stop()), "tcp")
    live.begin(stop)
    assert seen.filter == (live.change, "tcp")


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (Stream(costs=Costs(1)), "now udp"),
        (Stream(VpcsharkError("No rules are left.", "Wait.")), "The filter stays as it was: No rules are left."),
        (Stream(Stopped()), "The filter stays as it was: the capture ends."),
        (Stream(KeyError("x")), "The filter stays as it was: vpcshark failed unexpectedly (KeyError)."),
        (Fixed(), "The filter stays as it was: This mode cannot change it while it runs."),
    ],
)
def test_a_new_filter_is_taken_or_it_is_said_why_not(clock, stream, words):
    """The capture goes on either way."""
    seen = Seen()
    Live(seen, stream, dict, clock, Jobs(Stop())).change("udp")
    assert seen.said.get(timeout=180).startswith(words)


class Slow(Stream):
    """Takes its time for each filter; remembers which were asked for, and whether two were at once."""

    def __init__(self):
        super().__init__()
        self.asked, self.gate = SimpleQueue(), threading.Semaphore(0)
        self.at_once = self.most = 0

    def refilter(self, capture_filter):
        """When the test lets it."""
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.asked.put(capture_filter)
        assert self.gate.acquire(timeout=180)
        self.at_once -= 1
        return f"now {capture_filter}"


def test_of_filters_that_come_while_one_is_changed_the_newest_is_next(clock):
    """One after the other: AWS must not end with the rules of one and the receiver with the program of another."""
    seen, stream = Seen(), Slow()
    live = Live(seen, stream, dict, clock, Jobs(Stop()))
    live.change("tcp")
    assert stream.asked.get(timeout=180) == "tcp"
    live.change("udp")
    live.change("icmp")
    for _ in range(3):
        stream.gate.release()
    assert [seen.said.get(timeout=180) for _ in range(2)] == ["now tcp", "now icmp"]
    assert stream.most == 1


def test_a_filter_that_failed_may_be_tried_again_and_the_one_in_force_is_left(clock):
    """Return on the same text."""
    seen, stream = Seen(), Stream(VpcsharkError("AWS gets too many requests.", "Wait."))
    live = Live(seen, stream, dict, clock, Jobs(Stop()), "tcp")
    live.change("udp")
    assert "too many requests" in seen.said.get(timeout=180)
    stream.failure = None
    live.change("udp")
    assert seen.said.get(timeout=180) == "now udp"
    live.change("udp")
    live.change("tcp")
    assert seen.said.get(timeout=180) == "now tcp"


def test_the_filter_of_before_can_be_had_back_after_a_failure(clock):
    """AWS may have the new one's rules, and only the receiver have failed."""
    seen, stream = Seen(), Stream(VpcsharkError("The receiver does not answer.", "Wait."))
    live = Live(seen, stream, dict, clock, Jobs(Stop()), "tcp")
    live.change("udp")
    assert "does not answer" in seen.said.get(timeout=180)
    stream.failure = None
    live.change("tcp")
    assert seen.said.get(timeout=180) == "now tcp"


def test_the_figures_of_the_end_stay_in_the_toolbar(clock):
    """With the frames that came after the stop, the time until it, and the price of what clean-up has taken since."""
    status, stop, stream = Seen(), Stop(), Stream()
    made = {"tms-1": "session", "tmf-1": "filter"}
    live = Live(status, stream, lambda: made, clock, Jobs(stop))
    live.begin(stop)
    clock.sleep(3600)
    stream.stats = Counted(10)
    stop.request("enough")
    live._ticking.result(60)
    made.clear()
    clock.sleep(20)
    stream.stats = Counted(12, 1)
    live.end()
    assert status.shown[-2:] == ["Stopping ...", "12 frames · 1 dropped · 1:00:00 · $0.0150"]


def test_without_a_toolbar_nothing_is_shown_at_the_end(clock):
    """vpcshark capture says how many packets there are by itself."""
    live = Live(Silent(), Stream(), dict, clock, Jobs(Stop()))
    live.begin(Stop())
    live.end()


def test_figures_that_could_not_be_shown_hold_no_frame_up(clock):
    """Whatever ended the thread that shows them: the sink is closed after this."""

    class Broken(Seen):
        def show(self, text):
            if text.startswith("Stopping"):
                raise ValueError(text)
            super().show(text)

    status, stop = Broken(), Stop()
    live = Live(status, Stream(), dict, clock, Jobs(stop))
    live.begin(stop)
    stop.request("enough")
    live.end()
    assert status.shown == ["0:00"]
