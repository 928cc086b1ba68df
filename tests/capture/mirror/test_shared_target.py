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


@pytest.mark.parametrize("late", [0, 3])
def test_the_next_capture_shares_it_and_removes_it_if_it_is_the_last(shared, late):
    """Also where a list shows it only after a while."""
    ec2 = Ec2(late, standing("c-1", birthmark.description("c-1", "y")))
    target = shared(ec2)
    assert target.stand() == "tmt-old"
    assert target.context.maker.made == {"tmt-old": "target"}
    assert "tmt-old" in target.context.status.logged[0]


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


def used_by_a_session(ec2: Ec2, lost: int, tried: list[str]):
    """Make a session: ``lost`` times another capture's end has taken the target along, and AWS says so."""

    def use(target: str) -> str:
        tried.append(target)
        if len(tried) <= lost:
            ec2.target = None
            raise AwsError("AWS refused it.", code="InvalidTrafficMirrorTargetId.NotFound")
        return "tms-1"

    return use


@pytest.mark.parametrize("is_borrowed", [True, False], ids=["another capture's", "our own"])
@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_target_that_goes_before_a_session_uses_it_is_made_anew(shared, is_borrowed, lost):
    """Whoever made it: a capture that shares it and ends may delete it, since no session uses it yet."""
    ec2 = Ec2(standing=standing("c-1", birthmark.description("c-1", "y")) if is_borrowed else None)
    target, tried = shared(ec2), []
    assert target.used(target.stand(), used_by_a_session(ec2, lost, tried)) == "tms-1"
    assert len(tried) == lost + 1
    assert target.context.maker.made == {tried[-1]: "target"}


def test_one_that_goes_again_and_again_is_aws_own_sentence(shared):
    """Nobody tries for ever."""
    ec2 = Ec2()
    target, tried = shared(ec2), []
    with pytest.raises(AwsError, match="AWS refused it"):
        target.used(target.stand(), used_by_a_session(ec2, 99, tried))


@pytest.mark.parametrize(
    ("named", "code"),
    [("tmt-user", "InvalidTrafficMirrorTargetId.NotFound"), ("", "InvalidTrafficMirrorFilterId.NotFound")],
)
def test_the_users_own_target_and_other_refusals_are_told(shared, named, code):
    """What the user named is not ours to replace; and a target that stands is not forgotten."""
    target, tried = shared(Ec2()), []
    target.named = named

    def use(one: str) -> str:
        tried.append(one)
        raise AwsError("AWS refused it.", code=code)

    with pytest.raises(AwsError, match="AWS refused it"):
        target.used(target.stand(), use)
    assert tried == [named or "tmt-new"]
    assert target.context.maker.made == ({} if named else {"tmt-new": "target"})


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
