"""What ``vpcshark selftest`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common

EPILOG = """\
It makes a CloudFormation stack of its own (a VPC that is joined to no other), runs captures of every kind there,
compares AWS's answers with docs/truth.md, writes a record without account ids, addresses and keys, deletes the stack
and shows by describes that nothing is left. The price is said and asked before. The stack has a schedule that deletes
it after --minutes, also if this machine is gone by then.

Exit status: 0 all went well and AWS is as expected, 1 there are differences, or something is left.
"""


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(name, description="Try all of vpcshark on an AWS account.", epilog=EPILOG)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--live", action="store_true", help="run the trial")
    what.add_argument(
        "--clean", action="store_true", help="delete what trials that were cut off left, and nothing else"
    )
    parser.add_argument("--yes", action="store_true", help="agree to the price")
    parser.add_argument(
        "--ssh-from",
        default="",
        metavar="CIDR",
        help="from where SSH is admitted: your public address as 203.0.113.7/32",
    )
    parser.add_argument("--cidr", default="10.86.0.0/16", help="the block of the trial's VPC (default: 10.86.0.0/16)")
    parser.add_argument(
        "--minutes", type=int, default=120, metavar="N", help="when the stack deletes itself (30 to 720; default: 120)"
    )
    parser.add_argument(
        "--budget", type=float, default=5.0, metavar="USD", help="a day's costs of the account to warn of (default: 5)"
    )
    parser.add_argument("--mail", default="", metavar="ADDRESS", help="who is warned of them (default: nobody)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="STEP", help="of the commands, this one alone; again for more"
    )
    parser.add_argument(
        "-w", dest="file", default="vpcshark-live.json", metavar="FILE", help="the record (default: vpcshark-live.json)"
    )
    common.add_place(parser)
