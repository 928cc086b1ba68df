"""A folder of describe answers, as the AWS command line prints them, one file an operation; accounts and Regions in
subfolders. File names don't matter but where an answer does not say what was asked: then the id stands in the name.

Must not know AWS's interface, nor what the answers mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vpcshark.errors import InputError
from vpcshark.network.facts import Network
from vpcshark.survey import parse, parse_joints

Items = Iterator[tuple[str, Mapping[str, Any]]]

SOURCES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "vpcs": ("DescribeVpcs", ("Vpcs",)),
    "subnets": ("DescribeSubnets", ("Subnets",)),
    "interfaces": ("DescribeNetworkInterfaces", ("NetworkInterfaces",)),
    "instances": ("DescribeInstances", ("Reservations",)),
    "tables": ("DescribeRouteTables", ("RouteTables",)),
    "acls": ("DescribeNetworkAcls", ("NetworkAcls",)),
    "groups": ("DescribeSecurityGroups", ("SecurityGroups",)),
    "internet_gateways": (
        "DescribeInternetGateways, or of DescribeEgressOnlyInternetGateways",
        ("InternetGateways", "EgressOnlyInternetGateways"),
    ),
    "nat_gateways": ("DescribeNatGateways", ("NatGateways",)),
    "peerings": ("DescribeVpcPeeringConnections", ("VpcPeeringConnections",)),
    "transits": ("DescribeTransitGateways", ("TransitGateways",)),
    "attachments": (
        "DescribeTransitGatewayAttachments",
        ("TransitGatewayAttachments", "TransitGatewayVpcAttachments"),
    ),
    "transit_tables": ("SearchTransitGatewayRoutes for it", ("TransitGatewayRoutes",)),
    "endpoints": ("DescribeVpcEndpoints", ("VpcEndpoints",)),
    "balancers": ("DescribeLoadBalancers", ("LoadBalancers",)),
    "listeners": ("DescribeListeners", ("Listeners",)),
    "target_groups": ("DescribeTargetGroups and DescribeTargetHealth", ("TargetHealth",)),
    "prefix_lists": ("DescribePrefixLists or GetManagedPrefixListEntries for it", ("PrefixLists", "PrefixListEntries")),
}
"""Part of the facts -> the operation that tells it, the lists of its answers."""


def read(folder: Path) -> Network:
    """The facts of all answers in ``folder`` and below. InputError where it holds none, or one can't be read."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder.", "--from-dump takes a folder of answers of aws ec2 describe-….")
    answers: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted(folder.rglob("*.json")):
        found = _loaded(path)
        for key in _lists(found):
            answers.setdefault(key, [])
        for key, item in _items(path, found):
            answers.setdefault(key, []).append(item)
    if not answers:
        raise InputError(
            f"{folder} has no file with an answer of AWS's describe calls.",
            "Fill it by: aws ec2 describe-network-interfaces > interfaces.json, and so on for the other operations.",
        )
    return parse.build(parse_joints.PARTS, answers, _unknown(answers))


def _unknown(answers: Mapping[str, Any]) -> dict[str, str]:
    """The parts that no file tells of."""
    return {
        part: f"the folder has no answer of {operation}."
        for part, (operation, keys) in SOURCES.items()
        if not any(key in answers for key in keys)
    }


def _loaded(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            f"{path} can't be read as JSON: {exc}.", "Take it out of the folder, or write it anew."
        ) from exc


def _lists(found: Any) -> Iterator[str]:
    """The lists that a file has, though they be empty: nothing there is an answer too."""
    if isinstance(found, dict):
        yield from (_ALIASES.get(str(key), str(key)) for key, value in found.items() if isinstance(value, list))


_ALIASES: Mapping[str, str] = {
    "TransitGatewayStaticRoutes": "TransitGatewayRoutes",
    "TransitGatewayRouteTablePropagations": "TransitGatewayPropagations",
    "LoadBalancerListeners": "Listeners",
    "LoadBalancerTargetHealth": "TargetHealth",
    "TargetHealthDescriptions": "TargetHealth",
    "Routes": "TransitGatewayRoutes",
    "Entries": "PrefixListEntries",
}
"""Name of a list in a file -> ours."""


def _items(path: Path, found: Any) -> Items:
    """(list, item) of everything in a file."""
    if isinstance(found, list):
        for each in found:
            yield from _items(path, each)
    if not isinstance(found, dict):
        return
    for key, value in found.items():
        if key in _ASKED:
            yield from _ASKED[key](path, found)
        elif key == "VpcBlockPublicAccessOptions" and isinstance(value, dict):
            yield key, value
        elif isinstance(value, list):
            name = _ALIASES.get(str(key), str(key))
            yield from ((name, each) for each in _opened(key, value) if isinstance(each, dict))


def _opened(key: str, value: list[Any]) -> list[Any]:
    """Answers that were put into a list, each beside what was asked."""
    if key == "LoadBalancerListeners":
        return [each for row in value for each in row.get("Listeners", [])]
    if key == "TransitGatewayStaticRoutes":
        return [{"IsStaticOnly": True, **row} for row in value]
    return value


def _asked(key: str, member: str, pattern: str) -> Callable[[Path, Mapping[str, Any]], Items]:
    """An answer that does not say what was asked: that stands beside it, or in the file's name."""

    def items(path: Path, found: Mapping[str, Any]) -> Items:
        named = re.search(pattern, path.name)
        identity = found.get(member) or (named.group() if named else "")
        if not identity:
            raise InputError(
                f"{path} does not say what was asked.", f'Put the id into its name, or "{member}" into the answer.'
            )
        yield key, {**found, member: identity}

    return items


_ASKED: Mapping[str, Callable[[Path, Mapping[str, Any]], Items]] = {
    "Routes": _asked("TransitGatewayRoutes", "TransitGatewayRouteTableId", r"tgw-rtb-[0-9a-z]+"),
    "TransitGatewayRouteTablePropagations": _asked(
        "TransitGatewayPropagations", "TransitGatewayRouteTableId", r"tgw-rtb-[0-9a-z]+"
    ),
    "Entries": _asked("PrefixListEntries", "PrefixListId", r"pl-[0-9a-z]+"),
    "TargetHealthDescriptions": _asked("TargetHealth", "TargetGroupArn", r"arn:.*(?=\.json)"),
}
