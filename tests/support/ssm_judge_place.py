"""Where a Python is that has pyssm-client, which judges the lab's Session Manager: it needs 3.12, and nothing else here
does, so it gets an environment of its own for the one test that asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "pyssm-client>=0.2,<1"
LEAST = (3, 12)


def made(folder: Path) -> str:
    """Its path. Where there is no such Python, tests fail in CI and are skipped elsewhere."""
    found = [sys.executable, *map(str, sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))), "python3.13"]
    for python in found:
        if _is_new_enough(python):
            subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
            place = str(folder / "bin" / "python")
            install = [place, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
            subprocess.run(install, check=True, capture_output=True)
            return place
    (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no Python 3.12 for pyssm-client")


def _is_new_enough(python: str) -> bool:
    ask = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return tuple(map(int, said.split())) >= LEAST
