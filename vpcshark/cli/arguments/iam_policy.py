"""What ``vpcshark iam-policy`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.aws.iam import features

NARROWING = {
    "types": "launch: of these instance types alone, such as t4g.small,t4g.*",
    "subnets": "launch: into these subnets alone",
    "users": "connect-eic: for these users of the operating system alone (ec2:osuser)",
    "tags": "connect-eic, connect-ssm: to instances with one of these KEY=VALUE alone (of several keys: each)",
}
"""Options that narrow a policy, each a LIST."""


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Print the smallest IAM policy with which these features work: what a capture makes bears the tag "
        "vpcshark:capture, and nothing else can be changed or deleted.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--features",
        default=",".join(features.DEFAULT),
        metavar="LIST",
        help="which, with commas between them (default: %(default)s)",
    )
    for option, what in NARROWING.items():
        parser.add_argument(f"--{option}", default="", metavar="LIST", help=what)
    parser.add_argument(
        "--tag-guard",
        default="",
        metavar="ARNS",
        help="instead of a policy for users print a service control policy, for an organization or as a permissions "
        "boundary's part, that keeps the tags vpcshark:* for these principals (ARNs, may have *) and for captures",
    )
    parser.add_argument("--account", default="", help="of this account alone: twelve digits (default: any)")
    parser.add_argument("--region", default="", help="in this region alone (default: any of its partition)")


def _epilog() -> str:
    width = max(map(len, features.FEATURES))
    lines = [f"  {name:{width}}  {feature.purpose}" for name, feature in features.FEATURES.items()]
    lines += [f"  {name:{width}}  {', '.join(members)}" for name, members in features.GROUPS.items()]
    return "\n".join(["features:", *lines, "", "Resource names and conditions may be narrowed further by hand."])
