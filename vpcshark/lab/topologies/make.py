"""Makes a topology through the API, call by call, as a user would. Must not know moto or the data plane.

What is made last needs what is made first: VPCs, what joins them, routes, instances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Network, ip_network
from typing import Any

from vpcshark.errors import InputError
from vpcshark.lab.topologies.rules import AclLine, GroupLine
from vpcshark.lab.topologies.spec import Balancer, Instance, Nat, Spec, Subnet, Transit, TransitTable, Vpc

_IMAGE = "ami-0e9271c829888680e"  # any of moto's with Linux
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_KINDS = {
    "tgw": "TransitGatewayId",
    "peering": "VpcPeeringConnectionId",
    "igw": "GatewayId",
    "eigw": "EgressOnlyInternetGatewayId",
    "nat": "NatGatewayId",
    "instance": "NetworkInterfaceId",
}


@dataclass(frozen=True)
class Made:
    """``ids``: "vpc/left", "subnet/left", "table/left/main", "acl/left/own", "group/web", "tgw/main",
    "attachment/main/left", "tgw-table/main/main", "peering/ab", "igw/out", "eigw/out", "nat/out", "instance/client",
    "eni/client" -> EC2's id. ``serves``: instance id -> services."""

    ids: Mapping[str, str]
    serves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    internet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make(spec: Spec, client: Callable[[str], Any]) -> Made:
    """All of it; ``client`` makes clients by a service's name. InputError for a name that means nothing."""
    made = _Maker(spec, client("ec2")).all()
    for each in spec.balancers:
        _balance(each, made.ids, client("elbv2"))
    return made


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


