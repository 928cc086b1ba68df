"""What ``vpcshark interfaces`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.cli.arguments import common


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name, description="List the ENIs of all profiles and regions of the settings, best candidate first."
    )
    common.add_json(parser)
    common.add_place(parser)
