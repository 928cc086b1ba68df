"""vpcshark config: in a process of its own, as a user runs it."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def config(tmp_path):
    """Run it in a home of its own; gives (status, stdout, stderr)."""

    def run(*arguments, **more):
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **more}
        command = [sys.executable, "-m", "vpcshark", "config", *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def file(tmp_path):
    """The settings."""
    return tmp_path / ".config" / "vpcshark" / "config.ini"


def test_without_settings_it_shows_an_example(config, file):
    """And where it would be."""
    status, out, err = config()
    assert (status, "#regions = " in out) == (0, True)
    assert str(file) in err.replace("\n", "")
    assert config("path")[1].strip() == str(file)
    assert not file.exists()


def test_a_setting_is_written_for_the_user_alone_and_shown(config, file):
    """Names with a blank are sections of named captures."""
    status, out, err = config("set", "list.regions", "eu-west-1, eu-central-1")
    assert (status, out, err) == (0, "", f"{file} has in [list]: regions = eu-west-1, eu-central-1\n")
    assert config("set", "capture web.enis", "eni-0a")[0] == 0
    assert file.read_text() == "[list]\nregions = eu-west-1, eu-central-1\n\n[capture web]\nenis = eni-0a\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert config()[1] == file.read_text()
    assert config("set", "list.regions", "")[2] == f"{file} has in [list]: no regions any more\n"
    assert "regions" not in file.read_text()


@pytest.mark.thin(4)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("list.limit", "many", "list.limit: "),
        ("list.colour", "red", "colour"),
        ("defaults.vni", "x", "0 to 16777215"),
        ("defaults.colour", "red", "colour"),
        ("regions", "x", "SECTION.NAME"),
        ("list.regions", "eu_west_1", "such as eu-west-1"),
        ("list.regions", "eu-wset-1, eu-west-1", "Did you mean eu-west-1?"),
        ("defaults.region", "eu-wset-1", "Did you mean eu-west-1?"),
        ("defaults.hots", "auto", "did you mean host?"),
        ("capture web.vni", "7", "enis, tags, asg or lb"),
        ("list.regions", "a\nb", "one line"),
    ],
)
def test_what_will_not_do_is_not_written(config, file, name, value, words):
    """Status 2, what is wrong, and the file as it was."""
    config("set", "list.limit", "5")
    before = file.read_text()
    status, out, err = config("set", name, value)
    assert (status, out) == (2, "")
    assert words in err
    assert file.read_text() == before


def test_what_a_command_starts_of_pythons_imports_nothing_from_the_current_folder(config, file, tmp_path):
    """Here an editor that is a Python program of "-c", which imports linecache before its first line (3.13)."""
    editor, seen = tmp_path / "editor", tmp_path / "seen"
    editor.write_text(f'#!/bin/sh\necho "$PYTHONSAFEPATH" >{seen}\n')
    editor.chmod(0o755)
    config("edit", EDITOR=str(editor))
    assert seen.read_text() == "1\n"


def test_the_editors_result_is_taken_if_it_will_do(config, file, tmp_path):
    """Else it is kept for the next edit."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "[list]" >"$1"; echo "limit = $LIMIT" >>"$1"\n')
    editor.chmod(0o755)
    assert config("edit", EDITOR=str(editor), LIMIT="7")[0] == 0
    assert file.read_text() == "[list]\nlimit = 7\n"
    status, _, err = config("edit", EDITOR=str(editor), LIMIT="x")
    assert (status, "line 2" in err) == (2, True)
    assert file.read_text() == "[list]\nlimit = 7\n"
    assert "limit = x" in (file.parent / "config.draft.ini").read_text()
    assert config("edit", EDITOR="/no/such/editor")[0] == 2


@pytest.mark.parametrize("end", ["\u2028", "\u0085", "\x0c", "\x1c", "\r", "\n"])
def test_a_value_never_becomes_a_section(config, file, end):
    """[hosts] says who may receive packets. What configparser takes for one line is one line for every later change."""
    hidden = f"a{end}[hosts]{end}ids = i-0123456789"
    status, _, err = config("set", "defaults.description", hidden)
    assert (status, "one line" in err) == (2, True)
    assert not file.exists()
    if end in "\r\n":
        return
    file.parent.mkdir(parents=True)
    file.write_text(f"[defaults]\ndescription = {hidden}\n", encoding="utf-8")  # pasted by hand
    assert config("set", "defaults.vni", "7")[0] == 0
    assert file.read_text("utf-8").count("\n[") == 0
    assert hidden in file.read_text("utf-8")


def test_an_editor_that_cannot_be_is_told(config, file, tmp_path):
    """An unclosed quote; a blank, which is none; a place that cannot be written."""
    status, _, err = config("edit", EDITOR="vi '")
    assert (status, "The editor vi ' failed" in err) == (2, True)
    status, _, err = config("edit", VISUAL="  ", EDITOR="/nowhere/editor")
    assert (status, "/nowhere/editor" in err) == (2, True)
    (tmp_path / "file").write_text("")
    status, _, err = config("edit", XDG_CONFIG_HOME=str(tmp_path / "file"))
    assert (status, "cannot be written" in err.replace("\n", " ")) == (2, True)
