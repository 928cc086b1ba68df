"""``vpcshark iam-policy``: the smallest IAM policy that some features need, as JSON. Must not know what is in it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from vpcshark.aws import client, features, policies

_NARROWING = (
    ("types", "LIST", "launch: of these instance types alone, such as t4g.small,t4g.*"),
    ("subnets", "LIST", "launch: into these subnets alone"),
    ("users", "LIST", "connect-eic: for these users of the operating system alone (ec2:osuser)"),
    (
        "tags",
        "LIST",
        "connect-eic, connect-ssm: to instances with one of these KEY=VALUE alone (of several keys: each)",
    ),
)


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
    for name, metavar, what in _NARROWING:
        parser.add_argument(f"--{name}", default="", metavar=metavar, help=what)
    parser.add_argument(
        "--tag-guard",
        default="",
        metavar="ARNS",
        help="instead of a policy for users print a service control policy, for an organization or as a permissions "
        "boundary's part, that keeps the tags vpcshark:* for these principals (ARNs, may have *) and for captures",
    )
    parser.add_argument("--account", default="", help="of this account alone: twelve digits (default: any)")
    parser.add_argument("--region", default="", help="in this region alone (default: any of its partition)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print it; InputError for a feature, an account or a region that is none."""
    if options.tag_guard:
        sys.stdout.write(text(policies.tag_guard(_words(options.tag_guard))))
        return 0
    limits = policies.Limits(**{name: _words(getattr(options, name)) for name, _, _ in _NARROWING})
    near = options.region or client.region_in_force()
    wanted = policies.policy(_words(options.features), options.account, options.region, limits, near=near)
    sys.stdout.write(text(wanted))
    return 0


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


def text(document: dict[str, Any]) -> str:
    """A policy document as it is printed, and as installer/iam has it."""
    return json.dumps(document, indent=2) + "\n"


def _epilog() -> str:
    width = max(map(len, features.FEATURES))
    lines = [f"  {name:{width}}  {feature.purpose}" for name, feature in features.FEATURES.items()]
    lines += [f"  {name:{width}}  {', '.join(members)}" for name, members in features.GROUPS.items()]
    return "\n".join(["features:", *lines, "", "Resource names and conditions may be narrowed further by hand."])
