"""``vpcshark install`` says what its list has, as a newcomer sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_without_a_region_the_plugin_is_said_to_work_and_what_is_missing(tmp_path: Path) -> None:
    """Nothing of AWS is set up yet on a machine where it is installed first: that is no failure of the installation."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "vpcshark", "install", "--dir", str(tmp_path / "extcap")]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert " is installed" in done.stdout.splitlines()[0]
    last = done.stdout.splitlines()[-1]
    assert last.startswith("What is installed works, but there are no ENIs to list yet: No AWS region is set.")
    assert "aws configure set region" in last
