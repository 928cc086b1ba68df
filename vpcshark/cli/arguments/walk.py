"""What ``vpcshark walk`` takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vpcshark.cli.arguments import common

EPILOG = """\
SRC and DST: an ENI, an instance, a Name tag, an address, a DNS name, a load balancer (lb:NAME or its ARN), a VPC
endpoint, or internet. An IPv6 address with a port stands in brackets: [2001:db8::1]:443.

--evidence says of each interface on the way: seen, rejected, not seen (it was covered, and nothing of the flow came),
not covered, can't be logged, or unclear, with the reason. Records come 6 to 20 minutes late.

Exit status: 0 reachable, 1 blocked, 3 unknown (also if AWS could not be asked).
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
    add_packet(parser)
    parser.add_argument("--no-return", action="store_true", help="leave out the way back")
    parser.add_argument("--all-paths", action="store_true", help="show each way where AWS chooses between several")
    add_ends(parser)
    parser.add_argument("--evidence", action="store_true", help="what flow logs show of it, hop by hop (see below)")
    add_accounts(parser)
    parser.add_argument("--html", metavar="FILE", help="write a page with the path drawn; it needs no network")
    parser.add_argument("--svg", metavar="FILE", help="write the picture alone")
    parser.add_argument(
        "--analyzer", action="store_true", help="ask AWS's Reachability Analyzer as well and compare (it costs money)"
    )
    parser.add_argument("--yes", action="store_true", help="with --analyzer: agree to its price")
    common.add_json(parser)


def add_packet(parser: argparse.ArgumentParser) -> None:
    """What the packet is. ``why`` asks the same question."""
    parser.add_argument(
        "--protocol", default="", help="tcp, udp, icmp, any or a number (default: tcp with a port, else any)"
    )
    parser.add_argument(
        "--source-port", default="", metavar="N", help="the client's port or ports (default: its system's range)"
    )


def add_ends(parser: argparse.ArgumentParser) -> None:
    """Which ends are meant, and where they are looked for."""
    parser.add_argument("--ipv6", action="store_true", help="by IPv6, where both ends have both")
    parser.add_argument("--vpc", default="", metavar="VPC", help="which VPC, where several have the address or name")
    parser.add_argument(
        "--from-dump", type=Path, metavar="DIR", help="a folder of aws ec2 describe-… answers instead of AWS"
    )


def add_accounts(parser: argparse.ArgumentParser) -> None:
    """Which accounts and Regions are asked, and records of which time."""
    when = "evidence from this time on: 15m, 2h, 3d (before now) or a time (default: 30m)"
    parser.add_argument("--since", default="30m", metavar="WHEN", help=when)
    parser.add_argument("--profile", action="append", default=[], help="AWS profile; again for further accounts")
    parser.add_argument("--region", action="append", default=[], help="AWS region; again for further ones")
