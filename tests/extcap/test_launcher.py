"""The launcher under the shells that Wireshark may meet, with and without a Python that has vpcshark."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "extcap" / "vpcshark"
SHELLS = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["zsh"], ["zsh", "--emulate", "sh"]]


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request):
    """Each shell in turn; one that is not installed is skipped."""
    if not shutil.which(request.param[0]):
        pytest.skip(f"{request.param[0]} is not installed")
    return [shutil.which(request.param[0]), *request.param[1:]]


@pytest.fixture
def filled(tmp_path):
    """The launcher with a given Python in it, in a folder whose name has a space and a quote."""

    def make(python, name="vpcshark"):
        from vpcshark.cli.install import filled_in

        path = tmp_path / "it's here" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(filled_in(LAUNCHER.read_text(), str(python)))
        path.chmod(0o755)
        return path

    return make


def run(shell, launcher, *arguments, **environ):
    """Run ``launcher`` by ``shell``."""
    environ = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run([*shell, str(launcher), *arguments], env=environ, capture_output=True, text=True, timeout=30)


def test_it_hands_the_question_to_the_python_that_was_filled_in(shell, filled, tmp_path):
    """Arguments arrive as they were, whatever is in them."""
    python = tmp_path / "it's here" / "python"
    filled(python)
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    done = run(shell, filled(python), "--capture", "a b", "$HOME *", "it's", "")
    assert done.stdout == "<-m><vpcshark.extcap><--capture><a b><$HOME *><it's><>"


def test_in_a_checkout_it_finds_a_python_by_itself(shell, tmp_path):
    """Also through a symbolic link, relative or not."""
    (tmp_path / "link").symlink_to(os.path.relpath(LAUNCHER, tmp_path))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for launcher in (LAUNCHER, tmp_path / "link"):
        assert run(shell, launcher, "--extcap-dlts", PATH=path).stdout.startswith("dlt {number=1}")


def test_without_a_python_the_list_says_what_to_do(shell, filled, sentences):
    """One entry, status 0, and no second answer to the other questions."""
    launcher = filled("/no/such/python")
    done = run(shell, launcher, "--extcap-interfaces", "--extcap-version=4.0")
    assert (done.returncode, done.stderr) == (0, "")
    [tool, entry] = sentences(done.stdout)
    assert (tool[0], entry[0], entry[1]["value"]) == ("extcap", "interface", "vpcshark-problem")
    assert "vpcshark install" in entry[1]["display"]
    done = run(shell, launcher, "--extcap-config", "--extcap-interface", "eni-0a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_python_a_capture_opens_the_fifo_and_fails(shell, filled, fifo):
    """Else Wireshark would wait for ever."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    done = run(shell, filled("/no/such/python"), "--capture", "--extcap-interface", "eni-0a", "--fifo", str(fifo))
    assert (done.returncode, done.stdout) == (1, "")
    assert "vpcshark install" in done.stderr
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_python_without_vpcshark_is_not_taken(shell, tmp_path):
    """A launcher that lies alone, with a python3 on the PATH that knows nothing of us."""
    copy = tmp_path / "alone" / "extcap" / "vpcshark"
    copy.parent.mkdir(parents=True)
    shutil.copy(LAUNCHER, copy)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to("/bin/false")
    done = run(shell, copy, "--extcap-interfaces", PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert "vpcshark-problem" in done.stdout


def test_it_does_not_import_from_the_directory_it_is_run_in(filled, tmp_path):
    """Python 3.11 and later: a logging.py beside a capture file is not ours."""
    if sys.version_info < (3, 11):
        pytest.skip("PYTHONSAFEPATH came with Python 3.11")
    (tmp_path / "logging.py").write_text("raise SystemExit('wrong logging')")
    command = [str(filled(sys.executable)), "--extcap-dlts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout[:4], done.stderr) == ("dlt ", "")


def test_shellcheck_has_nothing_to_say():
    """As make check does."""
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", str(LAUNCHER)], capture_output=True, text=True)
    assert done.stdout == ""
