"""What a capture will call, asked of EC2 with DryRun and the very parameters and tags that it will send.

Must not know captures: the tags come from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.permissions import BY_TAG, NEW_SESSION, OPERATIONS, action_of, judged

# What lists the account's resources is asked anyway, and says itself what it may not see; not so these two.
_LISTS = ("describe_traffic_mirror_filters", "describe_traffic_mirror_targets")


def rehearse(ec2: Ec2, source: str, target: str, labels: Mapping[str, str]) -> dict[str, bool | None]:
    """IAM action -> may it be called? None where that cannot be judged: rules, changes and deletes go by the tag of
    what they change, and that is not there yet. All are asked side by side. AwsError if AWS can't be asked."""
    asked: dict[str, Mapping[str, Any]] = {
        "create_traffic_mirror_filter": {},
        "create_traffic_mirror_session": {**NEW_SESSION, "NetworkInterfaceId": source},
        **{operation: parameters for operation, parameters in OPERATIONS if operation in (*_LISTS, *BY_TAG)},
    }
    if target:
        asked["create_traffic_mirror_target"] = {"NetworkInterfaceId": target}
    told = dict(threads.together([partial(judged, ec2, one, asked[one], labels) for one in asked]))
    return _compared(told)


def _compared(told: Mapping[str, bool | None]) -> dict[str, bool | None]:
    """Who may do some of what our policies bind to tags, without a tag, has other policies: there a refusal counts."""
    by_tag = {action_of(operation) for operation in BY_TAG}
    is_free = any(told.get(action) for action in by_tag)
    return {action: (False if is_free and verdict is None else verdict) for action, verdict in told.items()}
