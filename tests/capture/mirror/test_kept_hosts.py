"""A kept host that becomes the next capture's: who gets it, and who may get at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from told import Told

from vpcshark.aws import tagging
from vpcshark.aws.compute.capture_hosts import CaptureHost, host_from
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.options import CaptureOptions, ssh_from
from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror import kept_host
from vpcshark.capture.mirror.host_access import Access
from vpcshark.capture.mirror.launch_tags import launched_from
from vpcshark.capture.mirror.launched_host import Launcher
from vpcshark.cleanup import keeping, tags
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup.keeping import Kept
from vpcshark.cleanup.ledger import Ledger
from vpcshark.errors import AwsError, TransportError

SOURCE = Eni("eni-1", "web-1", primary_address="10.0.0.5", vpc="vpc-1", subnet="subnet-1")
OWN = "10.0.0.77"


class Region:
    """EC2 with one kept host and its security group. ``meanwhile`` is what others do while somebody rests."""

    def __init__(self, lease: tags.Lease) -> None:
        self.tags = {name: dict(lease.as_tags()) for name in ("i-1", "sg-1")}
        self.admitted: list[tuple[str, dict[str, Any]]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=lambda **asked: [getattr(self, operation)()])

    def describe_instances(self, InstanceIds: Sequence[str] = ()) -> dict[str, Any]:
        facts = {"State": {"Name": "running"}, "VpcId": "vpc-1"}
        wanted = [name for name in self.tags if name.startswith("i-") and (not InstanceIds or name in InstanceIds)]
        found = [{"InstanceId": name, "Tags": self._pairs(name), **facts} for name in wanted]
        return {"Reservations": [{"Instances": found}]}

    def describe_security_groups(self) -> dict[str, Any]:
        groups = [name for name in self.tags if name.startswith("sg-")]
        return {"SecurityGroups": [{"GroupId": name, "Tags": self._pairs(name)} for name in groups]}

    def describe_instance_types(self, **asked: Any) -> dict[str, Any]:
        return {"InstanceTypes": [{"ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}]}

    def get_parameter(self, **asked: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": "ami-1"}}

    def create_tags(self, Resources: Sequence[str], Tags: Sequence[dict[str, str]]) -> None:
        for name in Resources:
            self.tags[name].update({pair["Key"]: pair["Value"] for pair in Tags})

    def create_security_group(self, TagSpecifications: Sequence[dict[str, Any]], **asked: Any) -> dict[str, Any]:
        return {"GroupId": self._made("sg-2", TagSpecifications)}

    def run_instances(self, TagSpecifications: Sequence[dict[str, Any]], **asked: Any) -> dict[str, Any]:
        return {"Instances": [{"InstanceId": self._made("i-2", TagSpecifications)}]}

    def authorize_security_group_ingress(self, GroupId: str, IpPermissions: Sequence[dict[str, Any]]) -> None:
        self.admitted += [(GroupId, permission) for permission in IpPermissions]

    def holder(self, name: str) -> str:
        """The capture that it belongs to."""
        return self.tags[name][tags.CAPTURE]

    def _made(self, name: str, specifications: Sequence[dict[str, Any]]) -> str:
        self.tags[name] = {}
        self.create_tags([name], specifications[0]["Tags"])
        return name

    def _pairs(self, name: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags[name].items()]


class Patient:
    """A stop that nobody requests; its waits pass on the clock, and others are at work then."""

    def __init__(self, clock, region: Region) -> None:
        self._clock, self._region = clock, region

    def wait(self, timeout: float) -> bool:
        self._clock.sleep(timeout)
        self._region.meanwhile()
        return False


class Receiver:
    """The host's, which remembers what it is told, or cannot be told."""

    def __init__(self, problem: TransportError | None = None) -> None:
        self.heard: list[dict[str, Any]] = []
        self._problem = problem

    def command(self, **words: Any) -> None:
        if self._problem is not None:
            raise self._problem
        self.heard.append(words)


class Own:
    """A capture with a host of its own."""

    def __init__(self, context: Any, access: Access) -> None:
        self.context, self._access = context, access

    def stand(self) -> CaptureHost:
        return Launcher(self.context, self._access).stand()

    def keep(self, receiver: Any) -> None:
        kept_host.keep(self.context, self._access.aws.ec2, receiver)


