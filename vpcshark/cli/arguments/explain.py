"""What ``vpcshark explain`` takes."""

from __future__ import annotations

from typing import Any


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name, description="Show the mirror rules that a capture filter becomes, and what is left to the receiver."
    )
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="a capture filter, as tcpdump takes it; none: all")
