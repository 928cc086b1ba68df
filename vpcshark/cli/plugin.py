"""``vpcshark install`` and ``uninstall``: the launcher in Wireshark's extcap folder. The work is in cli/install.py."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vpcshark.cli import install


def add(commands: Any) -> None:
    """Declare both commands."""
    for name, run, help_text in (
        ("install", run_install, "put vpcshark into Wireshark's interface list"),
        ("uninstall", run_uninstall, "take it out again"),
    ):
        parser = commands.add_parser(name, help=help_text, description=f"{help_text.capitalize()}.")
        parser.add_argument("--dir", type=Path, help="Wireshark's extcap folder (default: Wireshark is asked)")
        parser.set_defaults(run=run)


def run_install(options: argparse.Namespace) -> int:
    """Install the launcher."""
    install.install(options.dir, sys.stdout)
    return 0


def run_uninstall(options: argparse.Namespace) -> int:
    """Remove the launcher."""
    install.uninstall(options.dir, sys.stdout)
    return 0
