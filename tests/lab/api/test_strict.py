"""Where EC2 refuses what moto takes: ids, tags, pages, filters, what a target may be. Asked by boto3 over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vpcshark.lab.api import moto_enis, moto_firewalls

UNKNOWN = "0123456789abcdef0"


def code_of(call: Callable[[], object]) -> str:
    """The error code that EC2 answers; the test fails if there is none."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def tagged(**tags: str) -> list[dict[str, Any]]:
    """TagSpecifications of a filter."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": "traffic-mirror-filter", "Tags": listed}]


MALFORMED = [
    ("describe_instances", {"InstanceIds": ["i-nothex"]}, "InvalidInstanceID.Malformed"),
    ("describe_network_interfaces", {"NetworkInterfaceIds": ["eni-1"]}, "InvalidNetworkInterfaceId.Malformed"),
    ("describe_security_groups", {"GroupIds": ["web"]}, "InvalidGroupId.Malformed"),
    ("describe_subnets", {"SubnetIds": ["subnet-1"]}, "InvalidSubnetID.Malformed"),
    ("describe_vpcs", {"VpcIds": ["vpc-1"]}, "InvalidVpcID.Malformed"),
    ("describe_route_tables", {"RouteTableIds": ["rtb-1"]}, "InvalidRouteTableId.Malformed"),
    ("delete_traffic_mirror_session", {"TrafficMirrorSessionId": "tms-1"}, "InvalidTrafficMirrorSessionId.Malformed"),
    ("delete_traffic_mirror_filter", {"TrafficMirrorFilterId": "tmt-1"}, "InvalidTrafficMirrorFilterId.Malformed"),
    ("create_traffic_mirror_target", {"NetworkInterfaceId": "eni-web"}, "InvalidNetworkInterfaceId.Malformed"),
    ("create_traffic_mirror_target", {"GatewayLoadBalancerEndpointId": "x"}, "InvalidVpcEndpointId.Malformed"),
    ("create_traffic_mirror_target", {"NetworkLoadBalancerArn": "arn:x"}, "InvalidNetworkLoadBalancerArn.Malformed"),
]
ABSENT = [
    ("describe_instances", {"InstanceIds": [f"i-{UNKNOWN}"]}, "InvalidInstanceID.NotFound"),
    ("describe_network_interfaces", {"NetworkInterfaceIds": [f"eni-{UNKNOWN}"]}, "InvalidNetworkInterfaceID.NotFound"),
    ("describe_security_groups", {"GroupIds": [f"sg-{UNKNOWN}"]}, "InvalidGroup.NotFound"),
    (
        "delete_traffic_mirror_session",
        {"TrafficMirrorSessionId": f"tms-{UNKNOWN}"},
        "InvalidTrafficMirrorSessionId.NotFound",
    ),
    ("create_traffic_mirror_target", {"NetworkInterfaceId": f"eni-{UNKNOWN}"}, "InvalidNetworkInterfaceID.NotFound"),
    (
        "create_traffic_mirror_target",
        {"GatewayLoadBalancerEndpointId": f"vpce-{UNKNOWN}"},
        "InvalidVpcEndpointId.NotFound",
    ),
    (
        "create_traffic_mirror_target",
        {"NetworkLoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/x/1"},
        "NetworkLoadBalancerNotFoundException",
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "code"), [*MALFORMED, *ABSENT])
def test_a_malformed_id_is_told_from_one_that_is_not_there(
    ec2: Any, operation: str, parameters: dict[str, Any], code: str
) -> None:
    """By EC2's two codes."""
    assert code_of(lambda: getattr(ec2, operation)(**parameters)) == code


@pytest.mark.parametrize(("length", "is_taken"), [(34, False), (35, True), (8500, True)])
def test_packets_cannot_be_cut_shorter_than_35_bytes(mirroring: Any, length: int, is_taken: bool) -> None:
    """Traffic Mirroring guide, "MTU and packet length limitations"."""
    if is_taken:
        assert mirroring.session(PacketLength=length)["PacketLength"] == length
    else:
        assert code_of(lambda: mirroring.session(PacketLength=length)) == "InvalidParameterValue"


def test_an_interface_without_ipv4_sends_from_its_ipv6_addresses_alone(mirroring: Any) -> None:
    """What the source check lets through; an address that is not there would end every later call."""
    eni = mirroring.eni()
    own = moto_firewalls.checked()[eni]
    assert own
    assert moto_enis.describe_as(eni, has_ipv4=False)
    assert moto_firewalls.checked()[eni] == tuple(each for each in own if ":" in each)


