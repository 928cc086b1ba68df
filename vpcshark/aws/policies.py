"""IAM policy documents out of ``features``. Pure. Must not know who gets them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vpcshark.aws.features import FEATURES, GROUPS, Allow
from vpcshark.aws.inventory import clean
from vpcshark.errors import InputError

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


def policy(features: Iterable[str], account: str = "", region: str = "", near: str = "") -> dict[str, Any]:
    """The policy document of these features (names of ``FEATURES`` or ``GROUPS``), for any account and region unless
    one is given; of the partition that has that region, or the region ``near``. InputError for what is none, and where
    they are too much for one managed policy."""
    chosen = [FEATURES[name] for name in _chosen(features)]
    place = _Place(_account(account), _region(region), region or near)
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

    def __init__(self, account: str, region: str, near: str) -> None:
        self._account, self._region = account, region
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
            "Resource": _one_or_list([self._arn(resource) for resource in allow.resources]),
        }
        return {**said, "Condition": allow.condition} if allow.condition else said

    def _arn(self, resource: str) -> str:
        """``instance`` -> ``arn:aws:ec2:*:*:instance/*``."""
        *whose, kind = resource.split(":")
        service = whose[0] if whose else "ec2"
        account = whose[1] if len(whose) > 1 else self._account or "*"
        region = "" if service == "iam" else self._region or "*"
        return f"arn:{self._partition}:{service}:{region}:{account}:{kind if '/' in kind else kind + '/*'}"


def _one_or_list(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
