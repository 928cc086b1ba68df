"""What the signed-in user may do, asked of EC2 without doing it (DryRun), and how far this machine's clock is off.

Must not know why it is asked.
"""

from __future__ import annotations

import email.utils
from collections.abc import Iterator, Mapping
from typing import Any

from vpcshark.aws.client import Aws, Ec2
from vpcshark.aws.errors import denied_action, mapped, raw_answer
from vpcshark.errors import AwsError

ALLOWED = "DryRunOperation"
DENIED = ("UnauthorizedOperation", "AccessDenied")
_ENI, _FILTER, _TARGET, _SESSION = (f"{kind}-0123456789abcdef0" for kind in ("eni", "tmf", "tmt", "tms"))
RULE: Mapping[str, Any] = {
    "TrafficMirrorFilterId": _FILTER,
    "TrafficDirection": "ingress",
    "RuleNumber": 1,
    "RuleAction": "accept",
    "SourceCidrBlock": "0.0.0.0/0",
    "DestinationCidrBlock": "0.0.0.0/0",
}
NEW_SESSION: Mapping[str, Any] = {
    "NetworkInterfaceId": _ENI,
    "TrafficMirrorTargetId": _TARGET,
    "TrafficMirrorFilterId": _FILTER,
    "SessionNumber": 1,
}
# What a capture calls, in the order in which it does. EC2 judges the permission before it looks for the resource.
OPERATIONS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("describe_network_interfaces", {}),
    ("describe_instances", {}),
    ("describe_traffic_mirror_sessions", {}),
    ("describe_traffic_mirror_filters", {}),
    ("describe_traffic_mirror_targets", {}),
    ("create_traffic_mirror_filter", {}),
    ("create_traffic_mirror_filter_rule", RULE),
    ("modify_traffic_mirror_filter_network_services", {"TrafficMirrorFilterId": _FILTER}),
    ("create_traffic_mirror_target", {"NetworkInterfaceId": _ENI}),
    ("create_traffic_mirror_session", NEW_SESSION),
    ("modify_traffic_mirror_session", {"TrafficMirrorSessionId": _SESSION, "TrafficMirrorFilterId": _FILTER}),
    ("delete_traffic_mirror_session", {"TrafficMirrorSessionId": _SESSION}),
    ("delete_traffic_mirror_filter", {"TrafficMirrorFilterId": _FILTER}),
    ("delete_traffic_mirror_target", {"TrafficMirrorTargetId": _TARGET}),
)

# These are allowed for what bears the capture's tag alone, by the policies that we hand out.
BY_TAG = {
    "create_traffic_mirror_filter_rule",
    "modify_traffic_mirror_filter_network_services",
    "modify_traffic_mirror_session",
    "delete_traffic_mirror_session",
    "delete_traffic_mirror_filter",
    "delete_traffic_mirror_target",
}


def permitted(aws: Aws, labels: Mapping[str, str]) -> Iterator[tuple[str, bool | None]]:
    """(IAM action, is it allowed?) for every EC2 call of a capture that tags with ``labels``; None where a refusal may
    come of the made-up resource, which bears no tag that a policy could go by. AwsError if AWS can't be asked."""
    for operation, parameters in OPERATIONS:
        yield judged(aws.ec2, operation, parameters, labels)


def judged(
    ec2: Ec2, operation: str, parameters: Mapping[str, Any], labels: Mapping[str, str]
) -> tuple[str, bool | None]:
    """The same for one operation. The action of a refusal is the one that AWS names: a create that tags is refused for
    want of ec2:CreateTags, too."""
    action = action_of(operation)
    try:
        with mapped(f"check the permission {action}"):
            getattr(ec2, operation)(DryRun=True, **parameters, **tagged(operation, labels))
    except AwsError as error:
        if not error.code:
            raise
        if error.code not in DENIED:  # any other code comes after the permission was judged
            return action, True
        return (action, None) if operation in BY_TAG else (denied_action(error) or action, False)
    return action, True


def action_of(operation: str) -> str:
    """boto3's ``create_traffic_mirror_filter`` as IAM calls it."""
    return "ec2:" + "".join(word.capitalize() for word in operation.split("_"))


def tagged(operation: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
    """The parameter that tags what the operation creates; none where that gets no tags."""
    kind = operation.rpartition("_")[2]
    if operation not in (
        "create_traffic_mirror_filter",
        "create_traffic_mirror_session",
        "create_traffic_mirror_target",
    ):
        return {}
    tags = [{"Key": key, "Value": value} for key, value in labels.items()]
    return {"TagSpecifications": [{"ResourceType": f"traffic-mirror-{kind}", "Tags": tags}]}


def identity(aws: Aws) -> tuple[str, float]:
    """(the ARN of who is signed in, AWS's time of day in seconds since the epoch). AwsError."""
    with mapped("see who is signed in", service="sts"):
        answer = aws.sts.get_caller_identity()
    return str(answer["Arn"]), _time_in(answer)


def time_of(error: AwsError) -> float:
    """AWS's time of day in its refusal, 0 if it did not answer. A clock that is off by more than five minutes is seen
    there alone: AWS then accepts no signature, and calls that SignatureDoesNotMatch or RequestExpired."""
    return _time_in(raw_answer(error))


def _time_in(answer: Mapping[str, Any]) -> float:
    """From the header Date (RFC 9110, 6.6.1); 0 where there is none."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return email.utils.parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return 0.0
