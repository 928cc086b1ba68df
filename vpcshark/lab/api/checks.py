"""Values that EC2 refuses: ranges, networks and ports of Traffic Mirroring requests. Pure.

Ranges as the EC2 API reference gives them; where AWS publishes no error code, ``InvalidParameterValue``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from vpcshark.lab.api.state import ApiError, Params, Record

_TCP_UDP = (6, 17)
SHORTEST = 35  # bytes of a mirrored IPv4 packet


def refuse(parameter: str, value: object, why: str) -> ApiError:
    """The error for a value that EC2 does not take, in EC2's usual words."""
    return ApiError("InvalidParameterValue", f"Value ({value}) for parameter {parameter} is invalid. {why}")


def in_range(params: Params, parameter: str, low: int, high: int) -> None:
    """A number, if it was given, must lie between both ends."""
    value = params.get(parameter)
    if value is not None and not low <= value <= high:
        raise refuse(parameter, value, f"It must be between {low} and {high}.")


def changed_by(params: Params, record: Record, fields: Iterable[str], removable: Mapping[str, str]) -> Record:
    """A copy of what is kept, with the fields that a Modify… call gives, and without those that it removes."""
    changed = {**record, **{name: params[name] for name in fields if params.get(name) is not None}}
    for removed in params.get("RemoveFields") or []:
        one_of({"RemoveFields": removed}, "RemoveFields", tuple(removable))
        changed.pop(removable[removed], None)
    return changed


def one_of(params: Params, parameter: str, allowed: tuple[str, ...]) -> None:
    """A word, if it was given, must be one of these."""
    value = params.get(parameter)
    if value is not None and value not in allowed:
        raise refuse(parameter, value, f"It must be one of {', '.join(allowed)}.")


def check_rule(rule: Params) -> None:
    """A whole filter rule: number, direction, action, networks of one family, protocol and ports that fit it."""
    in_range(rule, "RuleNumber", 1, 32766)
    in_range(rule, "Protocol", 0, 255)
    one_of(rule, "TrafficDirection", ("ingress", "egress"))
    one_of(rule, "RuleAction", ("accept", "reject"))
    versions = {_network_version(rule, name) for name in ("SourceCidrBlock", "DestinationCidrBlock")}
    if len(versions) > 1:
        raise ApiError("InvalidParameterValue", "The source and destination CIDR blocks must be of one address family.")
    for name in ("SourcePortRange", "DestinationPortRange"):
        _check_ports(rule, name)


def check_session(session: Params, *, is_load_balancer: bool) -> None:
    """Number, VNI and packet length of a session. A load balancer target takes at most 8500 bytes.

    Traffic Mirroring guide, "MTU and packet length limitations": "the packet length cannot be less than 35 bytes (for
    IPv4 traffic) and 55 bytes (for IPv6 traffic)"; the API reference has "1-8500". That a create below 35 is refused
    follows from the guide alone; between 35 and 54 a session's own traffic decides, so it is taken.
    """
    in_range(session, "SessionNumber", 1, 32766)
    in_range(session, "VirtualNetworkId", 0, 2**24 - 1)
    in_range(session, "PacketLength", SHORTEST, 8500 if is_load_balancer else 65535)


def _network_version(rule: Params, parameter: str) -> int:
    text = rule[parameter]
    try:
        return ip_network(text, strict=False).version
    except ValueError:
        raise refuse(parameter, text, "This is not a valid CIDR block.") from None


def _check_ports(rule: Params, parameter: str) -> None:
    ports: dict[str, Any] | None = rule.get(parameter)
    if not ports:
        return
    if rule.get("Protocol") not in _TCP_UDP:
        raise ApiError("InvalidParameterCombination", f"{parameter} needs protocol 6 (TCP) or 17 (UDP).")
    low, high = ports.get("FromPort"), ports.get("ToPort")
    if low is None or high is None or not 0 <= low <= high <= 65535:
        raise refuse(parameter, f"{low}-{high}", "It must be a range within 0-65535.")
