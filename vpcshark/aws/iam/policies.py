"""IAM policy documents out of ``features``. Pure. Must not know who gets them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.compute.capture_hosts import HOST_TAG
from vpcshark.aws.iam.features import FEATURES, GROUPS, TAG, Allow, Feature
from vpcshark.aws.tagging import clean
from vpcshark.errors import InputError

_LIMITS = {  # name -> what a word of it must be
    "types": (r"[a-z0-9*-]+\.[a-z0-9*-]+", "an instance type, such as t4g.small or t4g.*"),
    "subnets": (r"subnet-[0-9a-f]{8,32}", "the id of a subnet"),
    "users": (r"[A-Za-z0-9._-]{1,32}", "a user of the operating system"),
    "tags": (r"[\w .:/=+@-]{1,128}=[\w .:/=+@-]{0,256}", "KEY=VALUE"),
}
LIMIT = 6144  # characters of a managed policy; IAM does not count white space
_PARTITIONS = {  # how a region's name begins -> its partition, where that is not "aws"
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}


@dataclass(frozen=True)
class Limits:
    """What narrows a policy further: instance ``types`` (may have ``*``) and ``subnets`` of launched hosts; the OS
    ``users`` that a key may be pushed for; ``tags`` (KEY=VALUE) of the instances that may be logged in to by a pushed
    key or Session Manager. InputError for what is none."""

    types: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, (pattern, what) in _LIMITS.items():
            for word in getattr(self, name):
                if not re.fullmatch(pattern, word):
                    raise InputError(f'"{clean(word)}" is not {what}.', "See vpcshark iam-policy --help.")

    @property
    def said(self) -> list[str]:
        """The names of those that are given."""
        return [name for name in _LIMITS if getattr(self, name)]

    def conditions(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What IAM is told of these; subnets are named in ARNs."""
        found: dict[str, dict[str, Any]] = {}
        if "types" in names and self.types:
            found["StringLike"] = {"ec2:InstanceType": _one_or_list(self.types)}
        equal: dict[str, Any] = {}
        if "users" in names and self.users:
            equal["ec2:osuser"] = _one_or_list(self.users)
        if "tags" in names:
            equal.update(_by_key(self.tags))
        return {**found, "StringEquals": equal} if equal else found


def _by_key(tags: Iterable[str]) -> dict[str, Any]:
    """Several values of one key are alternatives."""
    values: dict[str, list[str]] = {}
    for key, _, value in (tag.partition("=") for tag in tags):
        values.setdefault(f"aws:ResourceTag/{key}", []).append(value)
    return {key: _one_or_list(wanted) for key, wanted in values.items()}


def tag_guard(admins: Sequence[str]) -> dict[str, Any]:
    """A service control policy, or a boundary, that keeps our tags for ``admins`` (patterns of principals' ARNs) and
    for what captures do: others may neither offer a capture host, nor put our tags on what bears none at its creation,
    nor take them off. It grants nothing. InputError."""
    for one in admins:
        if not re.fullmatch(r"arn:[a-z-]+:(iam|sts)::([0-9]{12}|\*):(user|role|assumed-role)/[\w+=,.@*/-]+", one):
            raise InputError(f'"{clean(one)}" is not the ARN of a user or role.', "Give arn:aws:iam::*:role/NAME.")
    if not admins:
        raise InputError("Nobody is named who may set the tags.", "Give the ARN of a role of administrators.")
    others = {"ArnNotLike": {"aws:PrincipalArn": list(admins)}}
    ours = {"ForAnyValue:StringLike": {"aws:TagKeys": "vpcshark:*"}}
    offering = {"ForAnyValue:StringEquals": {"aws:TagKeys": HOST_TAG}}
    foreign = {"Null": {"ec2:CreateAction": "true", f"aws:ResourceTag/{TAG}": "true"}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            _deny("OnlyAdminsOfferCaptureHosts", "ec2:CreateTags", "*", {**offering, **others}),
            _deny("NobodyMakesWhatStandsOurs", "ec2:CreateTags", "*", {**ours, **foreign, **others}),
            _deny("NobodyTakesOurTagsOff", "ec2:DeleteTags", "*", {**ours, **others}),
        ],
    }


