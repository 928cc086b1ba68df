"""What ``vpcshark why`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common
from vpcshark.options import command_line

HOST_TABS = ("Capture host", "Launch", "Connection")
"""Of the dialog's options, those that say how hosts are reached."""

EPILOG = """\
The steps, in order: walk (the rules, by describes), evidence (flow log records), with --analyzer AWS's Reachability
Analyzer, with --probe a test connection from SRC's own host, with --file what packets prove, with --capture what
packets prove that are captured now at every interface of the path. It stops as soon as the answer is proved. Without
--capture it prints the commands that would decide, and how to go on.

Exit status: 0 packets went both ways and nothing is wrong, 1 the cause is found, 3 cannot tell (yet; also, with one
sentence on stderr, if AWS cannot be asked at all).
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
    _add_steps(parser)
    parser.add_argument("--html", metavar="FILE", help="write a report: conclusion, steps, picture of the path, graphs")
    common.add_json(parser, "an object, for scripts")
    parser.set_defaults(no_return=False)
    command_line.add_arguments(parser, HOST_TABS)


def _add_steps(parser: argparse.ArgumentParser) -> None:
    """Those that cost something, or change what there is."""
    parser.add_argument(
        "--analyzer", action="store_true", help="ask AWS's Reachability Analyzer too, if need be (it costs money)"
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="try the connection from SRC's own host, by the login that captures use; also which sizes pass (path MTU)",
    )
    parser.add_argument(
        "--capture",
        action="store_true",
        help="capture at every interface of the path that is on an instance, if need be; its price is asked before",
    )
    parser.add_argument(
        "--duration",
        type=_seconds,
        default=20,
        metavar="SECONDS",
        help="how long --capture takes, from the end of a test connection on (default: 20)",
    )
    parser.add_argument(
        "-w", dest="file", metavar="FILE", help="where --capture keeps its packets (default: why-SRC-DST-TIME.pcapng)"
    )
    parser.add_argument("--yes", action="store_true", help="agree to the price of --analyzer and of --capture")


def _seconds(text: str) -> int:
    seconds = int(text)
    if not 1 <= seconds <= 3600:
        raise ValueError
    return seconds