@pytest.fixture
def region(clock, tmp_path) -> Region:
    """With a host that me@here keeps on this machine for ten minutes more."""
    lease = tags.kept(tags.Lease("c-first", "me@here", 0.0, clock.now()), clock.now() + 600)
    keeping.remember(tmp_path, Kept(lease.capture, {"i-1": "instance", "sg-1": "security-group"}, lease.expires))
    return Region(lease)


@pytest.fixture
def launcher(clock, region: Region, tmp_path):
    """``launcher("c-2", …)``: that capture's, which has found the kept host."""
    books: list[Ledger] = []

    def make(capture: str, **options: Any) -> Own:
        book = Ledger(tmp_path / f"{capture}.jsonl", {"owner": "me@here", "started": 0, "expires": 0})
        books.append(book)
        maker = Maker(book, tags.Lease(capture, "me@here", clock.now() + 900), Timeline(clock))
        context = SimpleNamespace(
            clock=clock,
            status=Told(),
            stop=Patient(clock, region),
            options=CaptureOptions(**options),
            maker=maker,
            timeline=Timeline(clock),
        )
        found = host_from(region.describe_instances()["Reservations"][0]["Instances"][0])
        aws = SimpleNamespace(ec2=region, ssm=region)
        source = SimpleNamespace(eni=SOURCE)
        return Own(context, Access(aws, context.options, found, [source], lambda address: OWN))

    yield make
    for book in books:
        book.finish()


def blocks(region: Region, port: int) -> list[str]:
    """From where the kept host's group admits something at a port."""
    rules = [rule for group, rule in region.admitted if group == "sg-1" and rule["FromPort"] == port]
    return [block["CidrIp"] for rule in rules for block in rule.get("IpRanges", [])]


def test_a_kept_hosts_group_admits_this_captures_frames_and_its_connection(launcher, region: Region):
    """The capture that launched it may have come by Session Manager, which needs no rule, or from another place."""
    assert launcher("c-2", connection="eic").stand().instance == "i-1"
    assert blocks(region, 4789) == ["10.0.0.5/32"]
    assert blocks(region, 22) == [f"{OWN}/32"]


def test_from_where_the_user_says_is_admitted_to_a_kept_host_too(launcher, region: Region):
    launcher("c-2", connection="ssh", host_ssh_from=ssh_from("192.0.2.7/32")).stand()
    assert blocks(region, 22) == ["192.0.2.7/32"]


@pytest.mark.parametrize(("said", "admitted"), [("anywhere", ["0.0.0.0/0"]), ("10.0.0.0/8", ["10.0.0.0/8"])])
def test_the_whole_internet_is_admitted_by_its_own_word(launcher, region: Region, said: str, admitted: list[str]):
    launcher("c-2", connection="ssh", host_ssh_from=ssh_from(said)).stand()
    assert blocks(region, 22) == admitted


def theirs(region: Region) -> Callable[[], None]:
    """What c-3 does, which found the host kept a moment before c-2 claimed it."""
    return lambda: tagging.put_tags(region, ["i-1", "sg-1"], tags.Lease("c-3", "me@here", 0.0).as_tags())


def test_of_two_who_claim_a_host_one_has_it_and_the_other_launches(launcher, region: Region):
    """Both found it kept. Who is overwritten sees that before it goes on, and lets nobody in there."""
    region.meanwhile = theirs(region)
    own = launcher("c-2", connection="eic")
    assert own.stand().instance == "i-2"
    assert set(own.context.maker.made) == {"i-2", "sg-2"}
    assert (region.holder("i-1"), region.holder("i-2")) == ("c-3", "c-2")
    assert blocks(region, 4789) == []


@pytest.mark.parametrize("when", ["as it is tagged", "while the claim rests"])
def test_a_kept_host_is_on_the_ledger_whenever_its_claim_is_cut_off(launcher, region: Region, when: str):
    """Nobody else looks for it any more once it has our tag: it goes with the capture, or by the janitor."""
    own = launcher("c-2", connection="eic")
    tag = region.create_tags

    def killed(**asked: Any) -> None:
        tag(**asked)
        raise Stopped

    if when == "as it is tagged":
        region.create_tags = killed  # type: ignore[method-assign]
    else:
        own.context.stop = Stop()
        own.context.stop.request("SIGTERM")
    with pytest.raises(Stopped):
        own.stand()
    assert region.holder("i-1") == "c-2"
    assert own.context.maker.made == {"i-1": "instance", "sg-1": "security-group"}
    assert set(ledgers.read(own.context.maker.folder / "c-2.jsonl").made) == {"i-1", "sg-1"}


