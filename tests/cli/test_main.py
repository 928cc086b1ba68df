"""What every command does besides its own work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hands import command_line

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cli.command import refusal

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


AFTER_ROOT = """
import contextlib, io, os, sys
from vpcshark.cli.main import run as main
nowhere = io.StringIO()
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
    main(sys.argv[2:])  # so that all modules are there, which lie where only root may look
for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
    os.environ[name] = os.environ[name].replace("root", "user")
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.chdir("/")
raise SystemExit(main(sys.argv[2:]))
"""
COMMANDS = (
    "ps", "explain udp", "interfaces", "ps --json", "cleanup", "cleanup --dry-run", "config", "doctor", "iam-policy",
    "trust i-0123456789abcdef0", "preflight eni-0123456789abcdef0", "capture eni-0123456789abcdef0 -w /dev/null",
)  # fmt: skip
CASES = [
    pytest.param(closed, command, marks=[] if closed == "state" and number < 2 else [pytest.mark.long])
    for closed in ("state", "cache", "config")
    for number, command in enumerate(COMMANDS)
]


@pytest.mark.parametrize(("closed", "command"), CASES)
def test_after_one_run_of_roots_with_the_users_home_each_command_ends_with_a_sentence(closed: str, command: str):
    """The folders are root's alone then: what lies in them is not known, and that is told."""
    with TemporaryDirectory() as name:  # not below pytest's own folders, which are root's alone
        for home in ("root", "user"):
            for kind in ("state", "cache", "config"):
                (Path(name) / home / kind / "vpcshark" / "captures").mkdir(parents=True)
            for folder in [Path(name), *(Path(name) / home).rglob("*"), Path(name) / home]:
                folder.chmod(0o777)
        shut = Path(name) / "user" / closed / "vpcshark"
        shut.chmod(0o700 if os.geteuid() == 0 else 0)
        own = {f"XDG_{kind.upper()}_HOME": f"{name}/root/{kind}" for kind in ("state", "cache", "config")}
        keys = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}
        aws = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-west-1", **keys}
        environ = {**os.environ, **own, **aws, "HOME": f"{name}/root"}
        done = subprocess.run(
            [sys.executable, "-c", AFTER_ROOT, "x", *command.split()],
            env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        shut.chmod(0o777)
    assert "Traceback" not in done.stderr, done.stderr
    assert not re.search("bug in vpcshark|unexpectedly", done.stdout + done.stderr), done.stderr
    assert done.returncode in (0, 1, 2)
    if closed == "state" and command in ("ps", "cleanup"):
        assert "AWS cannot be reached" in done.stderr


def test_a_file_that_is_closed_to_us_is_named():
    """With how to get it back."""
    assert "may not be used" in refusal(PermissionError(13, "Permission denied", "/home/me/x"))
    assert "/home/me/x" in refusal(PermissionError(13, "Permission denied", "/home/me/x"))
