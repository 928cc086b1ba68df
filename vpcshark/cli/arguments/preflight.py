"""What ``vpcshark preflight`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.cli.arguments import common


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description=(
            "Check the path from an ENI to its capture host: source, sessions, routes, network ACLs, security groups, "
            "MTU, permissions. Nothing is created. Exit status 1: a capture would stay empty."
        ),
    )
    meaning = 'what would be captured from: an id or name of "vpcshark interfaces"'
    common.add_eni(parser, "eni", metavar="ENI", help=meaning)
    parser.add_argument(
        "--host", default="", help="capture host: auto (default), local, launch, i-…, lb:NAME, vpce-… or tmt-…"
    )
    parser.add_argument(
        "--host-type", default="", metavar="TYPE", help=f"of a launched host (default: {CaptureOptions.host_type})"
    )
    parser.add_argument("--host-template", default="", metavar="LT", help="launch template of a launched host")
    parser.add_argument("--packet-length", default="", metavar="N", help="bytes of each packet that would be mirrored")
    common.add_json(parser)
    common.add_place(parser)
