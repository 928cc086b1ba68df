"""Tags: put on resources, read from answers, cleaned; and the account's number. Must not know what tags mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.errors import mapped


def put_tags(ec2: Any, resources: Iterable[str], tags: Mapping[str, str]) -> None:
    """Set ``tags`` on all ``resources`` (EC2 ids) in one call; their other tags stay. AwsError."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    with mapped("tag the capture's resources"):
        ec2.create_tags(Resources=list(resources), Tags=pairs)


def account_id(sts: Any) -> str:
    """The twelve digits of the caller's account (GetCallerIdentity needs no permission). AwsError."""
    with mapped("ask which account this is"):
        return str(sts.get_caller_identity()["Account"])


@dataclass(frozen=True)
class Tagged:
    """A resource that bears our tag. ``kind`` is one of ``aws.kinds``; ``source`` the ENI of a session or target,
    ``target`` a session's, ``name`` a security group's, ``token`` the ClientToken of the call that launched an
    instance."""

    kind: str
    id: str
    tags: Mapping[str, str]
    description: str = ""
    source: str = ""
    name: str = ""
    token: str = ""
    instance_type: str = ""
    target: str = ""


def clean(text: str) -> str:
    """Text from AWS on one line: control characters and line ends become blanks."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def tags_of(raw: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    """EC2's list of Key and Value as a mapping."""
    return {tag["Key"]: tag.get("Value", "") for tag in raw.get(key, [])}


def region_of(ec2: Any) -> str:
    """The region that a client speaks to, "" where it can't tell (a fake)."""
    return str(getattr(getattr(ec2, "meta", None), "region_name", "") or "")
