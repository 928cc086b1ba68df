"""Several captures with one capture host have one mirror target, which AWS lets its interface be once."""

from __future__ import annotations

from typing import Any

import pytest
from refusing import QuickStop, Refusal
from told import Told

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror.shared_target import LOOK_TIME, PATIENCE, SharedTarget
from vpcshark.cleanup import birthmark, tags
from vpcshark.cleanup import ledger as ledgers
from vpcshark.errors import AwsError


class Ec2:
    """One interface may be one target; a list shows it after so many looks."""

    def __init__(self, late: int = 0, standing: dict[str, Any] | None = None) -> None:
        self.target, self._late = standing, late
        self.looks = 0

    def create_traffic_mirror_target(self, **parameters):
        if self.target is not None:
            raise Refusal("InterfaceInUseByTrafficMirrorTarget", "CreateTrafficMirrorTarget")
        named = {"TrafficMirrorTargetId": "tmt-new", "NetworkInterfaceId": parameters["NetworkInterfaceId"]}
        self.target = {**named, "Description": parameters["Description"], "Tags": _tags(parameters)}
        return {"TrafficMirrorTarget": self.target}

    def get_paginator(self, operation):
        return self

    def paginate(self, **parameters):
        self.looks += 1
        shown = [self.target] if self.target is not None and self.looks > self._late else []
        return [{"TrafficMirrorTargets": shown}]


def _tags(parameters):
    return parameters["TagSpecifications"][0]["Tags"]


def standing(capture: str = "", description: str = "") -> dict[str, Any]:
    """A target on eni-host, of a capture or of anybody else."""
    lease = tags.Lease(capture, "me@here", 5.0).as_tags() if capture else {"Name": "theirs"}
    listed = [{"Key": key, "Value": value} for key, value in lease.items()]
    named = {"TrafficMirrorTargetId": "tmt-old", "NetworkInterfaceId": "eni-host"}
    return {**named, "Description": description, "Tags": listed}


@pytest.fixture
def shared(tmp_path, clock):
    """A capture's target by an Ec2."""
    books = []

    def build(ec2: Ec2) -> SharedTarget:
        book = ledgers.Ledger(tmp_path / "c-2.ledger", {})
        books.append(book)
        timeline = Timeline(clock)
        maker = Maker(book, tags.Lease("c-2", "me@here", 5.0), timeline)
        status, stop = Told(), QuickStop(clock)
        context = Context(Selection(name="web"), CaptureOptions(), None, status, stop, clock, timeline, maker)
        return SharedTarget(context, ec2, "eni-host", birthmark.description("c-2", "x"))

    yield build
    for book in books:
        book.finish()


def test_the_first_capture_makes_the_target(shared):
    """It is its own."""
    target = shared(Ec2())
    assert target.stand() == "tmt-new"
    assert target.context.maker.made == {"tmt-new": "target"}
    assert not target.is_borrowed


@pytest.mark.parametrize("late", [0, 3])
def test_the_next_capture_shares_it_and_removes_it_if_it_is_the_last(shared, late):
    """Also where a list shows it only after a while."""
    ec2 = Ec2(late, standing("c-1", birthmark.description("c-1", "y")))
    target = shared(ec2)
    assert target.stand() == "tmt-old"
    assert target.context.maker.made == {"tmt-old": "target"}
    assert "tmt-old" in target.context.status.logged[0]
    assert target.is_borrowed


class WithoutTags(Ec2):
    """Shows the target before its tags, for so many looks."""

    def paginate(self, **parameters):
        (page,) = super().paginate(**parameters)
        shown = [{**one, "Tags": []} for one in page["TrafficMirrorTargets"]]
        return [page if self.looks > 3 else {"TrafficMirrorTargets": shown}]


def test_a_captures_target_is_shared_also_where_its_tags_show_late(shared):
    """Taken for anybody's, it would stay for ever: the capture that made it leaves it to those that use it."""
    target = shared(WithoutTags(standing=standing("c-1", birthmark.description("c-1", "y"))))
    assert target.stand() == "tmt-old"
    assert target.context.maker.made == {"tmt-old": "target"}


def test_a_captures_target_whose_tags_somebody_took_away_is_used_and_left_alone(shared, clock):
    """Whoever did that wants to keep it."""
    theirs = {**standing("c-1", birthmark.description("c-1", "y")), "Tags": []}
    target = shared(Ec2(standing=theirs))
    assert target.stand() == "tmt-old"
    assert target.context.maker.made == {}
    assert sum(clock.slept) >= LOOK_TIME


@pytest.mark.parametrize(("capture", "description"), [("", "a team's"), ("c-1", "with forged tags")])
def test_anybody_elses_target_is_used_and_left_alone(shared, capture, description):
    """Our tag alone proves nothing."""
    target = shared(Ec2(standing=standing(capture, description)))
    assert target.stand() == "tmt-old"
    assert target.context.maker.made == {}


def test_a_target_that_goes_meanwhile_is_made_anew(shared):
    """The capture that had made it ended before our session used it."""
    ec2 = Ec2(standing=standing("c-1", birthmark.description("c-1", "y")))
    target = shared(ec2)
    gone = target.stand()
    ec2.target = None
    assert target.again(gone) == "tmt-new"
    assert target.context.maker.made == {"tmt-new": "target"}


class Churning(Ec2):
    """Other captures' targets come and go: none is shown while it stands, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(10**6)
        self._times = times

    def create_traffic_mirror_target(self, **parameters):
        if self.looks < self._times:
            raise Refusal("InterfaceInUseByTrafficMirrorTarget", "CreateTrafficMirrorTarget")
        return super().create_traffic_mirror_target(**parameters)


def test_where_targets_come_and_go_it_is_made_as_soon_as_there_is_none(shared, clock):
    """Nobody waits for a list to show what is gone."""
    target = shared(Churning(7))
    assert target.stand() == "tmt-new"
    assert target.context.maker.made == {"tmt-new": "target"}
    assert sum(clock.slept) < PATIENCE / 2


def test_a_target_that_no_list_shows_is_aws_own_sentence(shared, clock):
    """After some tries, for a few seconds each."""
    with pytest.raises(AwsError, match="mirror target already"):
        shared(Ec2(10**6, standing("c-1"))).stand()
    assert clock.time - 1_700_000_000.0 >= PATIENCE
