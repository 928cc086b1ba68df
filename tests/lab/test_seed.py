"""The VPC that a lab begins with: what is told to the data plane is what the API says."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from vpcshark.lab.api.moto_ec2 import mark_managed
from vpcshark.lab.model import LabWorld
from vpcshark.lab.seed import Seeder, make_keys


@pytest.fixture
def world(api: Any) -> LabWorld:
    """The VPC of a root lab."""
    return Seeder(api.client(), mark_managed, api.client("iam")).namespaces(142)


def test_the_api_and_the_world_agree(world: LabWorld, ec2: Any) -> None:
    """MAC, addresses, device index, subnet, of each ENI of each instance."""
    for instance in world.instances:
        wanted = [{"Name": "attachment.instance-id", "Values": [instance.id]}]
        described = {
            eni["NetworkInterfaceId"]: (
                eni["MacAddress"],
                eni["PrivateIpAddress"],
                [item["Ipv6Address"] for item in eni["Ipv6Addresses"]],
                eni["Attachment"]["DeviceIndex"],
            )
            for eni in ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        }
        assert described == {
            eni.id: (eni.mac, eni.ipv4, [eni.ipv6] if eni.ipv6 else [], eni.device_index) for eni in instance.enis
        }


def test_addresses_lie_in_their_subnets(world: LabWorld) -> None:
    """And the subnets in the VPC, whose resolver is its base address + 2."""
    assert world.vpc_cidr == "10.142.0.0/16"
    assert world.resolver == "10.142.0.2"
    for eni in (eni for instance in world.instances for eni in instance.enis):
        assert ip_address(eni.ipv4) in ip_network(eni.subnet_cidr)
        assert ip_network(eni.subnet_cidr).subnet_of(ip_network(world.vpc_cidr))  # type: ignore[arg-type]
        assert not eni.ipv6 or ip_address(eni.ipv6) in ip_network(eni.subnet_ipv6_cidr)
        assert ip_network(eni.subnet_ipv6_cidr).subnet_of(ip_network(world.vpc_ipv6_cidr))  # type: ignore[arg-type]


def test_the_capture_host_is_found_by_its_tag(world: LabWorld, ec2: Any) -> None:
    """It is the one with sshd; its user is in a tag too. Without its instance profile the tag would be nothing."""
    found = ec2.describe_instances(Filters=[{"Name": "tag-key", "Values": ["vpcshark:capture-host"]}])["Reservations"]
    ours = {instance.id: instance for instance in world.instances}
    (host,) = [i for r in found for i in r["Instances"] if i["InstanceId"] in ours]
    assert "sshd" in ours[host["InstanceId"]].roles
    assert {"Key": "vpcshark:ssh-user", "Value": "root"} in host["Tags"]
    assert host["IamInstanceProfile"]["Arn"].endswith(":instance-profile/vpcshark-capture-host")


def test_instances_stand_in_two_zones(world: LabWorld, ec2: Any) -> None:
    """So that the inventory has something to tell apart."""
    ids = [instance.id for instance in world.instances]
    machines = [i for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]
    assert len({machine["Placement"]["AvailabilityZone"] for machine in machines}) == 2


def test_some_enis_are_no_candidates(world: LabWorld, ec2: Any) -> None:
    """One is attached to nothing, one belongs to a NAT gateway."""
    own = {eni.id for instance in world.instances for eni in instance.enis}
    enis = ec2.describe_network_interfaces()["NetworkInterfaces"]
    kinds = {(e["InterfaceType"], e["RequesterManaged"]) for e in enis if e["NetworkInterfaceId"] not in own}
    assert ("nat_gateway", True) in kinds
    assert any(e["Status"] == "available" and {"Key": "Name", "Value": "spare"} in e["TagSet"] for e in enis)


def test_without_root_this_machine_is_the_capture_host(api: Any, ec2: Any) -> None:
    """Its primary private address is one that it can bind."""
    world = Seeder(api.client(), mark_managed).loopback()
    (here,) = [instance for instance in world.instances if "host" in instance.roles]
    (machine,) = ec2.describe_instances(InstanceIds=[here.id])["Reservations"][0]["Instances"]
    assert machine["PrivateIpAddress"] == "127.0.0.1"
    assert {"Key": "vpcshark:capture-host", "Value": ""} in machine["Tags"]


def test_the_keys_hold_when_iam_is_enforced(api: Any) -> None:
    """They are a real user's, who may do everything."""
    key = make_keys(api.client("iam"))
    api.control.enforce_iam(is_on=True)
    assert api.client(key=key).describe_vpcs()["Vpcs"]
