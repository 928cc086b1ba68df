"""README's first command, as a newcomer runs it: a lab of its own, a capture by real tshark, nothing left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hands import VPCSHARK

pytestmark = pytest.mark.e2e


def test_the_demo_captures_and_leaves_nothing(tmp_path: Path):
    """In an empty HOME."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "VPCSHARK_", "AWS_"))}
    done = subprocess.run(
        [*VPCSHARK, "demo", "--seconds", "3"],
        env={**kept, "HOME": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    packets = subprocess.run(["tshark", "-r", tmp_path / "demo.pcapng"], capture_output=True, text=True, check=True)
    assert len(packets.stdout.splitlines()) > 10
    assert not [*(tmp_path / ".local" / "state" / "vpcshark" / "lab").glob("*")]
