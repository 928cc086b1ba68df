"""What DryRun said of the permissions. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command
from vpcshark.preflight.picture import Picture

# DryRun judges these as the capture calls them, and without them there is no mirror.
SURE = (
    *("ec2:CreateTags", "ec2:CreateTrafficMirrorFilter", "ec2:CreateTrafficMirrorTarget"),
    *("ec2:CreateSecurityGroup", "ec2:RunInstances", "iam:PassRole"),  # with host=launch
)
# These it judges for certain, too; without them a capture has frames, but sees less of what stands in the account.
_LISTS = ("ec2:DescribeTrafficMirrorFilters", "ec2:DescribeTrafficMirrorTargets")


def permissions(picture: Picture) -> Iterator[Finding]:
    """One finding for each action that is missing, or one that none is known to be."""
    missing = [action for action, is_allowed in picture.permitted.items() if is_allowed is False]
    for action in missing:
        doubt = "" if action in SURE + _LISTS else " (as far as DryRun can tell before there is what bears our tag)"
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
        yield Finding("permission", OK, "", _none_missing(picture))


def _none_missing(picture: Picture) -> str:
    """What DryRun cannot judge is named: whoever lacks that would hear of it only from the capture."""
    unknown = sorted(action for action, is_allowed in picture.permitted.items() if is_allowed is None)
    sentence = f"DryRun allows {len(picture.permitted) - len(unknown)} calls of a capture."
    if not unknown:
        return sentence
    return f"{sentence} It cannot tell before there is what bears our tag: {', '.join(unknown)}."
