"""Another filter for running sessions: all of them have it, or all have the old one."""

from __future__ import annotations

import pytest

from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.resources import YOUNG, Maker
from vpcshark.capture.mirror.filter_swap import Swap
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.errors import AwsError


class Refusal(Exception):
    """What boto3 raises when AWS answers with an error."""

    __module__ = "botocore.exceptions"
    response = {"Error": {"Code": "InvalidParameterValue", "Message": "No."}, "ResponseMetadata": {}}  # noqa: RUF012


class Unknown(Refusal):
    """It knows no such filter."""

    response = {  # noqa: RUF012
        "Error": {"Code": "InvalidTrafficMirrorFilterId.NotFound", "Message": "No."},
        "ResponseMetadata": {},
    }


Refusal.__name__ = Unknown.__name__ = "ClientError"


class Ec2:
    """Filters and the sessions that use them; ``stubborn`` is a session that takes no new filter."""

    def __init__(self, sessions: list[str], stubborn: str = "") -> None:
        self.used = dict.fromkeys(sessions, "tmf-old")
        self.filters = {"tmf-old"}
        self.stubborn = stubborn
        self.unknown = ""

    def create_traffic_mirror_filter(self, **parameters):
        self.filters.add("tmf-new")
        return {"TrafficMirrorFilter": {"TrafficMirrorFilterId": "tmf-new"}}

    def create_traffic_mirror_filter_rule(self, **parameters): ...
    def modify_traffic_mirror_filter_network_services(self, **parameters): ...

    def modify_traffic_mirror_session(self, **parameters):
        session, wanted = parameters["TrafficMirrorSessionId"], parameters["TrafficMirrorFilterId"]
        if session == self.stubborn and wanted == "tmf-new":
            raise Refusal
        self.used[session] = wanted

    def delete_traffic_mirror_filter(self, **parameters):
        assert parameters["TrafficMirrorFilterId"] not in self.used.values()
        if parameters["TrafficMirrorFilterId"] == self.unknown:
            raise Unknown
        self.filters.discard(parameters["TrafficMirrorFilterId"])


@pytest.fixture
def maker(tmp_path, clock):
    """The maker of a filter and thirty sessions."""
    book = ledgers.Ledger(tmp_path / "c-1.ledger", {})
    maker = Maker(book, tags.Lease("c-1", "me@here", 5.0), Timeline(clock))
    maker.make("filter", lambda labels, token: "tmf-old")
    for number in range(30):
        maker.make("session", lambda labels, token, number=number: f"tms-{number}")
    yield maker
    book.finish()


def sessions(maker: Maker) -> list[str]:
    """Their ids."""
    return [one for one, kind in maker.made.items() if kind == "session"]


def test_all_sessions_are_moved_and_the_old_filter_goes(maker):
    """One filter stands in the end."""
    ec2 = Ec2(sessions(maker))
    Swap(ec2, maker, "tmf-old", "", dns=True).to([], lambda: None)
    assert set(ec2.used.values()) == {"tmf-new"}
    assert ec2.filters == {"tmf-new"}
    assert [one for one, kind in maker.made.items() if kind == "filter"] == ["tmf-new"]


@pytest.mark.parametrize(("age", "left"), [(0.0, ["tmf-old", "tmf-new"]), (YOUNG, ["tmf-new"])])
def test_a_filter_that_aws_does_not_know_may_be_too_young(maker, clock, age: float, left: list[str]):
    """Two changes in a moment: the first one's filter is deleted before AWS knows it. The clean-up will do it."""
    ec2 = Ec2(sessions(maker))
    clock.time += age
    ec2.unknown = "tmf-old"
    Swap(ec2, maker, "tmf-old", "", dns=True).to([], lambda: None)
    assert [one for one, kind in maker.made.items() if kind == "filter"] == left


def test_one_that_cannot_be_moved_brings_the_others_back(maker):
    """The capture goes on as it was, under its old filter."""
    ec2 = Ec2(sessions(maker), stubborn="tms-20")
    with pytest.raises(AwsError, match="AWS does not take"):
        Swap(ec2, maker, "tmf-old", "", dns=False).to([], lambda: None)
    assert set(ec2.used.values()) == {"tmf-old"}
    assert ec2.filters == {"tmf-old"}
    assert [one for one, kind in maker.made.items() if kind == "filter"] == ["tmf-old"]
