"""What several commands take: profile and region, JSON. Knows no command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_place(parser: argparse.ArgumentParser) -> None:
    """``--profile`` and ``--region``; what they are without, vpcshark/cli/account.py says."""
    order = "(default: $VPCSHARK_{}, the settings, then as the AWS CLI chooses)"
    parser.add_argument("--profile", default="", help=f"AWS profile {order.format('PROFILE')}")
    parser.add_argument("--region", default="", help=f"AWS region {order.format('REGION')}")


def add_json(parser: argparse.ArgumentParser, what: str = "an array of objects, for scripts") -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help=what)


def add_eni(parser: argparse.ArgumentParser, name: str, **settings: Any) -> None:
    """A positional argument that is an ENI, or may be; Tab offers those of the last list."""
    action = parser.add_argument(name, **settings)
    action.completer = _enis  # type: ignore[attr-defined]  # argcomplete's


def _enis(**_: Any) -> Mapping[str, str]:
    from vpcshark.cli import completion

    return completion.enis(os.environ)


def add_packet(parser: argparse.ArgumentParser) -> None:
    """What the packet is. ``why`` asks the same question."""
    parser.add_argument(
        "--protocol", default="", help="tcp, udp, icmp, any or a number (default: tcp with a port, else any)"
    )
    parser.add_argument(
        "--source-port", default="", metavar="N", help="the client's port or ports (default: its system's range)"
    )


def add_ends(parser: argparse.ArgumentParser) -> None:
    """Which ends are meant, and where they are looked for."""
    parser.add_argument("--ipv6", action="store_true", help="by IPv6, where both ends have both")
    parser.add_argument("--vpc", default="", metavar="VPC", help="which VPC, where several have the address or name")
    parser.add_argument(
        "--from-dump", type=Path, metavar="DIR", help="a folder of aws ec2 describe-… answers instead of AWS"
    )


def add_accounts(parser: argparse.ArgumentParser) -> None:
    """Which accounts and Regions are asked, and records of which time."""
    when = "evidence from this time on: 15m, 2h, 3d (before now) or a time (default: 30m)"
    parser.add_argument("--since", default="30m", metavar="WHEN", help=when)
    parser.add_argument("--profile", action="append", default=[], help="AWS profile; again for further accounts")
    parser.add_argument("--region", action="append", default=[], help="AWS region; again for further ones")
