"""A capture host of our own: launched with its security group, found again, terminated. One small function per call.

Nothing may get at it but the mirrored frames, and SSH where the connection needs it; it has no key pair, IMDSv2 alone,
an encrypted volume, and ends by a shutdown. RunInstances takes the caller's ClientToken; CreateSecurityGroup takes none
(a second group of the same name is refused by AWS). Must not know captures, ledgers or when to clean up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from vpcshark.aws.client import Ec2
from vpcshark.aws.compute.capture_hosts import CaptureHost, hosts_from
from vpcshark.aws.compute.launch_template import Template
from vpcshark.aws.errors import mapped
from vpcshark.aws.kinds import GROUP
from vpcshark.errors import AwsError, Mistake
from vpcshark.traffic_mirroring import VXLAN_PORT

SSH = 22
TYPE = "t4g.small"
_TAGGED = ("instance", "volume", "network-interface")  # what RunInstances makes
_ROOT = "/dev/xvda"  # the root device of Amazon Linux's images
_ROOT_GIB = 8  # as large as the image, and no smaller: AWS refuses that
_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"
_NO_ROLE = re.compile(r"instance ?profile", re.IGNORECASE)  # InvalidParameterValue, as for many a parameter


@dataclass(frozen=True)
class Launch:
    """What is wanted. ``group`` "" where the template has its own; ``user_data`` "" where the template's stands;
    ``role`` is an instance profile's name or ARN."""

    subnet: str
    group: str
    user_data: str | bytes
    image: str = ""
    instance_type: str = TYPE
    role: str = ""
    is_public: bool = False
    template: Template | None = None


def newest_image(ssm: Any, architecture: str) -> str:
    """The id of the newest Amazon Linux 2023 image for "arm64" or "x86_64", by AWS's public parameter. AwsError.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-ami.html
    """
    with mapped("look up the newest Amazon Linux image", service="ssm"):
        return str(ssm.get_parameter(Name=_IMAGE.format(architecture))["Parameter"]["Value"])


def architecture(ec2: Ec2, instance_type: str) -> str:
    """ "arm64" or "x86_64". Mistake where there is no such type in the region; AwsError."""
    try:
        with mapped("look up the instance type"):
            found = ec2.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
    except AwsError as error:
        if error.code != "InvalidInstanceType":
            raise
        found = []
    known = found[0]["ProcessorInfo"]["SupportedArchitectures"] if found else []
    usable = next((one for one in ("arm64", "x86_64") if one in known), "")
    if not usable:
        raise Mistake(
            f"A capture host cannot be of the type {instance_type}.",
            "Choose another with --host-type, such as t4g.small.",
        )
    return usable


def create_group(ec2: Ec2, vpc: str, name: str, tags: Mapping[str, str]) -> str:
    """A security group that admits nothing yet; its id. AwsError."""
    with mapped("create a security group"):
        answer = ec2.create_security_group(**group_parameters(vpc, name, tags))
    return str(answer["GroupId"])


def group_parameters(vpc: str, name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """CreateSecurityGroup's parameters."""
    return {
        "GroupName": name,
        "Description": "Capture host of vpcshark",
        "VpcId": vpc,
        "TagSpecifications": [_specification(GROUP, tags)],
    }


def admit_frames(ec2: Ec2, group: str, sources: Iterable[str]) -> None:
    """Let mirrored frames in from these addresses alone. What is admitted already is done. AwsError."""
    _admit(ec2, group, [_permission("udp", VXLAN_PORT, f"{one}/{128 if ':' in one else 32}") for one in sources])


def admit_ssh(ec2: Ec2, group: str, blocks: Iterable[str], groups: Sequence[str] = ()) -> None:
    """Let SSH in from these blocks and from the members of these groups (an Instance Connect Endpoint's). AwsError."""
    members = [
        {"IpProtocol": "tcp", "FromPort": SSH, "ToPort": SSH, "UserIdGroupPairs": [{"GroupId": one}]} for one in groups
    ]
    _admit(ec2, group, [*(_permission("tcp", SSH, block) for block in blocks), *members])


def _admit(ec2: Ec2, group: str, permissions: Sequence[Mapping[str, Any]]) -> None:
    """All in one call; one by one where AWS refuses all because it has one of them already."""
    if not permissions:
        return
    try:
        with mapped("admit the capture's packets to its host"):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions))
    except AwsError as error:
        if error.code != "InvalidPermission.Duplicate":
            raise
        if len(permissions) > 1:
            for permission in permissions:
                _admit(ec2, group, [permission])


