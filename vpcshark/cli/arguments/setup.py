"""What ``vpcshark setup`` takes: an answer to each of its questions."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common

_EITHER = argparse.BooleanOptionalAction


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Go through the first steps: which Wireshark, which account and region, what you may do there "
        "(nothing is made: EC2's DryRun), where the packets go, and a first capture of ten seconds, with its price "
        "said before. Nothing is written or made without a yes.",
        epilog="Each flag answers a question. Without a terminal, questions without a flag count as answered by no or "
        "by the usual value, and no capture is made.",
    )
    common.add_place(parser)
    _either(parser, "install", "put vpcshark into Wireshark's interface list")
    _either(parser, "save", "keep profile and region in the settings, for Wireshark's list")
    parser.add_argument(
        "--policy", action="store_true", help="print the IAM policy to ask for, also if nothing is missing"
    )
    common.add_eni(parser, "--eni", metavar="ENI", default="", help="what to capture from: an id or a name")
    parser.add_argument(
        "--host", default="", help="where the packets go: i-…, local, launch, or none (tcpdump on the ENI's instance)"
    )
    _either(parser, "capture", "capture for ten seconds")
    parser.add_argument(
        "-w", dest="file", metavar="FILE", default="first.pcapng", help="into FILE (default: %(default)s)"
    )


def _either(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    parser.add_argument(f"--{name}", action=_EITHER, default=None, help=f"{what}, or don't, without asking")
