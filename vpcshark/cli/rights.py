"""What the signed-in user may do, feature by feature, as EC2's DryRun judges it; and the policy to ask for.

Must not know who is told, nor how a policy is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.client import Aws
from vpcshark.aws.iam import dry_run, features, policies, rehearsal
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.cleanup import tags

_LAUNCHING = ("list", "launch", "connect-eic-launched")  # it has no key pair: one is pushed
EVERY = (features.DEFAULT, _LAUNCHING)
"""All groups of ``wanted``."""
_SHOWN = {
    "list": "list network interfaces (ENIs)",
    "mirror": "mirror an ENI to a capture host",
    "launch": "launch a capture host",
}


@dataclass(frozen=True)
class Right:
    """One feature. ``missing`` are the actions that are refused, ``unknown`` those that DryRun can't judge before there
    is what has vpcshark's tag."""

    feature: str
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """One line for a person."""
        if self.missing:
            return f"NO    {_SHOWN[self.feature]}: {', '.join(self.missing)} refused"
        return f"yes   {_SHOWN[self.feature]}"


def judge(aws: Aws, now: float) -> list[Right]:
    """Each feature that a first capture may need. AwsError if AWS can't be asked."""
    labels = tags.Lease("setup", tags.default_owner(), now).as_tags()
    told = dict(dry_run.permitted(aws, labels))
    launch = rehearsal.rehearse_launch(aws.ec2, CaptureOptions().host_type, "", labels)
    listing = {action: told.pop(action) for action in features.FEATURES["list"].reads if action in told}
    return [_right(name, verdicts) for name, verdicts in (("list", listing), ("mirror", told), ("launch", launch))]


def _right(feature: str, told: Mapping[str, bool | None]) -> Right:
    missing = tuple(action for action, is_allowed in told.items() if is_allowed is False)
    return Right(feature, missing, tuple(action for action, is_allowed in told.items() if is_allowed is None))


def wanted(judged: Sequence[Right]) -> list[tuple[str, ...]]:
    """The features to ask an administrator for, one group for each policy (both in one are more than IAM takes)."""
    lacking = {right.feature for right in judged if right.missing}
    groups = [(frozenset(("list", "mirror")), features.DEFAULT), (frozenset(("launch",)), _LAUNCHING)]
    return [group for needed, group in groups if needed & lacking]


def policy(group: Sequence[str], arn: str, region: str) -> dict[str, Any]:
    """The policy of such a group, in the account of ``arn`` alone."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    return policies.policy(group, account, region)
