"""What several commands take: profile and region, JSON. Knows no command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
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
