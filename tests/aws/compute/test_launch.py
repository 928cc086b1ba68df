"""A capture host of our own: what is asked of AWS for it, how it is found again, that it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vpcshark.aws import kinds
from vpcshark.aws.compute import launch, launch_template
from vpcshark.aws.compute import user_data as compute_user_data
from vpcshark.aws.compute.launch import Launch
from vpcshark.aws.compute.launch_template import Template
from vpcshark.errors import Mistake

TAGS = {"vpcshark:capture": "c-1", "vpcshark:owner": "me"}


@pytest.fixture
def place(ec2, enis) -> Iterator[dict[str, Any]]:
    """web-1's first ENI as EC2 describes it: its VPC, subnet and address. What bears our tags goes with the test."""
    yield ec2.describe_network_interfaces(NetworkInterfaceIds=[enis["web-1 eth0"]["id"]])["NetworkInterfaces"][0]
    for one in kinds.tagged(ec2, kinds.LAUNCHED, "vpcshark:capture"):
        kinds.delete(ec2, one.kind, one.id)


def only(answer: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The one element of the list behind the last key."""
    for key in keys:
        (answer,) = answer[key]
    return answer


def tags_of(raw: dict[str, Any], key: str = "Tags") -> dict[str, str]:
    """Its tags."""
    return {tag["Key"]: tag["Value"] for tag in raw.get(key, [])}


def start(ec2, place, token: str = "t-1") -> tuple[str, str]:
    """A host beside ``place``: its group and its instance."""
    group = launch.create_group(ec2, place["VpcId"], f"vpcshark-{token}", TAGS)
    wanted = Launch(
        place["SubnetId"], group, compute_user_data.script(heartbeat="/run/beat", silence=900), image="ami-12c6146b"
    )
    return group, launch.run(ec2, wanted, TAGS, token)


def test_the_newest_amazon_linux_is_found_for_the_types_architecture(aws):
    """arm64 for the default type; one that is not there is said with the option."""
    assert launch.architecture(aws.ec2, launch.TYPE) == "arm64"
    assert launch.architecture(aws.ec2, "t3.small") == "x86_64"
    images = {kind: launch.newest_image(aws.ssm, kind) for kind in ("arm64", "x86_64")}
    assert all(image.startswith("ami-") for image in images.values())
    assert images["arm64"] != images["x86_64"]
    with pytest.raises(Mistake, match="--host-type"):
        launch.architecture(aws.ec2, "q1.huge")


def test_a_template_that_is_not_there_is_a_mistake(ec2):
    """By name or by id."""
    for name in ("no-such-template", "lt-0123456789abcdef0"):
        with pytest.raises(Mistake, match="--host-template"):
            launch_template.find_template(ec2, name)


def test_a_role_that_is_none_is_a_mistake(ec2, place):
    """AWS says so with a code that stands for many a parameter."""
    group = launch.create_group(ec2, place["VpcId"], "vpcshark-role", TAGS)
    wanted = launch.Launch(place["SubnetId"], group, "", "ami-12c6146b", role="nobody")
    with pytest.raises(Mistake, match="--host-role"):
        launch.run(ec2, wanted, TAGS, "token-role")
    kinds.delete(ec2, kinds.GROUP, group)


def test_the_group_admits_the_sources_frames_alone(ec2, place):
    """UDP 4789 from each address, whichever family; SSH only where it is asked for. Twice is as good as once."""
    group = launch.create_group(ec2, place["VpcId"], "vpcshark-rules", TAGS)
    for _ in range(2):
        launch.admit_frames(ec2, group, ["10.1.0.9", "2600:1f::9"])
        launch.admit_ssh(ec2, group, ["192.0.2.7/32"])
    found = only(ec2.describe_security_groups(GroupIds=[group]), "SecurityGroups")
    admitted = {
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], block)
        for rule in found["IpPermissions"]
        for block in [*(r["CidrIp"] for r in rule["IpRanges"]), *(r["CidrIpv6"] for r in rule["Ipv6Ranges"])]
    }
    assert admitted == {
        ("udp", 4789, 4789, "10.1.0.9/32"),
        ("udp", 4789, 4789, "2600:1f::9/128"),
        ("tcp", 22, 22, "192.0.2.7/32"),
    }
    assert tags_of(found) == TAGS
    kinds.delete(ec2, kinds.GROUP, group)
    kinds.delete(ec2, kinds.GROUP, group)  # gone is done


def test_a_host_is_as_closed_as_it_can_be_and_bears_its_tags(ec2, place):
    """What AWS shows of it: IMDSv2, an encrypted volume, no key, no public address, an end by shutdown."""
    group, instance = start(ec2, place)
    found = only(ec2.describe_instances(InstanceIds=[instance]), "Reservations", "Instances")
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert "KeyName" not in found
    assert "PublicIpAddress" not in found
    assert (found["SubnetId"], found["VpcId"]) == (place["SubnetId"], place["VpcId"])
    assert [one["GroupId"] for one in found["NetworkInterfaces"][0]["Groups"]] == [group]
    behaviour = ec2.describe_instance_attribute(InstanceId=instance, Attribute="instanceInitiatedShutdownBehavior")
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    volume = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    disk = only(ec2.describe_volumes(VolumeIds=[volume]), "Volumes")
    assert disk["Encrypted"]
    assert tags_of(found) == tags_of(disk) == TAGS


def test_a_host_is_listed_until_it_is_terminated(ec2, place):
    """By its tag; what others launched is not ours."""
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=place["SubnetId"])
    group, instance = start(ec2, place, "t-2")
    listed = {one.id: one.kind for one in kinds.tagged(ec2, kinds.LAUNCHED, "vpcshark:capture")}
    assert listed == {instance: "instance", group: "security-group"}
    host = launch.find(ec2, instance)
    assert host is not None
    assert (host.instance, host.subnet) == (instance, place["SubnetId"])
    kinds.delete(ec2, kinds.INSTANCE, instance)
    kinds.delete(ec2, kinds.GROUP, group)
    assert kinds.tagged(ec2, kinds.LAUNCHED, "vpcshark:capture") == []
    kinds.delete(ec2, kinds.INSTANCE, "i-0123456789abcdef0")  # gone is done
    assert launch.find(ec2, "i-0123456789abcdef0") is None


TEMPLATE = {"LaunchTemplateId": "lt-1", "Version": "3"}


def of_template(data: dict[str, Any], group: str = "", user_data: str = "") -> dict[str, Any]:
    """RunInstances' parameters for a template that says ``data``."""
    return launch.parameters(Launch("subnet-1", group, user_data, template=Template(TEMPLATE, data)), TAGS, "t")


def test_a_template_keeps_its_word_but_for_the_hosts_end():
    """Its image, type and groups stand; the shutdown, the tags and the client token are ours."""
    data = {"ImageId": "ami-1", "SecurityGroupIds": ["sg-1"], "MetadataOptions": {"HttpTokens": "optional"}}
    said = of_template(data)
    assert said["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert {one["ResourceType"] for one in said["TagSpecifications"]} == {"instance", "volume", "network-interface"}
    assert not {"ImageId", "InstanceType", "UserData", "NetworkInterfaces", "MetadataOptions"} & set(said)
    bare = of_template({}, "sg-2", "ours")
    assert bare["UserData"] == "ours"
    assert bare["NetworkInterfaces"][0]["Groups"] == ["sg-2"]
    assert bare["MetadataOptions"]["HttpTokens"] == "required"


def test_a_host_of_a_template_stands_in_our_subnet_unless_it_names_one():
    """Else AWS would take the default VPC's; AWS refuses network interfaces beside an instance's own groups."""
    grouped = of_template({"SecurityGroupIds": ["sg-1"]})
    assert (grouped["SubnetId"], "NetworkInterfaces" in grouped) == ("subnet-1", False)
    whole = {"DeviceIndex": 1, "SubnetId": "subnet-9", "Groups": ["sg-9"]}
    said = of_template({"NetworkInterfaces": [{"DeviceIndex": 0}, whole]})
    assert "SubnetId" not in said
    assert said["NetworkInterfaces"] == [{"DeviceIndex": 0, "SubnetId": "subnet-1"}, whole]


@pytest.mark.parametrize(
    "interface", [{"SubnetId": "subnet-9", "Groups": ["sg-9"]}, {"NetworkInterfaceId": "eni-1"}], ids=["new", "old"]
)
def test_what_is_complete_in_a_template_is_not_repeated(interface: dict[str, Any]):
    """By IAM, what a request says is no longer the template's: whoever may use the template might not say it."""
    assert "NetworkInterfaces" not in of_template({"NetworkInterfaces": [{"DeviceIndex": 0, **interface}]})


@pytest.mark.parametrize(
    ("data", "has_groups"),
    [
        ({}, False),
        ({"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "subnet-9"}]}, False),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}, {"DeviceIndex": 1, "Groups": ["sg-1"]}]}, False),
        ({"NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-1"]}]}, True),
        ({"NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": "eni-1"}]}, True),
        ({"SecurityGroupIds": ["sg-1"]}, True),
        ({"SecurityGroups": ["web"]}, True),
    ],
)
def test_a_template_without_groups_gets_one(data: dict[str, Any], has_groups: bool):
    """A network interface alone says nothing of what may get at it, nor does what may get at a second one."""
    assert Template(TEMPLATE, data).has_groups is has_groups
    if not has_groups:
        assert of_template(data, "sg-2")["NetworkInterfaces"][0]["Groups"] == ["sg-2"]


