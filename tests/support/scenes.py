"""Networks for preflight, built through the EC2 API as a user would build them, with one thing wrong or nothing."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import boto3

IMAGE = "ami-12c6146b"
_numbers = itertools.count(1)


def give_profile(ec2: Any, *instances: str) -> None:
    """What a tagged instance needs besides, to be a capture host."""
    where = {"region_name": ec2.meta.region_name, "endpoint_url": ec2.meta.endpoint_url}
    iam = boto3.client("iam", **where, aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="not a secret")
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_instance_profile(InstanceProfileName="vpcshark-hosts")
    for instance in instances:
        ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": "vpcshark-hosts"}, InstanceId=instance)


class Scene:
    """A network that grows. ``source`` is the ENI whose packets are wanted, ``host`` what ``--host`` would be."""

    def __init__(self, ec2: Any, elb: Any = None) -> None:
        self.ec2 = ec2
        self.elb = elb
        self.region = ec2.meta.region_name
        self.number = next(_numbers)
        self.source = self.source_instance = self.source_group = self.source_subnet = self.source_vpc = ""
        self.target = self.host = self.target_group = self.target_subnet = self.target_vpc = ""
        self.address = self.target_address = ""
        self.rule = ""  # the security group's rule that admits the frames
        self.table = ""  # the source's route table
        self.packet_length: int | None = None

    def address_now(self) -> str:
        """The source's address; a fault may have taken another source."""
        found = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[self.source])["NetworkInterfaces"][0]
        return str(found["PrivateIpAddress"])

    def zone(self, letter: str) -> str:
        return self.region + letter

    def vpc(self, cidr: str) -> str:
        return str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])

    def subnet(self, vpc: str, cidr: str, zone: str = "a") -> str:
        made = self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=self.zone(zone))
        return str(made["Subnet"]["SubnetId"])

    def group(self, vpc: str) -> str:
        """A security group without inbound rules."""
        name = f"group-{self.number}-{next(_numbers)}"
        return str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    def admit(
        self, group: str, protocol: str = "udp", ports: tuple[int, int] | None = (4789, 4789), /, **who: Any
    ) -> str:
        """An inbound rule; its id. ``who``: ``cidr``, ``cidr6``, ``prefix_list`` or ``group``."""
        permission: dict[str, Any] = {"IpProtocol": protocol}
        if ports is not None:
            permission |= {"FromPort": ports[0], "ToPort": ports[1]}
        permission |= {
            "cidr": lambda value: {"IpRanges": [{"CidrIp": value}]},
            "cidr6": lambda value: {"Ipv6Ranges": [{"CidrIpv6": value}]},
            "prefix_list": lambda value: {"PrefixListIds": [{"PrefixListId": value}]},
            "group": lambda value: {"UserIdGroupPairs": [{"GroupId": value}]},
        }[next(iter(who))](next(iter(who.values())))
        answer = self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def instance(self, subnet: str, address: str, groups: list[str], kind: str = "m6i.large") -> tuple[str, str]:
        """(instance, ENI)."""
        eni = self.eni(subnet, address, groups)
        made = self.ec2.run_instances(
            ImageId=IMAGE,
            InstanceType=kind,
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}],
        )
        return str(made["Instances"][0]["InstanceId"]), eni

    def tag_as_host(self, *instances: str) -> None:
        """What ``--host auto`` looks for."""
        self.ec2.create_tags(Resources=list(instances), Tags=[{"Key": "vpcshark:capture-host", "Value": ""}])
        give_profile(self.ec2, *instances)

    def eni(self, subnet: str, address: str, groups: list[str]) -> str:
        made = self.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=groups)
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def prefix_list(self, *cidrs: str) -> str:
        made = self.ec2.create_managed_prefix_list(
            PrefixListName=f"list-{next(_numbers)}",
            MaxEntries=5,
            AddressFamily="IPv4",
            Entries=[{"Cidr": cidr} for cidr in cidrs],
        )
        return str(made["PrefixList"]["PrefixListId"])

    def route_table(self, vpc: str, *subnets: str) -> str:
        table = str(self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])
        for subnet in subnets:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return table

    def main_table(self, vpc: str) -> str:
        tables = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        return next(t["RouteTableId"] for t in tables if any(a.get("Main") for a in t["Associations"]))

    def acl(self, vpc: str, subnet: str) -> str:
        """A network ACL of the subnet's own, which refuses everything yet."""
        made = str(self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"])
        for acl in self.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]:
            for association in acl["Associations"]:
                if association["SubnetId"] == subnet:
                    self.ec2.replace_network_acl_association(
                        AssociationId=association["NetworkAclAssociationId"], NetworkAclId=made
                    )
        return made

    def entry(self, acl: str, number: int, action: str, egress: bool, cidr: str, **more: Any) -> None:
        """An entry; ``protocol`` is "-1" unless said, ``ports`` (low, high)."""
        ports = more.get("ports")
        self.ec2.create_network_acl_entry(
            NetworkAclId=acl,
            RuleNumber=number,
            RuleAction=action,
            Egress=egress,
            CidrBlock=cidr,
            Protocol=more.get("protocol", "-1"),
            **({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}),
        )

    def open_acl(self, vpc: str, subnet: str) -> str:
        """A network ACL that lets everything through, by entries 100."""
        acl = self.acl(vpc, subnet)
        for egress in (True, False):
            self.entry(acl, 100, "allow", egress, "0.0.0.0/0")
        return acl

    def peering(self, one: str, other: str, accepted: bool = True) -> str:
        made = self.ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=other)["VpcPeeringConnection"]
        if accepted:
            self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnectionId"])
        return str(made["VpcPeeringConnectionId"])

    def gateway(self) -> str:
        return str(self.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"])

    def attach(self, gateway: str, vpc: str, *subnets: str) -> str:
        made = self.ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc, SubnetIds=list(subnets)
        )
        return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])

    def gateway_table(self, gateway: str, *attachments: str) -> str:
        made = self.ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
        table = str(made["TransitGatewayRouteTableId"])
        for attachment in attachments:
            self.ec2.associate_transit_gateway_route_table(
                TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment
            )
        return table

    def gateway_route(self, table: str, cidr: str, attachment: str = "") -> None:
        """A route, into a blackhole where no attachment is given."""
        to: dict[str, Any] = {"TransitGatewayAttachmentId": attachment} if attachment else {"Blackhole": True}
        self.ec2.create_transit_gateway_route(TransitGatewayRouteTableId=table, DestinationCidrBlock=cidr, **to)

    def session(self, source: str, target: str, number: int) -> str:
        """Somebody's mirror session from an ENI to a mirror target."""
        mirror_filter = self.ec2.create_traffic_mirror_filter()["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
        made = self.ec2.create_traffic_mirror_session(
            NetworkInterfaceId=source,
            TrafficMirrorTargetId=target,
            TrafficMirrorFilterId=mirror_filter,
            SessionNumber=number,
        )
        return str(made["TrafficMirrorSession"]["TrafficMirrorSessionId"])

    def mirror_target(self, **at: str) -> str:
        return str(self.ec2.create_traffic_mirror_target(**at)["TrafficMirrorTarget"]["TrafficMirrorTargetId"])

    def place(self, source_vpc: str, source_subnet: str, target_vpc: str, target_subnet: str, **more: Any) -> None:
        """The two instances with a security group each, and no rule yet."""
        self.source_vpc, self.source_subnet = source_vpc, source_subnet
        self.target_vpc, self.target_subnet = target_vpc, target_subnet
        self.source_group, self.target_group = self.group(source_vpc), self.group(target_vpc)
        self.address, self.target_address = more.get("address", "10.1.1.10"), more.get("target", "10.1.2.20")
        kind = more.get("kind", "m6i.large")
        self.source_instance, self.source = self.instance(source_subnet, self.address, [self.source_group], kind)
        self.host, self.target = self.instance(target_subnet, self.target_address, [self.target_group])


def one_vpc(scene: Scene, *, admitted: bool = True, **more: Any) -> Scene:
    """Source and target in two subnets of one VPC and one zone, with the network ACLs and routes that a VPC has."""
    vpc = scene.vpc("10.1.0.0/16")
    subnets = scene.subnet(vpc, "10.1.1.0/24"), scene.subnet(vpc, "10.1.2.0/24", more.pop("zone", "a"))
    scene.place(vpc, subnets[0], vpc, subnets[1], **more)
    scene.table = scene.main_table(vpc)
    if admitted:
        scene.rule = scene.admit(scene.target_group, cidr="10.1.1.0/24")
    return scene


def two_vpcs(scene: Scene, cidr: str = "10.2.0.0/16", target: str = "10.2.1.20", subnet: str = "10.2.1.0/24") -> Scene:
    """Source and target in a VPC each, with a route table of the source's subnet and nothing between them yet."""
    ours, theirs = scene.vpc("10.1.0.0/16"), scene.vpc(cidr)
    subnets = scene.subnet(ours, "10.1.1.0/24"), scene.subnet(theirs, subnet)
    scene.place(ours, subnets[0], theirs, subnets[1], target=target)
    scene.table = scene.route_table(ours, subnets[0])
    scene.rule = scene.admit(scene.target_group, cidr="10.1.0.0/16")
    return scene


def peered(scene: Scene) -> tuple[Scene, str]:
    """``two_vpcs`` with a peering and the route to it."""
    two_vpcs(scene)
    peering = scene.peering(scene.source_vpc, scene.target_vpc)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=peering)
    return scene, peering


