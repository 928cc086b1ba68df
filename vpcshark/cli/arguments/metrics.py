"""What ``vpcshark metrics`` takes."""

from __future__ import annotations

from typing import Any

from vpcshark.cli.arguments import common


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Show what CloudWatch counted at a gateway: bytes and packets, and what it dropped. In and out are "
        "seen from the gateway. Exit status 3: there is no data of that time.",
    )
    meaning = "a transit gateway, its attachment, a NAT gateway or a VPC endpoint by id, or a load balancer's ARN"
    parser.add_argument("id", metavar="ID", help=meaning)
    when = "from this time on: 15m, 2h, 3d (before now) or a time (default: 1h)"
    parser.add_argument("--since", default="1h", metavar="WHEN", help=when)
    meaning = "print a CloudWatch dashboard for: aws cloudwatch put-dashboard --dashboard-body"
    parser.add_argument("--dashboard", action="store_true", help=meaning)
    common.add_place(parser)
    common.add_json(parser, "one object, for scripts")
