"""Which ENIs a selection means, which of them are captured from, and why the others are not."""

from __future__ import annotations

import pytest

from vpcshark.aws.balancing.registered import Registered
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.capture.contract.selection import Selection, of_named, of_words
from vpcshark.capture.mirror import source_choice
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.settings import NamedCapture, Tag

HOST = CaptureHost("i-h", "host", "eni-host", "10.1.0.9")


def eni(name: str, **more) -> Eni:
    """An ENI of a running instance."""
    usual = {"instance": f"i-{name}", "instance_state": "running", "device_index": 0, "vpc": "vpc-1"}
    return Eni(f"eni-{name}", name, **{**usual, **more})


def ids(enis) -> list[str]:
    """Their ids."""
    return [one.id for one in enis]


def choose(named=(), found=(), sessions=None, number=None, spared=()):
    """The choice at ``HOST``."""
    return source_choice.choose(
        Selection(name="web"), named, found, HOST, source_choice.Standing(sessions or {}, number, spared)
    )


def full(source: str) -> list[MirrorSession]:
    """All sessions that AWS lets an ENI have."""
    return [MirrorSession(f"tms-{n}", n, n, source) for n in (1, 2, 3)]


def test_tags_are_the_enis_or_its_instances():
    """RunInstances tags instances, and the list shows the instance's name; the ENI's own tag is stronger."""
    by_instance = eni("a", instance_tags={"Name": "web-1", "env": "prod"})
    by_itself = eni("b", tags={"Name": "db", "env": "prod"}, instance_tags={"Name": "web-2"})
    neither = eni("c", instance_tags={"Name": "web-3", "env": "test"})
    wanted = Selection(tags=(Tag("Name", "web-*"), Tag("env", "prod")))
    assert ids(source_choice.find(wanted, [by_instance, by_itself, neither], [])) == ["eni-a"]


def test_an_auto_scaling_group_is_every_eni_of_its_instances():
    """By the tag that EC2 Auto Scaling puts on them."""
    group = {"aws:autoscaling:groupName": "web"}
    enis = [eni("a", instance_tags=group), eni("a2", device_index=1, instance_tags=group), eni("b", instance_tags={})]
    assert ids(source_choice.find(Selection(groups=("web",)), enis, [])) == ["eni-a", "eni-a2"]


def test_a_load_balancers_targets_are_primary_interfaces_and_addresses():
    """An instance gets its traffic at eth0; an address is one only within its VPC."""
    enis = [
        eni("a"),
        eni("a2", instance="i-a", device_index=1),
        eni("b", addresses=("10.1.0.5", "10.1.0.6")),
        eni("c", addresses=("10.1.0.6",), vpc="vpc-2"),
    ]
    registered = [Registered(instance="i-a"), Registered(address="10.1.0.6", vpc="vpc-1")]
    assert ids(source_choice.find(Selection(balancers=("front",)), enis, registered)) == ["eni-a", "eni-b"]


def test_what_is_named_is_not_found_again():
    """Each ENI has one session."""
    wanted = Selection(enis=("eni-a",), tags=(Tag("Name", "*"),))
    enis = [eni(n, tags={"Name": n}) for n in "ab"]
    assert ids(source_choice.find(wanted, enis, [])) == ["eni-b"]


REASONS = [
    ({"interface_type": "nat_gateway"}, "type nat_gateway"),
    ({"requester_managed": True, "owner": "ELB net/front/1"}, r"managed by AWS \(ELB net/front/1\)"),
    ({"id": "eni-host"}, "its own capture host"),
    ({"id": "eni-full"}, "has 3 mirror sessions"),
    ({"id": "eni-taken"}, "Session number 7 of eni-taken is taken"),
]