def attached(scene: Scene) -> tuple[Scene, str, str, str, str]:
    """``two_vpcs`` joined by a transit gateway with one table: (scene, gateway, table, our attachment, theirs)."""
    two_vpcs(scene)
    scene.packet_length = 8000
    gateway = scene.gateway()
    ours = scene.attach(gateway, scene.source_vpc, scene.source_subnet)
    theirs = scene.attach(gateway, scene.target_vpc, scene.target_subnet)
    table = scene.gateway_table(gateway, ours, theirs)
    scene.gateway_route(table, "10.2.0.0/16", theirs)
    scene.ec2.create_route(RouteTableId=scene.table, DestinationCidrBlock="10.2.0.0/16", TransitGatewayId=gateway)
    return scene, gateway, table, ours, theirs


def near_and_far(scene: Scene, *, far_is_open: bool = True) -> tuple[str, str, str]:
    """Two tagged capture hosts in a VPC: the near one, in the source's subnet, whose security group is closed, and the
    one of ``one_vpc``. (near instance, its group, its ENI)."""
    one_vpc(scene, admitted=far_is_open)
    group = scene.group(scene.source_vpc)
    near, eni = scene.instance(scene.source_subnet, "10.1.1.20", [group])
    scene.tag_as_host(near, scene.host)
    return near, group, eni
