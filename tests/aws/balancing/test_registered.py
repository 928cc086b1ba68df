"""A load balancer's targets, and an Auto Scaling group's instances, from the lab's API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from vpcshark.aws.balancing import registered
from vpcshark.aws.balancing.registered import Registered
from vpcshark.aws.client import Aws
from vpcshark.aws.inventory import interfaces
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.mirror import source_choice
from vpcshark.errors import InputError


def balancer(elbv2: Any, subnet: str, kind: str = "network") -> tuple[str, str]:
    """A new load balancer: name, ARN."""
    name = f"front-{uuid.uuid4().hex[:8]}"
    made = elbv2.create_load_balancer(Name=name, Type=kind, Subnets=[subnet])["LoadBalancers"][0]
    return name, made["LoadBalancerArn"]


def register(elbv2: Any, arn: str, kind: str, port: int, vpc: str, *targets: str) -> None:
    """A target group of this type behind the load balancer."""
    name = f"group-{uuid.uuid4().hex[:8]}"
    group = elbv2.create_target_group(Name=name, Protocol="TCP", Port=80, VpcId=vpc, TargetType=kind)
    (made,) = group["TargetGroups"]
    elbv2.register_targets(TargetGroupArn=made["TargetGroupArn"], Targets=[{"Id": one} for one in targets])
    action = {"Type": "forward", "TargetGroupArn": made["TargetGroupArn"]}
    elbv2.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=port, DefaultActions=[action])


def test_targets_of_all_groups_by_instance_and_by_address(aws: Aws, enis: dict[str, Any]):
    """Each once, however many groups have it."""
    elbv2, web = aws.client("elbv2"), enis["web-1 eth0"]
    place = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[web["id"]])["NetworkInterfaces"][0]
    name, arn = balancer(elbv2, place["SubnetId"])
    register(elbv2, arn, "instance", 80, place["VpcId"], web["instance"])
    register(elbv2, arn, "instance", 81, place["VpcId"], web["instance"])
    register(elbv2, arn, "ip", 82, place["VpcId"], enis["db-1 eth0"]["ipv4"])
    by_address = Registered(address=enis["db-1 eth0"]["ipv4"], vpc=place["VpcId"])
    found = registered.registered(elbv2, name)
    assert set(found) == {Registered(instance=web["instance"]), by_address}
    assert len(found) == 2
    meant = source_choice.find(Selection(balancers=(name,)), interfaces.list_enis(aws.ec2), found)
    assert {eni.id for eni in meant} == {web["id"], enis["db-1 eth0"]["id"]}


def test_no_such_load_balancer_is_told(aws: Aws):
    """With its name."""
    with pytest.raises(InputError, match='"gone"'):
        registered.registered(aws.client("elbv2"), "gone")


def test_the_instances_of_an_auto_scaling_group_bear_its_name(aws: Aws, enis: dict[str, Any]):
    """As the service itself makes and tags them."""
    scaling, subnet = aws.client("autoscaling"), aws.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    scaling.create_launch_configuration(LaunchConfigurationName="web", ImageId="ami-12c6146b", InstanceType="m6i.large")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web group",
        LaunchConfigurationName="web",
        MinSize=2,
        MaxSize=2,
        VPCZoneIdentifier=subnet,
    )
    try:
        meant = source_choice.find(Selection(groups=("web group",)), interfaces.list_enis(aws.ec2), [])
        (group,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web group"])["AutoScalingGroups"]
        assert sorted(eni.instance for eni in meant) == sorted(one["InstanceId"] for one in group["Instances"])
        assert len(meant) == 2
    finally:
        scaling.delete_auto_scaling_group(AutoScalingGroupName="web group", ForceDelete=True)
        scaling.delete_launch_configuration(LaunchConfigurationName="web")
