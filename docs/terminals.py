"""Takes the terminal pictures in docs/images: what commands print, of a network in the lab's API, as SVG.

Needs no root. It must not know how the product works: it builds a network as a user would, and runs the command.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from rich.console import Console

PROJECT = Path(__file__).resolve().parent.parent
IMAGES = PROJECT / "docs" / "images"
sys.path.insert(0, str(PROJECT / "tests" / "support"))

from scenes import Scene, peered  # noqa: E402

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not a secret"}


def main() -> None:
    """Write docs/images/preflight.svg."""
    from vpcshark.lab.api.server import ApiServer

    server = ApiServer()
    server.start()
    os.environ.update(KEYS, AWS_ENDPOINT_URL=server.endpoint)
    try:
        take_preflight()
    finally:
        server.stop()


def take_preflight() -> None:
    """Two peered VPCs whose security group has the wrong port."""
    from vpcshark.aws import client
    from vpcshark.capture.contract.options import CaptureOptions
    from vpcshark.capture.mirror import path_check
    from vpcshark.cli.preflight import show

    aws = client.connect(region="eu-central-1")
    scene = Scene(aws.ec2)
    peered(scene)
    aws.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    scene.admit(scene.target_group, "udp", (4790, 4790), cidr="10.1.0.0/16")
    screen = Console(record=True, width=150, file=io.StringIO(), highlight=False, force_terminal=True)
    screen.print(f"[bold]$[/bold] vpcshark preflight {scene.source} --host {scene.host}")
    show(path_check.findings(aws, scene.source, CaptureOptions(host=scene.host), lambda address: False), screen)
    screen.save_svg(str(IMAGES / "preflight.svg"), title="vpcshark preflight")


if __name__ == "__main__":
    main()
