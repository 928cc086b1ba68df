"""The questions of a walk, put to AWS: which describe call answers each, narrowed by ids.

Questions of one kind go into one call where EC2 takes filters. Must not know what the facts are for, nor make a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vpcshark.network.known import Question
from vpcshark.network.mend import host
from vpcshark.network.packet import is_address

MOST_VALUES = 200  # of one filter (EC2 API Reference, "Filtering")


@dataclass(frozen=True)
class Call:
    """One call: ``part`` of the facts that stays unknown if it is refused, ``key`` the list that its items are kept in.
    ``beside``: what the answer does not say itself."""

    part: str
    operation: str
    key: str
    words: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    service: str = "ec2"
    kept_as: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = False


def _filters(**values: Iterable[str]) -> list[dict[str, Any]]:
    """Filters of EC2: ``vpc_id=["vpc-1"]`` is the filter "vpc-id"."""
    return [{"Name": name.replace("_", "-"), "Values": [*dict.fromkeys(each)]} for name, each in values.items()]


def _interfaces(*filters: tuple[str, Sequence[str]]) -> Call:
    wanted = [{"Name": name, "Values": [*dict.fromkeys(values)]} for name, values in filters]
    return Call(
        "interfaces", "describe_network_interfaces", "NetworkInterfaces", "network interfaces", {"Filters": wanted}
    )


def _listed(part: str, operation: str, key: str, words: str, **filters: Iterable[str]) -> Call:
    return Call(part, operation, key, words, {"Filters": _filters(**filters)})


def _firsts(keys: Sequence[Question]) -> list[str]:
    return [each[0] for each in keys]


def _vpcs(keys: Sequence[Question]) -> list[Call]:
    """All that a VPC's own router knows, and the transit gateways' interfaces in it."""
    ids = _firsts(keys)
    return [
        _listed("vpcs", "describe_vpcs", "Vpcs", "VPCs", vpc_id=ids),
        _listed("subnets", "describe_subnets", "Subnets", "subnets", vpc_id=ids),
        _listed("tables", "describe_route_tables", "RouteTables", "route tables", vpc_id=ids),
        _listed("acls", "describe_network_acls", "NetworkAcls", "network ACLs", vpc_id=ids),
        _interfaces(("vpc-id", ids), ("interface-type", ["transit_gateway"])),
    ]


def _ends(keys: Sequence[Question]) -> list[Call]:
    """Whatever the words for an end may mean."""
    return [call for text in _firsts(keys) for call in _end(text)]


def _end(text: str) -> list[Call]:
    if is_address(text):
        return _address_anywhere(text)
    if text.startswith("eni-"):
        return [_interfaces(("network-interface-id", [text]))]
    if text.startswith("i-"):
        return _instances([(text,)])
    if text.startswith("nat-"):
        return _nats([(text,)])
    if text.startswith("vpce-"):
        return [*_endpoints([(text,)]), _interfaces(("description", [f"VPC Endpoint Interface {text}"]))]
    return _named(text)


def _address_anywhere(text: str) -> list[Call]:
    if ":" in text:
        return [_interfaces(("ipv6-addresses.ipv6-address", [text]))]
    return [
        _interfaces(("addresses.private-ip-address", [text])),
        _interfaces(("addresses.association.public-ip", [text])),
    ]


def _named(text: str) -> list[Call]:
    """A Name tag of an interface or an instance, or a load balancer."""
    if text.startswith("lb:") or text.startswith("arn:"):
        tail = text.partition("loadbalancer/")[2]
        name = tail.split("/")[1] if tail.count("/") == 2 else text.removeprefix("lb:")
        return [*_balancer(name), _interfaces(("description", [f"ELB net/{name}/*", f"ELB app/{name}/*"]))]
    instances = Call(
        "instances",
        "describe_instances",
        "Reservations",
        "instances",
        {"Filters": [{"Name": "tag:Name", "Values": [text]}]},
    )
    return [instances, _interfaces(("tag:Name", [text]))]


def _instances(keys: Sequence[Question]) -> list[Call]:
    ids = _firsts(keys)
    return [
        _listed("instances", "describe_instances", "Reservations", "instances", instance_id=ids),
        _interfaces(("attachment.instance-id", ids)),
    ]


def _addresses(keys: Sequence[Question]) -> list[Call]:
    """Who has these addresses, in each VPC."""
    calls = []
    for vpc in dict.fromkeys(key[0] for key in keys):
        mine = [key[1] for key in keys if key[0] == vpc]
        for name, fits in (("addresses.private-ip-address", False), ("ipv6-addresses.ipv6-address", True)):
            wanted = [each for each in mine if (":" in each) == fits]
            calls += [_interfaces(("vpc-id", [vpc]), (name, wanted))] if wanted else []
    return calls


def _publics(keys: Sequence[Question]) -> list[Call]:
    found = _firsts(keys)
    v4, v6 = [each for each in found if ":" not in each], [each for each in found if ":" in each]
    calls = [_interfaces(("addresses.association.public-ip", v4))] if v4 else []
    return calls + ([_interfaces(("ipv6-addresses.ipv6-address", v6))] if v6 else [])


def _groups(keys: Sequence[Question]) -> list[Call]:
    ids = _firsts(keys)
    return [
        _listed("groups", "describe_security_groups", "SecurityGroups", "security groups", group_id=ids),
        _listed(
            "rule ids", "describe_security_group_rules", "SecurityGroupRules", "rules of security groups", group_id=ids
        ),
    ]


def _gateways(keys: Sequence[Question]) -> list[Call]:
    ids = _firsts(keys)
    plain, egress = [i for i in ids if not i.startswith("eigw-")], [i for i in ids if i.startswith("eigw-")]
    words = "internet gateways"
    calls = []
    if plain:
        operation = "describe_internet_gateways"
        calls.append(_listed("internet_gateways", operation, "InternetGateways", words, internet_gateway_id=plain))
    if egress:
        operation, key = "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways"
        wanted = {"EgressOnlyInternetGatewayIds": egress}
        calls.append(Call("internet_gateways", operation, key, f"egress-only {words}", wanted))
    return calls


def _gateways_of(keys: Sequence[Question]) -> list[Call]:
    wanted = [{"Name": "attachment.vpc-id", "Values": _firsts(keys)}]
    operation = "describe_internet_gateways"
    return [Call("internet_gateways", operation, "InternetGateways", "internet gateways", {"Filters": wanted})]


def _nats(keys: Sequence[Question]) -> list[Call]:
    ids = _firsts(keys)
    wanted = {"Filter": _filters(nat_gateway_id=ids)}
    return [
        Call("nat_gateways", "describe_nat_gateways", "NatGateways", "NAT gateways", wanted),
        _interfaces(("description", [f"Interface for NAT Gateway {each}" for each in ids])),
    ]


def _peerings(keys: Sequence[Question]) -> list[Call]:
    operation, key = "describe_vpc_peering_connections", "VpcPeeringConnections"
    return [_listed("peerings", operation, key, "VPC peering connections", vpc_peering_connection_id=_firsts(keys))]


def _transits(keys: Sequence[Question]) -> list[Call]:
    """A transit gateway, its attachments from both sides, and the names of its tables."""
    ids = _firsts(keys)
    head = "describe_transit_gateway"
    wanted = {"transit_gateway_id": ids}
    words = "transit gateway attachments"
    return [
        _listed("transits", f"{head}s", "TransitGateways", "transit gateways", **wanted),
        _listed("attachments", f"{head}_attachments", "TransitGatewayAttachments", words, **wanted),
        _listed("attachments", f"{head}_vpc_attachments", "TransitGatewayVpcAttachments", words, **wanted),
        _listed("transit_tables", f"{head}_route_tables", "TransitGatewayRouteTables", "route tables of it", **wanted),
    ]


def _transit_routes(keys: Sequence[Question]) -> list[Call]:
    """Only those that hold the address, so that it is right where a table has more routes than an answer holds."""
    return [
        Call(
            "transit_tables",
            "search_transit_gateway_routes",
            "Routes",
            f"routes of {table}",
            {
                "TransitGatewayRouteTableId": table,
                "Filters": [{"Name": "route-search.supernet-of-match", "Values": [host(address)]}],
            },
            kept_as="TransitGatewayRoutes",
            beside={"TransitGatewayRouteTableId": table},
            is_whole=True,
        )
        for table, address in keys
    ]


def _peers(keys: Sequence[Question]) -> list[Call]:
    operation, key = "describe_transit_gateway_peering_attachments", "TransitGatewayPeeringAttachments"
    return [
        _listed("attachments", operation, key, "transit gateway peerings", transit_gateway_attachment_id=_firsts(keys))
    ]


def _endpoints(keys: Sequence[Question]) -> list[Call]:
    """By id, each alone: an account that lacks one would refuse them all."""
    operation = "describe_vpc_endpoints"
    return [
        Call("endpoints", operation, "VpcEndpoints", "VPC endpoints", {"VpcEndpointIds": [each]})
        for each in _firsts(keys)
    ]


def _prefix_lists(keys: Sequence[Question]) -> list[Call]:
    return [
        Call(
            "prefix_lists",
            "get_managed_prefix_list_entries",
            "Entries",
            f"entries of {identity}",
            {"PrefixListId": identity},
            kept_as="PrefixListEntry",
            beside={"PrefixListId": identity},
        )
        for identity in _firsts(keys)
    ]


def _balancer(name: str) -> list[Call]:
    operation = "describe_load_balancers"
    return [Call("balancers", operation, "LoadBalancers", "load balancers", {"Names": [name]}, service="elbv2")]


def _balancers(keys: Sequence[Question]) -> list[Call]:
    """By the tail of their ARN, which their interfaces' description has: net/NAME/ID."""
    return [call for tail in _firsts(keys) for call in _balancer(tail.split("/")[1])]


