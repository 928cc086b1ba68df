"""What ``vpcshark demo`` takes."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Start the lab, capture ten seconds from an ENI with tshark, show what came; keep demo.pcapng.",
    )
    meaning = "capture so long (default: 10, and longer where that brings nothing)"
    parser.add_argument("--seconds", type=int, metavar="N", help=meaning)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
