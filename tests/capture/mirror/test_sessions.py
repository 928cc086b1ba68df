"""One session for each source: the pace, patience with throttling, and what one refusal means for the others."""

from __future__ import annotations

import threading

import pytest
from refusing import QuickStop, Refusal
from told import Told

from vpcshark import threads
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror.sessions import Mirrored, Pace, Sessions, patiently
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.errors import AwsError


class Ec2:
    """Makes sessions, but for the ENIs that it refuses with a code."""

    def __init__(self, **refused: str) -> None:
        self._refused = refused
        self.asked: list[str] = []

    def create_traffic_mirror_session(self, **parameters):
        source = parameters["NetworkInterfaceId"]
        self.asked.append(source)
        if source.replace("-", "_") in self._refused:
            raise Refusal(self._refused[source.replace("-", "_")], "CreateTrafficMirrorSession")
        number, vni = parameters["SessionNumber"], parameters["VirtualNetworkId"]
        made = {"TrafficMirrorSessionId": f"tms-{source}", "SessionNumber": number, "VirtualNetworkId": vni}
        return {"TrafficMirrorSession": made}

    def get_paginator(self, operation):
        return self

    def paginate(self, **parameters):
        return [{}]


@pytest.fixture
def make(tmp_path, clock):
    """Makes the sessions of sources by an Ec2; gives the status and the maker beside."""
    book = ledgers.Ledger(tmp_path / "c-1.ledger", {})
    timeline, status, stop = Timeline(clock), Told(), QuickStop(clock)
    maker = Maker(book, tags.Lease("c-1", "me@here", 5.0), timeline)
    context = Context(Selection(name="web"), CaptureOptions(), None, status, stop, clock, timeline, maker)

    def make(ec2: Ec2, sources: list[Source]) -> list[str]:
        return Sessions(context, ec2, Mirrored("tmf-1", "tmt-1")).make(sources)

    make.status, make.maker, make.stop = status, maker, stop
    yield make
    book.finish()


def source(number: int, *, is_found: bool = False) -> Source:
    """One source."""
    return Source(number, Eni(f"eni-{number}", f"web-{number}"), 100 + number, is_found)


def test_each_source_gets_a_session(make):
    """In the order of the sources; all are the maker's."""
    made = make(Ec2(), [source(n) for n in range(40)])
    assert made == [f"tms-eni-{n}" for n in range(40)]
    assert make.maker.made == dict.fromkeys(made, "session")


def test_a_found_one_that_aws_refuses_is_left_out_and_said(make):
    """What AWS alone knows: the instance type, say."""
    ec2 = Ec2(eni_1="InvalidParameterValue")
    assert make(ec2, [source(n, is_found=True) for n in range(3)]) == ["tms-eni-0", "tms-eni-2"]
    assert [line.split(":")[0] for line in make.status.logged] == ["eni-1 is left out"]


def test_a_named_one_that_aws_refuses_is_the_captures_end(make):
    """With its name; nothing more is begun."""
    ec2 = Ec2(eni_1="InvalidParameterValue")
    with pytest.raises(AwsError, match=r"^eni-1: ") as caught:
        make(ec2, [source(n) for n in range(5_000)])  # so many that a busy machine cannot have begun them all by then
    assert caught.value.code == "InvalidParameterValue"
    assert len(ec2.asked) < 5_000


def test_a_refusal_that_is_not_about_the_source_is_the_end_for_found_ones_too(make):
    """The account may not, or has no room: no other would be had either."""
    ec2 = Ec2(eni_1="TrafficMirrorSessionLimitExceeded")
    with pytest.raises(AwsError, match="as many mirror sessions as AWS allows"):
        make(ec2, [source(n, is_found=True) for n in range(3)])


def test_where_all_are_refused_the_reason_is_told(make):
    """A capture without a source is none."""
    refused = {f"eni_{n}": "InvalidParameterValue" for n in range(3)}
    with pytest.raises(AwsError, match="AWS does not take"):
        make(Ec2(**refused), [source(n, is_found=True) for n in range(3)])


class Taken(Ec2):
    """Other captures have taken the first numbers, which no list shows yet."""

    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self._numbers = numbers

    def create_traffic_mirror_session(self, **parameters):
        if parameters["SessionNumber"] in self._numbers:
            raise Refusal("InvalidParameterValue", "CreateTrafficMirrorSession")
        made = super().create_traffic_mirror_session(**parameters)
        made["TrafficMirrorSession"]["TrafficMirrorSessionId"] = f"tms-{parameters['SessionNumber']}"
        return made


@pytest.mark.parametrize(("taken", "number"), [((1,), 2), ((1, 2), 3), ((2,), 1)])
def test_a_number_that_another_capture_took_meanwhile_is_passed_over(make, taken, number):
    """Also where AWS shows that session only seconds after it has refused us its number."""
    assert make(Taken(*taken), [source(0)]) == [f"tms-{number}"]


def test_a_refusal_that_no_number_helps_is_told(make):
    """After a few of them; it was about something else."""
    with pytest.raises(AwsError, match="AWS does not take"):
        make(Taken(*range(1, 100)), [source(0)])
    assert make.maker.made == {}


def test_nothing_is_made_after_a_stop(make):
    """Not one call."""
    make.stop.request("enough")
    ec2 = Ec2()
    with pytest.raises(Stopped):
        make(ec2, [source(0), source(1)])
    assert ec2.asked == []


def test_the_pace_is_a_bucket(clock):
    """Fifty at once, then five a second: the hundredth waits ten seconds."""
    pace = Pace(clock, QuickStop(clock))
    begun = clock.monotonic()
    for _ in range(50):
        pace.wait()
    assert clock.monotonic() == begun
    for _ in range(50):
        pace.wait()
    assert clock.monotonic() - begun == pytest.approx(10)


def test_throttled_calls_are_repeated_for_a_while(clock):
    """With growing pauses; other errors are not, and at last it is told."""
    answers = ["RequestLimitExceeded"] * 3

    def call() -> str:
        if answers:
            raise AwsError("Slow down.", code=answers.pop())
        return "made"

    stop, begun = QuickStop(clock), clock.monotonic()
    assert patiently(call, clock, stop) == "made"
    assert clock.monotonic() - begun == pytest.approx(0.5 + 1 + 2)
    answers += ["UnauthorizedOperation"]
    with pytest.raises(AwsError, match="Slow down"):
        patiently(call, clock, stop)
    answers += ["RequestLimitExceeded"] * 100
    begun = clock.monotonic()
    with pytest.raises(AwsError, match="Slow down"):
        patiently(call, clock, stop, 30)
    assert clock.monotonic() - begun <= 30


def test_only_so_many_are_under_way():
    """As many threads as are allowed do all of the work, and each piece once."""
    workers: set[threading.Thread] = set()
    all_are_there = threading.Barrier(4)

    def work() -> int:
        workers.add(threading.current_thread())
        return all_are_there.wait(180)

    assert len(threads.together([work] * 20, 4)) == 20
    assert len(workers) == 4