class _Maker:
    """Knows what was made so far."""

    def __init__(self, spec: Spec, ec2: Any) -> None:
        self._spec, self._ec2 = spec, ec2
        self._ids: dict[str, str] = {}
        self._blocks: dict[str, tuple[str, ...]] = {}  # VPC or subnet -> its blocks
        self._zones = [each["ZoneName"] for each in ec2.describe_availability_zones()["AvailabilityZones"]]

    def all(self) -> Made:
        spec = self._spec
        for vpc in spec.vpcs:
            self._vpc(vpc)
        for vpc in spec.vpcs:
            self._filters(vpc)
        for transit in spec.transits:
            self._transit(transit)
        for name, two in spec.peerings.items():
            self._peering(name, *two)
        for name, (vpc_name, is_egress_only) in spec.gateways.items():
            self._gateway(name, vpc_name, is_egress_only)
        for nat in spec.nats:
            self._nat(nat)
        for instance in spec.instances:
            self._instance(instance)
        for vpc in spec.vpcs:
            self._tables(vpc)
        serves = {self._ids[f"instance/{each.name}"]: each.serves for each in spec.instances}
        return Made(dict(self._ids), serves, spec.internet)

    def _vpc(self, vpc: Vpc) -> None:
        tags = named("vpc", vpc.name)
        made = self._ec2.create_vpc(CidrBlock=vpc.cidr, AmazonProvidedIpv6CidrBlock=vpc.has_v6, TagSpecifications=tags)[
            "Vpc"
        ]
        self._ids[f"vpc/{vpc.name}"] = made["VpcId"]
        v6 = [each["Ipv6CidrBlock"] for each in made.get("Ipv6CidrBlockAssociationSet", [])]
        self._blocks[f"vpc/{vpc.name}"] = (vpc.cidr, *v6)
        nets = list(IPv6Network(v6[0]).subnets(new_prefix=64)) if v6 else []
        for index, subnet in enumerate(vpc.subnets):
            self._subnet(subnet, made["VpcId"], str(nets[index]) if nets else "")

    def _subnet(self, subnet: Subnet, vpc: str, v6: str) -> None:
        more = {"Ipv6CidrBlock": v6} if v6 else {}
        zone = next((each for each in self._zones if each.endswith(subnet.zone)), "")
        if not zone:
            raise InputError(
                f"There is no zone {subnet.zone}.", f"Zones end with {', '.join(z[-1] for z in self._zones)}."
            )
        made = self._ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=subnet.cidr,
            AvailabilityZone=zone,
            TagSpecifications=named("subnet", subnet.name),
            **more,
        )
        self._ids[f"subnet/{subnet.name}"] = made["Subnet"]["SubnetId"]
        self._blocks[f"subnet/{subnet.name}"] = (subnet.cidr, *([v6] if v6 else []))

    def _filters(self, vpc: Vpc) -> None:
        for name, (into, out) in vpc.acls.items():
            self._acl(vpc, name, [(each, False) for each in into] + [(each, True) for each in out])
        for name in vpc.groups:
            made = self._ec2.create_security_group(
                GroupName=name,
                Description=f"of the topology {self._spec.name}",
                VpcId=self._ids[f"vpc/{vpc.name}"],
                TagSpecifications=named("security-group", name),
            )
            self._ids[f"group/{name}"] = made["GroupId"]
        for name, (inbound, outbound) in vpc.groups.items():
            self._group(self._ids[f"group/{name}"], inbound, outbound, vpc)

    def _acl(self, vpc: Vpc, name: str, lines: Iterable[tuple[AclLine, bool]]) -> None:
        tags = named("network-acl", name)
        made = self._ec2.create_network_acl(VpcId=self._ids[f"vpc/{vpc.name}"], TagSpecifications=tags)
        acl = self._ids[f"acl/{vpc.name}/{name}"] = made["NetworkAcl"]["NetworkAclId"]
        for line, is_egress in lines:
            for number, cidr in enumerate(self._peers(line.what.peer), line.number):
                self._ec2.create_network_acl_entry(NetworkAclId=acl, Egress=is_egress, **acl_entry(number, line, cidr))
        wanted = {self._ids[f"subnet/{each.name}"] for each in vpc.subnets if each.acl == name}
        rows = self._ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self._ids[f"vpc/{vpc.name}"]]}])
        for row in [each for acl_row in rows["NetworkAcls"] for each in acl_row["Associations"]]:
            if row["SubnetId"] in wanted:
                association = row["NetworkAclAssociationId"]
                self._ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)

    def _peers(self, peer: str) -> tuple[str, ...]:
        return self._blocks.get(f"vpc/{peer}") or self._blocks.get(f"subnet/{peer}") or (peer,)

    def _group(self, group: str, inbound: Iterable[GroupLine], outbound: Iterable[GroupLine] | None, vpc: Vpc) -> None:
        first = self._ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
        if first:
            self._ec2.revoke_security_group_egress(GroupId=group, IpPermissions=first)
        if outbound is None:
            outbound = [GroupLine("-1", None, each) for each in (_EVERYWHERE if vpc.has_v6 else _EVERYWHERE[:1])]
        for call, lines in (
            (self._ec2.authorize_security_group_ingress, inbound),
            (self._ec2.authorize_security_group_egress, outbound),
        ):
            for permission in [each for line in lines for each in self._permissions(line)]:
                call(GroupId=group, IpPermissions=[permission])

    def _permissions(self, line: GroupLine) -> Iterator[dict[str, Any]]:
        if f"group/{line.peer}" in self._ids and f"vpc/{line.peer}" not in self._ids:
            yield {**service(line), "UserIdGroupPairs": [{"GroupId": self._ids[f"group/{line.peer}"]}]}
            return
        for cidr in self._peers(line.peer):
            key, member = ("Ipv6Ranges", "CidrIpv6") if ":" in cidr else ("IpRanges", "CidrIp")
            yield {**service(line), key: [{member: cidr}]}

    def _transit(self, transit: Transit) -> None:
        options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
        tags = named("transit-gateway", transit.name)
        made = self._ec2.create_transit_gateway(Options=options, TagSpecifications=tags)["TransitGateway"]
        gateway = self._ids[f"tgw/{transit.name}"] = made["TransitGatewayId"]
        for name, (vpc, subnets) in transit.attachments.items():
            has_v6 = self._spec.vpc(vpc).has_v6
            attached = self._ec2.create_transit_gateway_vpc_attachment(
                TransitGatewayId=gateway,
                VpcId=self._ids[f"vpc/{vpc}"],
                SubnetIds=[self._ids[f"subnet/{each}"] for each in subnets],
                Options={"Ipv6Support": "enable" if has_v6 else "disable"},
            )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
            self._ids[f"attachment/{transit.name}/{name}"] = attached
            self._ec2.create_tags(Resources=[attached], Tags=[{"Key": "Name", "Value": name}])
        for table in transit.tables:
            self._transit_table(transit, gateway, table)

    def _transit_table(self, transit: Transit, gateway: str, table: TransitTable) -> None:
        tags = named("transit-gateway-route-table", table.name)
        made = self._ec2.create_transit_gateway_route_table(TransitGatewayId=gateway, TagSpecifications=tags)
        identity = made["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
        self._ids[f"tgw-table/{transit.name}/{table.name}"] = identity
        for call, names in (
            (self._ec2.associate_transit_gateway_route_table, table.associations),
            (self._ec2.enable_transit_gateway_route_table_propagation, table.propagations),
        ):
            for name in names:
                attachment = self._ids[f"attachment/{transit.name}/{name}"]
                call(TransitGatewayRouteTableId=identity, TransitGatewayAttachmentId=attachment)
        for destination, name in table.routes.items():
            to: dict[str, Any] = {"Blackhole": True}
            if name != "blackhole":
                to = {"TransitGatewayAttachmentId": self._ids[f"attachment/{transit.name}/{name}"]}
            for cidr in self._peers(destination):
                self._ec2.create_transit_gateway_route(
                    TransitGatewayRouteTableId=identity, DestinationCidrBlock=cidr, **to
                )

    def _peering(self, name: str, one: str, other: str) -> None:
        made = self._ec2.create_vpc_peering_connection(
            VpcId=self._ids[f"vpc/{one}"],
            PeerVpcId=self._ids[f"vpc/{other}"],
            TagSpecifications=named("vpc-peering-connection", name),
        )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self._ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
        self._ids[f"peering/{name}"] = made

    def _gateway(self, name: str, vpc: str, is_egress_only: bool) -> None:
        identity = self._ids[f"vpc/{vpc}"]
        if is_egress_only:
            tags = named("egress-only-internet-gateway", name)
            made = self._ec2.create_egress_only_internet_gateway(VpcId=identity, TagSpecifications=tags)
            self._ids[f"eigw/{name}"] = made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
            return
        tags = named("internet-gateway", name)
        gateway = self._ec2.create_internet_gateway(TagSpecifications=tags)["InternetGateway"]["InternetGatewayId"]
        self._ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=identity)
        self._ids[f"igw/{name}"] = gateway

    def _nat(self, nat: Nat) -> None:
        made = self._ec2.create_nat_gateway(
            SubnetId=self._ids[f"subnet/{nat.subnet}"],
            AllocationId=self._public(nat.public),
            PrivateIpAddress=nat.address,
            TagSpecifications=named("natgateway", nat.name),
        )["NatGateway"]
        self._ids[f"nat/{nat.name}"] = made["NatGatewayId"]

    def _public(self, address: str) -> str:
        return str(self._ec2.allocate_address(Domain="vpc", Address=address)["AllocationId"])

    def _instance(self, instance: Instance) -> None:
        cidr, *v6 = self._blocks[f"subnet/{instance.subnet}"]
        request: dict[str, Any] = {"SubnetId": self._ids[f"subnet/{instance.subnet}"], "Description": instance.name}
        request["PrivateIpAddress"] = instance.address
        if instance.groups:
            request["Groups"] = [self._ids[f"group/{each}"] for each in instance.groups]
        if v6:
            host = int(IPv4Address(instance.address)) - int(ip_network(cidr).network_address)
            request["Ipv6Addresses"] = [{"Ipv6Address": str(IPv6Network(v6[0])[host])}]
        made = self._ec2.create_network_interface(**request)["NetworkInterface"]
        eni = made["NetworkInterfaceId"]
        if not instance.is_checked:
            off = {"Value": False}
            self._ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck=off)
        started = self._ec2.run_instances(
            ImageId=_IMAGE,
            InstanceType="m6i.large",
            MinCount=1,
            MaxCount=1,
            Placement={"AvailabilityZone": made["AvailabilityZone"]},
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}],
            TagSpecifications=named("instance", instance.name),
        )["Instances"][0]["InstanceId"]
        self._ids |= {f"instance/{instance.name}": started, f"eni/{instance.name}": eni}
        if instance.public:
            allocation = self._public(instance.public)
            self._ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=eni)

    def _tables(self, vpc: Vpc) -> None:
        identity = self._ids[f"vpc/{vpc.name}"]
        wanted = [{"Name": "vpc-id", "Values": [identity]}]
        (main,) = self._ec2.describe_route_tables(Filters=wanted)["RouteTables"]
        self._ids[f"table/{vpc.name}/main"] = main["RouteTableId"]
        for name, routes in vpc.tables.items():
            if name != "main":
                made = self._ec2.create_route_table(VpcId=identity, TagSpecifications=named("route-table", name))
                self._ids[f"table/{vpc.name}/{name}"] = made["RouteTable"]["RouteTableId"]
            table = self._ids[f"table/{vpc.name}/{name}"]
            for destination, target in routes.items():
                for cidr in self._peers(destination):
                    self._ec2.create_route(RouteTableId=table, **self.route(cidr, target))
        for subnet in vpc.subnets:
            if subnet.table not in ("", "main"):
                table = self._ids[f"table/{vpc.name}/{subnet.table}"]
                self._ec2.associate_route_table(RouteTableId=table, SubnetId=self._ids[f"subnet/{subnet.name}"])

    def route(self, cidr: str, target: str) -> dict[str, str]:
        """A route's parameters."""
        kind, _, name = target.partition("/")
        key = f"eni/{name}" if kind == "instance" else target
        if kind not in _KINDS or key not in self._ids:
            raise InputError(
                f"A route leads to {target}, which the topology does not have.", f"Targets are {_TARGETS}."
            )
        where = "DestinationIpv6CidrBlock" if ":" in cidr else "DestinationCidrBlock"
        return {where: cidr, _KINDS[kind]: self._ids[key]}


