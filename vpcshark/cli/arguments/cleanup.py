"""What ``vpcshark cleanup`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.cli.arguments import common

_WHICH = {
    "mine": "my dead captures (default)",
    "expired": "anybody's captures whose lease ran out",
    "all": "both: my dead ones, anybody's expired ones",
    "kept": "my dead captures, and the capture hosts that I keep for the next one (--keep)",
}


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description=(
            "Remove what captures that are dead left: mirror sessions, filters, targets, launched capture hosts, "
            "security groups and their rules. Only resources that a capture provably made are ever touched, whatever "
            "tags others have, and never those of a living capture."
        ),
    )
    which = parser.add_mutually_exclusive_group()
    for word, meaning in _WHICH.items():
        which.add_argument(f"--{word}", dest="which", action="store_const", const=word, help=meaning)
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    common.add_json(parser, "one object, for scripts: what was removed, what is left alone and why")
    common.add_place(parser)
    parser.set_defaults(which="mine")