def _listeners(keys: Sequence[Question]) -> list[Call]:
    calls = []
    for arn in _firsts(keys):
        wanted = {"LoadBalancerArn": arn}
        attributes = "describe_load_balancer_attributes"
        calls += [
            Call("listeners", "describe_listeners", "Listeners", "listeners", wanted, "elbv2"),
            Call("target_groups", "describe_target_groups", "TargetGroups", "target groups", wanted, "elbv2"),
            Call(
                "balancer attributes",
                attributes,
                "Attributes",
                "attributes of load balancers",
                wanted,
                "elbv2",
                "LoadBalancerAttributes",
                wanted,
                is_whole=True,
            ),
        ]
    return calls


def _target_groups(keys: Sequence[Question]) -> list[Call]:
    calls = []
    for arn in _firsts(keys):
        wanted = {"TargetGroupArn": arn}
        attributes = "describe_target_group_attributes"
        health = "describe_target_health"
        calls += [
            Call(
                "target_groups",
                health,
                "TargetHealthDescriptions",
                "health of targets",
                wanted,
                "elbv2",
                "TargetHealth",
                wanted,
                is_whole=True,
            ),
            Call(
                "target group attributes",
                attributes,
                "Attributes",
                "attributes of target groups",
                wanted,
                "elbv2",
                "TargetGroupAttributes",
                wanted,
                is_whole=True,
            ),
        ]
    return calls