def test_a_host_that_another_capture_has_taken_is_not_kept(launcher, region: Region):
    """Two captures that each took it for theirs, after all: it stays with the one whose tag it bears."""
    loser = launcher("c-2", connection="eic", keep=5)
    loser.stand()
    theirs(region)()
    loser.keep(told := Receiver())
    assert region.holder("i-1") == "c-3"
    assert "could not be kept" in loser.context.status.logged[-1]
    assert told.heard == []


@pytest.mark.parametrize(("minutes", "seconds"), [(5, 900.0), (60, 3600.0)])
def test_a_host_of_our_own_is_kept(launcher, region: Region, minutes: int, seconds: float):
    """With its group, under an id of its own; the receiver's last heartbeat is for all of that time."""
    ours = launcher("c-2", connection="eic", keep=minutes)
    ours.stand()
    ours.keep(told := Receiver())
    assert told.heard == [{"keep": seconds}]
    assert (region.holder("i-1"), region.holder("sg-1")) == ("k-2", "k-2")
    assert ours.context.maker.made == {}


def test_only_what_was_noted_here_is_claimed(launcher, region: Region):
    """A tag makes neither an instance nor a group ours: neither is let in to, tagged, nor written into the ledger."""
    region.tags["sg-victim"] = dict(region.tags["sg-1"])
    region.tags["i-victim"] = dict(region.tags["i-1"])
    ours = launcher("c-2", connection="eic")
    assert ours.stand().instance == "i-1"
    assert ours.context.maker.made.keys() == {"i-1", "sg-1"}
    assert {name: region.holder(name) for name in ("i-victim", "sg-victim")} == dict.fromkeys(
        ("i-victim", "sg-victim"), "k-first"
    )
    assert {group for group, _ in region.admitted} == {"sg-1"}


def test_a_host_that_is_kept_by_its_tags_alone_is_not_claimed(launcher, region: Region, tmp_path):
    """Whoever may launch and tag could make one that looks like a kept one, and would get the packets."""
    keeping.forget(tmp_path, "k-first")
    ours = launcher("c-2", connection="eic")
    assert ours.stand().instance == "i-2"
    assert (region.holder("i-1"), region.holder("sg-1")) == ("k-first", "k-first")
    assert blocks(region, 4789) == []


def test_what_is_kept_is_noted_for_the_next_capture(launcher, region: Region, clock, tmp_path):
    """With its group; the note of what was claimed goes, and that of a tagging that failed."""
    ours = launcher("c-2", connection="eic", keep=5)
    ours.stand()
    assert keeping.all_kept(tmp_path, clock.now()) == {}
    ours.keep(Receiver())
    (kept,) = keeping.all_kept(tmp_path, clock.now()).values()
    assert (kept.capture, kept.made) == ("k-2", {"i-1": "instance", "sg-1": "security-group"})
    assert keeping.all_kept(tmp_path, kept.expires + 1) == {}
    assert list(tmp_path.glob("*.kept")) == []


def test_a_host_whose_tags_could_not_be_set_is_not_noted(launcher, region: Region, tmp_path):
    """It goes with its capture."""
    ours = launcher("c-2", connection="eic", keep=5)
    ours.stand()

    def refuse(**asked: Any) -> None:
        raise AwsError("You may not.", code="UnauthorizedOperation")

    region.create_tags = refuse
    ours.keep(Receiver())
    assert list(tmp_path.glob("*.kept")) == []
    assert ours.context.maker.made.keys() == {"i-1", "sg-1"}


def test_a_kept_host_whose_receiver_hears_nothing_more_is_said_to_end_sooner(launcher):
    ours = launcher("c-2", connection="eic", keep=60)
    ours.stand()
    ours.keep(Receiver(TransportError("The way to it broke.")))
    assert "may end before that, within 15 minutes: The way to it broke." in ours.context.status.logged[-1]


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
