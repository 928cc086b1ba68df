"""``vpcshark cleanup``: removes what dead captures left, and says what it did. Must not know how captures run."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli import console
from vpcshark.errors import VpcsharkError


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "cleanup",
        help="remove what dead captures left in the account",
        description=(
            "Remove what captures that are dead left: mirror sessions, filters, targets, launched capture hosts, "
            "security groups and their rules. Only resources that a capture provably made are ever touched, whatever "
            "tags others have, and never those of a living capture."
        ),
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--mine", dest="which", action="store_const", const="mine", help="my dead captures (default)")
    which.add_argument(
        "--expired", dest="which", action="store_const", const="expired", help="anybody's captures whose lease ran out"
    )
    which.add_argument(
        "--all",
        dest="which",
        action="store_const",
        const="all",
        help="both: my dead ones, anybody's expired ones",
    )
    which.add_argument(
        "--kept",
        dest="which",
        action="store_const",
        const="kept",
        help="my dead captures, and the capture hosts that I keep for the next one (--keep)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    parser.add_argument("--profile", default="", help="AWS profile (default: as the AWS CLI chooses)")
    parser.add_argument("--region", default="", help="AWS region (default: as the AWS CLI chooses)")
    parser.set_defaults(run=run, which="mine")


def run(options: argparse.Namespace) -> int:
    """Remove, or say what would be removed."""
    from vpcshark.capture.services import cleanup_report

    out = console.out()
    with console.err().status("Looking for what is left ..."):
        report = cleanup_report(options.profile, options.region, options.which, dry_run=options.dry_run)
    verb = "would be removed" if options.dry_run else "removed"
    for capture, resources in report.removed.items():
        for resource in resources:
            out.print(f"{resource.kind} {resource.id} of the capture {capture} {verb}")
    for capture, reason in report.kept.items():
        out.print(f"The capture {capture} is left alone: {reason}")
    for sentence in report.unproved:
        out.print(sentence)
    if not report.removed:
        out.print("Nothing is left of dead captures." if not report.problems else "Nothing was removed.")
    if report.problems:
        raise VpcsharkError(" ".join(report.problems), "Run vpcshark cleanup again later.")
    return 0