def _permission(protocol: str, port: int, block: str) -> dict[str, Any]:
    ranges = (
        {"Ipv6Ranges": [{"CidrIpv6": block}]} if ip_network(block).version == 6 else {"IpRanges": [{"CidrIp": block}]}
    )
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port, **ranges}


def run(ec2: Ec2, launch: Launch, tags: Mapping[str, str], token: str) -> str:
    """Launch the host; its instance id. Mistake where its role is none; AwsError, also where AWS has none of that
    type left in the zone."""
    try:
        with mapped("launch a capture host"):
            answer = ec2.run_instances(**parameters(launch, tags, token))
    except AwsError as error:
        if not launch.role or not _NO_ROLE.search(error.problem):
            raise
        raise Mistake(error.problem, "Give the name or ARN of an instance profile with --host-role.") from error
    return str(answer["Instances"][0]["InstanceId"])


def parameters(launch: Launch, tags: Mapping[str, str], token: str) -> dict[str, Any]:
    """RunInstances' parameters. A template's own words stand, but for the tags, what ends the host, and what would
    outlive it; where it does not say in which subnet, that is ours: AWS would take the default VPC's."""
    said: dict[str, Any] = {
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": token,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "TagSpecifications": [_specification(kind, tags) for kind in _TAGGED],
        **_place(launch),
    }
    template = launch.template
    data = template.data if template is not None else {}
    if launch.user_data:
        said["UserData"] = launch.user_data
    if not data.get("MetadataOptions"):
        said["MetadataOptions"] = {"HttpTokens": "required", "HttpEndpoint": "enabled"}
    if launch.role and not data.get("IamInstanceProfile"):
        said["IamInstanceProfile"] = {("Arn" if launch.role.startswith("arn:") else "Name"): launch.role}
    if template is not None:
        return {**said, **_nothing_left(data), "LaunchTemplate": dict(template.reference)}
    disk = {"Encrypted": True, "DeleteOnTermination": True, "VolumeType": "gp3", "VolumeSize": _ROOT_GIB}
    return {
        **said,
        "ImageId": launch.image,
        "InstanceType": launch.instance_type,
        "BlockDeviceMappings": [{"DeviceName": _ROOT, "Ebs": disk}],
    }


def _nothing_left(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a template says, changed so that the host may be terminated and its volumes go with it."""
    said: dict[str, Any] = {"DisableApiTermination": False} if data.get("DisableApiTermination") else {}
    if disks := data.get("BlockDeviceMappings"):
        said["BlockDeviceMappings"] = [
            {**disk, "Ebs": {**disk["Ebs"], "DeleteOnTermination": True}} if disk.get("Ebs") else disk for disk in disks
        ]
    return said


def _place(launch: Launch) -> dict[str, Any]:
    """Where the host stands, and what may get at it."""
    template = launch.template
    if template is None or not (template.has_groups or template.interfaces):
        return {"NetworkInterfaces": [_interface(launch)]}
    if not template.interfaces:  # AWS refuses network interfaces beside the groups of an instance
        return {"SubnetId": launch.subnet}
    usual = {"SubnetId": launch.subnet} | ({"Groups": [launch.group]} if launch.group else {})
    wanted = [_completed(one, usual) for one in template.interfaces]
    # What a request repeats of its template needs permissions of its own (ec2:IsLaunchTemplateResource).
    return {"NetworkInterfaces": wanted} if wanted != template.interfaces else {}


def _completed(interface: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """A template's network interface. One that stands already, by its id, has all this of its own, and stays."""
    if interface.get("NetworkInterfaceId"):
        return dict(interface)
    must_go = {"DeleteOnTermination": True} if interface.get("DeleteOnTermination") is False else {}
    return {**usual, **interface, **must_go}


def _interface(launch: Launch) -> dict[str, Any]:
    return {
        "DeviceIndex": 0,
        "SubnetId": launch.subnet,
        "Groups": [launch.group],
        "AssociatePublicIpAddress": launch.is_public,
        "DeleteOnTermination": True,
    }


def find(ec2: Ec2, instance: str) -> CaptureHost | None:
    """The host as AWS shows it now, in whatever state; None where it is not shown (yet, or any more). AwsError."""
    try:
        with mapped("look at the capture host"):
            reservations = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    except AwsError as error:
        if error.code != "InvalidInstanceID.NotFound":
            raise
        return None
    return next((host for one in reservations for host in hosts_from(one)), None)


def _specification(resource: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
