"""A ledger tells what a dead capture made, whatever cut it short."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import examples

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import overview
from vpcshark.cli import ps

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


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
NAMES = st.sampled_from(
    ["capture", "creating", "created", "token", "id", "refused", "deleted", "note", "expires", "adopted", *HEADER]
)
LINES = st.one_of(
    st.dictionaries(NAMES, VALUES, max_size=4).map(lambda entry: json.dumps(entry).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20),
    st.just(b"[" * 100_000),
    st.just(b'{"created": "fil'),
)


@settings(
    max_examples=examples(1000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=st.lists(LINES, max_size=6), place=st.integers(0, 6))
def test_lines_of_any_shape_are_passed_over(lines, place, tmp_path):
    """A disk's fault, a crash or another version may have written them: what the others say is read, and can be shown
    and cleaned up by."""
    path = tmp_path / "c-1.ledger"
    ours = b'{"created": "filter", "token": "our own", "id": "tmf-our own"}'
    path.write_bytes(b"\n".join([*lines[:place], ours, *lines[place:]]))
    record = ledgers.read(path)
    assert record.made["tmf-our own"] == "filter"
    (seen,) = overview.overview([], 1e9, tmp_path)
    assert seen.capture == record.capture == "c-1"
    assert isinstance(overview.as_json(seen), dict)
    ps._row(seen, 1e9, 1e9)
    assert overview.remark(tmp_path) or not record.notes
    for words in (record.owner, record.source, record.profile, record.region, record.account, *record.notes):
        assert isinstance(words, str)
    for kind, resource in [*record.made_pairs, *record.unanswered.items()]:
        assert isinstance(kind, str)
        assert isinstance(resource, str)


def test_a_folder_that_is_closed_to_us_is_told_and_takes_no_list_away(tmp_path):
    """As one run of root's with the user's HOME leaves it. Asked as somebody whom permissions hold for."""
    folder = tmp_path / "state" / "vpcshark" / "captures"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o000)
    tmp_path.chmod(0o755)
    program = (
        "import os, sys; from pathlib import Path; from vpcshark.cleanup import ledger, overview\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"where = Path({str(folder)!r})\n"
        "assert ledger.all_paths(where) == [] and overview.overview([], 0.0, where) == []\n"
        "assert ledger.lives_here(where, 'c-1') is None and overview.remark(where) == ''\n"
        "print(ledger.hidden(where))"
    )
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    finally:
        folder.parent.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout
    assert "sudo chown" in done.stdout
    assert ledgers.hidden(folder) == ledgers.hidden(tmp_path / "nothing here") == ""


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
