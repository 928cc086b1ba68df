"""Gathers what preflight judges: the network between a source and its target, by describes side by side.

``survey`` asks for all that does not depend on the source, so it runs beside the look-up of the source itself; where a
verdict hangs on more (a prefix list's entries, a transit gateway's routes), ``complete`` asks for exactly that. A
describe that is refused makes a part unknown and nothing else. Must not know what the facts mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from vpcshark import threads
from vpcshark.aws import mirror, mirrorable, prices, quotas
from vpcshark.aws.client import Ec2, pages
from vpcshark.aws.errors import mapped
from vpcshark.aws.inventory import Eni, clean
from vpcshark.errors import AwsError
from vpcshark.preflight import picture as facts
from vpcshark.preflight.checks import Questions, questions
from vpcshark.preflight.picture import Picture

ROUNDS = 4  # a prefix list may show a gateway, whose routes are asked then
T = TypeVar("T")


@dataclass(frozen=True)
class Survey:
    """What one round of describes said: a list per part, and for a part that was refused the sentence why."""

    parts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


def survey(ec2: Ec2) -> Survey:
    """Ask for everything of the region at once, in pages. Raises nothing: what is refused is unknown."""
    return _surveyed(ec2, _PARTS)


def draw(
    found: Survey,
    source: Eni,
    target: Eni | None,
    sessions: Iterable[mirror.MirrorSession],
    plan: facts.Plan,
    place: tuple[str, str],
) -> Picture:
    """The picture of one source and its target, as far as ``found`` and the region's ``sessions`` show it; ``place`` is
    region and profile, for the commands. Asks nothing."""
    parts = found.parts
    pictured: dict[str, Any] = {name: tuple(map(parse, parts.get(name, ()))) for name, parse in _PARSERS.items()}
    return Picture(
        source=interface(source),
        target=interface(target) if target is not None else None,
        rules=tuple(rule for raw in parts.get("groups", ()) for rule in _rules(raw)),
        sessions=tuple(map(_session, sessions)),
        plan=plan,
        unknown=found.unknown,
        region=place[0],
        profile=place[1],
        **pictured,
    )


def complete(ec2: Ec2, seen: Picture) -> Picture:
    """Ask for what the verdict hangs on besides. Most pictures need nothing, and then nothing is asked."""
    asked: set[str] = set()
    for _ in range(ROUNDS):
        left = questions(seen)
        wanted = {*left.prefix_lists, *left.gateway_tables, *left.groups, *(("joints",) if left.joints else ())} - asked
        if not wanted:
            return seen
        asked |= wanted
        seen = _asked(ec2, seen, left)
    return seen


def interface(eni: Eni) -> facts.Interface:
    """An ENI of the inventory, as preflight sees it."""
    return facts.Interface(
        id=eni.id,
        name=eni.name,
        kind=eni.interface_type,
        is_managed=eni.requester_managed,
        requester=clean(f"{eni.requester} {eni.description}") if eni.requester_managed else "",
        attachment=eni.attachment_status,
        instance=eni.instance,
        instance_type=eni.instance_type,
        instance_state=eni.instance_state,
        vpc=eni.vpc,
        subnet=eni.subnet,
        az=eni.az,
        address=eni.primary_address if ":" not in eni.primary_address else "",
        groups=eni.groups,
        is_listed=mirrorable.is_listed(eni.instance_type),
        most_sources=quotas.sources_per_target(eni.instance_type),
    )


def bandwidth(ec2: Ec2, types: Iterable[str]) -> dict[str, str]:
    """EC2's words for the network performance of instance types; those that cannot be asked for are missing."""
    wanted = sorted({each for each in types if each})
    if not wanted:
        return {}
    try:
        with mapped("look up the instance types"):
            found = ec2.describe_instance_types(InstanceTypes=wanted).get("InstanceTypes", [])
    except AwsError:
        return {}  # a note, no verdict
    return {raw["InstanceType"]: str(raw.get("NetworkInfo", {}).get("NetworkPerformance", "")) for raw in found}


