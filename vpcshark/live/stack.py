"""The trial's stack: made of the template that is shipped, waited for, deleted, waited for again.

Must not know what the template is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vpcshark.aws.errors import mapped
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import tags_of
from vpcshark.clock import Clock
from vpcshark.errors import AwsError, VpcsharkError
from vpcshark.live.ground import NAME, TAG, Account, until

PATIENCE = 1800.0  # seconds; a load balancer or an Instance Connect Endpoint alone takes AWS some minutes
_GONE = "DELETE_COMPLETE"


def make(account: Account, name: str, template: str, parameters: Mapping[str, str], clock: Clock) -> dict[str, str]:
    """Make it; its outputs. AwsError, or VpcsharkError with CloudFormation's reason."""
    formation = account.client("cloudformation")
    with mapped("create the trial's stack", service="cloudformation"):
        formation.create_stack(
            StackName=name,
            TemplateBody=template,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": TAG, "Value": name}],
        )

    def ended() -> Mapping[str, Any] | None:
        found = described(account, name)
        return None if found is not None and found["StackStatus"].endswith("_IN_PROGRESS") else found or {}

    stack = until(lambda: ended() or None, f"the stack {name} was made", PATIENCE, clock)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise VpcsharkError(
            f"The stack {name} was not made: {stack.get('StackStatusReason', stack['StackStatus'])}", ""
        )
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def delete(account: Account, name: str, clock: Clock) -> None:
    """Delete it, and wait until it is gone. AwsError, or VpcsharkError with CloudFormation's reason."""
    with mapped("delete the trial's stack", service="cloudformation"):
        account.client("cloudformation").delete_stack(StackName=name)

    def gone() -> str:
        stack = described(account, name)
        if stack is None or stack["StackStatus"] == _GONE:
            return _GONE
        return str(stack.get("StackStatusReason") or "no reason") if stack["StackStatus"] == "DELETE_FAILED" else ""

    said = until(gone, f"the deletion of the stack {name}", PATIENCE, clock)
    if said != _GONE:
        raise VpcsharkError(f"CloudFormation could not delete the stack {name}: {said}.", "Delete it in its console.")


def described(account: Account, name: str) -> Mapping[str, Any] | None:
    """What CloudFormation says of it; None if there is none. AwsError."""
    try:
        with mapped("describe the trial's stack", service="cloudformation"):
            stacks = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except AwsError as error:
        if error.code == "ValidationError":  # "Stack with id … does not exist"
            return None
        raise
    found: Mapping[str, Any] = stacks[0]
    return found


def trials(account: Account) -> Iterator[str]:
    """The stacks of all trials that are there. AwsError."""
    with mapped("list the stacks", service="cloudformation"):
        for one in pages(account.client("cloudformation"), "describe_stacks", "Stacks"):
            if one["StackName"].startswith(NAME) and TAG in tags_of(one) and one["StackStatus"] != _GONE:
                yield str(one["StackName"])
