"""What ``vpcshark capture-host`` takes: nothing."""

from __future__ import annotations

from typing import Any


def add(commands: Any, name: str) -> None:
    """Declare it."""
    commands.add_parser(
        name,
        description="Print the CloudFormation template of a standing capture host, or a fleet behind a load balancer: "
        "vpcshark capture-host > capture-host.yaml, then aws cloudformation deploy --template-file capture-host.yaml.",
    )
