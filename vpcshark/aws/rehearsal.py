"""What a capture may create, asked of EC2 with DryRun and the very parameters and tags that it will send.

Must not know captures: the tags come from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.permissions import DENIED, NEW_SESSION, tagged
from vpcshark.errors import AwsError


def rehearse(ec2: Ec2, source: str, target: str, labels: Mapping[str, str]) -> dict[str, bool]:
    """IAM action -> may it be called? All are asked side by side; one that cannot be judged is left out, as rules are:
    they go into a filter that bears the capture's tag, and there is none yet."""
    asked: dict[str, Mapping[str, Any]] = {
        "create_traffic_mirror_filter": {},
        "create_traffic_mirror_session": {**NEW_SESSION, "NetworkInterfaceId": source},
    }
    if target:
        asked["create_traffic_mirror_target"] = {"NetworkInterfaceId": target}
    judged = threads.together([partial(_judge, ec2, one, {**asked[one], **tagged(one, labels)}) for one in asked])
    return {
        "ec2:" + "".join(word.capitalize() for word in operation.split("_")): verdict
        for operation, verdict in zip(asked, judged, strict=True)
        if verdict is not None
    }


def _judge(ec2: Ec2, operation: str, parameters: Mapping[str, Any]) -> bool | None:
    try:
        with mapped("check a permission"):
            getattr(ec2, operation)(DryRun=True, **parameters)
    except AwsError as error:
        return error.code not in DENIED if error.code else None
    return True
