"""What ``vpcshark walk`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common

EPILOG = """\
SRC and DST: an ENI, an instance, a Name tag, an address, a DNS name, a load balancer (lb:NAME or its ARN), a VPC
endpoint, or internet. An IPv6 address with a port stands in brackets: [2001:db8::1]:443.

--evidence says of each interface on the way: seen, rejected, not seen (it was covered, and nothing of the flow came),
not covered, can't be logged, or unclear, with the reason. Records come 6 to 20 minutes late.

Exit status: 0 reachable, 1 blocked, 3 unknown (also, with one sentence on stderr, if AWS cannot be asked at all).
"""


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Walk the way of a packet from SRC to DST and back, by describes alone: nothing is made or sent.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", nargs="?", help="where the packet begins")
    parser.add_argument("target", metavar="DST[:PORT]", nargs="?", help="where it shall arrive")
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        default=[],
        metavar="SRC",
        help="many walks at once: SRC as above, or tag:KEY=VALUE for all that have the tag; again for more",
    )
    parser.add_argument(
        "--to", dest="targets", action="append", default=[], metavar="DST[:PORT]", help="where these shall arrive"
    )
    common.add_packet(parser)
    parser.add_argument("--no-return", action="store_true", help="leave out the way back")
    parser.add_argument("--all-paths", action="store_true", help="show each way where AWS chooses between several")
    common.add_ends(parser)
    parser.add_argument("--evidence", action="store_true", help="what flow logs show of it, hop by hop (see below)")
    common.add_accounts(parser)
    parser.add_argument("--html", metavar="FILE", help="write a page with the path drawn; it needs no network")
    parser.add_argument("--svg", metavar="FILE", help="write the picture alone")
    parser.add_argument(
        "--analyzer", action="store_true", help="ask AWS's Reachability Analyzer as well and compare (it costs money)"
    )
    parser.add_argument("--yes", action="store_true", help="with --analyzer: agree to its price")
    common.add_json(parser, "an object, for scripts")
