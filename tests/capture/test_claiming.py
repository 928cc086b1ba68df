"""A kept host that becomes the next capture's: who gets it, and who may get at it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from told import Told

from vpcshark.aws.hosts import host_from
from vpcshark.aws.inventory import Eni
from vpcshark.capture.launching import Launcher, launched_from
from vpcshark.capture.making import Maker
from vpcshark.capture.options import CaptureOptions
from vpcshark.capture.timeline import Timeline
from vpcshark.cleanup import tags
from vpcshark.cleanup.ledger import Ledger

SOURCE = Eni("eni-1", "web-1", primary_address="10.0.0.5", vpc="vpc-1", subnet="subnet-1")
OWN = "10.0.0.77"


class Region:
    """EC2 with one kept host and its security group. ``on_tagged`` is called after each change of tags: others are
    at it too."""

    def __init__(self, lease: tags.Lease) -> None:
        self.tags = {name: dict(lease.as_tags()) for name in ("i-1", "sg-1")}
        self.admitted: list[dict[str, Any]] = []
        self.on_tagged = lambda: None

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=lambda **asked: [getattr(self, operation)()])

    def describe_instances(self, **asked: Any) -> dict[str, Any]:
        raw = {"InstanceId": "i-1", "State": {"Name": "running"}, "VpcId": "vpc-1", "Tags": self._pairs("i-1")}
        return {"Reservations": [{"Instances": [raw]}]}

    def describe_security_groups(self, **asked: Any) -> dict[str, Any]:
        return {"SecurityGroups": [{"GroupId": "sg-1", "Tags": self._pairs("sg-1")}]}

    def create_tags(self, Resources: list[str], Tags: list[dict[str, str]]) -> None:
        for name in Resources:
            self.tags[name].update({pair["Key"]: pair["Value"] for pair in Tags})
        self.on_tagged()

    def authorize_security_group_ingress(self, GroupId: str, IpPermissions: list[dict[str, Any]]) -> None:
        self.admitted += IpPermissions

    def _pairs(self, name: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags[name].items()]


class Patient:
    """A stop that nobody requests; its waits pass on the clock."""

    def __init__(self, clock) -> None:
        self._clock = clock

    def wait(self, timeout: float) -> bool:
        self._clock.sleep(timeout)
        return False


@pytest.fixture
def region(clock) -> Region:
    """With a host that me@here keeps for ten minutes more."""
    lease = tags.Lease("c-first", "me@here", 0.0, clock.now())
    return Region(tags.kept(lease, clock.now() + 600))


@pytest.fixture
def launcher(clock, region: Region, tmp_path):
    """``launcher("c-2", …)``: that capture's, which has found the kept host."""
    books: list[Ledger] = []

    def make(capture: str, **options: Any) -> Launcher:
        book = Ledger(tmp_path / f"{capture}.jsonl", {"owner": "me@here", "started": 0, "expires": 0})
        books.append(book)
        maker = Maker(book, tags.Lease(capture, "me@here", clock.now() + 900), Timeline(clock))
        context = SimpleNamespace(
            clock=clock, status=Told(), stop=Patient(clock), options=CaptureOptions(**options), maker=maker
        )
        found = host_from(region.describe_instances()["Reservations"][0]["Instances"][0])
        aws = SimpleNamespace(ec2=region)
        source = SimpleNamespace(eni=SOURCE)
        return Launcher(context, aws, found, [source], lambda host: None, lambda address: OWN)

    yield make
    for book in books:
        book.finish()


def blocks(region: Region, port: int) -> list[str]:
    """From where the kept host's group admits something at a port."""
    rules = [rule for rule in region.admitted if rule["FromPort"] == port]
    return [block["CidrIp"] for rule in rules for block in rule["IpRanges"]]


def test_a_kept_hosts_group_admits_this_captures_frames_and_its_connection(launcher, region: Region):
    """The capture that launched it may have come by Session Manager, which needs no rule, or from another place."""
    assert launcher("c-2", connection="eic").stand().instance == "i-1"
    assert blocks(region, 4789) == ["10.0.0.5/32"]
    assert blocks(region, 22) == [f"{OWN}/32"]


def test_from_where_the_user_says_is_admitted_to_a_kept_host_too(launcher, region: Region):
    launcher("c-2", connection="ssh", host_ssh_from="192.0.2.7/32").stand()
    assert blocks(region, 22) == ["192.0.2.7/32"]


ARN = "arn:aws:iam::123456789012:instance-profile/team/vpcshark-r"


@pytest.mark.parametrize(
    "other", [{"host_role": "vpcshark-r"}, {"host_public_ip": True}, {"host_type": "t3.small"}, {"host_template": "t"}]
)
def test_a_host_with_another_role_or_way_is_another_host(other: dict[str, Any]):
    """Neither a role nor a public address can be added to what runs, so it is not the one that is wanted."""
    assert launched_from(CaptureOptions(**other)) != launched_from(CaptureOptions())


def test_a_role_is_the_same_by_its_name_and_its_arn():
    """And what has neither is told apart as it always was: a host may be kept by an older vpcshark."""
    assert launched_from(CaptureOptions(host_role=ARN)) == launched_from(CaptureOptions(host_role="vpcshark-r"))
    assert launched_from(CaptureOptions(host_type="t4g.nano")) == "t4g.nano"
    assert len(launched_from(CaptureOptions(host_role="r" * 300))) <= 256
