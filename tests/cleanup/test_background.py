"""The sweep at the next start of anything: costs nothing where nothing lies, holds nobody up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from vpcshark.cleanup import background
from vpcshark.cleanup import ledger as ledgers
from vpcshark.errors import InputError

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def folder(tmp_path):
    """The folder of the ledgers."""
    return tmp_path / "captures"


@pytest.fixture
def dead(folder, account):
    """The ledger of a capture that died with a filter."""
    ledger = ledgers.Ledger(folder / "c-1.ledger", HEADER)
    ledger.belongs_to("123456789012")
    ledger.created("filter", "t1", "tmf-1")
    ledger.leave_open()
    account.add("filter", "tmf-1")
    return ledger.path


def test_nothing_is_started_where_nothing_lies(folder, clock):
    """No folder, an empty folder, a living capture: no process."""
    assert not background.sweep_in_background(folder, clock)
    living = ledgers.Ledger(folder / "c-2.ledger", HEADER)
    assert not background.sweep_in_background(folder, clock)
    living.finish()
    assert not background.sweep_in_background(folder, clock)


def test_another_users_ledger_does_not_keep_ours_waiting(shared, clock, account):
    """It is nobody else's to clean up; ours is worked off all the same."""
    mine = ledgers.Ledger(shared / "c-1.ledger", HEADER)
    mine.leave_open()
    assert background.waiting(shared, clock) == [mine.path]
    assert [one.path for one in background.run(shared, reach=lambda *_: account, clock=clock)] == [mine.path]
    assert [one.name for one in shared.iterdir()] == ["c-root.ledger"]


def test_the_look_is_cheap(folder, clock):
    """Into an empty folder, it costs few times what reading the folder costs: it is on everybody's way."""
    folder.mkdir()

    def thousand(look: Callable[[], object]) -> float:
        start = time.process_time()
        for _ in range(1000):
            look()
        return time.process_time() - start

    assert thousand(lambda: background.sweep_in_background(folder, clock)) < 20 * thousand(lambda: os.listdir(folder))


def test_a_dead_captures_ledger_starts_one_that_holds_no_descriptor_of_ours(dead, folder, clock, tmp_path):
    """Wireshark waits for the end of everything that holds stdout or stderr; this process holds neither."""
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\nls -l /proc/$$/fd >{tmp_path}/seen.new\nmv {tmp_path}/seen.new {tmp_path}/seen\n")
    fake.chmod(0o755)
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    assert background.sweep_in_background(folder, clock, python=str(fake))
    os.close(write_end)
    assert os.read(read_end, 1) == b""  # nobody else has it: else this would wait for ever
    os.close(read_end)
    while not (tmp_path / "seen").exists():
        time.sleep(0.01)
    assert "pipe" not in (tmp_path / "seen").read_text()


def test_it_works_the_ledgers_off(dead, folder, account, clock):
    """The account is clean and the folder empty."""
    background.run(folder, reach=lambda profile, region: account, clock=clock)
    assert account.resources == {}
    assert ledgers.all_paths(folder) == []


def test_two_never_work_at_one_ledger(dead, folder, account, clock):
    """The second finds the ledger taken and leaves it."""
    first = ledgers.adopt(dead)
    assert background.run(folder, reach=lambda profile, region: account, clock=clock) == []
    assert account.deletes == []
    first.leave_open()


def test_an_account_that_cannot_be_reached_keeps_no_other_capture_waiting(dead, folder, account, clock):
    """The stuck one is asked first, and still waits when the other is done."""
    stuck = ledgers.Ledger(folder / "c-0.ledger", {**HEADER, "profile": "gone"})
    stuck.created("filter", "t0", "tmf-0")
    stuck.leave_open()
    other_is_done = threading.Event()
    account.delete = lambda kind, resource: (account.resources.pop(resource), other_is_done.set())

    def reach(profile, region):
        if profile:
            assert other_is_done.wait(180)
            raise InputError("There is no profile gone.")
        return account

    background.run(folder, reach=reach, clock=clock)
    assert (dead.exists(), stuck.path.exists()) == (False, True)


def test_more_of_those_than_workers_do_not_either(dead, folder, account, clock):
    """Each gets a short try before any gets a long one; in between, the good one is done."""
    for number in range(3 * background.WORKERS):
        stuck = ledgers.Ledger(folder / f"c-0{number:02}.ledger", {**HEADER, "profile": "gone"})
        stuck.created("filter", "t0", "tmf-0")
        stuck.leave_open()
    began, done_after = clock.time, []
    account.delete = lambda kind, resource: (account.resources.pop(resource), done_after.append(clock.time - began))

    def reach(profile, region):
        if profile:
            raise InputError("There is no profile gone.")
        return account

    background.run(folder, reach=reach, clock=clock)
    assert not dead.exists()
    assert done_after[0] < background.PATIENCE
    assert len(ledgers.all_paths(folder)) == 3 * background.WORKERS


def test_what_failed_a_moment_ago_rests(dead, folder, clock):
    """A list that is refreshed every few seconds does not start a process each time for expired credentials."""
    adopted = ledgers.adopt(dead)
    adopted.note("The AWS credentials have expired.")
    adopted.leave_open()
    clock.time = dead.stat().st_mtime + 1
    assert background.waiting(folder, clock) == []
    clock.time += background.REST
    assert background.waiting(folder, clock) == [dead]


def test_the_process_can_be_started_by_a_launcher(folder):
    """python -m vpcshark.cleanup.background FOLDER ends at once where nothing is to do, and says nothing."""
    folder.mkdir()
    command = [sys.executable, "-m", "vpcshark.cleanup.background", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
