"""When a silence is looked into and what is said: once, again only after packets came, never where they come."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from told import Told

from vpcshark.capture.contract.frame_stream import UNANSWERED, UNCOUNTED, Arrived, Counted, FrameStream
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.lifecycle.silence import AGAIN, PATIENCE, Silence
from vpcshark.errors import AwsError, VpcsharkError


class Stream(FrameStream):
    """Counts, and explains, or cannot."""

    stats = UNCOUNTED

    def __init__(self) -> None:
        self.counts: list[Arrived] = []
        self.begun = 0
        self.asked: list[Arrived] = []
        self.failure: VpcsharkError | None = None
        self.later: list[str] = []

    def stream(self, sink: Any, on_end: Any) -> None:
        """Nothing comes."""

    def finish(self, timeout: float) -> None:
        """Nothing runs."""

    def begin_tally(self) -> None:
        self.begun += 1

    def end_tally(self, timeout: float) -> Arrived:
        return self.counts.pop(0) if self.counts else UNANSWERED

    def why_silent(self, arrived: Arrived) -> list[str]:
        self.asked.append(arrived)
        if self.failure is not None:
            raise self.failure
        return ["Nothing was sent.", "The source is idle.", "More."]

    def why_silent_still(self) -> list[str]:
        return self.later


class Waiting(Stop):
    """Its time is the clock's."""

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.sleep(timeout)
        return self.requested()


class Watched:
    """A silence, its parts, and time that passes."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.stream, self.status = clock, Stream(), Told()
        self.silence = Silence(self.stream, self.status, Waiting(clock), clock)

    def pass_by(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.sleep(1.0)
            self.silence.step()

    def come(self, received: int) -> None:
        self.stream.stats = Counted(received)


@pytest.fixture
def watched(clock: Any) -> Watched:
    return Watched(clock)


def test_after_fifteen_seconds_it_is_said_once_why_there_are_no_packets(watched: Watched):
    """The two most telling sentences; the log has the rest."""
    assert PATIENCE == 15.0
    watched.pass_by(14)
    assert watched.status.said == []
    watched.pass_by(100)
    assert watched.status.said == ["No packets for 15 s. Nothing was sent. The source is idle."]
    assert watched.status.logged == ["More."]
    assert len(watched.stream.asked) == 1


def test_when_packets_come_afterwards_it_is_said(watched: Watched):
    watched.pass_by(20)
    watched.come(3)
    watched.pass_by(1)
    assert watched.status.said[1:] == ["Packets are arriving."]


def test_each_silence_that_was_explained_makes_more_patient(watched: Watched):
    """A source may be quiet by nature."""
    watched.pass_by(20)
    watched.come(3)
    watched.pass_by(30)
    assert len(watched.stream.asked) == 1
    watched.pass_by(2)
    assert [text for text in watched.status.said if text.startswith("No packets for 30 s, since ")]


def test_after_packets_it_says_since_when_and_asks_why_as_of_a_source_that_has_some(watched: Watched):
    """And CloudWatch's later counts, which are of the whole capture, say nothing of it."""
    watched.stream.later = ["Nothing was sent: AWS counted none."]
    watched.come(23)
    watched.pass_by(1)
    last = time.strftime("%H:%M:%S", time.localtime(watched.clock.now()))
    watched.pass_by(PATIENCE + 3 * AGAIN)
    assert watched.status.said == [f"No packets for 15 s, since {last}. Nothing was sent. The source is idle."]
    assert [arrived.before for arrived in watched.stream.asked] == [23]


def test_packets_that_come_keep_it_quiet(watched: Watched):
    """Every 14 seconds one."""
    for number in range(1, 10):
        watched.pass_by(14)
        watched.come(number)
    assert watched.status.said == []


def test_the_receiver_counts_before_it_is_said(watched: Watched):
    """Ten of the fifteen seconds."""
    watched.pass_by(4)
    assert watched.stream.begun == 0
    watched.pass_by(2)
    assert watched.stream.begun == 1
    came = Arrived(True, 10.0, 0, {"5": 9}, 1, received=0)
    watched.stream.counts = [came]
    watched.pass_by(10)
    assert watched.stream.asked == [came]


def test_what_is_ours_is_waited_for_before_it_counts_as_filtered_out(watched: Watched):
    """It may have come in the very last moment."""
    watched.stream.counts = [Arrived(True, 10.0, own=4, received=0), Arrived(True, 10.0, received=4)]
    watched.pass_by(16)
    assert watched.stream.asked == []
    assert watched.status.said == []


def test_what_stays_away_is_filtered_out(watched: Watched):
    own = Arrived(True, 10.0, own=4, received=0)
    watched.stream.counts = [own, replace(own, own=1)]
    watched.pass_by(16)
    assert watched.stream.asked == [own]


def test_packets_that_came_while_it_was_looked_are_no_silence(watched: Watched):
    """The look takes seconds."""

    def why_silent(arrived: Arrived) -> list[str]:
        watched.come(1)
        return ["Nothing was sent."]

    watched.stream.why_silent = why_silent
    watched.pass_by(17)
    assert watched.status.said == []


def test_a_look_that_fails_is_told(watched: Watched):
    watched.stream.failure = AwsError("AWS cannot be reached.")
    watched.pass_by(16)
    assert watched.status.said == ["No packets for 15 s. The reason could not be determined: AWS cannot be reached."]


@pytest.mark.parametrize("later", [[], ["Nothing was sent: AWS counted none."]])
def test_what_only_time_tells_is_told_once_more_and_no_oftener(watched: Watched, later: list[str]):
    watched.stream.later = later
    watched.pass_by(PATIENCE + 3 * AGAIN)
    assert watched.status.said[1:] == [f"Still no packets. {sentence}" for sentence in later]


def test_of_a_stream_that_explains_nothing_nothing_is_said(watched: Watched):
    watched.stream.why_silent = lambda arrived: ()
    watched.pass_by(PATIENCE + 3 * AGAIN)
    assert watched.status.said == []


def test_a_receiver_that_does_not_answer_is_told_from_one_that_counted_nothing(watched: Watched):
    """Then it is not known whether anything came: the way to it may have stalled."""
    watched.pass_by(20)
    assert watched.stream.asked == [Arrived(is_unanswered=True)]
