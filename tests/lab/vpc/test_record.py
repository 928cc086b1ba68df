"""The record of what was made, and processes that are known beyond doubt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vpcshark.lab.vpc import record
from vpcshark.lab.vpc.record import Process, Record

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ignores SIGTERM, in a group of its own."""
    command = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def test_a_record_comes_back_as_it_was_written(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    """All fields, in a file that only its owner reads."""
    made = Record(tmp_path / "record.json", ["a", "b"], ["dev0"])
    made.add(sleeper.pid)
    assert record.load(made.path) == made
    assert len(made.processes) == 1
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_no_record_is_none(tmp_path: Path) -> None:
    """Nothing was made there."""
    assert record.load(tmp_path / "record.json") is None


def test_end_kills_what_does_not_want_to_go(sleeper: subprocess.Popen[bytes]) -> None:
    """SIGKILL follows SIGTERM."""
    process = record.identify(sleeper.pid)
    assert process
    record.end([process], patience=0.2)
    assert sleeper.wait() == -9


def test_end_spares_a_process_that_only_has_the_number(sleeper: subprocess.Popen[bytes]) -> None:
    """A process id that was used again is not ours."""
    process = record.identify(sleeper.pid)
    assert process
    record.end([Process(process.pid, process.started - 1)], patience=0.2)
    assert sleeper.poll() is None
