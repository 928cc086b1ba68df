"""The lab's environment, as a dictionary and as lines for a shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vpcshark.lab.environment import exports, inside, variables

FOLDER = Path("/some where/lab-1")
LAB = variables(FOLDER, "http://127.0.0.1:1", "AKIA", "it's $ecret")


def test_nothing_of_the_users_account_comes_in() -> None:
    """Every AWS_ variable is dropped or replaced; others stay."""
    found = inside({"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "x", "HOME": "/home/me"}, LAB)
    assert found["HOME"] == "/home/me"
    assert {name for name in found if name.startswith("AWS_")} == {name for name in LAB if name.startswith("AWS_")}


def test_nothing_that_names_what_is_in_the_users_account_comes_in() -> None:
    """A profile, a region, a capture host of theirs, the way to their instances: none of it is in the lab."""
    theirs = {"PROFILE": "prod", "REGION": "eu-west-1", "HOST": "i-0abc", "SSH_USER": "deploy", "SSH_CONFIG": "~/work"}
    outer = {f"VPCSHARK_{name}": value for name, value in theirs.items()} | {"VPCSHARK_LOG_LEVEL": "debug"}
    found = inside(outer, LAB)
    assert not {f"VPCSHARK_{name}" for name in theirs} & found.keys() - {"VPCSHARK_SSH_CONFIG"}
    assert (found["VPCSHARK_SSH_CONFIG"], found["VPCSHARK_LOG_LEVEL"]) == (LAB["VPCSHARK_SSH_CONFIG"], "debug")


def test_no_proxy_stands_before_the_lab() -> None:
    """What the user excluded stays excluded."""
    found = inside({"no_proxy": "intern", "HTTP_PROXY": "http://proxy"}, LAB)
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,127.0.0.0/8,localhost,intern"


def test_a_shell_reads_the_same() -> None:
    """Spaces, quotes and dollars survive eval; what has to go is unset."""
    outer = {"AWS_PROFILE": "prod", "PATH": "/bin:/usr/bin"}
    script = "\n".join([*exports(outer, LAB), "env"])
    done = subprocess.run(["sh", "-c", script], env=outer, capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    wanted = inside(outer, LAB)
    assert {name: value for name, value in found.items() if name in wanted} == wanted
    assert "AWS_PROFILE" not in found
