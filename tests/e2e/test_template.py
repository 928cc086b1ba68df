"""The CloudFormation template in the lab: a standing host that captures find, a fleet that is healthy; then nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hands import VPCSHARK, Lab, compare, read_frames, recording, wait_until

from vpcshark.aws.iam.features import DEFAULT

pytestmark = pytest.mark.e2e
OWN_LAB = True  # stacks and hosts of the template
FEATURES = (*DEFAULT, "connect-eic", "fleet")  # the template's hosts need no key pair
TEMPLATE = Path(__file__).parents[2] / "installer" / "cloudformation" / "capture-host.yaml"
STACK = "standing"
OFTEN = {"Delay": 1, "MaxAttempts": 180}  # looks, a second apart


@pytest.fixture
def bare(clean_lab: Lab) -> Iterator[Lab]:
    """A lab whose own capture host is none while the test runs."""
    ec2, host = clean_lab.client(), [instance_of(clean_lab, "capture-1")]
    ec2.delete_tags(Resources=host, Tags=[{"Key": "vpcshark:capture-host"}])
    yield clean_lab
    ec2.create_tags(Resources=host, Tags=[{"Key": "vpcshark:capture-host", "Value": ""}])


def instance_of(lab: Lab, name: str) -> str:
    """The id of the instance of that name."""
    wanted = [{"Name": "tag:Name", "Values": [name]}]
    return str(lab.client().describe_instances(Filters=wanted)["Reservations"][0]["Instances"][0]["InstanceId"])


def answers(lab: Lab, host: str) -> list[str]:
    """What Session Manager knows of the instance's agent, which speaks up some time after the instance runs."""
    wanted = [{"Key": "InstanceIds", "Values": [host]}]
    found = lab.client("ssm").describe_instance_information(Filters=wanted)["InstanceInformationList"]
    return [str(one["PingStatus"]) for one in found]


@contextmanager
def deployed(lab: Lab, **parameters: str) -> Iterator[dict[str, str]]:
    """The template's stack with these parameters, by its outputs; nothing of it is left afterwards."""
    formation, before = lab.client("cloudformation"), left(lab)
    source = lab.eni("web-1")
    subnets = lab.client().describe_subnets(Filters=[{"Name": "vpc-id", "Values": [source["VpcId"]]}])["Subnets"]
    block = lab.client().describe_vpcs(VpcIds=[source["VpcId"]])["Vpcs"][0]["CidrBlock"]
    given = {
        "Vpc": source["VpcId"],
        "Subnets": ",".join(sorted((one["SubnetId"] for one in subnets), key=lambda one: one != source["SubnetId"])),
        "SourceCidr": block,
        "SshCidr": block,
        **parameters,
    }
    formation.create_stack(
        StackName=STACK,
        TemplateBody=TEMPLATE.read_text("utf-8"),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    try:
        formation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig=OFTEN)
        [stack] = formation.describe_stacks(StackName=STACK)["Stacks"]
        yield {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    finally:
        formation.delete_stack(StackName=STACK)
        formation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig=OFTEN)
    assert left(lab) == before


def left(lab: Lab) -> dict[str, list[str]]:
    """All that a stack of ours could leave, by fresh describes."""
    ec2, elb = lab.client(), lab.client("elbv2")
    return {
        "instances": instances(lab),
        "groups": [one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]],
        "templates": [one["LaunchTemplateId"] for one in ec2.describe_launch_templates()["LaunchTemplates"]],
        "targets": lab.mirror_resources()["targets"],
        "balancers": [one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]],
        "target groups": [one["TargetGroupArn"] for one in elb.describe_target_groups()["TargetGroups"]],
        "fleets": [
            one["AutoScalingGroupName"]
            for one in lab.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        ],
        "roles": [one["RoleName"] for one in lab.client("iam").list_roles()["Roles"]],
        "profiles": [one["Arn"] for one in lab.client("iam").list_instance_profiles()["InstanceProfiles"]],
    }


def instances(lab: Lab, *filters: dict[str, Any]) -> list[str]:
    """Those that are not terminated."""
    found = [i for r in lab.client().describe_instances(Filters=filters)["Reservations"] for i in r["Instances"]]
    return [one["InstanceId"] for one in found if one["State"]["Name"] != "terminated"]


