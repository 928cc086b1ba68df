"""A ledger tells what a dead capture made, whatever cut it short."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from vpcshark.cleanup import ledger as ledgers

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def path(tmp_path):
    """Where the ledger of capture c-1 lies."""
    return tmp_path / "captures" / "c-1.ledger"


def test_what_was_made_is_read_back(path):
    """A create is open until its answer is written; a delete takes it off."""
    ledger = ledgers.Ledger(path, HEADER)
    ledger.belongs_to("123456789012")
    for kind, token in (("filter", "t1"), ("target", "t2"), ("session", "t3"), ("rule", "t4")):
        ledger.creating(kind, token)
    ledger.created("filter", "t1", "tmf-1")
    ledger.created("target", "t2", "tmt-1")
    ledger.refused("t4")
    ledger.deleted("tmt-1")
    ledger.note("A sentence.")
    record = ledgers.read(path)
    assert (record.capture, record.owner, record.account) == ("c-1", "me@here", "123456789012")
    assert record.made == {"tmf-1": "filter"}
    assert record.unanswered == {"t3": "session"}
    assert record.notes == ("A sentence.",)
    ledger.finish()


def test_a_half_written_line_loses_nothing_else(path):
    """A crash in the middle of a write spoils that line alone, also for what is appended later."""
    ledger = ledgers.Ledger(path, HEADER)
    ledger.created("filter", "t1", "tmf-1")
    ledger.leave_open()
    with open(path, "ab") as file:
        file.write(b'{"created": "sess')
    adopted = ledgers.adopt(path)
    adopted.created("target", "t2", "tmt-1")
    assert ledgers.read(path).made == {"tmf-1": "filter", "tmt-1": "target"}
    adopted.finish()


def test_the_file_is_the_users_alone(path):
    """Nobody else may read what is captured where."""
    ledger = ledgers.Ledger(path, HEADER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    ledger.finish()


def test_a_living_captures_ledger_cannot_be_adopted(path):
    """Two living captures never fight over one ledger."""
    ledger = ledgers.Ledger(path, HEADER)
    assert ledgers.is_live(path)
    assert ledgers.adopt(path) is None
    ledger.leave_open()
    assert not ledgers.is_live(path)


def test_a_finished_capture_leaves_no_file(path):
    """What lies in the folder is alive or unfinished."""
    ledger = ledgers.Ledger(path, HEADER)
    ledger.finish()
    assert ledgers.all_paths(path.parent) == []
    assert ledgers.adopt(path) is None


def test_the_lock_dies_with_its_process(path):
    """SIGKILL leaves a ledger that a sweep can adopt at once."""
    code = (
        "import sys, pathlib, signal; from vpcshark.cleanup import ledger\n"
        f"held = ledger.Ledger(pathlib.Path({str(path)!r}), {HEADER!r})\n"
        "held.creating('session', 't1'); print('ready', flush=True); signal.pause()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"ready\n"
        assert ledgers.is_live(path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    adopted = ledgers.adopt(path)
    assert adopted is not None
    assert ledgers.read(path).unanswered == {"t1": "session"}
    adopted.finish()


def test_who_only_asks_does_not_make_a_dead_capture_look_alive(path):
    """A list asks who lives at the very moment when a sweep adopts what is dead."""
    ledgers.Ledger(path, HEADER).leave_open()
    with open(path, "rb") as asking, ThreadPoolExecutor() as pool:
        fcntl.flock(asking, fcntl.LOCK_SH)
        adopting = pool.submit(ledgers.adopt, path)
        assert not wait([adopting], 0.2).done
        fcntl.flock(asking, fcntl.LOCK_UN)
        adopting.result(180).leave_open()


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB with no byte left; needs root to mount it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place) -> None:
    """Take the last byte."""
    with open(place / "ballast", "wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            return


def test_a_full_disk_stops_creates_and_nothing_else(full_disk):
    """Nothing is created that can't be written down; what clean-up has to say is not worth its death."""
    ledger = ledgers.Ledger(full_disk / "c-1.ledger", HEADER)
    ledger.creating("filter", "t1")
    fill(full_disk)
    with pytest.raises(OSError, match="No space"):
        ledger.creating("target", "t" * 5000)  # more than what is left of the file's last page
    ledger.created("filter", "t1", "tmf-1")
    ledger.deleted("tmf-1")
    ledger.note("A sentence.")
    ledger.leave_open()
    adopted = ledgers.adopt(ledger.path)
    (full_disk / "ballast").unlink()
    adopted.created("session", "t2", "tms-1")
    assert ledgers.read(ledger.path).made["tms-1"] == "session"
    adopted.finish()
