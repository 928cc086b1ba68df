"""Installing the launcher: where, what, and never over somebody else's file."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.cli.install import filled_in, install, launcher_name, run_command, uninstall
from vpcshark.cli.places import find, folder_in, usual, version_in
from vpcshark.errors import InputError, VpcsharkError

CHECKOUT = Path(__file__).parents[2]
FOLDERS_4_0 = """Temp:                	/tmp
Personal configuration:	/home/u/.config/wireshark
Personal Plugins:    	/home/u/.local/lib/wireshark/plugins/4.0
Extcap path:         	/usr/lib/x86_64-linux-gnu/wireshark/extcap
"""
FOLDERS_4_2 = FOLDERS_4_0 + "Personal Extcap path:\t/home/u/.local/lib/wireshark/extcap\n"
FOLDERS_WINDOWS = "Personal configuration:\tC:\\Users\\u\\AppData\\Roaming\\Wireshark\\\n"


@pytest.fixture(autouse=True)
def _nothing_of_the_users_own(monkeypatch):
    """Below the home that a test names: its folder, and no other."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def tshark(tmp_path):
    """Answers as a tshark of 4.2 would that has its folders below the test's; runs launchers really."""

    def run(command):
        if "-G" in command:
            return f"Personal Extcap path:\t{tmp_path / 'extcap'}\n"
        return run_command(command)

    return run


def test_the_folder_is_what_wireshark_says():
    """4.2 and later name it, 4.0 names the configuration folder."""
    assert folder_in(FOLDERS_4_0) == Path("/home/u/.config/wireshark/extcap")
    assert folder_in(FOLDERS_4_2) == Path("/home/u/.local/lib/wireshark/extcap")
    assert str(folder_in(FOLDERS_WINDOWS)).startswith("C:\\Users\\u\\AppData\\Roaming\\Wireshark\\")
    assert folder_in("") is None


def test_the_folders_of_all_versions_are_known():
    """The newest version's first; on Windows there is one."""
    old, new = Path("/h/.config/wireshark/extcap"), Path("/h/.local/lib/wireshark/extcap")
    assert usual("linux", Path("/h"), {}) == usual("linux", Path("/h"), {"XDG_CONFIG_HOME": "relative"}) == [new, old]
    assert usual("linux", Path("/h"), {"XDG_CONFIG_HOME": "/c"}) == [new, Path("/c/wireshark/extcap")]
    assert usual("win32", Path("/h"), {"APPDATA": "/roaming"}) == [Path("/roaming/Wireshark/extcap")]


@pytest.mark.parametrize(
    ("program", "said", "wanted"),
    [
        ("wireshark", "Wireshark 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u1)\n", [1]),
        ("wireshark", "Wireshark 4.2.0.\n", [0]),
        ("dumpcap", "Dumpcap (Wireshark) 4.4.19.\n", [0]),
        ("dumpcap", "Dumpcap (Wireshark) 3.4.10 (Git v3.4.10 packaged as 3.4.10-0+deb11u1)\n", [1]),
        ("wireshark", "Wireshark 10.0.1.\n", [0]),
        ("wireshark", "it has no screen\n", [0, 1]),
        ("none", "", [0, 1]),
    ],
)
def test_without_tshark_the_version_tells_the_folder(program, said, wanted):
    """As each program says it; where none does, it is each folder that a version looks into, which is said."""

    def run(command):
        if command == [program, "--version"]:
            return said
        raise VpcsharkError(f"{command[0]} could not be run.")

    folders, guess = find(run, Path("/h"), {})
    known = usual(sys.platform, Path("/h"), {})
    assert folders == [known[place] for place in wanted]
    assert bool(guess) == (len(wanted) > 1)
    assert all(str(folder) in guess for folder in folders if guess)


@pytest.mark.parametrize("program", ["wireshark", "dumpcap"])
def test_the_real_programs_tell_their_version(program):
    """And it is tshark's."""
    said = run_command(["tshark", "--version"]).removeprefix("TShark (Wireshark) ").split(".")
    assert version_in(run_command([program, "--version"])) == (int(said[0]), int(said[1]))


def no_wireshark(command):
    """A machine on which nothing of Wireshark can be run, but launchers can."""
    if Path(command[0]).name != launcher_name():
        raise VpcsharkError(f"{command[0]} could not be run.")
    return run_command(command)


def test_where_nothing_can_be_asked_every_version_is_served_and_cleared(tmp_path):
    """Both are named; one that another version's install left is removed too, and nothing else."""
    out = io.StringIO()
    launchers = [folder / launcher_name() for folder in usual(sys.platform, tmp_path, {})]
    assert install(None, out, no_wireshark, tmp_path) == launchers
    assert all(f"{launcher} is installed" in out.getvalue() for launcher in launchers)

    def newer(command):
        return f"Personal Extcap path: {launchers[0].parent}\n"

    assert uninstall(None, out, newer, tmp_path) == launchers
    assert not any(launcher.exists() for launcher in launchers)


