"""What ``vpcshark ps`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.cli.arguments import common


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description=(
            "List the captures of this machine (by their ledgers) and of all others in the account (by their tags), "
            "with their mirror resources and what they have cost so far, without data transfer."
        ),
    )
    common.add_json(parser)
    common.add_place(parser)
