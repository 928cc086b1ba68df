"""Describe answers, as boto3 and the AWS command line give them, made into facts of VPCs. Asks nothing.

Answers are kept by the name of their list ("Subnets"), which tells the operation. Where an answer does not say what was
asked (the routes of which table?), its items bear that name too. Sources: botocore's model of EC2 and ELBv2. Must not
know where answers come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vpcshark.errors import InputError
from vpcshark.network import facts

Raw = Mapping[str, Any]
Answers = Mapping[str, Sequence[Raw]]
_REGION = re.compile(r"^[a-z]{2}(-[a-z]+)+-\d+")


def names(raw: Raw) -> str:
    """The Name tag."""
    return next(
        (str(tag.get("Value", "")) for tag in raw.get("Tags", raw.get("TagSet", [])) if tag["Key"] == "Name"), ""
    )


def build(parts: Mapping[str, Callable[[Answers], Any]], answers: Answers, unknown: Mapping[str, str]) -> facts.Network:
    """The facts in ``answers``. Raises InputError where one is not what EC2 answers."""
    made = {}
    for part, parse in parts.items():
        try:
            made[part] = parse(answers)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as exc:
            raise InputError(
                f"The answers about {part.replace('_', ' ')} are not what AWS gives ({type(exc).__name__}: {exc}).",
                "A folder for --from-dump holds what aws ec2 describe-… prints, one file an operation.",
            ) from exc
    return facts.Network(**made, unknown=unknown)


def _by_id(items: Iterable[Any]) -> dict[str, Any]:
    return {each.id: each for each in items}


def region_of(zone: str) -> str:
    """us-east-1a -> us-east-1."""
    found = _REGION.match(zone)
    return found.group() if found else ""


def vpcs(answers: Answers) -> dict[str, facts.Vpc]:
    """VPCs, with their Region by their subnets' zones."""
    regions = {raw["VpcId"]: region_of(raw.get("AvailabilityZone", "")) for raw in answers.get("Subnets", ())}
    return _by_id(
        facts.Vpc(
            raw["VpcId"], _vpc_cidrs(raw), names(raw), raw.get("OwnerId", ""), regions.get(raw["VpcId"], ""), _bpa(raw)
        )
        for raw in answers.get("Vpcs", ())
    )


def _vpc_cidrs(raw: Raw) -> tuple[str, ...]:
    """The networks that are associated; one that is being taken away is local no more."""
    found = [raw.get("CidrBlock", "")]
    for key, block, state in (
        ("CidrBlockAssociationSet", "CidrBlock", "CidrBlockState"),
        ("Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock", "Ipv6CidrBlockState"),
    ):
        rows = [each for each in raw.get(key, []) if each.get(state, {}).get("State", "associated") == "associated"]
        found += [each[block] for each in rows]
    return tuple(dict.fromkeys(filter(None, found)))


def _bpa(raw: Raw) -> str:
    return str(raw.get("BlockPublicAccessStates", {}).get("InternetGatewayBlockMode", ""))


def subnets(answers: Answers) -> dict[str, facts.Subnet]:
    """Subnets."""
    return _by_id(
        facts.Subnet(
            raw["SubnetId"],
            raw["VpcId"],
            _vpc_cidrs(raw),
            raw.get("AvailabilityZone", ""),
            raw.get("AvailabilityZoneId", ""),
            names(raw),
            _bpa(raw),
        )
        for raw in answers.get("Subnets", ())
    )


def interfaces(answers: Answers) -> dict[str, facts.Interface]:
    """Network interfaces, named after themselves or their instance."""
    called = {each.id: each.name for each in instances(answers).values()}
    return _by_id(_interface(raw, called) for raw in answers.get("NetworkInterfaces", ()))


def _interface(raw: Raw, called: Mapping[str, str]) -> facts.Interface:
    rows = sorted(raw.get("PrivateIpAddresses", []), key=lambda each: not each.get("Primary", False))
    addresses = [each["PrivateIpAddress"] for each in rows if each.get("PrivateIpAddress")]
    addresses = addresses or [each for each in (raw.get("PrivateIpAddress"),) if each]
    public = {
        e["PrivateIpAddress"]: e["Association"]["PublicIp"] for e in rows if e.get("Association", {}).get("PublicIp")
    }
    if not public and raw.get("Association", {}).get("PublicIp") and addresses:
        public = {addresses[0]: raw["Association"]["PublicIp"]}
    attachment = raw.get("Attachment") or {}
    instance = attachment.get("InstanceId", "")
    prefixes = [each["Ipv4Prefix"] for each in raw.get("Ipv4Prefixes", [])]
    prefixes += [each["Ipv6Prefix"] for each in raw.get("Ipv6Prefixes", [])]
    return facts.Interface(
        id=raw["NetworkInterfaceId"],
        vpc=raw.get("VpcId", ""),
        subnet=raw.get("SubnetId", ""),
        addresses=(*addresses, *(each["Ipv6Address"] for each in raw.get("Ipv6Addresses", []))),
        public=public,
        prefixes=tuple(prefixes),
        groups=tuple(each["GroupId"] for each in raw.get("Groups", [])),
        kind=raw.get("InterfaceType", "interface"),
        name=names(raw) or called.get(instance, ""),
        az=raw.get("AvailabilityZone", ""),
        is_checked=raw.get("SourceDestCheck", True),
        instance=instance,
        device=int(attachment.get("DeviceIndex", 0) or 0),
        description=raw.get("Description", ""),
        owner=raw.get("OwnerId", ""),
        denies_igw=bool(raw.get("DenyAllIgwTraffic", False)),
        is_attached=raw.get("Status", "in-use") != "available",
    )