def plan(packet_length: int | None = None, host_type: str = "", mirror_target: str = "") -> facts.Plan:
    """What the capture will do, with today's prices; ``host_type`` of a host that is launched for it, ``mirror_target``
    that stands already."""
    return facts.Plan(
        packet_length,
        prices.SESSION_HOUR_USD,
        prices.ZONE_GB_USD,
        prices.READ,
        host_type,
        prices.instance(host_type, 3600),
        mirrorable.AS_OF,
        mirror_target,
    )


def _asked(ec2: Ec2, seen: Picture, left: Questions) -> Picture:
    """One more round."""
    joining = threads.start(_joined, ec2) if left.joints else None
    lists = [each for each in left.prefix_lists if each not in seen.prefix_lists]
    tables = [each for each in left.gateway_tables if each not in seen.gateway_routes]
    calls: list[Callable[[], Any]] = [partial(_entries, ec2, each) for each in lists]
    calls += [partial(_gateway_routes, ec2, each, seen) for each in tables]
    calls += [partial(_rules_with_ids, ec2, left.groups)] if left.groups else []
    answers = _answers(calls)
    unknown = dict(seen.unknown)
    prefix_lists, gateway_routes = dict(seen.prefix_lists), dict(seen.gateway_routes)
    for name, answer in zip(lists, answers, strict=False):
        if not isinstance(answer, AwsError):
            prefix_lists[name] = answer
    for name, answer in zip(tables, answers[len(lists) :], strict=False):
        if isinstance(answer, AwsError):
            unknown["gateway routes"] = str(answer)
        else:
            gateway_routes[name] = answer
    rules = seen.rules
    if left.groups and not isinstance(answers[-1], AwsError):  # else without ids
        rules = (*(rule for rule in rules if rule.group_id not in left.groups), *answers[-1])
    seen = replace(seen, prefix_lists=prefix_lists, gateway_routes=gateway_routes, rules=rules, unknown=unknown)
    return seen if joining is None else _with_joints(seen, joining.result())


def _joined(ec2: Ec2) -> Survey:
    """What joins VPCs."""
    return _surveyed(ec2, _JOINTS)


def _with_joints(seen: Picture, found: Survey) -> Picture:
    inside = {
        raw["TransitGatewayAttachmentId"]: tuple(raw.get("SubnetIds", ())) for raw in found.parts.get("inside", ())
    }
    return replace(
        seen,
        peerings=tuple(map(_peering, found.parts.get("peerings", ()))),
        attachments=tuple(_attachment(raw, inside) for raw in found.parts.get("attachments", ())),
        unknown={**seen.unknown, **found.unknown},
        knows_joints=True,
    )


def _surveyed(ec2: Ec2, wanted: Mapping[str, tuple[str, str, str]]) -> Survey:
    parts: dict[str, Sequence[Any]] = {}
    unknown: dict[str, str] = {}
    for name, answer in zip(wanted, _answers(partial(_part, ec2, *asked) for asked in wanted.values()), strict=True):
        if isinstance(answer, AwsError):
            unknown[_SUBJECTS.get(name, name)] = str(answer)
        else:
            parts[name] = answer
    return Survey(parts, unknown)


def _answers(calls: Iterable[Callable[[], T]]) -> list[T | AwsError]:
    """All at the same time; an error of AWS is an answer too."""

    def safely(call: Callable[[], T]) -> T | AwsError:
        try:
            return call()
        except AwsError as error:
            return error

    return threads.together([partial(safely, call) for call in calls])


def _part(ec2: Ec2, operation: str, key: str, words: str) -> list[Any]:
    with mapped(f"list the {words}"):
        return list(pages(ec2, operation, key))


def _entries(ec2: Ec2, prefix_list: str) -> tuple[str, ...]:
    with mapped(f"read the prefix list {prefix_list}"):
        found = list(pages(ec2, "get_managed_prefix_list_entries", "Entries", 100, PrefixListId=prefix_list))
    return tuple(entry["Cidr"] for entry in found)


