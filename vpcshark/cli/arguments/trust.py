"""What ``vpcshark trust`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.cli.arguments import common


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description=(
            "Show the SSH host key of an instance and whether the instance's console output, as AWS keeps it, has the "
            "same; accept it if it has, or if you say so."
        ),
    )
    parser.add_argument("instance", metavar="INSTANCE", help="its id (i-…) or its name")
    parser.add_argument("--port", type=int, default=22, metavar="N", help="SSH port (default: as ssh has it)")
    parser.add_argument("--ssh-known-hosts", default="", metavar="FILE", help="has the keys of jump hosts on the way")
    parser.add_argument("--fingerprint", default="", metavar="SHA256:…", help="accept only this key, without asking")
    common.add_place(parser)
