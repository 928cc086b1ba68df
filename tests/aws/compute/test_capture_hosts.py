"""Which instance receives the mirrored packets."""

from __future__ import annotations

from typing import Any

import pytest

from vpcshark.aws.client import Ec2
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.errors import InputError

SOURCE = Eni("eni-1", "web-1", instance="i-1", vpc="vpc-1", subnet="subnet-1", az="a")


def host(name: str, vpc: str = "vpc-1", subnet: str = "subnet-1", az: str = "a") -> CaptureHost:
    """A capture host somewhere."""
    return CaptureHost(f"i-{name}", name, f"eni-{name}", "10.0.0.1", vpc=vpc, subnet=subnet, az=az)


FAR = host("far", "vpc-2", "subnet-9", "c")
SAME_VPC = host("same-vpc", subnet="subnet-3", az="b")
SAME_AZ = host("same-az", subnet="subnet-2")
SAME_SUBNET = host("same-subnet")


def test_the_tagged_running_instance_is_found(ec2: Ec2, enis: dict[str, Any]) -> None:
    """Its primary ENI is the target, its address where the outer frames go."""
    [found] = capture_hosts.list_hosts(ec2)
    wanted = enis["this-machine eth0"]
    assert (found.instance, found.eni, found.address) == (wanted["instance"], wanted["id"], "127.0.0.1")
    assert (found.name, found.user) == ("this-machine", "ec2-user")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([FAR, SAME_VPC, SAME_AZ, SAME_SUBNET], SAME_SUBNET),
        ([FAR, SAME_VPC, SAME_AZ], SAME_AZ),
        ([FAR, SAME_VPC], SAME_VPC),
        ([FAR], FAR),
    ],
)
def test_the_nearest_host_is_chosen(offered: list[CaptureHost], chosen: CaptureHost) -> None:
    """Same subnet before same zone before same VPC before anything."""
    assert capture_hosts.nearest(offered, [SOURCE]) == chosen


def test_the_source_is_never_its_own_target() -> None:
    """Mirroring an interface to itself would mirror the mirrored."""
    own = CaptureHost("i-1", "web-1", SOURCE.id, "10.0.0.1", vpc="vpc-1", subnet="subnet-1", az="a")
    assert capture_hosts.nearest([own, FAR], [SOURCE]) == FAR


def test_no_host_is_told_with_what_to_do() -> None:
    """The tag that is missing, and the option that needs none."""
    with pytest.raises(InputError) as caught:
        capture_hosts.nearest([], [SOURCE])
    assert "vpcshark:capture-host" in caught.value.problem
    assert "--host" in caught.value.remedy


def test_an_instance_can_be_named(ec2: Ec2, enis: dict[str, Any]) -> None:
    """A running instance without the tag may be a capture host where the user says so."""
    found = capture_hosts.find_host(ec2, enis["db-1 eth0"]["instance"])
    assert (found.name, found.eni, found.address) == ("db-1", enis["db-1 eth0"]["id"], enis["db-1 eth0"]["ipv4"])


def test_the_login_user_comes_from_the_tag(ec2: Any, enis: dict[str, Any]) -> None:
    """vpcshark:ssh-user says whom to log in as."""
    instance = enis["api-1 eth0"]["instance"]
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "vpcshark:ssh-user", "Value": "admin"}])
    assert capture_hosts.find_host(ec2, instance).user == "admin"


@pytest.mark.parametrize(
    ("instance", "problem"),
    [
        ("i-0123456789abcdef0", "There is no instance i-0123456789abcdef0 in eu-central-1."),
        ("web-1", '"web-1" is not a capture host.'),
    ],
)
def test_an_unknown_host_is_told(ec2: Ec2, instance: str, problem: str) -> None:
    """An id that nobody has, or no id at all."""
    with pytest.raises(InputError) as caught:
        capture_hosts.find_host(ec2, instance)
    assert caught.value.problem == problem