def _gateway_routes(ec2: Ec2, table: str, seen: Picture) -> tuple[facts.GatewayRoute, ...]:
    """Those that may hold the ends of the frames' ways: a table can have 10,000 routes, and an answer has 1,000."""
    ends = [f"{way.target.address}/32" for way in seen.ways if way.target is not None and way.target.address]
    filters = [{"Name": "route-search.supernet-of-match", "Values": ends}]
    with mapped(f"read the routes of {table}"):
        found = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=filters)["Routes"]
    return tuple(
        facts.GatewayRoute(
            raw["DestinationCidrBlock"],
            raw.get("State", ""),
            tuple(each["TransitGatewayAttachmentId"] for each in raw.get("TransitGatewayAttachments", [])),
        )
        for raw in found
        if raw.get("DestinationCidrBlock")
    )


def _rules_with_ids(ec2: Ec2, groups: Sequence[str]) -> tuple[facts.GroupRule, ...]:
    filters = [{"Name": "group-id", "Values": list(groups)}]
    with mapped("list the rules of the target's security groups"):
        found = list(pages(ec2, "describe_security_group_rules", "SecurityGroupRules", Filters=filters))
    return tuple(
        facts.GroupRule(
            group_id=raw["GroupId"],
            protocol=raw["IpProtocol"],
            ports=_ports(raw),
            cidr=raw.get("CidrIpv4") or raw.get("CidrIpv6") or "",
            prefix_list=raw.get("PrefixListId", ""),
            group=raw.get("ReferencedGroupInfo", {}).get("GroupId", ""),
            id=raw["SecurityGroupRuleId"],
        )
        for raw in found
        if not raw.get("IsEgress")
    )


def _rules(raw: Mapping[str, Any]) -> list[facts.GroupRule]:
    """The inbound rules of a group of DescribeSecurityGroups, one per source."""
    rules = []
    for permission in raw.get("IpPermissions", []):
        shared = {"group_id": raw["GroupId"], "protocol": permission["IpProtocol"], "ports": _ports(permission)}
        rules += [facts.GroupRule(**shared, cidr=each["CidrIp"]) for each in permission.get("IpRanges", [])]
        rules += [facts.GroupRule(**shared, cidr=each["CidrIpv6"]) for each in permission.get("Ipv6Ranges", [])]
        rules += [
            facts.GroupRule(**shared, prefix_list=each["PrefixListId"]) for each in permission.get("PrefixListIds", [])
        ]
        rules += [facts.GroupRule(**shared, group=each["GroupId"]) for each in permission.get("UserIdGroupPairs", [])]
    return rules


def _ports(raw: Mapping[str, Any]) -> tuple[int, int] | None:
    low, high = raw.get("FromPort"), raw.get("ToPort")
    return (int(low), int(high)) if low is not None and high is not None else None


def _subnet(raw: Mapping[str, Any]) -> facts.Subnet:
    return facts.Subnet(
        raw["SubnetId"],
        raw["VpcId"],
        raw.get("AvailabilityZone", ""),
        raw.get("CidrBlock", ""),
        bool(raw.get("Ipv6Native")),
    )


def _route_table(raw: Mapping[str, Any]) -> facts.RouteTable:
    associations = raw.get("Associations", [])
    return facts.RouteTable(
        raw["RouteTableId"],
        raw["VpcId"],
        any(each.get("Main") for each in associations),
        tuple(each["SubnetId"] for each in associations if each.get("SubnetId")),
        tuple(_route(each) for each in raw.get("Routes", [])),
    )


_VIA = (
    "GatewayId NatGatewayId TransitGatewayId VpcPeeringConnectionId LocalGatewayId CarrierGatewayId "
    "EgressOnlyInternetGatewayId CoreNetworkArn NetworkInterfaceId InstanceId"
)


