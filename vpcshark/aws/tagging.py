"""Tags on resources that stand already, and the number of their account. Must not know what tags mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
