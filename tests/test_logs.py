"""The log: one private file, and nothing of what libraries tell about requests and tokens."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, sys, threading
from vpcshark import logs
print(logs.set_up({level!r}, {file!r}))
for name in ("vpcshark.x", "botocore.auth", "paramiko.transport", "scapy.runtime"):
    for level in ("debug", "info", "warning"):
        getattr(logging.getLogger(name), level)("%s says %s", name, level)
print(logs.used())
"""


@pytest.fixture
def logged(tmp_path):
    """Run the program with a home of its own; gives (paths printed, stderr)."""

    def run(level="info", file="", home=tmp_path):
        environ = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_STATE_HOME": str(home / "state")}
        command = [sys.executable, "-c", PROGRAM.format(level=level, file=str(file))]
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
        return done.stdout.splitlines(), done.stderr

    return run


def test_the_default_file_is_in_the_users_log_folder_and_private(logged, tmp_path):
    """Mode 0600, whatever the umask."""
    (path, used), error = logged()
    assert (path, error) == (used, "")
    assert path.startswith(str(tmp_path))
    [file] = tmp_path.rglob("vpcshark.log")
    assert str(file) == path
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_the_level_is_for_us_and_libraries_only_warn(logged, tmp_path, level, lines):
    """botocore's debug lines hold signatures, paramiko's hold packets."""
    _, error = logged(level, tmp_path / "log")
    text = (tmp_path / "log").read_text()
    assert error == ""
    assert text.count("vpcshark.x says") == lines
    for name in ("botocore.auth", "paramiko.transport"):
        assert text.count(f"{name} says") == (1 if level != "error" else 0)


def test_a_named_file_that_cannot_be_written_is_an_error_and_the_default_one_is_not(logged, tmp_path):
    """A capture matters more than its log."""
    _, error = logged(file=tmp_path / "no" / "such")
    assert "no/such can't be written: No such file or directory." in error
    (tmp_path / "file").write_text("")
    (_, used), error = logged(home=tmp_path / "file")
    assert (used, error) == ("no file", "")


def test_every_folder_on_the_way_to_the_log_is_the_users_alone(logged, tmp_path):
    """Whatever the user's umask is."""
    old = os.umask(0o022)
    try:
        (file, *_), _ = logged(home=tmp_path / "home")
    finally:
        os.umask(old)
    made = [folder for folder in Path(file).parents if folder.is_relative_to(tmp_path / "home")]
    assert len(made) >= 3
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}