@pytest.mark.long
def test_a_standing_host_is_found_by_its_tag_and_takes_the_frames(bare: Lab, tmp_path: Path):
    """host=auto in an account that has no other; what tcpdump saw at the source is in the file."""
    eni, file = bare.eni("web-1")["NetworkInterfaceId"], tmp_path / "out.pcapng"
    words = ["capture", eni, "--mode", "mirror", "--host", "auto", "--connection", "eic", "-c", "500", "-w", str(file)]
    with deployed(bare) as outputs, recording(bare, "web-1", tmp_path / "source.pcap") as source:
        capture = bare.start(*VPCSHARK, *words)
        wait_until(lambda: capture.poll() is not None or bool(mirrored_to(bare)), "it is mirrored")
        received_by = mirrored_to(bare)
        _, said = capture.communicate(timeout=180)
        seen = source.stop()
        assert capture.returncode == 0, said
        assert received_by == [outputs["HostId"]]
        assert bare.is_clean()
    compared, missing, extra = compare(seen, read_frames(file))
    assert compared > 100
    assert (missing, extra) == (0, 0)


def mirrored_to(lab: Lab) -> list[str]:
    """The instances that are mirror targets now."""
    ec2 = lab.client()
    enis = [one["NetworkInterfaceId"] for one in ec2.describe_traffic_mirror_targets()["TrafficMirrorTargets"]]
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=enis)["NetworkInterfaces"] if enis else []
    return [one["Attachment"]["InstanceId"] for one in found]


@pytest.mark.long
def test_a_standing_host_is_locked_up(bare: Lab):
    """IMDSv2 alone, an encrypted volume, no public address, nothing let in but frames and the SSH that was asked for,
    and a role whose name the policies let be passed."""
    ec2 = bare.client()
    with deployed(bare) as outputs:
        [host] = ec2.describe_instances(InstanceIds=[outputs["HostId"]])["Reservations"][0]["Instances"]
        assert host["MetadataOptions"]["HttpTokens"] == "required"
        volumes = [one["Ebs"]["VolumeId"] for one in host["BlockDeviceMappings"]]
        assert [one["Encrypted"] for one in ec2.describe_volumes(VolumeIds=volumes)["Volumes"]] == [True]
        assert "PublicIpAddress" not in host
        assert "KeyName" not in host
        [group] = ec2.describe_security_groups(GroupIds=[outputs["HostGroupId"]])["SecurityGroups"]
        assert [one["GroupId"] for one in host["SecurityGroups"]] == [group["GroupId"]]
        let_in = {(one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in group["IpPermissions"]}
        assert let_in == {("udp", 4789, 4789), ("tcp", 22, 22)}
        assert host["IamInstanceProfile"]["Arn"].rpartition("/")[2].startswith("vpcshark")
        assert outputs["RoleName"].startswith("vpcshark")
        wait_until(lambda: answers(bare, outputs["HostId"]) == ["Online"], "its agent says that it is there")


@pytest.mark.long
def test_a_fleet_is_registered_and_healthy_behind_its_balancer(bare: Lab):
    """Each host bears the tag; the balancer listens for UDP 4789 and is a mirror target."""
    ec2, elb = bare.client(), bare.client("elbv2")
    with deployed(bare, FleetSize="2") as outputs:
        hosts = instances(bare, {"Name": "tag-key", "Values": ["vpcshark:capture-host"]})
        assert len(hosts) == 2
        [target] = ec2.describe_traffic_mirror_targets()["TrafficMirrorTargets"]
        assert target["TrafficMirrorTargetId"] == outputs["TargetId"]
        assert target["NetworkLoadBalancerArn"] == outputs["BalancerArn"]
        [balancer] = elb.describe_load_balancers(LoadBalancerArns=[outputs["BalancerArn"]])["LoadBalancers"]
        assert (balancer["Type"], balancer["Scheme"]) == ("network", "internal")
        [listener] = elb.describe_listeners(LoadBalancerArn=outputs["BalancerArn"])["Listeners"]
        assert (listener["Protocol"], listener["Port"]) == ("UDP", 4789)
        group = listener["DefaultActions"][0]["TargetGroupArn"]
        health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        assert sorted(one["Target"]["Id"] for one in health) == sorted(hosts)
        assert {one["TargetHealth"]["State"] for one in health} == {"healthy"}


@pytest.mark.long
def test_the_frames_of_a_capture_come_through_the_fleet(bare: Lab, tmp_path: Path):
    """By the stack's mirror target, which stays: what tcpdump saw at the source is in the file."""
    eni, file = bare.eni("web-1")["NetworkInterfaceId"], tmp_path / "out.pcapng"
    with deployed(bare, FleetSize="2") as outputs, recording(bare, "web-1", tmp_path / "source.pcap") as source:
        words = ["capture", eni, "--mode", "mirror", "--host", outputs["TargetId"], "--connection", "eic"]
        done = bare.run(*VPCSHARK, *words, "-c", "500", "-w", str(file))
        seen = source.stop()
        assert done.returncode == 0, done.stderr
        assert bare.mirror_resources() == {"sessions": [], "filters": [], "targets": [outputs["TargetId"]]}
    compared, missing, extra = compare(seen, read_frames(file))
    assert compared > 100
    assert (missing, extra) == (0, 0)
