"""What ``vpcshark doctor`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.cli.arguments import common


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Check Wireshark, launcher, settings, answers, sign-in, permissions and clock. Exit status 1: "
        "something is to be mended.",
    )
    common.add_json(parser)
    common.add_place(parser)