def test_an_interface_has_an_address_that_nobody_else_has(ec2: Any) -> None:
    """Whatever is made without one; 11 of the 16 of a /28, VPC User Guide, "Subnet sizing"."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/28")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/28")["Subnet"]["SubnetId"]
    made = [ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"] for _ in range(6)]
    pair = {"SubnetId": subnet, "SecondaryPrivateIpAddressCount": 1}
    made.append(ec2.create_network_interface(**pair)["NetworkInterface"])
    eni = made[0]["NetworkInterfaceId"]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, SecondaryPrivateIpAddressCount=2)
    [launched] = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"]
    made += launched["NetworkInterfaces"]
    ids = [each["NetworkInterfaceId"] for each in made]
    told = ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
    addresses = [address["PrivateIpAddress"] for each in told for address in each["PrivateIpAddresses"]]
    assert sorted(addresses, key=ip_address) == [f"10.9.0.{place}" for place in range(4, 15)]
    assert all(each["PrivateIpAddress"] == each["PrivateIpAddresses"][0]["PrivateIpAddress"] for each in told)
    assert code_of(lambda: ec2.create_network_interface(SubnetId=subnet)) == "InsufficientFreeAddressesInSubnet"
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    for each in ids[:-1]:
        ec2.delete_network_interface(NetworkInterfaceId=each)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_an_interface_is_one_target_only(mirroring: Any) -> None:
    """EC2's error codes, InterfaceInUseByTrafficMirrorTarget."""
    eni = mirroring.eni()
    mirroring.target(eni)
    assert code_of(lambda: mirroring.target(eni)) == "InterfaceInUseByTrafficMirrorTarget"


def test_an_interface_is_a_source_or_a_target(mirroring: Any) -> None:
    """Never both, whichever came first."""
    source = mirroring.session()["NetworkInterfaceId"]
    assert code_of(lambda: mirroring.target(source)) == "InterfaceInUseByTrafficMirrorSession"
    target = mirroring.eni()
    mirroring.target(target)
    assert code_of(lambda: mirroring.session(NetworkInterfaceId=target)) == "InterfaceInUseByTrafficMirrorTarget"


def test_a_balancer_is_one_target_only(api: Any, mirroring: Any, ec2: Any) -> None:
    """EC2's error codes, NlbInUseByTrafficMirrorTargetException; its ARN names its type."""
    made = api.client("elbv2").create_load_balancer(Name="one", Type="network", Subnets=[mirroring.subnet])
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    assert ":loadbalancer/net/one/" in arn
    ec2.create_traffic_mirror_target(NetworkLoadBalancerArn=arn)
    code = code_of(lambda: ec2.create_traffic_mirror_target(NetworkLoadBalancerArn=arn))
    assert code == "NlbInUseByTrafficMirrorTargetException"


def test_an_interface_in_use_stays(mirroring: Any, ec2: Any) -> None:
    """Until it is detached."""
    eni = mirroring.eni()
    launched = ec2.run_instances(
        ImageId="ami-04681a1dbd79675a5",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}],
    )["Instances"][0]
    assert code_of(lambda: ec2.delete_network_interface(NetworkInterfaceId=eni)) == "InvalidParameterValue"
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


TAGS = [
    ({"aws:mine": "x"}, "InvalidParameterValue"),
    ({"AWS:mine": "x"}, "InvalidParameterValue"),
    ({"": "x"}, "InvalidParameterValue"),
    ({"k" * 129: "x"}, "InvalidParameterValue"),
    ({"k": "v" * 257}, "InvalidParameterValue"),
    ({f"k{number}": "" for number in range(51)}, "TagLimitExceeded"),
]


@pytest.mark.parametrize(("tags", "code"), TAGS)
def test_tags_that_ec2_does_not_take(mirroring: Any, ec2: Any, tags: dict[str, str], code: str) -> None:
    """Neither at the creation nor later."""
    assert code_of(lambda: mirroring.filter(TagSpecifications=tagged(**tags))) == code
    filter_id = mirroring.filter(TagSpecifications=tagged(**{"k" * 128: "v" * 256}))
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    assert code_of(lambda: ec2.create_tags(Resources=[filter_id], Tags=listed)) == code