def test_a_host_of_a_template_may_be_terminated_and_all_of_it_goes():
    """Whatever the template says of that; all else of a volume stands."""
    kept = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": False}}
    none = {"DeviceName": "/dev/sdc", "NoDevice": ""}
    said = of_template({"DisableApiTermination": True, "BlockDeviceMappings": [kept, none]})
    assert said["DisableApiTermination"] is False
    gone = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": True}}
    assert said["BlockDeviceMappings"] == [gone, none]
    interface = {"DeviceIndex": 0, "SubnetId": "subnet-9", "DeleteOnTermination": False}
    said = of_template({"NetworkInterfaces": [interface]})
    assert said["NetworkInterfaces"] == [{**interface, "DeleteOnTermination": True}]


def test_user_data_that_is_no_base64_is_a_mistake():
    """Said before anything is made."""
    assert Template(TEMPLATE, {"UserData": "eA=="}).user_data == b"x"
    assert Template(TEMPLATE).user_data == b""
    with pytest.raises(Mistake, match="--host-template"):
        _ = Template(TEMPLATE, {"UserData": "x"}).user_data


def test_a_template_is_found_by_name_and_by_id(ec2):
    """With a version behind a colon, or its default one; one that is not there is said."""
    made = ec2.create_launch_template(LaunchTemplateName="ours", LaunchTemplateData={"InstanceType": "t3.nano"})
    identity = made["LaunchTemplate"]["LaunchTemplateId"]
    assert launch_template.find_template(ec2, "ours").data["InstanceType"] == "t3.nano"
    assert launch_template.find_template(ec2, f"{identity}:1").reference == {
        "LaunchTemplateId": identity,
        "Version": "1",
    }
    with pytest.raises(Mistake):
        launch_template.find_template(ec2, "theirs")
