"""``python -m vpcshark.lab start|stop|status|run -- CMD|exec NAME -- CMD``: the lab without the rest of vpcshark."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vpcshark.errors import VpcsharkError
from vpcshark.lab import commands, planes


def main() -> int:
    """Do what the command line says; the exit status."""
    try:
        return _perform(_parser().parse_args())
    except commands.CommandError as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    except VpcsharkError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vpcshark.lab")
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("start", "run"):
        action = actions.add_parser(name)
        action.add_argument("--data-plane", choices=planes.KINDS, default="auto")
        action.add_argument("--topology", default="")
    action.add_argument("command", nargs="+")
    actions.add_parser("stop").add_argument("folder", nargs="?", type=Path)
    actions.add_parser("status")
    action = actions.add_parser("exec")
    action.add_argument("name")
    action.add_argument("command", nargs="+")
    return parser


def _perform(arguments: argparse.Namespace) -> int:
    if arguments.action == "start":
        return commands.start(sys.stdout, _no_launcher, arguments.data_plane, _say, arguments.topology)
    if arguments.action == "run":
        command, kind = arguments.command, arguments.data_plane
        return commands.run(command, _no_launcher, kind, _say, topology=arguments.topology)
    if arguments.action == "exec":
        return commands.execute(arguments.name, arguments.command)
    if arguments.action == "stop":
        return commands.stop(sys.stdout, arguments.folder)
    return commands.status(sys.stdout)


def _no_launcher(_: Path) -> None:
    """The launcher belongs to a room above."""


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
