"""Removes what trials left, and proves it: whatever bears the trial's tag, or stands in its VPC.

Must not know what a trial does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vpcshark.aws import kinds
from vpcshark.aws.errors import is_gone, is_in_use, mapped
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import tags_of
from vpcshark.clock import Clock
from vpcshark.errors import AwsError, VpcsharkError
from vpcshark.live import stack
from vpcshark.live.ground import NAME, PAUSE, SETTLING, TAG, Account

_ENDED = ("terminated", "shutting-down")


def mirroring(account: Account, name: str = "") -> None:
    """Delete what probes of the trial ``name`` made of Traffic Mirroring ("": of any trial). AwsError."""
    ec2 = account.client("ec2")
    found = [one for one in kinds.tagged(ec2, kinds.MIRRORING, TAG) if name in ("", one.tags.get(TAG))]
    for kind in kinds.MIRRORING:
        for one in found:
            if one.kind == kind:
                _delete(ec2, kind, one.id)


def _delete(ec2: Any, kind: str, identity: str) -> None:
    try:
        kinds.delete(ec2, kind, identity)
    except AwsError as error:
        if not is_gone(error) and not is_in_use(error):  # a later look decides
            raise


def all_trials(account: Account, clock: Clock, say: Callable[[str], None]) -> None:
    """Delete every trial's stack and what its probes made. VpcsharkError where something stays."""
    mirroring(account)
    problems = []
    for name in list(stack.trials(account)):
        say(f"Deleting the stack {name} ...")
        try:
            stack.delete(account, name, clock)
        except VpcsharkError as error:
            problems.append(str(error))
    mirroring(account)
    if problems:
        raise VpcsharkError(" ".join(problems), "")


def proved(account: Account, name: str, vpc: str, clock: Clock) -> list[str]:
    """What is left of the trial ``name`` ("": of any) when AWS has had time to settle: nothing, by describes of a
    client that nobody has used before. AwsError: nobody can say."""
    end = clock.monotonic() + SETTLING
    while (seen := left(account, name, vpc)) and clock.monotonic() < end:
        clock.sleep(PAUSE)
    return seen


def left(account: Account, name: str, vpc: str = "") -> list[str]:
    """Kind and id of everything that is there of the trial ``name`` ("": of any), or in the VPC. AwsError."""
    with mapped("look for what is left"):
        return sorted(_left(account, name, vpc))


def _left(account: Account, name: str, vpc: str) -> Iterator[str]:
    ec2 = account.client("ec2")
    yield from (f"stack {one}" for one in stack.trials(account) if name in ("", one))
    for one in kinds.tagged(ec2, kinds.MIRRORING, TAG):
        if name in ("", one.tags.get(TAG)):
            yield f"{one.kind} {one.id}"
    for kind, (operation, key, identity) in _KINDS.items():
        yield from (f"{kind} {raw[identity]}" for raw in pages(ec2, operation, key) if _is_of(raw, name, vpc))
    for reservation in pages(ec2, "describe_instances", "Reservations"):
        for raw in reservation["Instances"]:
            if _is_of(raw, name, vpc) and raw["State"]["Name"] not in _ENDED:
                yield f"instance {raw['InstanceId']}"
    yield from _named(account, name or NAME)


def _is_of(raw: Mapping[str, Any], name: str, vpc: str) -> bool:
    tags = tags_of(raw)
    return (TAG in tags and name in ("", tags[TAG])) or (vpc != "" and raw.get("VpcId") == vpc)


def _named(account: Account, part: str) -> Iterator[str]:
    """What has the stack's name in its own, as its describe tells no tags."""
    for service, operation, key, member in _NAMED:
        for raw in pages(account.client(service), operation, key):
            if part in str(raw[member]):
                yield f"{member} {raw[member]}"
    logs = account.client("logs")
    for raw in logs.describe_log_groups(logGroupNamePrefix=f"/vpcshark/{part}")["logGroups"]:
        yield f"logGroupName {raw['logGroupName']}"
    for raw in account.client("ec2").describe_key_pairs()["KeyPairs"]:
        if part in raw["KeyName"]:
            yield f"KeyName {raw['KeyName']}"
    owner = account.client("sts").get_caller_identity()["Account"]
    for raw in pages(account.client("budgets"), "describe_budgets", "Budgets", AccountId=owner):
        if part in raw["BudgetName"]:
            yield f"BudgetName {raw['BudgetName']}"


_KINDS: Mapping[str, tuple[str, str, str]] = {
    "VPC": ("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "internet gateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "route table": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "security group": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "flow log": ("describe_flow_logs", "FlowLogs", "FlowLogId"),
    "endpoint": (
        "describe_instance_connect_endpoints",
        "InstanceConnectEndpoints",
        "InstanceConnectEndpointId",
    ),
}
_NAMED = (
    ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
)
