"""The tests say the same in whatever shell they are started: with a profile, a proxy, a lab's environment in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import shell

ROOT = Path(__file__).parents[1]
SHELL = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_CA_BUNDLE": "/nowhere/ca.pem",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_PROFILE": "production",
    "AWS_REGION": "ap-southeast-4",
    "COLUMNS": "31",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "LANG": "de_DE.UTF-8",
    "NO_COLOR": "1",
    "SSH_AUTH_SOCK": "/nowhere/agent",
    "VPCSHARK_LAB": "/nowhere/lab-1",
    "VPCSHARK_MODE": "tcpdump",
    "VPCSHARK_REGION": "us-gov-east-1",
    "XDG_CONFIG_HOME": "/nowhere/config",
    "http_proxy": "http://127.0.0.1:9",
}

OF_CHILDREN = {"VPCSHARK_LAB", "VPCSHARK_LOG_FILE", "VPCSHARK_TEST_THREADS"}  # tests give them to what they start


def test_what_is_there_for_other_programs_is_forgotten() -> None:
    """What says where programs are stays, and so do the tests' own switches."""
    kept = {"CI": "true", "HOME": "/home/ann", "PATH": "/usr/bin", "VPCSHARK_EXAMPLES": "all", "VIRTUAL_ENV": "/venv"}
    environ = {**SHELL, **kept}
    shell.forget(environ)
    assert environ == {**kept, "XDG_CONFIG_HOME": shell.NO_SETTINGS}


def test_every_switch_that_a_test_reads_is_known() -> None:
    """Else it would be forgotten before the test can read it."""
    read = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"""os\.environ(?:\.get\(|\[)"(VPCSHARK_[A-Z_]+)""", path.read_text("utf-8"))
    }
    assert read - shell.SWITCHES - OF_CHILDREN == set()


def test_a_test_finds_nothing_of_that_shell() -> None:
    """A room that asks AWS, its fake that is, in a shell as a user of vpcshark has it."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/aws/inventory/test_interfaces.py"]
    ran = subprocess.run(pytest, cwd=ROOT, env={**os.environ, **SHELL}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
