"""The VPC that a new lab begins with, made through the API itself as a user would make it.

Must not know data planes: it returns the facts as a ``LabWorld``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_network
from typing import Any

from vpcshark.lab.model import LabEni, LabInstance, LabWorld

_IMAGE = "ami-04681a1dbd79675a5"  # an Amazon Linux that moto knows in every region
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
CAPTURE_HOST_TAG = "vpcshark:capture-host"
PROFILE = "vpcshark-capture-host"  # the instance profile of what has that tag: the tag alone makes no capture host


@dataclass(frozen=True)
class Machine:
    """An instance to be made. ``addresses``: one (subnet, host number) per ENI, eth0 first."""

    name: str
    addresses: tuple[tuple[int, int], ...]
    roles: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    has_ipv6: bool = True


_TALKERS = (
    Machine("web-1", ((0, 10), (0, 11)), ("http", "talk:db-1", "sshd", "ssm", "console")),
    Machine("db-1", ((1, 20),), ("http", "dns", "sshd", "ssm", "without:python3")),
    Machine("api-1", ((0, 30),), ("http", "talk:web-1", "talk:db-1", "sshd", "ssm", "without:tcpdump")),
)
NAMESPACES = (
    *_TALKERS,
    Machine("capture-1", ((0, 40),), ("sshd", "ssm"), ((CAPTURE_HOST_TAG, ""), ("vpcshark:ssh-user", "root"))),
    Machine("workstation", ((0, 50),), ("host",), has_ipv6=False),
)
LOOPBACK = _TALKERS
_THIS_MACHINE = Machine("this-machine", ((0, 1),), ("host",), ((CAPTURE_HOST_TAG, ""),), has_ipv6=False)


class Seeder:
    """Makes VPCs with the lab's own clients. ``mark_managed(eni_id, type)`` says that AWS manages an ENI; without
    ``iam`` no instance has a profile."""

    def __init__(self, ec2: Any, mark_managed: Callable[[str, str], None], iam: Any = None) -> None:
        self._ec2 = ec2
        self._iam = iam
        self._mark_managed = mark_managed

    def namespaces(self, number: int) -> LabWorld:
        """The VPC 10.``number``.0.0/16 for the data plane of network namespaces."""
        vpc = self._vpc("lab", f"10.{number}.0.0/16", (f"10.{number}.1.0/24", f"10.{number}.2.0/24"))
        return self._populated(vpc, NAMESPACES)

    def loopback(self) -> LabWorld:
        """The same VPC with made-up traffic; the capture host is this machine, by its address 127.0.0.1."""
        network = self._vpc("lab", "10.101.0.0/16", ("10.101.1.0/24", "10.101.2.0/24"))
        world = self._populated(network, LOOPBACK)
        here = _Network(self._ec2, "this-machine", "127.0.0.0/16", ("127.0.0.0/24",), has_ipv6=False)
        network.join(here)
        instances = (*world.instances, here.launch(_THIS_MACHINE))
        return LabWorld(world.vpc_cidr, world.vpc_ipv6_cidr, world.resolver, instances)

    def _vpc(self, name: str, cidr: str, subnets: tuple[str, ...]) -> _Network:
        return _Network(self._ec2, name, cidr, subnets, has_ipv6=True)

    def _populated(self, network: _Network, machines: tuple[Machine, ...]) -> LabWorld:
        instances = tuple(network.launch(machine) for machine in machines)
        if self._iam is not None:
            self._give_profile(
                [
                    one.id
                    for one, machine in zip(instances, machines, strict=True)
                    if (CAPTURE_HOST_TAG, "") in machine.tags
                ]
            )
        network.eni(0, 60, "spare", is_ipv6=True)
        self._mark_managed(network.nat_gateway(), "nat_gateway")
        resolver = str(ip_network(network.cidr).network_address + 2)
        return LabWorld(network.cidr, network.ipv6_cidr, resolver, instances)

    def _give_profile(self, instances: Iterable[str]) -> None:
        """To the capture hosts that stand."""
        there = self._iam.list_instance_profiles()["InstanceProfiles"]
        if PROFILE not in {one["InstanceProfileName"] for one in there}:
            self._iam.create_instance_profile(InstanceProfileName=PROFILE)
        for instance in instances:
            self._ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": PROFILE}, InstanceId=instance)


class _Network:
    """One VPC with its subnets, a route table and an open security group."""

    def __init__(self, ec2: Any, name: str, cidr: str, subnets: tuple[str, ...], *, has_ipv6: bool) -> None:
        self._ec2 = ec2
        self.cidr = cidr
        vpc = ec2.create_vpc(
            CidrBlock=cidr, AmazonProvidedIpv6CidrBlock=has_ipv6, TagSpecifications=_named("vpc", name)
        )["Vpc"]
        self._vpc_id = vpc["VpcId"]
        self.ipv6_cidr = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] if has_ipv6 else ""
        self._zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
        self._subnets = [self._subnet(name, index, block) for index, block in enumerate(subnets)]
        self._group = self._open_group(name)
        self._table = self._add_routes(name)

    def join(self, other: _Network) -> None:
        """Peer with another VPC of ours, so that mirrored frames may go there."""
        asked = self._ec2.create_vpc_peering_connection(VpcId=self._vpc_id, PeerVpcId=other._vpc_id)
        peering = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self._ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self._ec2.create_route(
            RouteTableId=self._table, DestinationCidrBlock=other.cidr, VpcPeeringConnectionId=peering
        )
        permission = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": self.cidr}]}
        self._ec2.authorize_security_group_ingress(GroupId=other._group, IpPermissions=[permission])

    def launch(self, machine: Machine) -> LabInstance:
        """Make the instance with its ENIs."""
        enis = [
            self.eni(subnet, host, "", is_ipv6=machine.has_ipv6, description=f"{machine.name} eth{index}")
            for index, (subnet, host) in enumerate(machine.addresses)
        ]
        instance = self._ec2.run_instances(
            ImageId=_IMAGE,
            InstanceType="m6i.large",
            MinCount=1,
            MaxCount=1,
            Placement={
                "AvailabilityZone": self._zones[machine.addresses[0][0]]
            },  # moto does not derive it from the ENI
            NetworkInterfaces=[{"DeviceIndex": index, "NetworkInterfaceId": eni.id} for index, eni in enumerate(enis)],
            TagSpecifications=_named("instance", machine.name, machine.tags),
        )["Instances"][0]
        attached = tuple(
            LabEni(eni.id, eni.mac, eni.ipv4, eni.ipv6, index, eni.subnet_cidr, eni.subnet_ipv6_cidr)
            for index, eni in enumerate(enis)
        )
        return LabInstance(instance["InstanceId"], machine.name, attached, machine.roles)

    def eni(self, subnet: int, host: int, name: str, *, is_ipv6: bool, description: str = "") -> LabEni:
        """Make an ENI with these addresses; ``device_index`` is 0 until it is attached."""
        subnet_id, cidr, ipv6_cidr = self._subnets[subnet]
        ipv6 = str(IPv6Network(ipv6_cidr)[host]) if is_ipv6 else ""
        request: dict[str, Any] = {
            "SubnetId": subnet_id,
            "PrivateIpAddress": str(ip_network(cidr)[host]),
            "Groups": [self._group],
            "Description": description or name,
        }
        if ipv6:
            request["Ipv6Addresses"] = [{"Ipv6Address": ipv6}]
        if name:
            request["TagSpecifications"] = _named("network-interface", name)
        made = self._ec2.create_network_interface(**request)["NetworkInterface"]
        return LabEni(
            made["NetworkInterfaceId"], made["MacAddress"], made["PrivateIpAddress"], ipv6, 0, cidr, ipv6_cidr
        )

    def nat_gateway(self) -> str:
        """Make a NAT gateway; the id of the ENI that comes with it."""
        address = self._ec2.allocate_address(Domain="vpc")
        gateway = self._ec2.create_nat_gateway(
            SubnetId=self._subnets[0][0],
            AllocationId=address["AllocationId"],
            TagSpecifications=_named("natgateway", "lab-nat"),
        )["NatGateway"]
        return str(gateway["NatGatewayAddresses"][0]["NetworkInterfaceId"])

    def _subnet(self, name: str, index: int, cidr: str) -> tuple[str, str, str]:
        zone = self._zones[index]
        request = {"VpcId": self._vpc_id, "CidrBlock": cidr, "AvailabilityZone": zone}
        ipv6_cidr = ""
        if self.ipv6_cidr:
            ipv6_cidr = str(list(IPv6Network(self.ipv6_cidr).subnets(new_prefix=64))[index + 1])
            request["Ipv6CidrBlock"] = ipv6_cidr
        tags = _named("subnet", f"{name}-{zone}")
        return self._ec2.create_subnet(**request, TagSpecifications=tags)["Subnet"]["SubnetId"], cidr, ipv6_cidr

    def _open_group(self, name: str) -> str:
        group = self._ec2.create_security_group(
            GroupName=f"{name}-open", Description="Lets everything in the VPC through", VpcId=self._vpc_id
        )["GroupId"]
        permission: dict[str, Any] = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": self.cidr}]}
        if self.ipv6_cidr:
            permission["Ipv6Ranges"] = [{"CidrIpv6": self.ipv6_cidr}]
        self._ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        return str(group)

    def _add_routes(self, name: str) -> str:
        table = self._ec2.create_route_table(VpcId=self._vpc_id, TagSpecifications=_named("route-table", name))
        for subnet_id, _, _ in self._subnets:
            self._ec2.associate_route_table(RouteTableId=table["RouteTable"]["RouteTableId"], SubnetId=subnet_id)
        return str(table["RouteTable"]["RouteTableId"])


def make_keys(iam: Any) -> tuple[str, str]:
    """An access key of a user who may do everything, valid also when IAM is enforced: its id and its secret."""
    iam.create_user(UserName="lab")
    iam.put_user_policy(UserName="lab", PolicyName="everything", PolicyDocument=_POLICY)
    key = iam.create_access_key(UserName="lab")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _named(resource: str, name: str, more: tuple[tuple[str, str], ...] = ()) -> list[dict[str, Any]]:
    tags = [{"Key": key, "Value": value} for key, value in (("Name", name), *more)]
    return [{"ResourceType": resource, "Tags": tags}]