def _route(raw: Mapping[str, Any]) -> facts.Route:
    destination = raw.get("DestinationCidrBlock") or raw.get("DestinationPrefixListId")
    return facts.Route(
        destination or raw.get("DestinationIpv6CidrBlock", ""),
        next((raw[name] for name in _VIA.split() if raw.get(name)), ""),
        raw.get("State", "active"),
        raw.get("Origin") == "EnableVgwRoutePropagation",
    )


def _acl(raw: Mapping[str, Any]) -> facts.Acl:
    return facts.Acl(
        raw["NetworkAclId"],
        raw["VpcId"],
        tuple(each["SubnetId"] for each in raw.get("Associations", [])),
        tuple(_acl_entry(each) for each in raw.get("Entries", [])),
    )


def _acl_entry(raw: Mapping[str, Any]) -> facts.AclEntry:
    ports = raw.get("PortRange")
    return facts.AclEntry(
        int(raw["RuleNumber"]),
        bool(raw["Egress"]),
        raw["RuleAction"] == "allow",
        str(raw["Protocol"]),
        raw.get("CidrBlock") or raw.get("Ipv6CidrBlock", ""),
        (int(ports["From"]), int(ports["To"])) if ports else None,
    )


def _peering(raw: Mapping[str, Any]) -> facts.Peering:
    ends = raw.get("RequesterVpcInfo", {}), raw.get("AccepterVpcInfo", {})
    return facts.Peering(
        raw["VpcPeeringConnectionId"],
        raw.get("Status", {}).get("Code", ""),
        (ends[0].get("VpcId", ""), ends[1].get("VpcId", "")),
        (ends[0].get("Region", ""), ends[1].get("Region", "")),
    )


def _attachment(raw: Mapping[str, Any], inside: Mapping[str, tuple[str, ...]]) -> facts.Attachment:
    association = raw.get("Association", {})
    identity = raw["TransitGatewayAttachmentId"]
    return facts.Attachment(
        identity,
        raw["TransitGatewayId"],
        raw.get("ResourceType", ""),
        raw.get("ResourceId", ""),
        raw.get("State", ""),
        association.get("TransitGatewayRouteTableId", "") if association.get("State") == "associated" else "",
        inside.get(identity, ()),
    )


def _mirror_target(raw: Mapping[str, Any]) -> facts.MirrorTarget:
    return facts.MirrorTarget(
        raw["TrafficMirrorTargetId"],
        raw.get("NetworkInterfaceId", ""),
        raw.get("NetworkLoadBalancerArn", ""),
        raw.get("GatewayLoadBalancerEndpointId", ""),
    )


def _session(session: mirror.MirrorSession) -> facts.Session:
    return facts.Session(session.id, session.source, session.target, session.number, mirror.held_by(session))


_PARTS = {  # part -> describe call, key of its answer, what it lists
    "subnets": ("describe_subnets", "Subnets", "subnets"),
    "route_tables": ("describe_route_tables", "RouteTables", "route tables"),
    "acls": ("describe_network_acls", "NetworkAcls", "network ACLs"),
    "groups": ("describe_security_groups", "SecurityGroups", "security groups"),
    "mirror_targets": ("describe_traffic_mirror_targets", "TrafficMirrorTargets", "mirror targets"),
}
_JOINTS = {  # the same, asked only where the way leaves the VPC
    "peerings": ("describe_vpc_peering_connections", "VpcPeeringConnections", "VPC peering connections"),
    "attachments": ("describe_transit_gateway_attachments", "TransitGatewayAttachments", "transit gateway attachments"),
    "inside": (
        "describe_transit_gateway_vpc_attachments",
        "TransitGatewayVpcAttachments",
        "transit gateway VPC attachments",
    ),
}
_SUBJECTS = {  # part -> its name in Picture.unknown
    "route_tables": "route tables",
    "acls": "network ACLs",
    "groups": "security groups",
    "mirror_targets": "targets",
}
_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "subnets": _subnet,
    "route_tables": _route_table,
    "acls": _acl,
    "mirror_targets": _mirror_target,
}
