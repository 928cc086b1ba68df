"""What an uninstall with --purge removes, and when it refuses to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cli import statuses
from vpcshark.cli.main import run
from vpcshark.lab import homes

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a file in each of our folders, and one of somebody else's beside."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        folder = tmp_path if name == "HOME" else tmp_path / name.split("_")[1].lower()
        monkeypatch.setenv(name, str(folder))
        if name != "HOME":
            (folder / "vpcshark").mkdir(parents=True)
            (folder / "vpcshark" / "file").write_text("x")
            (folder / "other").write_text("x")
    return tmp_path


def ours(home: Path) -> list[Path]:
    return sorted(path for path in home.glob("*/vpcshark") if path.is_dir())


def test_all_folders_of_ours_go_and_nothing_else(home: Path, capsys):
    """Each is named."""
    before = ours(home)
    assert len(before) == 3
    assert run(["uninstall", "--dir", str(home / "extcap"), "--purge"]) == statuses.OK
    assert ours(home) == []
    assert len([*home.glob("*/other")]) == 3
    said = capsys.readouterr().out
    assert all(f"{folder} is removed." in said for folder in before)


def test_without_the_flag_they_stay(home: Path):
    """An uninstall is often for a new install."""
    before = ours(home)
    assert run(["uninstall", "--dir", str(home / "extcap")]) == statuses.OK
    assert ours(home) == before


def test_while_a_lab_runs_nothing_is_removed(home: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """It lives in one of the folders."""
    monkeypatch.delenv("VPCSHARK_LAB", raising=False)
    lab, lock = homes.make(home / "state" / "vpcshark" / "lab")
    try:
        assert run(["uninstall", "--dir", str(home / "extcap"), "--purge"]) == statuses.UNUSABLE
    finally:
        os.close(lock)
    assert len(ours(home)) == 3
    assert f"A lab runs: {lab.name}. Nothing was removed." in capsys.readouterr().err


def test_while_a_ledger_exists_nothing_is_removed(home: Path, capsys):
    """Not even the launcher: the next start of anything sweeps up, by the ledger."""
    launcher = home / "extcap" / "vpcshark"
    launcher.parent.mkdir()
    launcher.write_text("# This is vpcshark's launcher\n")
    book = ledgers.Ledger(home / "state" / "vpcshark" / "captures" / "c-1.ledger", HEADER)  # it lives: we hold it
    assert run(["uninstall", "--dir", str(launcher.parent), "--purge"]) == statuses.UNUSABLE
    assert book.path.exists()
    book.finish()
    assert len(ours(home)) == 3
    assert launcher.exists()
    assert "c-1" in capsys.readouterr().err
