"""Networks for walks, as describe answers made by code: a small cloud is built, and written as a dump or kept as facts.

Ids are readable ("subnet-left-a"). Whatever isn't said is open: network ACLs and groups let everything through.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vpcshark.network.facts import Network
from vpcshark.network.known import Known
from vpcshark.survey import dump

REGION = "eu-north-1"
OPEN_ACL = ((100, "allow", "-1", "0.0.0.0/0", None), (101, "allow", "-1", "::/0", None))
Rule = tuple[str, tuple[int, int] | None, str]
"""Of a group: protocol, ports, whom ("10.0.0.0/8", "sg-…", "pl-…")."""


class Cloud:
    """Describe answers that grow. Every method adds one thing and returns its id."""

    def __init__(self) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {
            key: []
            for key in [
                "Vpcs",
                "Subnets",
                "RouteTables",
                "NetworkAcls",
                "SecurityGroups",
                "NetworkInterfaces",
                "Reservations",
                "InternetGateways",
                "NatGateways",
                "VpcPeeringConnections",
                "TransitGateways",
                "TransitGatewayAttachments",
                "TransitGatewayVpcAttachments",
                "TransitGatewayRouteTables",
                "TransitGatewayRoutes",
                "VpcEndpoints",
                "LoadBalancers",
                "Listeners",
                "TargetGroups",
                "TargetHealth",
                "TargetGroupAttributes",
                "LoadBalancerAttributes",
                "PrefixLists",
                "PrefixListEntries",
                "VpcBlockPublicAccessExclusions",
            ]
        }

    def one(self, key: str, **has: Any) -> dict[str, Any]:
        """The row of a list that has these members, to be changed in place."""
        return next(row for row in self.answers[key] if all(row.get(name) == value for name, value in has.items()))

    def vpc(self, name: str, *cidrs: str) -> str:
        """A VPC with its main route table, which has the local routes alone."""
        identity = f"vpc-{name}"
        v4, v6 = [c for c in cidrs if ":" not in c], [c for c in cidrs if ":" in c]
        self.answers["Vpcs"].append(
            {
                "VpcId": identity,
                "CidrBlock": v4[0],
                "CidrBlockAssociationSet": [{"CidrBlock": c, "CidrBlockState": {"State": "associated"}} for c in v4],
                "Ipv6CidrBlockAssociationSet": [
                    {"Ipv6CidrBlock": c, "Ipv6CidrBlockState": {"State": "associated"}} for c in v6
                ],
            }
        )
        self.table(f"{name}-main", identity, is_main=True)
        self.group(f"{name}-open", identity, [("-1", None, "0.0.0.0/0"), ("-1", None, "::/0")])
        return identity

    def table(self, name: str, vpc: str, subnets: Sequence[str] = (), is_main: bool = False) -> str:
        """A route table of ``subnets``."""
        cidrs = [row["CidrBlock"] for row in self.one("Vpcs", VpcId=vpc)["CidrBlockAssociationSet"]]
        cidrs += [row["Ipv6CidrBlock"] for row in self.one("Vpcs", VpcId=vpc)["Ipv6CidrBlockAssociationSet"]]
        identity = f"rtb-{name}"
        rows: list[dict[str, Any]] = [{"SubnetId": each} for each in subnets]
        self.answers["RouteTables"].append(
            {
                "RouteTableId": identity,
                "VpcId": vpc,
                "Associations": [*rows, *([{"Main": True}] if is_main else [])],
                "Routes": [route(each, "local", origin="CreateRouteTable") for each in cidrs],
            }
        )
        return identity

    def route(self, table: str, destination: str, target: str, **more: str) -> None:
        """One more route."""
        self.one("RouteTables", RouteTableId=table)["Routes"].append(route(destination, target, **more))

    def subnet(self, name: str, vpc: str, cidr: str, zone: str = "a", v6: str = "") -> str:
        """A subnet with a network ACL of its own, which lets everything through."""
        identity = f"subnet-{name}"
        self.answers["Subnets"].append(
            {
                "SubnetId": identity,
                "VpcId": vpc,
                "CidrBlock": cidr,
                "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": v6, "Ipv6CidrBlockState": {"State": "associated"}}]
                if v6
                else [],
                "AvailabilityZone": f"{REGION}{zone}",
                "AvailabilityZoneId": f"eun1-az{zone}",
            }
        )
        self.acl(name, vpc, [identity], OPEN_ACL, OPEN_ACL)
        return identity

    def acl(self, name: str, vpc: str, subnets: Sequence[str], inbound: Sequence[Any], outbound: Sequence[Any]) -> str:
        """A network ACL. Entries: (number, action, protocol, network, ports)."""
        rows = [entry(*each, egress=False) for each in inbound] + [entry(*each, egress=True) for each in outbound]
        rows += [entry(32767, "deny", "-1", "0.0.0.0/0", None, egress=way) for way in (False, True)]
        identity = f"acl-{name}"
        associations = [{"SubnetId": each} for each in subnets]
        self.answers["NetworkAcls"].append(
            {"NetworkAclId": identity, "VpcId": vpc, "Associations": associations, "Entries": rows}
        )
        return identity

    def entries(self, subnet: str) -> list[dict[str, Any]]:
        """The ACL entries of a subnet."""
        rows = self.answers["NetworkAcls"]
        found = next(row for row in rows if {"SubnetId": subnet} in row["Associations"])
        entries: list[dict[str, Any]] = found["Entries"]
        return entries

    def group(self, name: str, vpc: str, inbound: Sequence[Rule], outbound: Sequence[Rule] | None = None) -> str:
        """A security group; all is let out unless said otherwise."""
        identity = f"sg-{name}"
        out = [("-1", None, "0.0.0.0/0"), ("-1", None, "::/0")] if outbound is None else outbound
        self.answers["SecurityGroups"].append(
            {
                "GroupId": identity,
                "VpcId": vpc,
                "GroupName": name,
                "IpPermissions": [permission(*each) for each in inbound],
                "IpPermissionsEgress": [permission(*each) for each in out],
            }
        )
        return identity

    def interface(self, name: str, subnet: str, address: str, **more: Any) -> str:
        """A network interface; ``more`` are EC2's own members."""
        there = self.one("Subnets", SubnetId=subnet)
        identity = f"eni-{name}"
        row = {
            "NetworkInterfaceId": identity,
            "VpcId": there["VpcId"],
            "SubnetId": subnet,
            "AvailabilityZone": there["AvailabilityZone"],
            "InterfaceType": "interface",
            "Description": "",
            "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
            "Ipv6Addresses": [],
            "Groups": [{"GroupId": f"{there['VpcId'].replace('vpc-', 'sg-')}-open"}],
            "SourceDestCheck": True,
            "Status": "in-use",
        }
        self.answers["NetworkInterfaces"].append({**row, **more})
        return identity

    def instance(self, name: str, subnet: str, address: str, groups: Sequence[str] = (), v6: str = "") -> str:
        """An instance; the id of its interface is returned."""
        more: dict[str, Any] = {"Attachment": {"InstanceId": f"i-{name}", "DeviceIndex": 0}}
        more["Groups"] = [{"GroupId": each} for each in groups] or None
        more["Ipv6Addresses"] = [{"Ipv6Address": v6}] if v6 else []
        if more["Groups"] is None:
            del more["Groups"]
        tags = [{"Key": "Name", "Value": name}]
        instances = [{"InstanceId": f"i-{name}", "State": {"Name": "running"}, "Tags": tags}]
        self.answers["Reservations"].append({"Instances": instances})
        return self.interface(name, subnet, address, **more)

    def public(self, interface: str, address: str) -> None:
        """Give an interface's first address a public one."""
        row = self.one("NetworkInterfaces", NetworkInterfaceId=interface)["PrivateIpAddresses"][0]
        row["Association"] = {"PublicIp": address}

    def internet_gateway(self, name: str, vpc: str) -> str:
        """An internet gateway."""
        identity = f"igw-{name}"
        attached = [{"VpcId": vpc, "State": "available"}]
        self.answers["InternetGateways"].append({"InternetGatewayId": identity, "Attachments": attached})
        return identity

    def nat(self, name: str, subnet: str, address: str, public: str = "", interface: str = "") -> str:
        """A NAT gateway with its interface."""
        identity = f"nat-{name}"
        eni = self.interface(
            interface.removeprefix("eni-") or f"nat-{name}",
            subnet,
            address,
            InterfaceType="nat_gateway",
            Groups=[],
            SourceDestCheck=False,
            Description=f"Interface for NAT Gateway {identity}",
        )
        if public:
            self.public(eni, public)
        vpc = self.one("Subnets", SubnetId=subnet)["VpcId"]
        rows = [{"NetworkInterfaceId": eni, "PrivateIp": address, "PublicIp": public}]
        self.answers["NatGateways"].append(
            {
                "NatGatewayId": identity,
                "VpcId": vpc,
                "SubnetId": subnet,
                "State": "available",
                "NatGatewayAddresses": rows,
            }
        )
        return identity

    def peering(
        self, name: str, one: str, other: str, status: str = "active", regions: tuple[str, str] = ("r", "r")
    ) -> str:
        """A VPC peering connection."""
        identity = f"pcx-{name}"
        ends = []
        for vpc, region in zip((one, other), regions, strict=True):
            cidrs = self.one("Vpcs", VpcId=vpc)["CidrBlockAssociationSet"]
            ends.append(
                {"VpcId": vpc, "Region": region, "CidrBlockSet": [{"CidrBlock": c["CidrBlock"]} for c in cidrs]}
            )
        self.answers["VpcPeeringConnections"].append(
            {
                "VpcPeeringConnectionId": identity,
                "Status": {"Code": status},
                "RequesterVpcInfo": ends[0],
                "AccepterVpcInfo": ends[1],
            }
        )
        return identity

    def transit(self, name: str, references: bool = False) -> str:
        """A transit gateway."""
        identity = f"tgw-{name}"
        options = {"SecurityGroupReferencingSupport": "enable" if references else "disable"}
        self.answers["TransitGateways"].append({"TransitGatewayId": identity, "Options": options})
        return identity

    def attach(
        self, name: str, transit: str, vpc: str, subnets: Mapping[str, str], table: str = "", **options: str
    ) -> str:
        """An attachment of a VPC. ``subnets``: subnet -> "eni-…@address" of its interface there."""
        identity = f"tgw-attach-{name}"
        row: dict[str, Any] = {
            "TransitGatewayAttachmentId": identity,
            "TransitGatewayId": transit,
            "ResourceType": "vpc",
            "ResourceId": vpc,
            "State": "available",
        }
        if table:
            row["Association"] = {"TransitGatewayRouteTableId": table, "State": "associated"}
        self.answers["TransitGatewayAttachments"].append(row)
        kept = {"TransitGatewayAttachmentId": identity, "TransitGatewayId": transit, "VpcId": vpc, "State": "available"}
        self.answers["TransitGatewayVpcAttachments"].append(
            {**kept, "SubnetIds": [*subnets], "Options": {"Ipv6Support": "enable", **options}}
        )
        for subnet, told in subnets.items():
            eni, _, address = told.partition("@")
            self.interface(
                eni.removeprefix("eni-"),
                subnet,
                address,
                InterfaceType="transit_gateway",
                Groups=[],
                SourceDestCheck=False,
                Description=f"Network Interface for Transit Gateway Attachment {identity}",
            )
        return identity

    def transit_table(self, name: str, transit: str, *routes: tuple[str, str, str]) -> str:
        """A route table of a transit gateway. Routes: (network, attachment or "" for a blackhole,
        static|propagated)."""
        identity = f"tgw-rtb-{name}"
        self.answers["TransitGatewayRouteTables"].append(
            {"TransitGatewayRouteTableId": identity, "TransitGatewayId": transit}
        )
        self.answers["TransitGatewayRoutes"].append(
            {"TransitGatewayRouteTableId": identity, "Routes": [transit_route(*each) for each in routes]}
        )
        return identity

    def write(self, folder: Path) -> Path:
        """One file for each list, as the AWS command line prints it."""
        folder.mkdir(parents=True, exist_ok=True)
        for key, rows in self.answers.items():
            for number, (name, answer) in enumerate(_files(key, rows)):
                (folder / f"{name}{number}.json").write_text(json.dumps(answer, indent=1), "utf-8")
        return folder

    def known(self, folder: Path) -> Known:
        """The facts, by way of the folder."""
        return Known(self.network(folder))

    def network(self, folder: Path) -> Network:
        """The facts, by way of the folder."""
        return dump.read(self.write(folder))


