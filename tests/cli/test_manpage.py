"""The man page, as groff reads it: all commands, all options, all exit statuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.cli import statuses
from vpcshark.cli.commands import COMMANDS
from vpcshark.options.table import OPTIONS

SCRIPT = Path(__file__).parents[2] / "docs" / "manpage.py"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, made by the script."""
    file = tmp_path_factory.mktemp("man") / "vpcshark.1"
    subprocess.run([sys.executable, str(SCRIPT), str(file)], check=True)
    return file


def test_groff_has_nothing_to_say_and_shows_everything(page: Path):
    """Each command under its own heading."""
    groff = shutil.which("groff")
    assert groff is not None
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "GROFF_NO_SGR": "1"}
    command = [groff, "-Kutf8", "-man", "-Tutf8", "-ww", "-rLL=1000n", "-P-cbou", str(page)]
    done = subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""
    for command in COMMANDS:
        assert re.search(rf"^ +vpcshark {command}$", done.stdout, re.MULTILINE), command
    for option in OPTIONS:
        assert f"--{option.name}" in done.stdout
    for status, meaning in statuses.TABLE.items():
        assert re.search(rf"^ +{status}\s+{re.escape(meaning)}$", done.stdout, re.MULTILINE), status
