"""``vpcshark why`` in the lab: a test connection from the source's own instance, a capture at both ends, and the cause.

What is true is planted, and a socket in the source's namespace says the same.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hands import VPCSHARK, Lab

pytestmark = pytest.mark.e2e
Asked = Callable[..., tuple[int, Any]]


@pytest.fixture
def why(clean_lab: Lab, tmp_path: Path) -> Asked:
    """Ask in JSON: status, and what is said."""

    def asked(*words: str) -> tuple[int, Any]:
        done = subprocess.run(
            [*VPCSHARK, "why", *words, "--json"],
            env=clean_lab.environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    return asked


def steps(found: Any) -> list[tuple[str, str]]:
    return [(each["step"], each["verdict"]) for each in found["steps"]]


def test_a_connection_that_can_be_made_is_proved_to_work(why: Asked):
    """By the instance's Name tag, which its interface does not have. Nothing is captured."""
    status, found = why("api-1", "db-1:80", "--probe", "--capture", "--yes")
    assert (status, found["conclusion"]["class"]) == (0, "works"), found
    assert steps(found)[-1] == ("probe", "connected")
    assert "The path MTU is 9001 bytes" in found["conclusion"]["sentence"]


def test_packets_of_both_ends_prove_who_refuses(why: Asked, clean_lab: Lab, tmp_path: Path):
    """Nothing listens there: the reset is the host's own. One capture has both ends' interfaces, and nothing stays."""
    status, found = why("api-1", "db-1:81", "--probe", "--capture", "--yes", "--duration", "3", "-w", "both.pcapng")
    assert (status, found["conclusion"]["class"], found["conclusion"]["proved"]) == (1, "refused", True), found
    assert [step for step, _ in steps(found)] == ["walk", "evidence", "probe", "diagnose"]
    assert "ss -ltn" in found["conclusion"]["mend"]
    said = subprocess.run(
        [
            "tshark",
            "-r",
            tmp_path / "both.pcapng",
            "-Y",
            "tcp.flags.reset == 1",
            "-T",
            "fields",
            "-e",
            "frame.interface_id",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(said.stdout.split()) == {"0", "1"}
    assert clean_lab.is_clean()


def test_nobody_there_to_agree_is_an_error_before_anything_is_asked(clean_lab: Lab):
    done = subprocess.run(
        [*VPCSHARK, "why", "api-1", "db-1:80", "--capture"],
        env=clean_lab.environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Give --yes." in done.stderr


@pytest.mark.long
def test_a_source_where_nobody_can_log_in_is_told_and_the_rest_goes_on(why: Asked):
    """``spare`` is on no instance, which the walk knows before."""
    status, found = why("spare", "db-1:80", "--probe", "--all")
    assert (status, found["steps"][0]["verdict"]) == (1, "blocked"), found
    probe = next(each for each in found["steps"] if each["step"] == "probe")
    assert "a test connection needs a running instance" in probe["sentence"]
