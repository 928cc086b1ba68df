"""Makes the VPCs of a topology with their subnets, network ACLs and security groups. Must not know what joins VPCs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from types import MappingProxyType
from typing import Any

from vpcshark.errors import InputError
from vpcshark.lab.topologies.rules import AclLine, GroupLine
from vpcshark.lab.topologies.spec import Spec, Subnet, Vpc

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_WORDS: Mapping[str, str] = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}


@dataclass
class Making:
    """What was made so far: ``ids`` as in ``make.Made``, ``blocks`` of each VPC and subnet."""

    spec: Spec
    ec2: Any
    zones: list[str]
    ids: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def service(self, name: str) -> str:
        """A service's whole name in the Region."""
        return f"com.amazonaws.{self.zones[0][:-1]}.{name}"

    def peers(self, peer: str) -> tuple[str, ...]:
        """The blocks that a rule or a route means."""
        return self.blocks.get(f"vpc/{peer}") or self.blocks.get(f"subnet/{peer}") or (peer,)


class Networks:
    """VPC by VPC; groups come when all blocks are known."""

    def __init__(self, making: Making) -> None:
        self._making = making

    def make(self) -> None:
        """All of them."""
        for vpc in self._making.spec.vpcs:
            self._vpc(vpc)
        for each in self._making.spec.gateway_endpoints:
            self._making.ids[f"prefix-list/{each.name}"] = self._prefix_list(each.service)
        for vpc in self._making.spec.vpcs:
            self._filters(vpc)

    def _prefix_list(self, service: str) -> str:
        """AWS's own, of the service's networks."""
        wanted = [{"Name": "prefix-list-name", "Values": [self._making.service(service)]}]
        found = self._making.ec2.describe_managed_prefix_lists(Filters=wanted)["PrefixLists"]
        if not found:
            raise InputError(f"There is no prefix list of {service}.", "Gateway endpoints are of s3 or dynamodb.")
        return str(found[0]["PrefixListId"])

    def _vpc(self, vpc: Vpc) -> None:
        tags = named("vpc", vpc.name)
        made = self._making.ec2.create_vpc(
            CidrBlock=vpc.cidr, AmazonProvidedIpv6CidrBlock=vpc.has_v6, TagSpecifications=tags
        )["Vpc"]
        self._making.ids[f"vpc/{vpc.name}"] = made["VpcId"]
        v6 = [each["Ipv6CidrBlock"] for each in made.get("Ipv6CidrBlockAssociationSet", [])]
        self._making.blocks[f"vpc/{vpc.name}"] = (vpc.cidr, *v6)
        nets = list(IPv6Network(v6[0]).subnets(new_prefix=64)) if v6 else []
        for index, subnet in enumerate(vpc.subnets):
            self._subnet(subnet, made["VpcId"], str(nets[index]) if nets else "")

    def _subnet(self, subnet: Subnet, vpc: str, v6: str) -> None:
        more = {"Ipv6CidrBlock": v6} if v6 else {}
        zone = next((each for each in self._making.zones if each.endswith(subnet.zone)), "")
        if not zone:
            raise InputError(
                f"There is no zone {subnet.zone}.", f"Zones end with {', '.join(z[-1] for z in self._making.zones)}."
            )
        made = self._making.ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=subnet.cidr,
            AvailabilityZone=zone,
            TagSpecifications=named("subnet", subnet.name),
            **more,
        )
        self._making.ids[f"subnet/{subnet.name}"] = made["Subnet"]["SubnetId"]
        self._making.blocks[f"subnet/{subnet.name}"] = (subnet.cidr, *([v6] if v6 else []))

    def _filters(self, vpc: Vpc) -> None:
        for name, (into, out) in vpc.acls.items():
            self._acl(vpc, name, [(each, False) for each in into] + [(each, True) for each in out])
        for name in vpc.groups:
            made = self._making.ec2.create_security_group(
                GroupName=name,
                Description=f"of the topology {self._making.spec.name}",
                VpcId=self._making.ids[f"vpc/{vpc.name}"],
                TagSpecifications=named("security-group", name),
            )
            self._making.ids[f"group/{name}"] = made["GroupId"]
        for name, (inbound, outbound) in vpc.groups.items():
            self._group(self._making.ids[f"group/{name}"], inbound, outbound, vpc)

    def _acl(self, vpc: Vpc, name: str, lines: Iterable[tuple[AclLine, bool]]) -> None:
        tags = named("network-acl", name)
        made = self._making.ec2.create_network_acl(VpcId=self._making.ids[f"vpc/{vpc.name}"], TagSpecifications=tags)
        acl = self._making.ids[f"acl/{vpc.name}/{name}"] = made["NetworkAcl"]["NetworkAclId"]
        for line, is_egress in lines:
            for number, cidr in enumerate(self._making.peers(line.what.peer), line.number):
                self._making.ec2.create_network_acl_entry(
                    NetworkAclId=acl, Egress=is_egress, **acl_entry(number, line, cidr)
                )
        wanted = {self._making.ids[f"subnet/{each.name}"] for each in vpc.subnets if each.acl == name}
        rows = self._making.ec2.describe_network_acls(
            Filters=[{"Name": "vpc-id", "Values": [self._making.ids[f"vpc/{vpc.name}"]]}]
        )
        for row in [each for acl_row in rows["NetworkAcls"] for each in acl_row["Associations"]]:
            if row["SubnetId"] in wanted:
                association = row["NetworkAclAssociationId"]
                self._making.ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)

    def _group(self, group: str, inbound: Iterable[GroupLine], outbound: Iterable[GroupLine] | None, vpc: Vpc) -> None:
        first = self._making.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
        if first:
            self._making.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=first)
        if outbound is None:
            outbound = [GroupLine("-1", None, each) for each in (_EVERYWHERE if vpc.has_v6 else _EVERYWHERE[:1])]
        for call, lines in (
            (self._making.ec2.authorize_security_group_ingress, inbound),
            (self._making.ec2.authorize_security_group_egress, outbound),
        ):
            for permission in [each for line in lines for each in self._permissions(line)]:
                call(GroupId=group, IpPermissions=[permission])

    def _permissions(self, line: GroupLine) -> Iterator[dict[str, Any]]:
        if f"group/{line.peer}" in self._making.ids and f"vpc/{line.peer}" not in self._making.ids:
            yield {**service(line), "UserIdGroupPairs": [{"GroupId": self._making.ids[f"group/{line.peer}"]}]}
            return
        if f"prefix-list/{line.peer}" in self._making.ids:
            yield {**service(line), "PrefixListIds": [{"PrefixListId": self._making.ids[f"prefix-list/{line.peer}"]}]}
            return
        for cidr in self._making.peers(line.peer):
            key, member = ("Ipv6Ranges", "CidrIpv6") if ":" in cidr else ("IpRanges", "CidrIp")
            yield {**service(line), key: [{member: cidr}]}


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


def named(resource: str, name: str, more: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
    """A TagSpecification with the Name, and ``more``."""
    return [{"ResourceType": resource, "Tags": [{"Key": k, "Value": v} for k, v in {"Name": name, **more}.items()]}]