def _files(key: str, rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    if key == "TransitGatewayRoutes":
        return [(f"search-{row['TransitGatewayRouteTableId']}-", {"Routes": row["Routes"]}) for row in rows]
    if key in ("TargetHealth", "PrefixListEntries"):
        return [(key, row) for row in rows] or [(key, {key: []})]
    return [(key, {key: list(rows)})]


KINDS = {
    "igw": "GatewayId",
    "vgw": "GatewayId",
    "vpce": "GatewayId",
    "local": "GatewayId",
    "nat": "NatGatewayId",
    "tgw": "TransitGatewayId",
    "pcx": "VpcPeeringConnectionId",
    "eigw": "EgressOnlyInternetGatewayId",
    "eni": "NetworkInterfaceId",
}


def route(destination: str, target: str, state: str = "active", origin: str = "CreateRoute") -> dict[str, Any]:
    """A route as EC2 describes it."""
    where = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    where = "DestinationPrefixListId" if destination.startswith("pl-") else where
    return {where: destination, KINDS[target.partition("-")[0]]: target, "State": state, "Origin": origin}


def entry(
    number: int, action: str, protocol: str, cidr: str, ports: tuple[int, int] | None, *, egress: bool
) -> dict[str, Any]:
    """An entry of a network ACL."""
    row: dict[str, Any] = {"RuleNumber": number, "RuleAction": action, "Protocol": protocol, "Egress": egress}
    row["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    return {**row, "PortRange": {"From": ports[0], "To": ports[1]}} if ports else row


def permission(protocol: str, ports: tuple[int, int] | None, peer: str) -> dict[str, Any]:
    """A rule of a security group."""
    row: dict[str, Any] = {"IpProtocol": protocol}
    if ports:
        row |= {"FromPort": ports[0], "ToPort": ports[1]}
    if peer.startswith("sg-"):
        return {**row, "UserIdGroupPairs": [{"GroupId": peer}]}
    if peer.startswith("pl-"):
        return {**row, "PrefixListIds": [{"PrefixListId": peer}]}
    return {**row, "Ipv6Ranges": [{"CidrIpv6": peer}]} if ":" in peer else {**row, "IpRanges": [{"CidrIp": peer}]}


def transit_route(cidr: str, attachment: str, kind: str) -> dict[str, Any]:
    """A route of a transit gateway."""
    rows = [{"TransitGatewayAttachmentId": attachment, "ResourceType": "vpc"}] if attachment else []
    state = "active" if attachment else "blackhole"
    return {"DestinationCidrBlock": cidr, "State": state, "Type": kind, "TransitGatewayAttachments": rows}


def two_vpcs() -> Cloud:
    """Left and right, two zones each, joined by a transit gateway whose interfaces have subnets of their own. Client
    10.1.1.10 in zone a, server 10.2.2.20 in zone b, which takes TCP 80."""
    cloud = Cloud()
    transit = cloud.transit("main")
    table = "tgw-rtb-main"
    for name, number in (("left", 1), ("right", 2)):
        vpc = cloud.vpc(name, f"10.{number}.0.0/16")
        joints = {}
        for zone, third in (("a", 1), ("b", 2)):
            cloud.subnet(f"{name}-{zone}", vpc, f"10.{number}.{third}.0/24", zone)
            joint = cloud.subnet(f"{name}-tgw-{zone}", vpc, f"10.{number}.25{third}.0/28", zone)
            joints[joint] = f"eni-{name}-tgw-{zone}@10.{number}.25{third}.5"
        cloud.attach(name, transit, vpc, joints, table)
        cloud.route(f"rtb-{name}-main", f"10.{3 - number}.0.0/16", transit)
    cloud.transit_table(
        "main",
        transit,
        ("10.1.0.0/16", "tgw-attach-left", "propagated"),
        ("10.2.0.0/16", "tgw-attach-right", "propagated"),
    )
    cloud.group("web", "vpc-right", [("tcp", (80, 80), "10.1.0.0/16")])
    cloud.instance("client", "subnet-left-a", "10.1.1.10")
    cloud.instance("server", "subnet-right-b", "10.2.2.20", ["sg-web"])
    return cloud


def inspected(mode: str = "disable") -> Cloud:
    """``two_vpcs`` with a VPC between, which has a firewall in each zone."""
    cloud = two_vpcs()
    vpc, joints = cloud.vpc("middle", "10.3.0.0/16"), {}
    for number, zone in enumerate("ab"):
        gate = cloud.subnet(f"gate-{zone}", vpc, f"10.3.25{number}.0/28", zone)
        wall = cloud.subnet(f"wall-{zone}", vpc, f"10.3.{number}.0/24", zone)
        eni = cloud.instance(f"wall-{zone}", wall, f"10.3.{number}.5")
        cloud.one("NetworkInterfaces", NetworkInterfaceId=eni)["SourceDestCheck"] = False
        cloud.route(cloud.table(f"gate-{zone}", vpc, [gate]), "10.0.0.0/8", eni)
        joints[gate] = f"eni-gate-{zone}@10.3.25{number}.5"
    cloud.route("rtb-middle-main", "10.0.0.0/8", "tgw-main")
    cloud.attach("middle", "tgw-main", vpc, joints, "tgw-rtb-middle", ApplianceModeSupport=mode)
    cloud.transit_table(
        "middle",
        "tgw-main",
        ("10.1.0.0/16", "tgw-attach-left", "propagated"),
        ("10.2.0.0/16", "tgw-attach-right", "propagated"),
    )
    spokes = cloud.one("TransitGatewayRoutes", TransitGatewayRouteTableId="tgw-rtb-main")
    for each in spokes["Routes"]:
        each["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"] = "tgw-attach-middle"
    return cloud


def one_vpc() -> Cloud:
    """A public and a private subnet, an internet gateway, a NAT gateway. "inner" 10.0.2.20 leaves by the NAT gateway,
    "outer" 10.0.1.10 is 203.0.113.10."""
    cloud = Cloud()
    vpc = cloud.vpc("home", "10.0.0.0/16")
    public, private = cloud.subnet("public", vpc, "10.0.1.0/24"), cloud.subnet("private", vpc, "10.0.2.0/24")
    gateway = cloud.internet_gateway("home", vpc)
    nat = cloud.nat("home", public, "10.0.1.99", "203.0.113.99")
    cloud.route(cloud.table("public", vpc, [public]), "0.0.0.0/0", gateway)
    cloud.route(cloud.table("private", vpc, [private]), "0.0.0.0/0", nat)
    cloud.public(cloud.instance("outer", public, "10.0.1.10"), "203.0.113.10")
    cloud.instance("inner", private, "10.0.2.20")
    return cloud


def packet_walk(folder: Path, case: Mapping[str, Any]) -> Path:
    """A published walk's network by its words: two VPCs, attachments in two zones each, hosts in different zones."""
    cloud = Cloud()
    transit = cloud.transit("main")
    forward, back = case["forward"], case["return"]
    source, target = case["src"], case["dst"]
    zones = {"1a": "a", "1b": "b"}
    for name, host, net, enis in (
        ("a", source, "10.0.0.0/20", (forward[1], back[2])),
        ("b", target, "10.1.0.0/20", (forward[2], back[1])),
    ):
        vpc = cloud.vpc(name, net)
        where = str(ipaddress.ip_network(f"{host['ip']}/24", strict=False))
        subnet = cloud.subnet(f"{name}-host", vpc, where, host["az"][-1])
        joints = {}
        for number, told in enumerate(enis):
            eni, words = told.split(" ", 1)
            zone = next(zone for mark, zone in zones.items() if f", {mark})" in words)
            base = where.rpartition(".")[0].rpartition(".")[0]
            joint = cloud.subnet(f"{name}-tgw-{zone}", vpc, f"{base}.{14 + number}.0/28", zone)
            joints[joint] = f"{eni}@{base}.{14 + number}.5"
        cloud.attach(name, transit, vpc, joints, "tgw-rtb-main")
        cloud.route(cloud.table(f"{name}-host", vpc, [subnet]), "0.0.0.0/0", transit)
        cloud.interface(host["eni"].removeprefix("eni-"), subnet, host["ip"])
    cloud.transit_table(
        "main", transit, ("10.0.0.0/20", "tgw-attach-a", "propagated"), ("10.1.0.0/20", "tgw-attach-b", "propagated")
    )
    return cloud.write(folder)


def nat_walk(folder: Path, case: Mapping[str, Any]) -> Path:
    """A published walk's network by its words: a host, a NAT gateway in a subnet with a route to the internet
    gateway."""
    cloud = Cloud()
    vpc = cloud.vpc("home", "10.0.0.0/16")
    private, public = cloud.subnet("red", vpc, "10.0.128.0/20"), cloud.subnet("nat", vpc, "10.0.0.0/20")
    gateway = cloud.internet_gateway(case["forward"][2].removeprefix("igw-"), vpc)
    nat = cloud.nat("red", public, "10.0.8.143", "203.0.113.99", case["forward"][1].split()[0])
    cloud.route(cloud.table("red", vpc, [private]), "0.0.0.0/0", nat)
    cloud.route(cloud.table("nat", vpc, [public]), "0.0.0.0/0", gateway)
    cloud.interface(case["src"]["eni"].removeprefix("eni-"), private, case["src"]["ip"])
    return cloud.write(folder)


def talk(folder: Path, hops: Sequence[str]) -> Path:
    """The talk's network by its words, with the ids of the analyzer's ``hops``: acl, rtb, acl, eni, attachment, table,
    attachment, eni. Both attachments stand in the ends' own subnets."""
    acl, table, _, left_eni, left_attach, transit_table, right_attach, right_eni = hops
    cloud = Cloud()
    transit = cloud.transit("main")
    ends = (("left", "10.1.0", left_eni, left_attach), ("right", "10.2.0", right_eni, right_attach))
    for name, net, eni, attachment in ends:
        vpc = cloud.vpc(name, f"{net}.0/16")
        subnet = cloud.subnet(name, vpc, f"{net}.0/24")
        cloud.attach(attachment.removeprefix("tgw-attach-"), transit, vpc, {subnet: f"{eni}@{net}.5"}, transit_table)
        other = "10.2.0.0/16" if name == "left" else "10.1.0.0/16"
        cloud.route(f"rtb-{name}-main", other, transit)
    cloud.one("RouteTables", RouteTableId="rtb-left-main")["RouteTableId"] = table
    cloud.one("NetworkAcls", NetworkAclId="acl-left")["NetworkAclId"] = acl
    cloud.group("web", "vpc-right", [("tcp", (80, 80), "10.1.0.0/16"), ("tcp", (443, 443), "10.1.0.0/16")])
    cloud.transit_table(
        transit_table.removeprefix("tgw-rtb-"),
        transit,
        ("10.1.0.0/16", left_attach, "static"),
        ("10.2.0.0/16", right_attach, "static"),
    )
    cloud.instance("client", "subnet-left", "10.1.0.10")
    cloud.interface(
        "endpoint",
        "subnet-right",
        "10.2.0.20",
        InterfaceType="vpc_endpoint",
        Groups=[{"GroupId": "sg-web"}],
        Description="VPC Endpoint Interface vpce-api",
    )
    return cloud.write(folder)
