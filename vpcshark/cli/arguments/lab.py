"""What ``vpcshark lab`` takes."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any, name: str) -> None:
    """Declare it and its sub-commands."""
    parser = commands.add_parser(
        name,
        description=(
            "An EC2 API on loopback and, as root on Linux, a VPC of network namespaces with real traffic. "
            "Without root the same API, with synthetic traffic."
        ),
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _action(actions, "start", 'start one; prints "export" lines: eval "$(vpcshark lab start)"')
    stop = _action(actions, "stop", "stop it, and remove all that it made")
    stop.add_argument(
        "folder", nargs="?", default="", help="which one, as lab status lists it (default: $VPCSHARK_LAB)"
    )
    _action(actions, "status", "say which labs there are")
    run = _action(actions, "run", "run a command in a lab that lives as long as the command")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")


def _action(actions: Any, name: str, purpose: str) -> Any:
    return actions.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
