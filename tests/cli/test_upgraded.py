"""After an upgrade of Wireshark the next command says to install again, where the folder for extcaps has moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vpcshark.cli import upgraded
from vpcshark.cli.install import launcher_name
from vpcshark.cli.main import run
from vpcshark.errors import VpcsharkError


class Machine:
    """A home, and a tshark whose version its script says."""

    def __init__(self, home: Path) -> None:
        self.home, self.kept = home, home / "state" / "note.json"
        self.programs = home / "bin"
        self.programs.mkdir()
        self.asked = 0
        self.old, self.new = home / ".config/wireshark/extcap", home / ".local/lib/wireshark/extcap"

    def comes(self, version: str) -> None:
        """The Wireshark of this version takes the place of the last one."""
        (self.programs / "tshark").write_text(f"#!/bin/sh\necho 'TShark (Wireshark) {version}.'\n")
        (self.programs / "tshark").chmod(0o755)
        self.version = version

    def launcher(self, folder: Path) -> None:
        """Put one there."""
        folder.mkdir(parents=True)
        (folder / launcher_name()).write_text("")

    def run(self, command: Sequence[str]) -> str:
        """Tells its folder as 4.0 and 4.2 do."""
        self.asked += 1
        if self.version == "?":
            raise VpcsharkError("It can't be run.")
        if self.version.startswith("4.0"):
            return f"Personal configuration:\t{self.home / '.config/wireshark'}\n"
        return f"Personal Extcap path:\t{self.new}\n"

    def remark(self) -> str:
        return upgraded.remark({"PATH": str(self.programs)}, self.run, self.home, self.kept)

    def note(self) -> None:
        upgraded.note({"PATH": str(self.programs)}, self.kept)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """With Wireshark 4.0 and an installed launcher."""
    one = Machine(tmp_path)
    one.comes("4.0.17")
    one.launcher(one.old)
    one.note()
    return one


def test_as_long_as_no_wireshark_changes_none_is_asked(machine: Machine) -> None:
    assert [machine.remark(), machine.remark(), machine.asked] == ["", "", 0]


def test_a_wireshark_that_looks_elsewhere_is_told_until_install_has_run_again(machine: Machine) -> None:
    """It is asked once."""
    machine.comes("4.4.2")
    said = machine.remark()
    assert str(machine.new) in said
    assert said.endswith("Run vpcshark install again.")
    assert (machine.remark(), machine.asked) == (said, 1)
    machine.launcher(machine.new)
    assert machine.remark() == ""


def test_an_upgrade_within_a_series_needs_nothing(machine: Machine) -> None:
    """And no further question at the next command."""
    machine.comes("4.0.18-x")
    assert [machine.remark(), machine.remark(), machine.asked] == ["", "", 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda machine: machine.comes("?"),
        lambda machine: (machine.programs / "tshark").unlink(),
        lambda machine: machine.kept.unlink(),
        lambda machine: machine.kept.write_text("[]"),
        lambda machine: upgraded.forget(machine.kept),
    ],
    ids=["cannot be asked", "is gone", "was never installed", "damaged note", "uninstalled"],
)
def test_where_nothing_is_known_nothing_is_said(machine: Machine, change: Callable[[Machine], object]) -> None:
    """A guess is no news."""
    if machine.version != "?":
        machine.comes("4.4.2")
    change(machine)
    if not (machine.programs / "tshark").exists():
        machine.version = "?"
    assert machine.remark() == ""


def test_any_command_says_it_on_standard_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own result is as always."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(machine.home))
    monkeypatch.setenv("PATH", f"{machine.programs}:{os.environ['PATH']}")
    upgraded.note(os.environ)
    machine.programs.joinpath("tshark").write_text(f"#!/bin/sh\necho 'Personal Extcap path: {machine.new}'\n")
    assert run(["config", "path"]) == 0
    said = capsys.readouterr()
    assert said.out.strip().endswith("config.ini")
    assert "Run vpcshark install again." in said.err
