"""Where a trial plays: the account, what its stack made, and the waiting that AWS needs.

Must not know what is tried there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from vpcshark.aws.errors import mapped
from vpcshark.clock import Clock
from vpcshark.errors import AwsError, VpcsharkError

TAG = "vpcshark:live"
NAME = "vpcshark-live-"
"""Of a stack, before what is its own."""
PAUSE = 2.0
SETTLING = 60.0
"""Seconds in which AWS may still know, or show, what was deleted, or not yet what was made."""
ACCEPTED = "accepted"
T = TypeVar("T")


class Account(Protocol):
    """An AWS account and region: ``aws.client.Aws`` is one."""

    @property
    def region(self) -> str: ...

    def client(self, service: str) -> Any:
        """The client of a service, as boto3 names it."""


@dataclass(frozen=True)
class Ground:
    """``made`` has the outputs of the stack ``name`` (installer/cloudformation/live.yaml)."""

    account: Account
    name: str
    made: Mapping[str, str]
    clock: Clock

    @property
    def ec2(self) -> Any:
        """The EC2 client."""
        return self.account.client("ec2")

    def instance(self, output: str) -> Mapping[str, Any]:
        """What EC2 says of the instance that is the stack's output. AwsError."""
        with mapped("describe the trial's instances"):
            found = self.ec2.describe_instances(InstanceIds=[self.made[output]])
        instance: Mapping[str, Any] = found["Reservations"][0]["Instances"][0]
        return instance

    def eni(self, output: str) -> str:
        """The id of its interface. AwsError."""
        return str(self.instance(output)["NetworkInterfaces"][0]["NetworkInterfaceId"])

    def address(self, output: str) -> str:
        """Its private address. AwsError."""
        return str(self.instance(output)["PrivateIpAddress"])


def code_of(call: Callable[[], object], doing: str = "try what AWS refuses") -> str:
    """The error code that AWS answers; "accepted" if there is none. AwsError where no answer came."""
    try:
        with mapped(doing):
            call()
    except AwsError as error:
        if not error.code:
            raise
        return error.code
    return ACCEPTED


def until(holds: Callable[[], T | None], what: str, patience: float, clock: Clock) -> T:
    """What ``holds`` returns once it is something. VpcsharkError after ``patience`` seconds."""
    end = clock.monotonic() + patience
    while True:
        found = holds()
        if found:
            return found
        if clock.monotonic() > end:
            raise VpcsharkError(f"After {patience:.0f} seconds {what} had not come to pass.", "")
        clock.sleep(PAUSE)
