"""What ``vpcshark diagnose`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common

EPILOG = """\
Several files are several capture points of the same traffic: what is lost, delayed or changed is then told between
which of them. So are several interfaces, or VNIs, in one file.

Exit status: 0 healthy, 1 something is proved or likely, 3 nobody can tell by these packets.
"""


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Say what the packets of a capture prove: a sentence, the frames, what was checked against it, and "
        "what to do now. Reads pcap and pcapng, also packed with gzip, zstd or LZ4; takes off VXLAN and Geneve.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a capture; -: standard input")
    _add_written(parser)
    _add_walk(parser)
    common.add_packet(parser)
    common.add_ends(parser)
    parser.add_argument(
        "--no-tshark",
        action="store_true",
        help="do not have tshark, where it is there, read the application layer of suspicious connections",
    )
    common.add_json(parser, "an object, for scripts")


def _add_written(parser: argparse.ArgumentParser) -> None:
    """Files that are written."""
    parser.add_argument(
        "--annotate",
        metavar="OUT",
        default="",
        help="write a pcapng copy with the findings as packet comments, which Wireshark shows",
    )
    parser.add_argument(
        "--html",
        metavar="OUT",
        default="",
        help="write a page with the findings and time-sequence graphs of their connections; it needs no network",
    )


def _add_walk(parser: argparse.ArgumentParser) -> None:
    """What lies between the ends."""
    parser.add_argument(
        "--walk",
        metavar="WALK",
        default="",
        help='what "vpcshark walk … --json" printed: its hops name what is between the ends (MTU, idle time-out, rule)',
    )
    parser.add_argument(
        "--between",
        nargs=2,
        metavar=("SRC", "DST[:PORT]"),
        help="walk there now, by AWS, for the same; with --profile or --region alone: between the first finding's ends",
    )
    parser.add_argument("--profile", action="append", default=[], help="AWS profile; again for further accounts")
    parser.add_argument("--region", action="append", default=[], help="AWS region; again for further ones")
