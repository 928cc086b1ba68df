"""The policies of what else there is: they allow all that a feature calls, and each action is missed.

The capture around them is proved with list and mirror; here are the calls alone.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from faults import balanced
from iam import actions_of, less
from scenes import IMAGE, Scene
from sound import SOUND

from vpcshark.aws import connect, doors, fleets, launch, metrics, mirror, policies, registered, tagging
from vpcshark.aws.client import Aws
from vpcshark.cleanup.tags import Lease, kept
from vpcshark.errors import AwsError

LEASE = Lease("c-features", "me@here", 2_000_000_000.0)


def open_a_group(aws: Aws, scene: Scene) -> None:
    """A rule into somebody's group, its renewal, and out again."""
    group = scene.group(scene.target_vpc)
    rule = doors.open_group(aws.ec2, group, "192.0.2.1", LEASE.as_tags(), "a test")
    tagging.put_tags(aws.ec2, [rule], {"vpcshark:expires": "2033-01-01T00:00:00Z"})
    doors.close(aws.ec2, rule)
    scene.ec2.delete_security_group(GroupId=group)


def launch_a_host(aws: Aws, scene: Scene) -> None:
    """A host and its group, their renewal, keeping them, finding them, and their end."""
    ec2, labels = aws.ec2, LEASE.as_tags()
    image = launch.newest_image(aws.ssm, launch.architecture(ec2, launch.TYPE))
    assert image.startswith("ami-")
    group = launch.create_group(ec2, scene.target_vpc, f"group-{uuid.uuid4().hex}", labels)
    launch.admit_frames(ec2, group, ["10.1.1.10"])
    launch.admit_ssh(ec2, group, ["192.0.2.0/24"])
    wanted = launch.Launch(scene.target_subnet, group, "", IMAGE)
    instance = launch.run(ec2, wanted, labels, str(uuid.uuid4()))
    tagging.put_tags(ec2, [instance, group], {"vpcshark:expires": "2033-01-01T00:00:00Z"})
    tagging.put_tags(ec2, [instance, group], {**kept(LEASE, LEASE.expires).as_tags(), "vpcshark:capture-host": ""})
    assert {one.id for one in launch.tagged(ec2, "vpcshark:capture")} >= {instance, group}, "ec2:DescribeSecurityGroups"
    launch.terminate(ec2, instance)
    launch.delete_group(ec2, group)


def find_what_is_balanced(aws: Aws, scene: Scene) -> None:
    """The hosts behind a load balancer."""
    name = scene.elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerName"]
    assert registered.registered(aws.client("elbv2"), name)


def aim_at_fleets(aws: Aws, scene: Scene) -> None:
    """A load balancer and an endpoint with hosts behind them, and a target of each."""
    endpoints = scene.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    endpoint = [one["VpcEndpointId"] for one in endpoints if one["VpcEndpointType"] == "GatewayLoadBalancer"][-1]
    found = [fleets.find(aws, f"lb:nlb-{scene.number}"), fleets.find(aws, endpoint)]
    assert [len(one.members) for one in found] == [1, 1], [one.unseen for one in found]
    for one in found:
        target = mirror.create_target(aws.ec2, one.resource, LEASE.as_tags(), str(uuid.uuid4()))
        scene.ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=target)


def see_host_keys_and_user(aws: Aws, scene: Scene) -> None:
    """Before a login."""
    instance = scene.source_instance
    connect.console_keys(aws, instance)
    connect.login_user(aws, instance)


def push_a_key(aws: Aws, scene: Scene) -> None:
    """EC2 Instance Connect."""
    connect.push_key(aws, scene.source_instance, "ec2-user", "ssh-ed25519 " + "A" * 68)


def read_the_counts(aws: Aws, scene: Scene) -> None:
    """CloudWatch's, of mirrored packets."""
    metrics.counted(aws.client("cloudwatch"), [scene.source_instance], time.time())


FLOWS: Mapping[str, Callable[[Aws, Scene], None]] = {
    "open-security-group": open_a_group,
    "counters": read_the_counts,
    "launch": launch_a_host,
    "sources": find_what_is_balanced,
    "fleet": aim_at_fleets,
    "connect-ssh": see_host_keys_and_user,
    "connect-eic": push_a_key,
}
NEEDS = {"fleet": ["mirror"]}
ACTIONS = [(name, action) for name in FLOWS for action in actions_of(policies.policy([name]))]


@pytest.fixture(scope="module")
def network(new_scene: Callable[[], Scene]) -> Scene:
    """With a load balancer, and a Gateway Load Balancer's endpoint."""
    SOUND["an endpoint of a Gateway Load Balancer"](new_scene())
    scene = new_scene()
    balanced(scene)
    return scene


@pytest.mark.parametrize("name", FLOWS)
def test_all_that_a_feature_calls_is_allowed_and_all_that_is_allowed_is_called(name: str, network: Scene, as_user: Any):
    aws, judge = as_user(policies.policy(["list", *NEEDS.get(name, []), name]))
    FLOWS[name](aws, network)
    assert judge.refused == []
    assert set(actions_of(policies.policy([name]))) <= judge.called


@pytest.mark.parametrize(("name", "action"), ACTIONS)
def test_without_an_action_the_one_that_is_missing_is_named(name: str, action: str, network: Scene, as_user: Any):
    aws, _ = as_user(less(action, policies.policy(["list", *NEEDS.get(name, []), name])))
    with pytest.raises((AwsError, AssertionError), match=action):
        FLOWS[name](aws, network)