def test_the_real_tshark_runs_what_was_installed(tmp_path):
    """tshark -D asks it; that it finds the launcher is judged by tshark itself."""
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    program = "import sys; from vpcshark.cli.install import install; install(None, sys.stdout)"
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    launcher = Path(done.stdout.split(" is installed")[0])
    assert tmp_path in launcher.parents
    launcher.write_text(launcher.read_text().replace("exec ", 'echo "$@" >>"$HOME/asked"; exec '))
    subprocess.run(["tshark", "-D"], env=environ, capture_output=True, timeout=180, check=True)
    assert "--extcap-interfaces" in (tmp_path / "asked").read_text()


def test_it_is_executable_whole_and_runs_this_python(tmp_path, tshark):
    """Installing again replaces it; nothing else is left in the folder."""
    out = io.StringIO()
    [path] = install(None, out, tshark, tmp_path)
    assert path == tmp_path / "extcap" / "vpcshark"
    assert install(None, out, tshark, tmp_path) == [path]
    assert path.stat().st_mode & 0o777 == 0o755
    assert [file.name for file in path.parent.iterdir()] == ["vpcshark"]
    assert f"python={sys.executable}\n" in path.read_text()
    assert "tshark -D" in out.getvalue()


def test_uninstalling_removes_it_and_only_it(tmp_path, tshark):
    """Nothing there is no error."""
    out = io.StringIO()
    [path] = install(None, out, tshark, tmp_path)
    (path.parent / "other").write_text("x")
    uninstall(None, out, tshark, tmp_path)
    assert [file.name for file in path.parent.iterdir()] == ["other"]
    uninstall(None, out, tshark, tmp_path)
    assert "nothing is to be done" in out.getvalue()


@pytest.mark.parametrize("action", [install, uninstall])
def test_a_foreign_file_of_that_name_is_left_alone(tmp_path, tshark, action):
    """It may be somebody's own."""
    (tmp_path / "vpcshark").write_bytes(b"\xff\xfeanother program")
    with pytest.raises(InputError, match="is not vpcshark's launcher"):
        action(tmp_path, io.StringIO(), tshark)
    assert (tmp_path / "vpcshark").read_bytes() == b"\xff\xfeanother program"


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path, tshark):
    """A file is in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"can't be (read|written): Not a directory"):
        install(tmp_path / "file" / "extcap", io.StringIO(), tshark)


def test_a_launcher_that_does_not_answer_is_reported(tmp_path):
    """What it said is in the sentence."""
    with pytest.raises(VpcsharkError, match="does not answer as an extcap should"):
        install(tmp_path, io.StringIO(), lambda command: "")


def test_wireshark_that_cannot_be_asked_is_said(tmp_path):
    """The guesses are named, and the option that corrects them."""
    out = io.StringIO()
    install(None, out, no_wireshark, tmp_path)
    said = out.getvalue().splitlines()[0]
    assert "could not be asked" in said
    assert "--dir" in said
    assert str(tmp_path) in said


@pytest.mark.parametrize("python", ["/usr/bin/python3", "/home/it's me/py thon", "/$HOME/`id`/python"])
def test_any_path_of_python_survives_the_shell(python):
    """Spaces, quotes, dollars."""
    text = filled_in((CHECKOUT / "extcap" / "vpcshark").read_text(), python)
    line = next(line for line in text.splitlines() if line.startswith("python="))
    done = subprocess.run(["sh", "-c", f'{line}\nprintf %s "$python"'], capture_output=True, text=True)
    assert done.stdout == python


def test_the_windows_launcher_is_filled_in_too():
    """Percent signs are doubled there."""
    text = filled_in((CHECKOUT / "extcap" / "vpcshark.bat").read_text(), "C:\\100% py\\python.exe")
    assert 'set "VPCSHARK_PYTHON=C:\\100%% py\\python.exe"\n' in text
    assert "This is vpcshark's launcher" in text


@pytest.mark.long
def test_it_works_from_an_installed_wheel(tmp_path):
    """A real wheel in a virtual environment of its own; the launcher comes out of its data files."""
    source = tmp_path / "source"
    for name in ("vpcshark", "extcap", "installer"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    (source / "README.md").write_text("")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheels = tmp_path / "wheels"
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(source)], check=True, timeout=300)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    [wheel] = wheels.iterdir()
    subprocess.run(
        [*pip, "--python", str(python), "install", "--no-deps", str(wheel), "appdirs"], check=True, timeout=300
    )
    program = (
        "import sys, pathlib, vpcshark; from vpcshark.cli.install import install\n"
        "print(vpcshark.__file__); install(pathlib.Path(sys.argv[1]), sys.stdout)"
    )
    done = subprocess.run(
        [str(python), "-c", program, str(tmp_path / "extcap")], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(venv))
    asked = [str(tmp_path / "extcap" / "vpcshark"), "--extcap-config", "--extcap-interface", "eni-0a"]
    assert "{call=--vni}" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout
