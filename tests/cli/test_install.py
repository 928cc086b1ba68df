"""Installing the launcher: where, what, and never over somebody else's file."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.cli.install import default_folder, filled_in, folder_in, install, run_command, uninstall
from vpcshark.errors import InputError, VpcsharkError

CHECKOUT = Path(__file__).parents[2]
FOLDERS_4_0 = """Temp:                	/tmp
Personal configuration:	/home/u/.config/wireshark
Personal Plugins:    	/home/u/.local/lib/wireshark/plugins/4.0
Extcap path:         	/usr/lib/x86_64-linux-gnu/wireshark/extcap
"""
FOLDERS_4_2 = FOLDERS_4_0 + "Personal Extcap path:\t/home/u/.local/lib/wireshark/extcap\n"
FOLDERS_WINDOWS = "Personal configuration:\tC:\\Users\\u\\AppData\\Roaming\\Wireshark\\\n"


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


def test_without_wireshark_the_folder_is_guessed():
    """Where current versions look."""
    assert default_folder("linux", Path("/h"), {}) == Path("/h/.local/lib/wireshark/extcap")
    windows = default_folder("win32", Path("/h"), {"APPDATA": "/roaming"})
    assert windows == Path("/roaming/Wireshark/extcap")


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
    path = install(None, out, tshark)
    assert path == tmp_path / "extcap" / "vpcshark"
    assert install(None, out, tshark) == path
    assert path.stat().st_mode & 0o777 == 0o755
    assert [file.name for file in path.parent.iterdir()] == ["vpcshark"]
    assert f"python={sys.executable}\n" in path.read_text()
    assert "tshark -D" in out.getvalue()


def test_uninstalling_removes_it_and_only_it(tmp_path, tshark):
    """Nothing there is no error."""
    out = io.StringIO()
    path = install(None, out, tshark)
    (path.parent / "other").write_text("x")
    uninstall(None, out, tshark)
    assert [file.name for file in path.parent.iterdir()] == ["other"]
    uninstall(None, out, tshark)
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
    """The guess is named, and the option that corrects it."""
    environ = {**os.environ, "HOME": str(tmp_path)}
    program = (
        "import sys; from vpcshark.cli import install\nfrom vpcshark.errors import VpcsharkError\n"
        "def run(command): raise VpcsharkError('no tshark')\n"
        "print(install.extcap_folder(sys.stdout, run))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    said, folder = done.stdout.splitlines()
    assert "could not be asked" in said
    assert "--dir" in said
    assert Path(folder).is_relative_to(tmp_path)


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


def test_it_works_from_an_installed_wheel(tmp_path):
    """A real wheel in a virtual environment of its own; the launcher comes out of its data files."""
    source = tmp_path / "source"
    for name in ("vpcshark", "extcap"):
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
