"""What DryRun said of the permissions. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command
from vpcshark.preflight.picture import Picture

# DryRun judges these as the capture calls them. The others refer to resources that do not exist yet, so a policy with
# conditions on tags refuses their DryRun although it would allow the call.
SURE = ("ec2:CreateTrafficMirrorFilter", "ec2:CreateTrafficMirrorTarget")


def permissions(picture: Picture) -> Iterator[Finding]:
    """One finding for each action that is missing, or one that all are there."""
    missing = [action for action, is_allowed in picture.permitted.items() if not is_allowed]
    for action in missing:
        doubt = "" if action in SURE else " (as far as DryRun can tell without the tags that the capture sets)"
        yield Finding(
            "permission",
            FAIL if action in SURE else WARN,
            action,
            f"You are not allowed to call {action}{doubt}.",
            command=command(
                picture,
                "iam",
                "simulate-principal-policy",
                policy_source_arn="YOUR_ARN",
                action_names=action,
            ),
        )
    if picture.permitted and not missing:
        yield Finding("permission", OK, "", f"DryRun allows all {len(picture.permitted)} creates of a capture.")
