"""That each Wireshark, whoever runs it, finds the lab's launcher once; the programs of the lab run in a real shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from vpcshark.cli.install import filled_in
from vpcshark.extcap.__main__ import PROGRAM
from vpcshark.lab import environment, wiresharks

OLD = "Personal configuration:\t/home/ann/.config/wireshark\nExtcap path: /usr/lib/wireshark/extcap"
NEW = f"{OLD}\nPersonal Extcap path:\t/home/ann/.local/lib/wireshark/extcap"
# As Wireshark from 4.2 on does for root; HOME unset is the passwd file's for it, and for the launcher.
WIRESHARK = '#!/bin/sh\necho "$0 $#"\nexec "$HOME/.local/lib/wireshark/extcap/vpcshark" "$@"\n'
PYTHON = '#!/bin/sh\nprintf "%s|" "${HOME-none}" "${VPCSHARK_OUTER_HOME-none}" "$@"\n'
LAUNCHER = Path(__file__).parents[2] / "extcap" / "vpcshark"


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder with what stands for the real Wireshark and tshark."""
    place = tmp_path / "usr bin"
    for name in wiresharks.PROGRAMS:
        write(place / name, WIRESHARK)
    return place


def write(program: Path, text: str) -> None:
    """An executable file."""
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    program.chmod(0o755)


def make_lab(folder: Path, path: str) -> dict[str, str]:
    """A lab for root on a newer Wireshark: what its commands get of the environment."""

    def find(name: str) -> str | None:
        return next((f"{place}/{name}" for place in path.split(":") if Path(place, name).exists()), None)

    more = wiresharks.prepare(folder, NEW, find, is_root=True)
    assert more == {}
    write(folder / "python", PYTHON)
    write(environment.launcher_folder(folder) / "vpcshark", filled_in(LAUNCHER.read_text(), str(folder / "python")))
    return environment.inside({"PATH": path}, {"VPCSHARK_LAB": str(folder)})


def run(environ: Mapping[str, str], *command: str) -> list[str]:
    """Run it, found on the PATH; its lines."""
    return subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("folders", "is_root", "wanted"),
    [(OLD, True, False), (OLD, False, False), (NEW, False, True), (NEW, True, False), ("", True, False)],
)
def test_wireshark_is_told_of_the_launcher_in_one_way(
    folders: str, is_root: bool, wanted: bool, tmp_path: Path
) -> None:
    """Below XDG_CONFIG_HOME (4.0), by a variable (later), or by programs of the lab (later, for root): never twice."""
    found = wiresharks.prepare(tmp_path, folders, lambda name: f"/usr/bin/{name}", is_root=is_root)
    launcher = environment.launcher_folder(tmp_path)
    assert found == ({"WIRESHARK_EXTCAP_DIR": str(launcher)} if wanted else {})
    assert environment.programs(tmp_path).exists() is (is_root and folders == NEW)


@pytest.mark.parametrize("name", wiresharks.PROGRAMS)
@pytest.mark.parametrize("home", ["/home/ann o'hara", None])
def test_root_finds_it_by_name_and_the_launcher_has_the_users_home(
    name: str, home: str | None, real: Path, tmp_path: Path
) -> None:
    """The real program runs with what it was given, and so does the launcher; other commands have their HOME."""
    environ = make_lab(tmp_path / "lab's 1", f"{real}:/bin")
    given = {"HOME": home} if home else {}
    assert run({**environ, **given}, name, "a b", "$c") == [
        f"{real}/{name} 2",
        f"{home or 'none'}|none|-c|{PROGRAM[1]}|a b|$c|",
    ]
    assert run({**environ, **given}, "sh", "-c", 'echo "${HOME-none}"') == [home or "none"]


def test_a_lab_in_a_lab_has_its_own_launcher_and_the_users_home(real: Path, tmp_path: Path) -> None:
    """The programs of the outer lab are on its PATH too."""
    outer = make_lab(tmp_path / "outer", f"{real}:/bin")
    inner = make_lab(tmp_path / "inner", outer["PATH"])
    assert run({**inner, "HOME": "/home/ann"}, "tshark", "x")[-1] == f"/home/ann|none|-c|{PROGRAM[1]}|x|"


@pytest.mark.long
def test_the_real_tshark_lists_each_eni_of_a_lab_once(tmp_path: Path) -> None:
    """Whichever version this machine has, and whoever runs this; by ``vpcshark lab run``, as a user has it."""
    script = f"{sys.executable} -m vpcshark.extcap --vpcshark-refresh=wait; echo; echo tshark:; exec tshark -D"
    command = [sys.executable, "-m", "vpcshark", "lab", "run", "--", "sh", "-c", script]
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    environ.pop("VPCSHARK_LAB", None)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=180, check=True)
    known, listed = (re.findall(r"\beni-[0-9a-f]+", part) for part in done.stdout.split("\ntshark:\n"))
    assert len(set(known)) >= 5
    assert sorted(listed) == sorted(set(known))


def test_nobody_else_can_read_or_run_the_labs_programs(real: Path, tmp_path: Path) -> None:
    """As all that is in a lab's folder."""
    before = os.umask(0)
    try:
        wiresharks.prepare(tmp_path / "lab", NEW, lambda name: str(real / name), is_root=True)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "lab").rglob("*")} == {0o700}