def instances(answers: Answers) -> dict[str, facts.Instance]:
    """Instances."""
    return _by_id(
        facts.Instance(
            raw["InstanceId"],
            names(raw),
            raw.get("State", {}).get("Name", ""),
            str(raw.get("Platform", "")).lower() == "windows",
        )
        for reservation in answers.get("Reservations", ())
        for raw in reservation.get("Instances", [])
    )


_TARGETS = [
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "InstanceId",
    "NetworkInterfaceId",
    "GatewayId",
]
_KNOWN = {
    *_TARGETS,
    "InstanceOwnerId",
    "State",
    "Origin",
    "IpAddress",
    "DestinationPrefixListId",
    "DestinationCidrBlock",
}
_KNOWN |= {"DestinationIpv6CidrBlock"}


def _route(raw: Raw) -> facts.Route:
    destination = (
        raw.get("DestinationCidrBlock") or raw.get("DestinationIpv6CidrBlock") or raw.get("DestinationPrefixListId")
    )
    # A member that came later than this text is a target too, and one that nobody here knows.
    kind = next((name for name in (*_TARGETS, *(each for each in raw if each not in _KNOWN)) if raw.get(name)), "")
    return facts.Route(
        destination=destination or "",
        target=str(raw.get(kind, "")),
        kind=kind,
        state=raw.get("State", ""),
        origin=raw.get("Origin", ""),
        interface=raw.get("NetworkInterfaceId", "") or "",
    )


def tables(answers: Answers) -> dict[str, facts.RouteTable]:
    """Route tables of VPCs."""
    return _by_id(map(_table, answers.get("RouteTables", ())))


def _table(raw: Raw) -> facts.RouteTable:
    rows = [
        each
        for each in raw.get("Associations", [])
        if each.get("AssociationState", {}).get("State", "associated") in ("associated", "associating")
    ]
    return facts.RouteTable(
        raw["RouteTableId"],
        raw["VpcId"],
        tuple(_route(each) for each in raw.get("Routes", [])),
        any(each.get("Main") for each in rows),
        tuple(each["SubnetId"] for each in rows if each.get("SubnetId")),
        tuple(each["GatewayId"] for each in rows if each.get("GatewayId")),
        names(raw),
    )


_ACL_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": "-1"}


def acls(answers: Answers) -> dict[str, facts.Acl]:
    """Network ACLs."""
    return _by_id(
        facts.Acl(
            raw["NetworkAclId"],
            raw["VpcId"],
            tuple(_entry(each) for each in raw.get("Entries", [])),
            tuple(each["SubnetId"] for each in raw.get("Associations", [])),
            names(raw),
        )
        for raw in answers.get("NetworkAcls", ())
    )


def _entry(raw: Raw) -> facts.AclEntry:
    ports, icmp = raw.get("PortRange"), raw.get("IcmpTypeCode")
    protocol = str(raw["Protocol"])
    return facts.AclEntry(
        int(raw["RuleNumber"]),
        bool(raw["Egress"]),
        raw["RuleAction"] == "allow",
        _ACL_PROTOCOLS.get(protocol, protocol),
        raw.get("CidrBlock") or raw.get("Ipv6CidrBlock") or "",
        (int(ports["From"]), int(ports["To"])) if ports else None,
        (int(icmp.get("Type", -1)), int(icmp.get("Code", -1))) if icmp else None,
    )


def groups(answers: Answers) -> dict[str, facts.Group]:
    """Security groups; their rules with ids, where these were told."""
    ruled: dict[str, list[facts.GroupRule]] = {}
    for raw in answers.get("SecurityGroupRules", ()):
        ruled.setdefault(raw["GroupId"], []).append(_group_rule(raw))
    return _by_id(
        facts.Group(
            raw["GroupId"],
            raw.get("VpcId", ""),
            raw.get("GroupName", ""),
            tuple(ruled.get(raw["GroupId"]) or _permissions(raw)),
            raw.get("OwnerId", ""),
        )
        for raw in answers.get("SecurityGroups", ())
    )


_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": "-1"}


def _protocol(raw: Raw) -> tuple[str, tuple[int, int] | None]:
    low, high = raw.get("FromPort"), raw.get("ToPort")
    protocol = _PROTOCOLS.get(str(raw["IpProtocol"]).lower(), str(raw["IpProtocol"]))
    if low is None or high is None or protocol == "-1":
        return protocol, None
    return protocol, (int(low), int(high))


def _group_rule(raw: Raw) -> facts.GroupRule:
    protocol, ports = _protocol(raw)
    return facts.GroupRule(
        bool(raw.get("IsEgress")),
        protocol,
        ports,
        raw.get("CidrIpv4") or raw.get("CidrIpv6") or "",
        raw.get("PrefixListId", ""),
        raw.get("ReferencedGroupInfo", {}).get("GroupId", ""),
        raw.get("SecurityGroupRuleId", ""),
    )


def _permissions(raw: Raw) -> list[facts.GroupRule]:
    found = []
    for egress, key in ((False, "IpPermissions"), (True, "IpPermissionsEgress")):
        for row in raw.get(key, []):
            head = (egress, *_protocol(row))
            found += [facts.GroupRule(*head, cidr=each["CidrIp"]) for each in row.get("IpRanges", [])]
            found += [facts.GroupRule(*head, cidr=each["CidrIpv6"]) for each in row.get("Ipv6Ranges", [])]
            found += [facts.GroupRule(*head, prefix_list=each["PrefixListId"]) for each in row.get("PrefixListIds", [])]
            found += [facts.GroupRule(*head, group=each["GroupId"]) for each in row.get("UserIdGroupPairs", [])]
    return found
