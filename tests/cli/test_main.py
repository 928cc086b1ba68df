"""What every command does besides its own work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hands import command_line

from vpcshark.cleanup import ledger as ledgers

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """The ledger of a capture that died before it made anything: a sweep needs no AWS to finish it."""
    ledger = ledgers.Ledger(tmp_path / "state" / "vpcshark" / "captures" / "c-1.ledger", HEADER)
    ledger.leave_open()
    return ledger.path


def run(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command of a user whose files are all in ``tmp_path``."""
    own = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("STATE", "CACHE", "CONFIG")}
    environ = {**os.environ, "HOME": str(tmp_path), **own}
    return subprocess.run(
        [sys.executable, "-m", "vpcshark", *command], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("command", "status"), [(("explain", "udp"), 0), (("explain", "no filter"), 2)])
def test_whatever_is_started_next_sweeps_up_after_a_crash(tmp_path: Path, dead: Path, command, status: int):
    """Also a command that has nothing to do with AWS, and one that fails."""
    assert run(tmp_path, *command).returncode == status
    deadline = time.monotonic() + 180
    while dead.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sweeps(folder: Path) -> list[str]:
    """The command lines of the processes that sweep ``folder``."""
    lines = [command_line(int(path.parent.name)) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [line for line in lines if "vpcshark.cleanup.background" in line and str(folder) in line]


@pytest.mark.parametrize("command", [("lab", "status"), ("cleanup", "--dry-run")])
def test_a_dry_run_and_what_needs_no_account_sweep_nothing(tmp_path: Path, dead: Path, command):
    """The lab is for people who want nothing to do with AWS; cleanup sweeps by itself or not at all."""
    run(tmp_path, *command)
    assert dead.exists()
    assert sweeps(dead.parent) == []
