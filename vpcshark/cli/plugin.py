"""``vpcshark install`` and ``uninstall``: the launcher in Wireshark's extcap folder. The work is in cli/install.py."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vpcshark.cli import console, install, upgraded, wireshark_profile
from vpcshark.text import line


def run(options: argparse.Namespace) -> int:
    """One of the two."""
    return {"install": run_install, "uninstall": run_uninstall}[options.command](options)


def run_install(options: argparse.Namespace) -> int:
    """Install the launcher."""
    from vpcshark.cli import listing

    folder = _folder(options)
    install.install(folder, sys.stdout)
    if folder is None:
        upgraded.note(os.environ)
    if options.profile:
        wireshark_profile.install(sys.stdout, install.run_command)
    with console.working("Asking AWS for the network interfaces ...") as ask:
        said = listing.make(ask)
    sys.stdout.write(f"{line(said)}\n")
    return 0


def run_uninstall(options: argparse.Namespace) -> int:
    """Remove the launcher."""
    from vpcshark.cli import purge

    if options.purge:
        purge.refuse_if_owing()
    folder = _folder(options)
    install.uninstall(folder, sys.stdout)
    if folder is None:
        upgraded.forget()
        wireshark_profile.uninstall(sys.stdout, install.run_command)
    if options.purge:
        for folder in purge.purge():
            sys.stdout.write(line(f"{folder} is removed.") + "\n")
    return 0


def _folder(options: argparse.Namespace) -> Path | None:
    return Path(options.dir) if options.dir else None