def _deny(sid: str, action: str, resource: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Deny", "Action": action, "Resource": resource, "Condition": dict(condition)}


def policy(
    features: Iterable[str], account: str = "", region: str = "", limits: Limits | None = None, *, near: str = ""
) -> dict[str, Any]:
    """The policy document of these features (names of ``FEATURES`` or ``GROUPS``), for any account and region unless
    one is given; of the partition that has that region, or the region ``near``. InputError for what is none, for limits
    that narrow nothing of it, and where they are too much for one managed policy."""
    chosen = [FEATURES[name] for name in _chosen(features)]
    limits = limits or Limits()
    _check_limits(limits, chosen)
    place = _Place(_account(account), _region(region), limits, region or near)
    reads = sorted({action for feature in chosen for action in feature.reads})
    allows = dict.fromkeys(allow.sid for feature in chosen for allow in feature.allows)
    by_sid = {allow.sid: allow for feature in chosen for allow in feature.allows}
    statements = [place.look_around(reads)] if reads else []
    document = {"Version": "2012-10-17", "Statement": [*statements, *(place.statement(by_sid[sid]) for sid in allows)]}
    if size(document) > LIMIT:
        raise InputError(
            f"A policy for all of this has {size(document)} characters, and IAM takes {LIMIT}.",
            "Make several with fewer features each; a role can have ten.",
        )
    return document


def _check_limits(limits: Limits, chosen: Iterable[Feature]) -> None:
    """One that narrows nothing would look as if it did."""
    narrowed = {name for feature in chosen for allow in feature.allows for name in allow.limits}
    idle = [name for name in limits.said if name not in narrowed]
    if idle:
        raise InputError(
            f"None of these features is narrowed by --{idle[0]}.",
            "--types and --subnets narrow launch, --users connect-eic, --tags connect-eic and connect-ssm.",
        )


def size(document: Mapping[str, Any]) -> int:
    """Its characters as IAM counts them."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def _chosen(features: Iterable[str]) -> list[str]:
    names = [one for name in features for one in GROUPS.get(name, (name,))]
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        raise InputError(
            f'There is no feature "{clean(unknown[0])}" to make a policy for.',
            f"Choose of {', '.join([*FEATURES, *GROUPS])}.",
        )
    if not names:
        raise InputError("No feature is named.", f"Choose of {', '.join([*FEATURES, *GROUPS])}.")
    return [name for name in FEATURES if name in names]


def _account(account: str) -> str:
    if account and not re.fullmatch(r"[0-9]{12}", account):
        raise InputError(f'"{clean(account)}" is not an account.', "Give its twelve digits, or none.")
    return account


def _region(region: str) -> str:
    if region and not re.fullmatch(r"[a-z]{2,5}(-[a-z]+)+-[0-9]+", region):
        raise InputError(f'"{clean(region)}" is not a region.', "Regions look like eu-central-1.")
    return region


class _Place:
    """Writes ARNs for one account and region, or for all ("")."""

    def __init__(self, account: str, region: str, limits: Limits, near: str) -> None:
        self._account, self._region = account, region
        self._limits = limits
        self._partition = next((name for begin, name in _PARTITIONS.items() if near.startswith(begin)), "aws")

    def look_around(self, actions: Sequence[str]) -> dict[str, Any]:
        """Of lists and describes only the region can be said."""
        where = {"Condition": {"StringEquals": {"aws:RequestedRegion": self._region}}} if self._region else {}
        return {"Sid": "LookAround", "Effect": "Allow", "Action": list(actions), "Resource": "*", **where}

    def statement(self, allow: Allow) -> dict[str, Any]:
        """One statement of the document."""
        said: dict[str, Any] = {
            "Sid": allow.sid,
            "Effect": "Allow",
            "Action": _one_or_list(allow.actions),
            "Resource": _one_or_list([arn for resource in allow.resources for arn in self._arns(resource, allow)]),
        }
        condition = _merged(allow.condition or {}, self._limits.conditions(allow.limits))
        return {**said, "Condition": condition} if condition else said

    def _arns(self, resource: str, allow: Allow) -> list[str]:
        subnets = self._limits.subnets if "subnets" in allow.limits else ()
        return [self._arn(f"{resource}/{one}") for one in subnets] or [self._arn(resource)]

    def _arn(self, resource: str) -> str:
        """``instance`` -> ``arn:aws:ec2:*:*:instance/*``; what is an ARN already has its gaps filled; ``*`` stays."""
        if resource == "*":
            return resource
        if resource.startswith("arn:"):
            return resource.format(partition=self._partition, region=self._region or "*", account=self._account or "*")
        *whose, kind = resource.split(":")
        service = whose[0] if whose else "ec2"
        account = whose[1] if len(whose) > 1 else self._account or "*"
        region = "" if service == "iam" else self._region or "*"
        return f"arn:{self._partition}:{service}:{region}:{account}:{kind if '/' in kind else kind + '/*'}"


def _merged(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All of both: keys of one operator stand together."""
    return {test: {**one.get(test, {}), **other.get(test, {})} for test in {**one, **other}}


def _one_or_list(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