_TARGETS = ", ".join(f"{kind}/NAME" for kind in _KINDS)
_WORDS: Mapping[str, str] = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}


def service(line: GroupLine) -> dict[str, Any]:
    """Protocol and ports of an IpPermission."""
    found: dict[str, Any] = {"IpProtocol": _WORDS.get(line.protocol, line.protocol)}
    if line.protocol != "-1":
        low, high = line.ports or ((0, 65535) if line.protocol in ("6", "17") else (-1, -1))
        found |= {"FromPort": low, "ToPort": high}
    return found


def acl_entry(number: int, line: AclLine, cidr: str) -> dict[str, Any]:
    """An entry's parameters, but whose it is and which way."""
    found: dict[str, Any] = {
        "RuleNumber": number,
        "Protocol": line.what.protocol,
        "RuleAction": "allow" if line.is_allow else "deny",
        "Ipv6CidrBlock" if ":" in cidr else "CidrBlock": cidr,
    }
    if line.what.ports and line.what.protocol in ("6", "17"):
        found["PortRange"] = {"From": line.what.ports[0], "To": line.what.ports[1]}
    elif line.what.protocol in ("1", "58"):
        kind, code = line.what.ports or (-1, -1)
        found["IcmpTypeCode"] = {"Type": kind, "Code": code}
    return found


def named(resource: str, name: str) -> list[dict[str, Any]]:
    """A TagSpecification with the Name."""
    return [{"ResourceType": resource, "Tags": [{"Key": "Name", "Value": name}]}]