def _region(keys: Sequence[Question]) -> list[Call]:
    """What the way of mirrored frames hangs on, of a whole Region at once."""
    return [
        Call("subnets", "describe_subnets", "Subnets", "subnets"),
        Call("tables", "describe_route_tables", "RouteTables", "route tables"),
        Call("acls", "describe_network_acls", "NetworkAcls", "network ACLs"),
        Call("groups", "describe_security_groups", "SecurityGroups", "security groups"),
        Call("targets", "describe_traffic_mirror_targets", "TrafficMirrorTargets", "mirror targets"),
    ]


def _joints(keys: Sequence[Question]) -> list[Call]:
    """What joins the VPCs of a whole Region."""
    head, words = "describe_transit_gateway", "transit gateway attachments"
    return [
        Call("peerings", "describe_vpc_peering_connections", "VpcPeeringConnections", "VPC peering connections"),
        Call("attachments", f"{head}_attachments", "TransitGatewayAttachments", words),
        Call("attachments", f"{head}_vpc_attachments", "TransitGatewayVpcAttachments", words),
    ]


def _tables(keys: Sequence[Question]) -> list[Call]:
    return [_listed("tables", "describe_route_tables", "RouteTables", "route tables", route_table_id=_firsts(keys))]


CALLS: Mapping[str, Callable[[Sequence[Question]], list[Call]]] = {
    "end": _ends,
    "vpc": _vpcs,
    "group": _groups,
    "instance": _instances,
    "interface": lambda keys: [_interfaces(("network-interface-id", _firsts(keys)))],
    "address": _addresses,
    "public": _publics,
    "gateway": _gateways,
    "gateway-of": _gateways_of,
    "nat": _nats,
    "peering": _peerings,
    "tgw": _transits,
    "tgw-routes": _transit_routes,
    "tgw-peer": _peers,
    "endpoint": _endpoints,
    "prefix-list": _prefix_lists,
    "balancer": _balancers,
    "listeners": _listeners,
    "target-group": _target_groups,
    "table": _tables,
    "rules": lambda keys: _groups(keys)[1:],
    "region": _region,
    "joints": _joints,
}
"""Kind of question -> its calls."""