@pytest.mark.parametrize(("what", "why"), REASONS)
def test_a_named_one_that_cannot_be_is_an_error_and_a_found_one_is_left_out(what, why):
    """Either way with the reason."""
    bad = Eni(**{**vars(eni("bad")), **what})
    sessions = {"eni-full": full("eni-full"), "eni-taken": [MirrorSession("tms-7", 7, 7, "eni-taken")]}
    number = 7 if bad.id == "eni-taken" else None
    with pytest.raises(VpcsharkError, match=why):
        choose([eni("good"), bad], [], sessions, number)
    chosen = choose([], [eni("good"), bad], sessions, number)
    assert ids(chosen.enis) == ["eni-good"]
    with pytest.raises(InputError, match=why):
        raise InputError(*chosen.left_out)
    assert chosen.left_out[0].startswith(f"{bad.id} is left out: ")


def test_rds_and_elasticache_are_mirrored_though_aws_manages_them():
    """https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-network-limitations.html."""
    managed = {"requester_managed": True, "instance": "", "instance_state": ""}
    rds = eni("rds", description="RDSNetworkInterface", **managed)
    cache = eni("cache", description="ElastiCache web-001", **managed)
    assert ids(choose([rds], [cache]).enis) == ["eni-rds", "eni-cache"]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"instance_state": "stopped"}, "is stopped"),
        ({"instance": "", "instance_state": ""}, "attached to nothing"),
        ({"id": "eni-spared"}, "a capture host's"),
    ],
)
def test_what_has_no_frames_of_its_own_is_captured_only_by_name(what, why):
    """A session costs by the hour; who names it knows why."""
    quiet = Eni(**{**vars(eni("quiet")), **what})
    assert ids(choose([quiet], [], spared=["eni-spared"]).enis) == [quiet.id]
    chosen = choose([], [eni("good"), quiet], spared=["eni-spared"])
    assert (ids(chosen.enis), len(chosen.left_out)) == (["eni-good"], 1)
    assert why in chosen.left_out[0]


def test_several_wrong_ones_are_told_together():
    """One round of corrections, not one for each."""
    wrong = [eni(n, interface_type="lambda") for n in "abcde"]
    with pytest.raises(InputError, match=r"eni-a .*eni-b .*eni-c .*2 more"):
        choose(wrong)


def test_nothing_to_capture_from_is_an_error():
    """With the reasons where a query found something, and what to look at."""
    with pytest.raises(InputError, match=r"for web: AWS knows none\..*vpcshark interfaces"):
        choose()
    with pytest.raises(InputError, match="stopped"):
        choose([], [eni("a", instance_state="stopped")])


def test_named_ones_come_first_and_ids_are_places():
    """The order of the interface blocks in the file."""
    chosen = choose([eni("z"), eni("y")], [eni("a")])
    assigned = source_choice.assign(chosen, [5, 6, 7])
    assert [(one.id, one.eni.id, one.vni, one.is_found) for one in assigned] == [
        (0, "eni-z", 5, False),
        (1, "eni-y", 6, False),
        (2, "eni-a", 7, True),
    ]


def test_the_words_of_a_command_line():
    """Each kind by its prefix; the same twice is once."""
    said = of_words(["eni-a", "tag:Name=web-*", "eni-b", "asg:a group", "lb:front", "tag:env=", "eni-a"])
    assert said == Selection(("eni-a", "eni-b"), (Tag("Name", "web-*"), Tag("env", "*")), ("a group",), ("front",))
    assert (said.single, said.is_query) == ("", True)
    assert said.label == "eni-a+5"
    assert str(of_words(["asg:a group", "tag:env=prod"])) == "tag:env=prod asg:a group"
    with pytest.raises(InputError, match="tag:KEY=VALUE"):
        of_words(["tag:web"])


def test_one_eni_is_single_whatever_it_is_called():
    """It may be captured from by tcpdump too."""
    one = of_named(NamedCapture("web", ("eni-a",)))
    assert (one.single, str(one)) == ("eni-a", "eni-a")
    assert of_named(NamedCapture("web", ("eni-a", "eni-b"))).single == ""
    assert of_named(NamedCapture("web", ("eni-a",), groups=("g",))).single == ""
