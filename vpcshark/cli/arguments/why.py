"""What ``vpcshark why`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common

EPILOG = """\
The steps, in order: walk (the rules, by describes), evidence (flow log records), with --analyzer AWS's Reachability
Analyzer, with --file what packets prove. It stops as soon as the answer is proved. Nothing is captured: where packets
would decide, it prints the commands that capture them, and how to go on.

Exit status: 0 packets went both ways and nothing is wrong, 1 the cause is found, 3 cannot tell (yet).
"""


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Find out why SRC can't reach DST, step by step, the cheap ones first; SRC and DST are as in "
        "vpcshark walk.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", help="where the packet begins")
    parser.add_argument("target", metavar="DST[:PORT]", help="where it shall arrive")
    parser.add_argument(
        "--file",
        dest="files",
        action="append",
        default=[],
        metavar="FILE",
        help="a capture of the connection at a point of the path; again for further points",
    )
    parser.add_argument("--all", action="store_true", help="take every step, also when the answer is proved")
    common.add_packet(parser)
    common.add_ends(parser)
    common.add_accounts(parser)
    parser.add_argument(
        "--analyzer", action="store_true", help="ask AWS's Reachability Analyzer too, if need be (it costs money)"
    )
    parser.add_argument("--yes", action="store_true", help="with --analyzer: agree to its price")
    common.add_json(parser, "an object, for scripts")
    parser.set_defaults(no_return=False)
