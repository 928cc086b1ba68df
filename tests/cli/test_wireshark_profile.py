"""The profile "vpcshark": written into Wireshark's own folder, over ours alone, and taken away again."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from vpcshark.cli import wireshark_profile
from vpcshark.cli.install import run_command
from vpcshark.errors import InputError
from vpcshark.flowlogs.frames import Frames
from vpcshark.flowlogs.logformat import DEFAULT


@pytest.fixture
def told(tmp_path: Path):
    """Wireshark, whose personal folder is the test's."""
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "colorfilters").write_text("# theirs\n@TCP@tcp@[59110,59110,65535][0,0,0]\n")

    def run(command: Sequence[str]) -> str:
        assert command[1:] == ["-G", "folders"]
        return f"Personal configuration:\t{tmp_path / 'own'}\nGlobal configuration:\t{tmp_path / 'shipped'}\n"

    return run


def test_the_profile_comes_and_goes(told, tmp_path: Path):
    out = io.StringIO()
    folder = wireshark_profile.install(out, told)
    assert folder == tmp_path / "own" / "profiles" / "vpcshark"
    colours = (folder / "colorfilters").read_text().splitlines()
    assert "REJECT" in colours[1]
    assert colours[-1].startswith("@TCP@"), "Wireshark's own rules stand below"
    (folder / "recent").write_text("what Wireshark keeps there itself")
    wireshark_profile.install(out, told)
    wireshark_profile.uninstall(out, told)
    assert not folder.exists()
    wireshark_profile.uninstall(out, told)
    assert str(folder) in out.getvalue()


def test_a_foreign_profile_of_that_name_is_left_alone(told, tmp_path: Path):
    folder = tmp_path / "own" / "profiles" / "vpcshark"
    folder.mkdir(parents=True)
    (folder / "preferences").write_text("mine")
    with pytest.raises(InputError, match="is not vpcshark's"):
        wireshark_profile.install(io.StringIO(), told)
    wireshark_profile.uninstall(io.StringIO(), told)
    assert (folder / "preferences").read_text() == "mine"


def test_real_tshark_takes_its_filters_and_columns(tmp_path: Path):
    """The rule for REJECT fits the frame of a rejected record, and no other; the columns have what they say."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}

    def run(command: Sequence[str]) -> str:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    wireshark_profile.install(io.StringIO(), run)
    row = b"2 1 eni-1 10.0.0.1 10.0.0.2 4000 443 6 20 4249 1418530010 1418530070 ACCEPT OK"
    frames, file = Frames(), tmp_path / "flows.pcapng"
    rows = [row.split(), row.replace(b"ACCEPT", b"REJECT").split()]
    file.write_bytes(frames.begin() + b"".join(frames.of(DEFAULT, each) for each in rows))
    for _, rule, _, _ in wireshark_profile.COLOURS:
        run(["tshark", "-r", str(file), "-Y", rule])
    shown = run(["tshark", "-C", "vpcshark", "-r", str(file), "-Y", wireshark_profile.COLOURS[0][1]])
    assert len(shown.splitlines()) == 1
    assert "eni-1" in shown
    assert "REJECT: flow log record" in shown


def test_without_wireshark_it_goes_where_it_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    folder = wireshark_profile.install(io.StringIO(), run_command, tmp_path)
    assert folder.parent.parent.name == "wireshark"
