"""The kinds of resources of a stack that are a network: VPCs with what belongs to them, made by calls of the lab's API.

Must not know what a template is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]
Making = tuple[str, Callable[[Any, str, Properties], Made], Callable[[Any, str], object], tuple[str, ...]]


def tagged(kind: str, properties: Properties) -> Properties:
    """Properties with EC2's TagSpecifications in the place of Tags."""
    tags = properties.pop("Tags", [])
    return {**properties, **({"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {})}


def _make_vpc(ec2: Any, name: str, properties: Properties) -> Made:
    attributes = {key: properties.pop(key) for key in ("EnableDnsHostnames", "EnableDnsSupport") if key in properties}
    vpc = ec2.create_vpc(**tagged("vpc", properties))["Vpc"]["VpcId"]
    for key, value in attributes.items():
        ec2.modify_vpc_attribute(VpcId=vpc, **{key: {"Value": _is_true(value)}})
    return vpc, {}


def _make_subnet(ec2: Any, name: str, properties: Properties) -> Made:
    is_public = properties.pop("MapPublicIpOnLaunch", False)
    subnet = ec2.create_subnet(**tagged("subnet", properties))["Subnet"]["SubnetId"]
    if _is_true(is_public):
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    return subnet, {}


def _make_gateway(ec2: Any, name: str, properties: Properties) -> Made:
    made = ec2.create_internet_gateway(**tagged("internet-gateway", properties))["InternetGateway"]
    return made["InternetGatewayId"], {}


def _make_table(ec2: Any, name: str, properties: Properties) -> Made:
    return ec2.create_route_table(**tagged("route-table", properties))["RouteTable"]["RouteTableId"], {}


def _joining(make: str, remove: str, *both: str) -> Making:
    """What has no id of its own: it is made and removed by those of the ``both`` that it joins."""

    def made(ec2: Any, name: str, properties: Properties) -> Made:
        getattr(ec2, make)(**properties)
        return "|".join(properties[key] for key in both), {}

    def removed(ec2: Any, identity: str) -> None:
        getattr(ec2, remove)(**dict(zip(both, identity.split("|"), strict=True)))

    return "ec2", made, removed, ()


def _associate(ec2: Any, name: str, properties: Properties) -> Made:
    return ec2.associate_route_table(**properties)["AssociationId"], {}


def _make_endpoint(ec2: Any, name: str, properties: Properties) -> Made:
    asked = tagged("instance-connect-endpoint", properties)
    made = ec2.create_instance_connect_endpoint(**asked)["InstanceConnectEndpoint"]
    return made["InstanceConnectEndpointId"], {}


def _make_flow_log(ec2: Any, name: str, properties: Properties) -> Made:
    asked = tagged("vpc-flow-log", properties)
    return ec2.create_flow_logs(ResourceIds=[asked.pop("ResourceId")], **asked)["FlowLogIds"][0], {}


def _make_key(ec2: Any, name: str, properties: Properties) -> Made:
    material = str(properties.pop("PublicKeyMaterial")).encode()
    return ec2.import_key_pair(PublicKeyMaterial=material, **tagged("key-pair", properties))["KeyName"], {}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


NETWORK: Mapping[str, Making] = {
    "AWS::EC2::VPC": ("ec2", _make_vpc, lambda ec2, one: ec2.delete_vpc(VpcId=one), ()),
    "AWS::EC2::Subnet": ("ec2", _make_subnet, lambda ec2, one: ec2.delete_subnet(SubnetId=one), ()),
    "AWS::EC2::InternetGateway": (
        "ec2",
        _make_gateway,
        lambda ec2, one: ec2.delete_internet_gateway(InternetGatewayId=one),
        (),
    ),
    "AWS::EC2::VPCGatewayAttachment": _joining(
        "attach_internet_gateway", "detach_internet_gateway", "InternetGatewayId", "VpcId"
    ),
    "AWS::EC2::RouteTable": ("ec2", _make_table, lambda ec2, one: ec2.delete_route_table(RouteTableId=one), ()),
    "AWS::EC2::Route": _joining("create_route", "delete_route", "RouteTableId", "DestinationCidrBlock"),
    "AWS::EC2::SubnetRouteTableAssociation": (
        "ec2",
        _associate,
        lambda ec2, one: ec2.disassociate_route_table(AssociationId=one),
        (),
    ),
    "AWS::EC2::InstanceConnectEndpoint": (
        "ec2",
        _make_endpoint,
        lambda ec2, one: ec2.delete_instance_connect_endpoint(InstanceConnectEndpointId=one),
        (),
    ),
    "AWS::EC2::FlowLog": ("ec2", _make_flow_log, lambda ec2, one: ec2.delete_flow_logs(FlowLogIds=[one]), ()),
    "AWS::EC2::KeyPair": ("ec2", _make_key, lambda ec2, one: ec2.delete_key_pair(KeyName=one), ()),
}
"""Type -> service, how it is made, how it is removed, what GetAtt knows of it."""
