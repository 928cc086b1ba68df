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
    start = _action(actions, "start", 'start one; prints "export" lines: eval "$(vpcshark lab start)"')
    _add_topology(start)
    stop = _action(actions, "stop", "stop it, and remove all that it made")
    stop.add_argument(
        "folder", nargs="?", default="", help="which one, as lab status lists it (default: $VPCSHARK_LAB)"
    )
    _action(actions, "status", "say which labs there are")
    run = _action(actions, "run", "run a command in a lab that lives as long as the command")
    _add_topology(run)
    _add_command(run)
    inside = _action(actions, "exec", "run a command inside an instance of the lab that runs (root)")
    inside.add_argument("name", help="the instance's Name")
    _add_command(inside)
    _action(actions, "topologies", "list the topologies that --topology knows by name")


def _add_topology(action: Any) -> None:
    action.add_argument(
        "--topology", metavar="NAME|FILE", default="", help="a network of its own: a shipped one, or a YAML file (root)"
    )


def _add_command(action: Any) -> None:
    action.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")


def _action(actions: Any, name: str, purpose: str) -> Any:
    return actions.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
