"""The janitor finds its ledger and its program, wherever the capture was started from; a dead one is known for dead."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import appdirs
import pytest

from vpcshark.cleanup import janitor
from vpcshark.cleanup import ledger as ledgers
from vpcshark.errors import VpcsharkError

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def dead(tmp_path) -> Path:
    """The ledger of a capture that died before it made anything: a janitor needs no AWS to finish it."""
    ledger = ledgers.Ledger(tmp_path / "captures" / "c-1.ledger", HEADER)
    ledger.leave_open()
    return ledger.path


def test_a_ledger_that_is_named_from_here_is_found(dead, tmp_path, monkeypatch):
    """The janitor works in the ledger's folder, not here."""
    monkeypatch.chdir(tmp_path)
    janitor.spawn(dead.relative_to(tmp_path)).dismiss(timeout=180)
    assert not dead.exists()


@pytest.fixture
def bare_python(tmp_path) -> str:
    """A Python whose packages are elsewhere: it has this one only if it is told where that is."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "appdirs.py").symlink_to(appdirs.__file__)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/packages" exec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_a_package_that_only_the_capture_has_on_its_path_is_found(dead, bare_python):
    """As that of a checkout is, for "python -m vpcshark" in its folder."""
    janitor.spawn(dead, bare_python).dismiss(timeout=180)
    assert not dead.exists()


def test_one_that_ended_at_once_is_known_for_dead(dead):
    """Before the first create, whatever it was that ended it."""
    keeper = janitor.spawn(dead, shutil.which("false"))
    keeper.dismiss(timeout=180)
    with pytest.raises(VpcsharkError, match=r"has ended \(status 1\), so nothing is created"):
        keeper.check()


def test_one_that_waits_is_not(dead):
    """It ends with the pipe."""
    keeper = janitor.spawn(dead)
    keeper.check()
    keeper.dismiss(timeout=180)
