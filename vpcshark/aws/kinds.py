"""The kinds of resources that we make: how each is listed by its tags, and deleted. Must not know when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_denied, is_gone, mapped
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import Tagged, tags_of
from vpcshark.errors import AwsError

SESSION, FILTER, TARGET = "session", "filter", "target"
INSTANCE, GROUP, RULE = "instance", "security-group", "security-group-rule"
PATH, ANALYSIS = "network-insights-path", "network-insights-analysis"

_ABSENT = {
    "InvalidInstanceID.NotFound",
    "InvalidGroup.NotFound",
    "InvalidGroupId.Malformed",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidPermission.NotFound",
}


@dataclass(frozen=True)
class Kind:
    """``describe`` is the call that lists, ``rows`` the key of its answer, ``identity`` that of the id.

    ``delete`` gives False where there is nothing to delete. ``filter`` finds what bears a tag, "" where AWS documents
    none. ``is_slow``: AWS takes a minute for it, or holds it that long. ``is_optional``: who may not list it has not
    made one.
    """

    words: str
    describe: str
    rows: str
    identity: str
    delete: Callable[[Any, str], object]
    filter: str = ""
    is_slow: bool = False
    is_optional: bool = False


def _revoke(ec2: Ec2, rule: str) -> bool:
    """A rule is removed from its group, which a describe tells."""
    found = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"]
    ours = [raw for raw in found if raw["SecurityGroupRuleId"] == rule]
    for raw in ours:
        ec2.revoke_security_group_ingress(GroupId=raw["GroupId"], SecurityGroupRuleIds=[rule])
    return bool(ours)


KINDS: Mapping[str, Kind] = {
    SESSION: Kind(
        "mirror session",
        "describe_traffic_mirror_sessions",
        "TrafficMirrorSessions",
        "TrafficMirrorSessionId",
        lambda ec2, one: ec2.delete_traffic_mirror_session(TrafficMirrorSessionId=one),
    ),
    FILTER: Kind(
        "mirror filter",
        "describe_traffic_mirror_filters",
        "TrafficMirrorFilters",
        "TrafficMirrorFilterId",
        lambda ec2, one: ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=one),
    ),
    TARGET: Kind(
        "mirror target",
        "describe_traffic_mirror_targets",
        "TrafficMirrorTargets",
        "TrafficMirrorTargetId",
        lambda ec2, one: ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=one),
    ),
    RULE: Kind(
        "security group rule",
        "describe_security_group_rules",
        "SecurityGroupRules",
        "SecurityGroupRuleId",
        _revoke,
        "tag",  # AWS documents no tag-key for this describe
        is_optional=True,
    ),
    INSTANCE: Kind(
        "capture host",
        "describe_instances",
        "Reservations",
        "InstanceId",
        lambda ec2, one: ec2.terminate_instances(InstanceIds=[one]),
        "tag-key",
        is_slow=True,
        is_optional=True,
    ),
    GROUP: Kind(
        "security group",
        "describe_security_groups",
        "SecurityGroups",
        "GroupId",
        lambda ec2, one: ec2.delete_security_group(GroupId=one),
        "tag-key",
        is_slow=True,  # until its instance is terminated
        is_optional=True,
    ),
    ANALYSIS: Kind(
        "analysis of Reachability Analyzer",
        "describe_network_insights_analyses",
        "NetworkInsightsAnalyses",
        "NetworkInsightsAnalysisId",
        lambda ec2, one: ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=one),
        "tag",
    ),
    PATH: Kind(
        "path of Reachability Analyzer",
        "describe_network_insights_paths",
        "NetworkInsightsPaths",
        "NetworkInsightsPathId",
        lambda ec2, one: ec2.delete_network_insights_path(NetworkInsightsPathId=one),
        "tag",
    ),
}
SLOW = frozenset(name for name, kind in KINDS.items() if kind.is_slow)
MIRRORING, LAUNCHED, ANALYZING = (SESSION, FILTER, TARGET), (INSTANCE, GROUP), (ANALYSIS, PATH)
"""In the order in which they are deleted."""


def delete(ec2: Ec2, name: str, resource: str) -> bool:
    """Delete one; False where AWS says that it is not there: gone, or made a moment ago. An instance is told to
    terminate. AwsError, ``is_in_use`` while something holds it; KeyError for a kind that is not ours."""
    kind = KINDS[name]
    try:
        with mapped(f"delete the {kind.words} {resource}"):
            return kind.delete(ec2, resource) is not False
    except AwsError as error:
        if not is_gone(error) and error.code not in _ABSENT:
            raise
        return False


def tagged(ec2: Ec2, names: Iterable[str], tag_key: str, value: str = "*") -> list[Tagged]:
    """Everything of these kinds that bears ``tag_key``, with this value if one is given; terminated instances aside.
    AwsError.

    The tags are read here again: a filter that is ignored would hand us other people's resources.
    """
    lists = threads.together([partial(_listed, ec2, name, tag_key, value) for name in names])
    found = [one for each in lists for one in each if tag_key in one.tags]
    return [one for one in found if value in ("*", one.tags[tag_key])]


def is_hidden(ec2: Ec2, name: str, tag_key: str) -> bool:
    """May the caller not list this kind, or is that not known, so that it says nothing that ``tagged`` has none of it?
    Not one of those that it must list."""
    if not KINDS[name].is_optional:
        return False
    try:
        _rows(ec2, KINDS[name], tag_key, "*")
    except AwsError:  # denied, mostly
        return True
    return False


def _listed(ec2: Ec2, name: str, tag_key: str, value: str) -> list[Tagged]:
    kind = KINDS[name]
    try:
        rows = _rows(ec2, kind, tag_key, value)
    except AwsError as error:
        if not (kind.is_optional and is_denied(error)):
            raise
        return []
    each = [raw for row in rows for raw in row.get("Instances", [row])]
    return [_tagged(name, raw) for raw in each if raw.get("State", {}).get("Name") != "terminated"]


def _rows(ec2: Ec2, kind: Kind, tag_key: str, value: str) -> list[dict[str, Any]]:
    by = {"tag-key": ("tag-key", tag_key), "tag": (f"tag:{tag_key}", value)}.get(kind.filter)
    wanted: dict[str, Any] = {"Filters": [{"Name": by[0], "Values": [by[1]]}]} if by else {}
    with mapped(f"list each {kind.words}"):
        return list(pages(ec2, kind.describe, kind.rows, **wanted))


def _tagged(name: str, raw: Mapping[str, Any]) -> Tagged:
    return Tagged(
        name,
        raw[KINDS[name].identity],
        tags_of(raw),
        raw.get("Description", ""),
        raw.get("NetworkInterfaceId", ""),
        name=raw.get("GroupName", ""),
        token=raw.get("ClientToken", ""),
        instance_type=raw.get("InstanceType", ""),
        target=raw.get("TrafficMirrorTargetId", "") if name == SESSION else "",
    )
