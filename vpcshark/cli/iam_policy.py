"""``vpcshark iam-policy``: the smallest IAM policy that some features need, as JSON. Must not know what is in it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from vpcshark.aws import client, features, policies


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "iam-policy",
        help="print the IAM policy that a feature needs",
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
    parser.add_argument("--account", default="", help="of this account alone: twelve digits (default: any)")
    parser.add_argument("--region", default="", help="in this region alone (default: any of its partition)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print it; InputError for a feature, an account or a region that is none."""
    names = [name.strip() for name in options.features.split(",") if name.strip()]
    near = options.region or client.region_in_force()
    sys.stdout.write(text(policies.policy(names, options.account, options.region, near)))
    return 0


def text(document: dict[str, Any]) -> str:
    """A policy document as it is printed, and as installer/iam has it."""
    return json.dumps(document, indent=2) + "\n"


def _epilog() -> str:
    width = max(map(len, features.FEATURES))
    lines = [f"  {name:{width}}  {feature.purpose}" for name, feature in features.FEATURES.items()]
    lines += [f"  {name:{width}}  {', '.join(members)}" for name, members in features.GROUPS.items()]
    return "\n".join(["features:", *lines, "", "Resource names and conditions may be narrowed further by hand."])
