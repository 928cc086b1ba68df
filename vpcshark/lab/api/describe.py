"""Describing: ids, filters and pages, the same way for all four kinds of Traffic Mirroring resources.

Only the filters that AWS documents exist (no ``tag:``, no ``tag-key``); any other name is an error.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from vpcshark.lab.api.checks import in_range
from vpcshark.lab.api.filters import described_filter
from vpcshark.lab.api.lag import LAG
from vpcshark.lab.api.state import ApiError, Params, Record, State, find

T = TypeVar("T")
_LARGEST_PAGE = 1000


@dataclass(frozen=True)
class _Kind:
    prefix: str
    records: Callable[[State], dict[str, Record]]
    described: Callable[[State, Record], Record]
    filters: Mapping[str, str]  # EC2's name of the filter -> field of the record


_IDS = {
    "traffic-mirror-session-id": "TrafficMirrorSessionId",
    "traffic-mirror-target-id": "TrafficMirrorTargetId",
    "traffic-mirror-filter-id": "TrafficMirrorFilterId",
    "traffic-mirror-filter-rule-id": "TrafficMirrorFilterRuleId",
    "description": "Description",
}


def _named(*ids: str, **others: str) -> dict[str, str]:
    return {**{name: _IDS[name] for name in ids}, **{name.replace("_", "-"): field for name, field in others.items()}}


_FILTERS = _Kind(
    "tmf", lambda state: state.filters, described_filter, _named("description", "traffic-mirror-filter-id")
)
_RULES = _Kind(
    "tmfr",
    lambda state: state.rules,
    State.described,
    _named(
        "description",
        "traffic-mirror-filter-id",
        "traffic-mirror-filter-rule-id",
        traffic_direction="TrafficDirection",
        rule_number="RuleNumber",
        rule_action="RuleAction",
        protocol="Protocol",
        source_cidr_block="SourceCidrBlock",
        destination_cidr_block="DestinationCidrBlock",
    ),
)
_TARGETS = _Kind(
    "tmt",
    lambda state: state.targets,
    State.described,
    _named(
        "description",
        "traffic-mirror-target-id",
        network_interface_id="NetworkInterfaceId",
        network_load_balancer_arn="NetworkLoadBalancerArn",
        owner_id="OwnerId",
    ),
)
_SESSIONS = _Kind(
    "tms",
    lambda state: state.sessions,
    State.described,
    _named(
        "description",
        "traffic-mirror-session-id",
        "traffic-mirror-target-id",
        "traffic-mirror-filter-id",
        network_interface_id="NetworkInterfaceId",
        owner_id="OwnerId",
        packet_length="PacketLength",
        session_number="SessionNumber",
        virtual_network_id="VirtualNetworkId",
    ),
)


def describe_filters(state: State, params: Params) -> Record:
    """DescribeTrafficMirrorFilters."""
    return _describe(state, params, _FILTERS, "TrafficMirrorFilterIds", "TrafficMirrorFilters")


def describe_rules(state: State, params: Params) -> Record:
    """DescribeTrafficMirrorFilterRules, of one filter if it is named."""
    filter_id = params.get("TrafficMirrorFilterId")
    if filter_id:
        find(state.filters, "tmf", filter_id)
        also = {"Name": "traffic-mirror-filter-id", "Values": [filter_id]}
        params = {**params, "Filters": [*(params.get("Filters") or []), also]}
    return _describe(state, params, _RULES, "TrafficMirrorFilterRuleIds", "TrafficMirrorFilterRules")


def describe_targets(state: State, params: Params) -> Record:
    """DescribeTrafficMirrorTargets."""
    return _describe(state, params, _TARGETS, "TrafficMirrorTargetIds", "TrafficMirrorTargets")


def describe_sessions(state: State, params: Params) -> Record:
    """DescribeTrafficMirrorSessions."""
    return _describe(state, params, _SESSIONS, "TrafficMirrorSessionIds", "TrafficMirrorSessions")


def page(items: Sequence[T], params: Params) -> tuple[list[T], str | None]:
    """The page that MaxResults and NextToken ask for, and the token of the next one, if there is one."""
    in_range(params, "MaxResults", 5, _LARGEST_PAGE)
    size = params.get("MaxResults") or _LARGEST_PAGE
    start = _start(params.get("NextToken"))
    end = start + size
    token = base64.urlsafe_b64encode(f"from:{end}".encode()).decode() if end < len(items) else None
    return list(items[start:end]), token


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if word == "from":
            return int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise ApiError("InvalidParameterValue", f"Value ({token}) for parameter NextToken is invalid.")


def _describe(state: State, params: Params, kind: _Kind, ids_name: str, answer_name: str) -> Record:
    records = kind.records(state)
    ids = params.get(ids_name) or []
    chosen = [find(records, kind.prefix, resource_id) for resource_id in ids] if ids else _listed(records)
    for wanted in params.get("Filters") or []:
        chosen = _filtered(chosen, kind, wanted)
    shown, token = page(chosen, params)
    answer: Record = {answer_name: [kind.described(state, record) for record in shown]}
    if not ids and not params.get("Filters"):
        answer[answer_name] += LAG.ghosts(kind.prefix)
    return {**answer, "NextToken": token} if token else answer


def _listed(records: Mapping[str, Record]) -> list[Record]:
    return [record for identity, record in records.items() if LAG.is_shown(identity)]


def _filtered(records: list[Record], kind: _Kind, wanted: Mapping[str, Any]) -> list[Record]:
    name = str(wanted.get("Name"))
    if name not in kind.filters:
        raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
    field, patterns = kind.filters[name], wanted.get("Values") or []
    return [record for record in records if any(fnmatchcase(str(record.get(field, "")), p) for p in patterns)]
