"""The lab's RunInstances: idempotent, tagged, from templates as EC2 does it; and machines that boot and end with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hands import wait_until

from vpcshark.lab.api import moto_launch
from vpcshark.lab.model import LabInstance

IMAGE = "ami-04681a1dbd79675a5"


class Machines:
    """Boots when it is let, and remembers what it was told."""

    def __init__(self) -> None:
        self.may_boot = threading.Event()
        self.up: dict[str, tuple[LabInstance, Callable[[], None]]] = {}

    def launch(self, instance: LabInstance, on_end: Callable[[], None]) -> None:
        assert self.may_boot.wait(180)
        self.up[instance.id] = (instance, on_end)

    def remove(self, instance: str) -> None:
        self.up.pop(instance, None)


@pytest.fixture
def machines() -> Iterator[Machines]:
    """What is launched in the tests' VPC comes here."""
    made = Machines()
    moto_launch.install(moto_launch.Fleet(made, "10.7.0.0/16"))
    yield made
    moto_launch.install(None)


def run(mirroring, **more: Any) -> dict[str, Any]:
    """Launch one instance in the tests' subnet."""
    interface = {"DeviceIndex": 0, "SubnetId": mirroring.subnet, "DeleteOnTermination": True}
    usual = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "NetworkInterfaces": [interface]}
    return dict(mirroring.ec2.run_instances(**{**usual, **more})["Instances"][0])


def state(ec2, instance: str) -> str:
    """As a describe shows it."""
    return str(ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_a_client_token_makes_one_instance(mirroring):
    """A repeated call is answered with the first one's instance."""
    first, second = (run(mirroring, ClientToken="token-1")["InstanceId"] for _ in range(2))
    assert first == second
    assert run(mirroring, ClientToken="token-2")["InstanceId"] != first


def test_a_client_token_is_told_and_stands_for_one_request(mirroring, ec2):
    """As DescribeInstances has it ever after; with other parameters it is refused (EC2 developer guide, "Ensuring
    idempotency")."""
    made = run(mirroring, ClientToken="token-3")["InstanceId"]
    found = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    assert found["ClientToken"] == "token-3"
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        run(mirroring, ClientToken="token-3", InstanceType="t3.nano")


def test_tags_reach_the_network_interface(mirroring, ec2):
    """moto drops them."""
    tags = [{"Key": "vpcshark:capture", "Value": "c-1"}]
    made = run(mirroring, TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}])
    eni = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["TagSet"] == tags


def test_a_template_says_where_and_how_it_ends(mirroring, ec2):
    """moto takes the default subnet, and "stop"."""
    data = {
        "ImageId": IMAGE,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": mirroring.subnet}],
    }
    ec2.create_launch_template(LaunchTemplateName="here", LaunchTemplateData=data)
    made = ec2.run_instances(LaunchTemplate={"LaunchTemplateName": "here"}, MinCount=1, MaxCount=1)["Instances"][0]
    assert made["SubnetId"] == mirroring.subnet
    said = ec2.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="instanceInitiatedShutdownBehavior")
    assert said["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_a_machine_boots_and_ends_with_its_instance(machines, mirroring, ec2):
    """pending until its network is there, shutting-down until it is gone; its group cannot go before."""
    vpc = ec2.describe_subnets(SubnetIds=[mirroring.subnet])["Subnets"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=f"of-{vpc}", Description="x", VpcId=vpc)["GroupId"]
    interface = {"DeviceIndex": 0, "SubnetId": mirroring.subnet, "Groups": [group], "DeleteOnTermination": True}
    made = run(mirroring, NetworkInterfaces=[interface], UserData="#!/bin/sh\n")
    identity = made["InstanceId"]
    assert state(ec2, identity) == "pending"
    machines.may_boot.set()
    wait_until(lambda: state(ec2, identity) == "running", "it runs")
    facts, _ = machines.up[identity]
    assert (facts.enis[0].ipv4, facts.user_data) == (made["PrivateIpAddress"], "#!/bin/sh\n")
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    ec2.terminate_instances(InstanceIds=[identity])
    ec2.terminate_instances(InstanceIds=[identity])
    wait_until(lambda: state(ec2, identity) == "terminated", "it is terminated")
    assert machines.up == {}
    ec2.delete_security_group(GroupId=group)


@pytest.mark.parametrize(("behaviour", "end"), [("terminate", "terminated"), ("stop", "stopped")])
def test_a_shutdown_from_inside_does_what_was_said_at_the_launch(machines, mirroring, ec2, behaviour: str, end: str):
    """InstanceInitiatedShutdownBehavior."""
    machines.may_boot.set()
    identity = run(mirroring, InstanceInitiatedShutdownBehavior=behaviour)["InstanceId"]
    wait_until(lambda: state(ec2, identity) == "running", "it runs")
    machines.up[identity][1]()
    wait_until(lambda: state(ec2, identity) == end, f"it is {end}")


def test_what_is_launched_elsewhere_is_no_machine(machines, ec2):
    """Only the lab's VPC has a network."""
    subnet = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    made = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]["InstanceId"]
    assert state(ec2, made) == "running"


def test_only_windows_has_a_platform(mirroring: Any) -> None:
    """Of images and of instances; what it is in detail, all say."""
    image = "ami-04681a1dbd79675a5"
    [described] = mirroring.ec2.describe_images(ImageIds=[image])["Images"]
    asked = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": mirroring.subnet}
    launched = mirroring.ec2.run_instances(**asked)["Instances"][0]
    assert "Platform" not in described
    assert "Platform" not in launched
    assert (launched["PlatformDetails"], launched["UsageOperation"]) == ("Linux/UNIX", "RunInstances")


@pytest.mark.parametrize(
    ("said", "left"),
    [({}, []), ({"DeleteOnTermination": True}, []), ({"DeleteOnTermination": False}, ["available"])],
    ids=["by default", "deleted", "kept"],
)
def test_an_interface_that_was_made_at_the_launch_goes_with_its_instance(mirroring, ec2, said, left):
    """But where it is to stay: then it is free."""
    made = run(mirroring, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": mirroring.subnet, **said}])
    eni = made["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    one = {"Filters": [{"Name": "network-interface-id", "Values": [eni]}]}
    assert [each["Status"] for each in ec2.describe_network_interfaces(**one)["NetworkInterfaces"]] == left


def test_an_interface_that_was_there_before_outlives_its_instance(mirroring, ec2):
    """It is free for the next one."""
    eni = ec2.create_network_interface(SubnetId=mirroring.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    made = run(mirroring, NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}])
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    assert (found["Status"], found.get("Attachment")) == ("available", None)
