"""The janitor finds its ledger and its program, wherever the capture was started from; a dead one is known for dead."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import appdirs
import pytest

from vpcshark.aws.credentials.sign_in import Keys
from vpcshark.cleanup import account, janitor
from vpcshark.cleanup import ledger as ledgers
from vpcshark.errors import VpcsharkError

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def dead(tmp_path) -> Path:
    """The ledger of a capture that died before it made anything: a janitor needs no AWS to finish it."""
    ledger = ledgers.Ledger(tmp_path / "captures" / "c-1.ledger", HEADER)
    ledger.leave_open()
    return ledger.path


def test_a_ledger_that_is_named_from_here_is_found(dead, tmp_path, monkeypatch):
    """The janitor works in the ledger's folder, not here."""
    monkeypatch.chdir(tmp_path)
    janitor.spawn(dead.relative_to(tmp_path)).dismiss(timeout=180)
    assert not dead.exists()


@pytest.fixture
def bare_python(tmp_path) -> str:
    """A Python whose packages are elsewhere: it has this one only if it is told where that is."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "appdirs.py").symlink_to(appdirs.__file__)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/packages" exec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_a_package_that_only_the_capture_has_on_its_path_is_found(dead, bare_python):
    """As that of a checkout is, for "python -m vpcshark" in its folder."""
    janitor.spawn(dead, bare_python).dismiss(timeout=180)
    assert not dead.exists()


def test_one_that_ended_at_once_is_known_for_dead(dead):
    """Before the first create, whatever it was that ended it."""
    keeper = janitor.spawn(dead, shutil.which("false"))
    keeper.dismiss(timeout=180)
    with pytest.raises(VpcsharkError, match=r"has ended \(status 1\), so nothing is created"):
        keeper.check()


def test_one_that_waits_is_not(dead):
    """It ends with the pipe."""
    keeper = janitor.spawn(dead)
    keeper.check()
    keeper.dismiss(timeout=180)


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_what_ends_a_capture_does_not_end_it(dead, name):
    """A Ctrl-C or a terminal that is closed, where whoever sends it finds the janitor as well."""
    keeper = janitor.spawn(dead)
    number = getattr(signal, name)
    assert within(60, lambda: ignores(keeper.pid, number))
    os.kill(keeper.pid, number)
    keeper.check()
    keeper.dismiss(timeout=180)
    assert not dead.exists()


def ignores(pid: int, number: int) -> bool:
    """Does the process ignore this signal? (proc(5), SigIgn)"""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigIgn:")[2].split()[0], 16) & 1 << number - 1)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Does it come to hold?"""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


SECRET = b"hush-hush-hush"


def test_what_it_is_entrusted_with_is_nowhere_but_in_the_pipe(dead):
    """Not in its arguments, its environment or a file that it has."""
    keeper = janitor.spawn(dead)
    keeper.entrust(b'{"secret": "%s"}\n' % SECRET)
    process = Path(f"/proc/{keeper.pid}")
    assert SECRET not in process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
    assert not any(SECRET in file.read_bytes() for file in dead.parent.rglob("*") if file.is_file())
    keeper.dismiss(timeout=180)


def test_one_that_is_dead_takes_nothing_and_that_is_no_error_of_its_own(dead):
    """The next create asks whether it lives."""
    keeper = janitor.spawn(dead, shutil.which("false"))
    keeper.dismiss(timeout=180)
    keeper.entrust(b"{}\n")


@pytest.mark.parametrize(
    ("came", "used"), [(b"", b""), (b"one\n", b"one\n"), (b"one\ntwo\n", b"two\n"), (b"one\ntw", b"one\n")]
)
def test_the_last_whole_line_is_used(dead, clock, came, used):
    """A capture that is killed may cut one short."""
    asked = []
    janitor.watch(io.BytesIO(came), dead, reach_by=lambda line: asked.append(line), clock=clock)
    assert asked == [used]


KEYS = Keys("ASIA", "s", "t", 1_700_000_600.0)


def ways(clock, line: bytes, times: int) -> list[str]:
    """By which way each of the janitor's tries goes."""
    gone: list[str] = []

    def own(profile, region):
        gone.append("own")

    def by_keys(keys, profile, region):
        assert keys == KEYS
        gone.append("handed")

    reach = account.reach_with(line, clock, own, by_keys)
    for _ in range(times):
        reach("prod", "eu-west-1")
    return gone


def test_its_tries_take_the_handed_keys_and_its_own_in_turn(clock):
    """Each may work when the other does not."""
    assert ways(clock, KEYS.as_line(), 4) == ["handed", "own", "handed", "own"]


def test_handed_keys_that_ran_out_are_not_tried(clock):
    """AWS would refuse them."""
    clock.sleep(601)
    assert ways(clock, KEYS.as_line(), 3) == ["own", "own", "own"]


@pytest.mark.parametrize("line", [b"rubbish\n", b"[]\n", b'{"other": 1}\n'])
def test_a_line_that_makes_no_sense_is_no_end(clock, line):
    """A capture of another version, perhaps."""
    assert ways(clock, line, 2) == ["own", "own"]
