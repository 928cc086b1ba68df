"""What is loaded for help, how commands are listed, and how errors of a command line are told."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from vpcshark.cli import parsing, statuses
from vpcshark.cli.commands import COMMANDS, GROUPS, module

LOADED = """
import atexit, os, sys
before = set(sys.modules)
atexit.register(lambda: print("LOADED", *sorted(set(sys.modules) - before), file=sys.stderr))
from vpcshark.cli import main
sys.argv[0] = "vpcshark"
sys.exit(main())
"""
HEAVY = {"boto3", "botocore", "paramiko", "rich", "numpy", "scapy", "cryptography", "psutil", "urllib3"}
AT_ONCE = {"vpcshark", "vpcshark.cli", "vpcshark.cli.main", "vpcshark.cli.parsing", "vpcshark.cli.commands"} | {
    "vpcshark.cli.statuses", "vpcshark.errors", "vpcshark.text",
}  # fmt: skip


def vpcshark(*words: str, program: str = LOADED, **more: str) -> tuple[int, str, str, set[str]]:
    """Status, stdout, stderr and what was loaded."""
    environ = {**os.environ, "COLUMNS": "100", **more}
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    said, _, loaded = done.stderr.partition("LOADED ")
    return done.returncode, done.stdout, said, set(loaded.split())


@pytest.mark.parametrize("words", [("--version",), ("-V",), ("--help",), ()])
def test_version_and_help_load_argparse_and_a_table(words: tuple[str, ...]):
    """Python's start is most of what they take."""
    status, out, _, loaded = vpcshark(*words)
    assert status == (0 if words else 2)
    assert "vpcshark" in out
    assert {name for name in loaded if name.partition(".")[0] == "vpcshark"} == AT_ONCE
    assert not loaded & {*HEAVY, "logging", "dataclasses", "inspect", "json", "subprocess", "socket", "pathlib"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_what_it_takes_and_not_what_it_does(command: str):
    """No AWS, no SSH, no table."""
    status, out, _, loaded = vpcshark(command, "--help")
    assert (status, out.startswith(f"usage: vpcshark {command} ")) == (0, True)
    assert not loaded & HEAVY
    declared = {name for name in loaded if name.startswith("vpcshark.cli.arguments.")}
    assert declared <= {f"vpcshark.cli.arguments.{module(command)}", "vpcshark.cli.arguments.common"}


def test_help_lists_every_command_once_in_its_group():
    """With what it is for, below the name of the group."""
    _, out, _, _ = vpcshark("--help")
    at = [out.index(f"\n{group}:\n") for group in GROUPS]
    assert at == sorted(at)
    for group, commands in GROUPS.items():
        part = out[out.index(f"\n{group}:\n") :].partition("\n\n")[0]
        assert re.findall(r"^  (\S+) ", part, re.MULTILINE) == list(commands)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("captur",), 'vpcshark: There is no command "captur". Did you mean capture?\nSee: vpcshark --help\n'),
        (("xyz",), 'vpcshark: There is no command "xyz".\nSee: vpcshark --help\n'),
        (("--colour",), "vpcshark: unrecognized arguments: --colour.\nSee: vpcshark --help\n"),
        (
            ("capture", "db-1", "--hots", "launch"),
            "vpcshark capture: unrecognized arguments: --hots launch. Did you mean --host?\n"
            "See: vpcshark capture --help\n",
        ),
        (
            ("interfaces", "--colour=no"),
            "vpcshark interfaces: unrecognized arguments: --colour=no.\nSee: vpcshark interfaces --help\n",
        ),
        (
            ("lab", "start", "--topolgoy=x"),
            "vpcshark lab start: unrecognized arguments: --topolgoy=x. Did you mean --topology?\n"
            "See: vpcshark lab start --help\n",
        ),
        (
            ("--region", "eu-west-1", "interfaces"),
            "vpcshark: Options stand behind the command: vpcshark interfaces --region eu-west-1.\n"
            "See: vpcshark --help\n",
        ),
        (
            ("-v", "--profile=lab", "capture", "db-1", "-c", "5"),
            "vpcshark: Options stand behind the command: vpcshark capture db-1 -c 5 --profile=lab.\n"
            "See: vpcshark --help\n",
        ),
        (
            ("--profile", "lab", "interfaces"),
            "vpcshark: Options stand behind the command: vpcshark interfaces --profile lab.\nSee: vpcshark --help\n",
        ),
        (("lab",), "vpcshark lab: the following arguments are required: ACTION.\nSee: vpcshark lab --help\n"),
        (
            ("capture", "eni-1", "-c", "x"),
            'vpcshark capture: argument -c: "x" is not a number of packets.\nSee: vpcshark capture --help\n',
        ),
        (
            ("config", "set", "a"),
            "vpcshark config set: the following arguments are required: VALUE.\nSee: vpcshark config set --help\n",
        ),
    ],
)
def test_an_error_of_the_command_line_is_two_lines(capsys: pytest.CaptureFixture[str], words, said):
    """What is wrong, and where to read on; not all options there are."""
    from vpcshark.cli.main import run

    with pytest.raises(SystemExit) as ended:
        run(words)
    assert (ended.value.code, capsys.readouterr().err) == (statuses.UNUSABLE, said)


@pytest.mark.parametrize("words", [("-v", "explain", "udp"), ("explain", "-v", "udp"), ("explain", "udp", "--verbose")])
def test_details_can_be_asked_for_before_and_behind_a_command(words):
    """With one result."""
    options = parsing.parser("explain").parse_args(words)
    assert (options.verbose, options.filter) == (True, ["udp"])


def test_with_v_what_is_logged_is_shown_on_stderr(tmp_path):
    """And not without."""
    own = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    _, out, quiet, _ = vpcshark("explain", "udp", **own)
    status, same, loud, _ = vpcshark("-v", "explain", "udp", **own)
    assert (status, quiet, same) == (statuses.OK, "", out)
    assert re.search(r"^INFO vpcshark\S+: vpcshark explain begins", loud, re.MULTILINE), loud


def test_a_log_level_that_is_none_is_told(tmp_path):
    """By the name of the variable, with status 2."""
    status, _, said, _ = vpcshark("explain", "udp", VPCSHARK_LOG_LEVEL="loud", HOME=str(tmp_path))
    assert status == statuses.UNUSABLE
    assert 'VPCSHARK_LOG_LEVEL: "loud" is not one of: debug, info, warning, error.' in said


def test_every_exit_status_of_the_table_is_in_help():
    """130 is the shells' own."""
    _, out, _, _ = vpcshark("--help")
    for status, meaning in statuses.TABLE.items():
        assert f"  {status:<5}{meaning[:40]}" in out
