"""What a capture will call, asked of EC2 with DryRun and the very parameters and tags that it will send.

Must not know captures: the tags come from the caller.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.compute import launch
from vpcshark.aws.compute.launch import Launch
from vpcshark.aws.errors import denied_action, denied_resource, mapped
from vpcshark.aws.iam.dry_run import BY_TAG, DENIED, NEW_SESSION, OPERATIONS, action_of, judged
from vpcshark.errors import AwsError

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


_VPC, _SUBNET, _GROUP, _IMAGE = (f"{kind}-0123456789abcdef0" for kind in ("vpc", "subnet", "sg", "ami"))
_TOKEN = "vpcshark-rehearsal"
# A refusal is sure where it is of what the call makes, or of the role: image, group and network are made up here, and
# bear neither the owner nor the tag that a policy may go by.
_SURE = {
    "run_instances": re.compile(r":(instance|volume|role)/"),
    "create_security_group": re.compile(r":security-group/"),
}


def rehearse_launch(ec2: Ec2, instance_type: str, role: str, labels: Mapping[str, str]) -> dict[str, bool | None]:
    """The same of what a capture host and its security group take, before it is known where they will be: nothing has
    to be asked for this. AwsError if AWS can't be asked."""
    wanted = Launch(_SUBNET, _GROUP, "", _IMAGE, instance_type, role)
    asked = {
        "run_instances": launch.parameters(wanted, labels, _TOKEN),
        "create_security_group": launch.group_parameters(_VPC, _TOKEN, labels),
    }
    return dict(threads.together([partial(_launching, ec2, one, asked[one]) for one in asked]))


def _launching(ec2: Ec2, operation: str, parameters: Mapping[str, Any]) -> tuple[str, bool | None]:
    action = action_of(operation)
    try:
        with mapped(f"check the permission {action}"):
            getattr(ec2, operation)(DryRun=True, **parameters)
    except AwsError as error:
        if not error.code:
            raise
        if error.code not in DENIED:  # any other code comes after the permission was judged
            return action, True
        named, on = denied_action(error), denied_resource(error)
        is_sure = bool(named) and (not on or bool(_SURE[operation].search(on)))
        return (named, False) if is_sure else (action, None)
    return action, True


def _compared(told: Mapping[str, bool | None]) -> dict[str, bool | None]:
    """Who may do some of what our policies bind to tags, without a tag, has other policies: there a refusal counts."""
    by_tag = {action_of(operation) for operation in BY_TAG}
    is_free = any(told.get(action) for action in by_tag)
    return {action: (False if is_free and verdict is None else verdict) for action, verdict in told.items()}
