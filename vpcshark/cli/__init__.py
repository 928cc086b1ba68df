"""The user's commands: ``vpcshark install``, ``capture``, ``cleanup``, ``lab`` … and their help.

Must not know Wireshark's protocol, nor how a capture works. Modules are imported when their command runs, so that
``vpcshark --help`` is there at once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. What it starts of Python's imports nothing from the current folder."""
    os.environ["PYTHONSAFEPATH"] = "1"  # as the launcher does; from Python 3.13 on "-c" imports before its first line
    from vpcshark.cli.main import run

    return run(arguments)
