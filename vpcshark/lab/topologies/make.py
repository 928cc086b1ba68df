"""Makes a topology through the API, call by call, as a user would. Must not know moto or the data plane.

What is made last needs what is made first: VPCs, what joins them, routes, instances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Network, ip_network
from typing import Any

from vpcshark.errors import InputError
from vpcshark.lab.seed import CAPTURE_HOST_TAG, PROFILE
from vpcshark.lab.topologies.joints import Joints, public_address
from vpcshark.lab.topologies.networks import Making, Networks, named
from vpcshark.lab.topologies.spec import Balancer, GatewayEndpoint, Instance, InterfaceEndpoint, Spec, Vpc

_IMAGE = "ami-0e9271c829888680e"  # any of moto's with Linux
CAPTURE_HOST_TAGS = {CAPTURE_HOST_TAG: "", "vpcshark:ssh-user": "root"}
_KINDS = {
    "tgw": "TransitGatewayId",
    "peering": "VpcPeeringConnectionId",
    "igw": "GatewayId",
    "eigw": "EgressOnlyInternetGatewayId",
    "nat": "NatGatewayId",
    "instance": "NetworkInterfaceId",
}
_TARGETS = ", ".join(f"{kind}/NAME" for kind in _KINDS)


@dataclass(frozen=True)
class Made:
    """``ids``: "vpc/left", "subnet/left", "table/left/main", "acl/left/own", "group/web", "tgw/main",
    "attachment/main/left", "tgw-table/main/main", "peering/ab", "igw/out", "eigw/out", "nat/out", "instance/client",
    "eni/client", "endpoint/s3", "prefix-list/s3" -> EC2's id. ``serves``: instance id -> services. ``routers``:
    instances that forward."""

    ids: Mapping[str, str]
    serves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    internet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routers: frozenset[str] = frozenset()


def make(spec: Spec, client: Callable[[str], Any]) -> Made:
    """All of it; ``client`` makes clients by a service's name. InputError for a name that means nothing."""
    ec2 = client("ec2")
    zones = [each["ZoneName"] for each in ec2.describe_availability_zones()["AvailabilityZones"]]
    making = Making(spec, ec2, zones)
    Networks(making).make()
    Joints(making).make()
    _Hosts(making, client("iam")).make()
    endpoints: list[GatewayEndpoint | InterfaceEndpoint] = [*spec.gateway_endpoints, *spec.interface_endpoints]
    for endpoint in endpoints:
        _serve(endpoint, making)
    for each in spec.balancers:
        _balance(each, making.ids, client("elbv2"))
    serves = {making.ids[f"instance/{each.name}"]: each.serves for each in spec.instances}
    routers = frozenset(making.ids[f"instance/{each.name}"] for each in spec.instances if each.forwards)
    return Made(making.ids, serves, spec.internet, routers)


def _balance(balancer: Balancer, ids: Mapping[str, str], elb: Any) -> None:
    """A Network Load Balancer with a target group for each listener."""
    subnets = [ids[f"subnet/{each}"] for each in balancer.subnets]
    made = elb.create_load_balancer(Name=balancer.name, Type="network", Scheme="internal", Subnets=subnets)
    row = made["LoadBalancers"][0]
    for each in balancer.listeners:
        protocol = each.protocol.upper()
        common = {"Protocol": protocol, "Port": each.to, "VpcId": row["VpcId"], "TargetType": "instance"}
        group = elb.create_target_group(Name=f"{balancer.name}-{each.port}", **common)["TargetGroups"][0]
        arn = group["TargetGroupArn"]
        targets = [{"Id": ids[f"instance/{name}"], "Port": each.to} for name in each.targets]
        elb.register_targets(TargetGroupArn=arn, Targets=targets)
        action = {"Type": "forward", "TargetGroupArn": arn}
        elb.create_listener(
            LoadBalancerArn=row["LoadBalancerArn"], Protocol=protocol, Port=each.port, DefaultActions=[action]
        )