def test_a_tag_key_comes_once(mirroring: Any) -> None:
    """A second one of the same call is refused."""
    twice = [
        {"ResourceType": "traffic-mirror-filter", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    ]
    assert code_of(lambda: mirroring.filter(TagSpecifications=twice)) == "InvalidParameterValue"


PAGES = [
    ("describe_instances", {"MaxResults": 4}, "InvalidParameterValue"),
    ("describe_instances", {"MaxResults": 1001}, "InvalidParameterValue"),
    (
        "describe_instances",
        {"MaxResults": 5, "InstanceIds": [f"i-{UNKNOWN}"]},
        "InvalidParameterCombination",
    ),
    (
        "describe_network_interfaces",
        {"MaxResults": 5, "NetworkInterfaceIds": [f"eni-{UNKNOWN}"]},
        "InvalidParameterCombination",
    ),
    ("describe_traffic_mirror_sessions", {"MaxResults": 1001}, "InvalidParameterValue"),
    (
        "describe_network_interfaces",
        {"Filters": [{"Name": "colour", "Values": ["red"]}]},
        "InvalidParameterValue",
    ),
    (
        "describe_traffic_mirror_targets",
        {"Filters": [{"Name": "tag:Name", "Values": ["x"]}]},
        "InvalidParameterValue",
    ),
    (
        "describe_instances",
        {"Filters": [{"Name": "instance-id", "Values": [f"i-{number:017x}" for number in range(201)]}]},
        "FilterLimitExceeded",
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "code"), PAGES)
def test_pages_and_filters_that_ec2_does_not_take(
    ec2: Any, operation: str, parameters: dict[str, Any], code: str
) -> None:
    """5 to 1000 in a page, none beside ids; the filters that AWS documents, with 200 values."""
    assert code_of(lambda: getattr(ec2, operation)(**parameters)) == code


def test_a_dry_run_says_what_the_call_would_say(api: Any, mirroring: Any, ec2: Any) -> None:
    """Or, by the switch, that the permission is there; nothing is made either way."""
    filter_id = mirroring.filter()
    asked = {"TrafficMirrorFilterId": f"tmf-{UNKNOWN}", "DryRun": True}
    assert code_of(lambda: ec2.delete_traffic_mirror_filter(**asked)) == "InvalidTrafficMirrorFilterId.NotFound"
    asked_well = {"TrafficMirrorFilterId": filter_id, "DryRun": True}
    assert code_of(lambda: ec2.delete_traffic_mirror_filter(**asked_well)) == "DryRunOperation"
    assert code_of(lambda: mirroring.filter(TagSpecifications=tagged(a="1"), DryRun=True)) == "DryRunOperation"
    ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[filter_id])
    api.control.switch(dry_run_validates=False)
    assert code_of(lambda: ec2.delete_traffic_mirror_filter(**asked)) == "DryRunOperation"


def test_the_token_of_a_terminated_instance_launches_no_other(mirroring: Any, ec2: Any) -> None:
    """EC2's error codes, IdempotentInstanceTerminated."""
    asked = {
        "ImageId": "ami-04681a1dbd79675a5",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": "once",
        "SubnetId": mirroring.subnet,
    }
    launched = ec2.run_instances(**asked)["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[launched])
    assert code_of(lambda: ec2.run_instances(**asked)) == "IdempotentInstanceTerminated"


def test_an_instance_has_its_network_in_one_place_of_the_request(mirroring: Any, ec2: Any) -> None:
    """Network interfaces, or a subnet of its own."""
    code = code_of(
        lambda: ec2.run_instances(
            ImageId="ami-04681a1dbd79675a5",
            MinCount=1,
            MaxCount=1,
            SubnetId=mirroring.subnet,
            NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": mirroring.subnet}],
        )
    )
    assert code == "InvalidParameterCombination"


def test_a_managed_interface_is_no_source(api: Any, mirroring: Any) -> None:
    """EC2's error codes, NetworkInterfaceNotSupported."""
    eni = mirroring.eni()
    api.control.describe_eni(eni, interface_type="nat_gateway")
    assert code_of(lambda: mirroring.session(NetworkInterfaceId=eni)) == "NetworkInterfaceNotSupported"


def test_mirrors_are_found_by_tag_with_the_tagging_api(api: Any, mirroring: Any) -> None:
    """By their ARNs, with the tags of now, as long as they are there."""
    filter_id = mirroring.filter(TagSpecifications=tagged(found="yes"))
    mirroring.ec2.create_tags(Resources=[filter_id], Tags=[{"Key": "later", "Value": "too"}])
    asked = {"TagFilters": [{"Key": "found", "Values": ["yes"]}], "ResourceTypeFilters": ["ec2:traffic-mirror-filter"]}
    tagging = api.client("resourcegroupstaggingapi")
    [found] = tagging.get_resources(**asked)["ResourceTagMappingList"]
    assert found["ResourceARN"].endswith(f":traffic-mirror-filter/{filter_id}")
    assert {tag["Key"] for tag in found["Tags"]} == {"found", "later"}
    mirroring.ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=filter_id)
    assert tagging.get_resources(**asked)["ResourceTagMappingList"] == []
