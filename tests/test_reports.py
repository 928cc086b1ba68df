"""What a run of several processes can send of a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import logging

def test_one():
    logging.getLogger("vpcshark").warning("a lone %s", chr(0xD800))
    assert {outcome}, chr(0xDFFF)
"""


@pytest.mark.long
@pytest.mark.parametrize("outcome", [True, False])
def test_a_lone_surrogate_in_what_a_test_tells_does_not_end_the_run(tmp_path: Path, outcome: bool) -> None:
    """Neither in the log of one that passed nor in the message of one that failed."""
    (tmp_path / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {Path(__file__).with_name('support')}\n")
    (tmp_path / "test_it.py").write_text(TEST.format(outcome=outcome))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=180, check=False)
    assert b"INTERNALERROR" not in done.stdout, done.stdout
    assert done.returncode == (0 if outcome else 1), done.stdout