def _serve(endpoint: GatewayEndpoint | InterfaceEndpoint, making: Making) -> None:
    """An endpoint: with a route in each of its tables, or with an interface in each of its subnets."""
    if isinstance(endpoint, GatewayEndpoint):
        vpc, kind = endpoint.vpc, "Gateway"
        where = {"RouteTableIds": [making.ids[f"table/{vpc}/{each}"] for each in endpoint.tables]}
    else:
        vpc, kind = making.spec.vpc_of(endpoint.subnets[0]), "Interface"
        where = {"SubnetIds": [making.ids[f"subnet/{each}"] for each in endpoint.subnets]}
        where["SecurityGroupIds"] = [making.ids[f"group/{each}"] for each in endpoint.groups]
    made = making.ec2.create_vpc_endpoint(
        VpcEndpointType=kind,
        VpcId=making.ids[f"vpc/{vpc}"],
        ServiceName=making.service(endpoint.service),
        TagSpecifications=named("vpc-endpoint", endpoint.name),
        **where,
    )
    making.ids[f"endpoint/{endpoint.name}"] = made["VpcEndpoint"]["VpcEndpointId"]


class _Hosts:
    """Instances, and the routes, which may lead to them."""

    def __init__(self, making: Making, iam: Any) -> None:
        self._making, self._iam = making, iam

    def make(self) -> None:
        """All of them."""
        for instance in self._making.spec.instances:
            self._instance(instance)
        for vpc in self._making.spec.vpcs:
            self._tables(vpc)

    def _instance(self, instance: Instance) -> None:
        cidr, *v6 = self._making.blocks[f"subnet/{instance.subnet}"]
        request: dict[str, Any] = {
            "SubnetId": self._making.ids[f"subnet/{instance.subnet}"],
            "Description": instance.name,
        }
        request["PrivateIpAddress"] = instance.address
        if instance.groups:
            request["Groups"] = [self._making.ids[f"group/{each}"] for each in instance.groups]
        if v6:
            host = int(IPv4Address(instance.address)) - int(ip_network(cidr).network_address)
            request["Ipv6Addresses"] = [{"Ipv6Address": str(IPv6Network(v6[0])[host])}]
        made = self._making.ec2.create_network_interface(**request)["NetworkInterface"]
        eni = made["NetworkInterfaceId"]
        if instance.forwards:
            off = {"Value": False}
            self._making.ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck=off)
        started = self._making.ec2.run_instances(
            ImageId=_IMAGE,
            InstanceType=instance.type,
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": made["AvailabilityZone"]},
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}],
            TagSpecifications=named("instance", instance.name, CAPTURE_HOST_TAGS if instance.captures else {}),
        )["Instances"][0]["InstanceId"]
        if instance.captures:
            self._give_profile(started)
        self._making.ids |= {f"instance/{instance.name}": started, f"eni/{instance.name}": eni}
        if instance.public:
            allocation = public_address(self._making, instance.public)
            self._making.ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=eni)

    def _give_profile(self, instance: str) -> None:
        """The tag alone makes no capture host."""
        there = self._iam.list_instance_profiles()["InstanceProfiles"]
        if PROFILE not in {each["InstanceProfileName"] for each in there}:
            self._iam.create_instance_profile(InstanceProfileName=PROFILE)
        self._making.ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": PROFILE}, InstanceId=instance)

    def _tables(self, vpc: Vpc) -> None:
        identity = self._making.ids[f"vpc/{vpc.name}"]
        wanted = [{"Name": "vpc-id", "Values": [identity]}]
        (main,) = self._making.ec2.describe_route_tables(Filters=wanted)["RouteTables"]
        self._making.ids[f"table/{vpc.name}/main"] = main["RouteTableId"]
        for name, routes in vpc.tables.items():
            if name != "main":
                made = self._making.ec2.create_route_table(VpcId=identity, TagSpecifications=named("route-table", name))
                self._making.ids[f"table/{vpc.name}/{name}"] = made["RouteTable"]["RouteTableId"]
            table = self._making.ids[f"table/{vpc.name}/{name}"]
            for destination, target in routes.items():
                for cidr in self._making.peers(destination):
                    self._making.ec2.create_route(RouteTableId=table, **self._route(cidr, target))
        for subnet in vpc.subnets:
            if subnet.table not in ("", "main"):
                table = self._making.ids[f"table/{vpc.name}/{subnet.table}"]
                self._making.ec2.associate_route_table(
                    RouteTableId=table, SubnetId=self._making.ids[f"subnet/{subnet.name}"]
                )

    def _route(self, cidr: str, target: str) -> dict[str, str]:
        """A route's parameters."""
        kind, _, name = target.partition("/")
        key = f"eni/{name}" if kind == "instance" else target
        if kind not in _KINDS or key not in self._making.ids:
            raise InputError(
                f"A route leads to {target}, which the topology does not have.", f"Targets are {_TARGETS}."
            )
        where = "DestinationIpv6CidrBlock" if ":" in cidr else "DestinationCidrBlock"
        return {where: cidr, _KINDS[kind]: self._making.ids[key]}
