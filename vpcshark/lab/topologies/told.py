"""Rules that counted a packet, in the words of Reachability Analyzer: path components and explanations.

Source: EC2's model (PathComponent, Explanation), Reachability Analyzer guide, "Explanation codes". Must not know how
packets are sent.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vpcshark.lab.cloud import Cloud, Eni
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.routed.tracing import Mark

Route = Callable[[str, str], str]
"""(space, device that the packet came in by) -> the block of the route that the kernel takes."""
_STAGES = {("security-group", "egress"): 0, ("network-acl", "egress"): 1, ("network-acl", "ingress"): 2}
_CODES = {
    "security-group": "ENI_SG_RULES_MISMATCH",
    "network-acl": "SUBNET_ACL_RESTRICTION",
    "instance": "BAD_STATE",
    "interface": "ENI_SOURCE_DEST_CHECK_RESTRICTION",
    "vpc": "ENI_ADDRESS_RESTRICTION",
    "subnet": "ENI_ADDRESS_RESTRICTION",
    "peering": "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
    "internet-gateway": "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
    "nat-gateway": "NGW_REQUIRES_SOURCE_IN_VPC",
}
_MORE = {
    ("route-table", "no-route"): "NO_ROUTE_TO_DESTINATION",
    ("route-table", "blackhole"): "BAD_STATE_ROUTE",
    ("transit-gateway-route-table", "no-route"): "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT",
    ("transit-gateway-route-table", "blackhole"): "TGW_RTB_BAD_STATE_ROUTE",
    ("attachment", "zone"): "TGW_ROUTE_AZ_RESTRICTION",
    ("attachment", "no-association"): "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",
}
_MEMBERS = {
    "security-group": "SecurityGroup",
    "network-acl": "Acl",
    "interface": "NetworkInterface",
    "route-table": "RouteTable",
    "transit-gateway-route-table": "TransitGatewayRouteTable",
    "attachment": "TransitGatewayAttachment",
    "subnet": "Subnet",
    "vpc": "Vpc",
    "peering": "VpcPeeringConnection",
    "internet-gateway": "InternetGateway",
    "nat-gateway": "NatGateway",
}


def ordered(marks: Sequence[Mark]) -> list[Mark]:
    """Between the port that a packet comes in by and the one that it goes out by: groups and ACL of the first, ACL and
    groups of the second."""

    def stage(mark: Mark) -> int:
        if mark.words[0] in ("in", "out"):
            return -1 if mark.words[0] == "in" else 9
        return _STAGES.get((mark.words[0], mark.words[2] if len(mark.words) > 2 else ""), 3)

    found: list[Mark] = []
    inside: list[Mark] = []
    for mark in marks:
        inside.append(mark)
        if mark.words[0] == "out":
            found += sorted(inside, key=stage)
            inside = []
    return [*found, *sorted(inside, key=stage)]


def explanation(cloud: Cloud, mark: Mark) -> dict[str, Any]:
    """Why a rule dropped the packet."""
    kind, identity = mark.words[0], mark.words[1]
    detail = mark.words[2].partition(" ")[0] if len(mark.words) > 2 else ""
    found: dict[str, Any] = {"ExplanationCode": _MORE.get((kind, detail)) or _CODES.get(kind, "NO_PATH")}
    if kind in ("security-group", "network-acl"):
        found["Direction"] = detail
    if kind == "security-group":
        found["SecurityGroups"] = [{"Id": each} for each in identity.split(",")]
    elif kind in _MEMBERS:
        found[_MEMBERS[kind]] = {"Id": identity}
    else:
        found["Component"] = {"Id": identity}
    if kind == "network-acl":
        found["AclRule"] = _acl_rule(cloud, mark)
    return found


def components(cloud: Cloud, source: Eni, marks: Sequence[Mark], route: Route) -> list[dict[str, Any]]:
    """The way, from the instance that sent to the last interface that the packet came to."""
    rows: list[dict[str, Any]] = [{"Component": {"Id": source.owner}}, {"Component": {"Id": source.id}}]
    came: Mark | None = None
    inside: list[Mark] = []
    for mark in marks:
        came = mark if mark.words[0] == "in" else came
        inside.append(mark)
        if mark.words[0] == "out" and came is not None:
            rows += _filters(cloud, inside, "egress")
            rows += _route(cloud, came, route)
            rows += _filters(cloud, inside, "ingress")
            rows += _far(cloud, mark)
            inside = []
    return [{"SequenceNumber": number, **row} for number, row in enumerate(rows, 1)]


def _filters(cloud: Cloud, marks: Sequence[Mark], way: str) -> Iterator[dict[str, Any]]:
    """Those of one way: out of a port and its subnet before the route, into them behind it."""
    for mark in marks:
        kind, identity = mark.words[0], mark.words[1]
        if kind == "network-acl" and mark.words[2] == way:
            yield {"Component": {"Id": identity}, "AclRule": _acl_rule(cloud, mark)}
        elif kind == "security-group" and mark.words[2] == way:
            yield {"Component": {"Id": identity}, "SecurityGroupRule": _group_rule(cloud, mark)}


def _route(cloud: Cloud, came: Mark, route: Route) -> Iterator[dict[str, Any]]:
    """By which route of which table; inside a VPC no table is told."""
    near = _behind(cloud, came.words[1])
    block = route(came.space, came.words[1])
    if came.space.startswith("tgw:") and near is not None:
        table = cloud.attachments[near.owner].table
        told = {"DestinationCidr": block, "State": "active"}
        yield {"Component": {"Id": table}, "TransitGatewayRouteTableRoute": told}
    elif near is not None and not any(block == f"{each}/32" or block == each for each in _addresses(cloud)):
        told = {"DestinationCidr": "0.0.0.0/0" if block == "default" else block}
        yield {"Component": {"Id": cloud.subnets[near.subnet].table}, "RouteTableRoute": told}


def _far(cloud: Cloud, gone: Mark) -> Iterator[dict[str, Any]]:
    """The interface at the other end of a port, with what it belongs to, in the order of the packet."""
    far = _behind(cloud, gone.words[1])
    if far is None:
        services = [each for each in cloud.endpoints if names.device("e", each) == gone.words[1]]
        yield from ({"Component": {"Id": each}} for each in services)
        return
    attachment = far.owner.partition("@")[0]
    if far.kind != "transit_gateway":
        yield {"Component": {"Id": far.id}}
        yield from ({"Component": {"Id": each}} for each in [far.owner] if each.startswith(("i-", "vpce-")))
        return
    rows = [{"Component": {"Id": far.id}, "AttachedTo": {"Id": attachment}}, {"Component": {"Id": attachment}}]
    yield from rows[::-1] if gone.space.startswith("tgw:") else rows


def _addresses(cloud: Cloud) -> Iterator[str]:
    return (address for eni in cloud.enis.values() for address in eni.addresses)


def _behind(cloud: Cloud, device: str) -> Eni | None:
    tail = device.partition("-")[2]
    return next((each for each in cloud.enis.values() if names.tail(each.id) == tail), None)


def _acl_rule(cloud: Cloud, mark: Mark) -> dict[str, Any]:
    is_egress, number = mark.words[2] == "egress", int(mark.words[3])
    found: dict[str, Any] = {"Egress": is_egress, "RuleNumber": number}
    for each in cloud.acls.get(mark.words[1], ()):
        if (each.is_egress, each.number) == (is_egress, number):
            protocol = "all" if each.protocol == "-1" else each.protocol
            found |= {"Cidr": each.cidr, "Protocol": protocol, "RuleAction": "allow" if each.is_allow else "deny"}
            found |= {"PortRange": {"From": each.ports[0], "To": each.ports[1]}} if each.ports else {}
    return found


def _group_rule(cloud: Cloud, mark: Mark) -> dict[str, Any]:
    found: dict[str, Any] = {"Direction": mark.words[2], "SecurityGroupId": mark.words[1]}
    for each in cloud.groups.get(mark.words[1], ()):
        if each.id == mark.words[3]:
            found |= {"Cidr": each.cidrs[0] if each.cidrs else "", "Protocol": each.protocol}
            found |= {"PortRange": {"From": each.ports[0], "To": each.ports[1]}} if each.ports else {}
    return found


def kernel_route(namespace: str, device: str, source: str, address: str) -> str:
    """The block of the route that a space's kernel takes; "" if it has none."""
    words = ["fibmatch", address, "from", source, "iif", device]
    command = ["ip", "-n", namespace, "-j", "route", "get", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return str(json.loads(done.stdout)[0]["dst"]) if done.returncode == 0 and done.stdout.strip() else ""
