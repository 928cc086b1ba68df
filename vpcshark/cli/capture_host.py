"""``vpcshark capture-host``: the CloudFormation template of capture hosts that stand. Must not know what is in it."""

from __future__ import annotations

import argparse
import sys

from vpcshark.cli import packaged, statuses

TEMPLATE = "installer/cloudformation/capture-host.yaml"


def run(options: argparse.Namespace) -> int:
    """Print it."""
    sys.stdout.write(packaged.find(TEMPLATE).read_text("utf-8"))
    return statuses.OK
