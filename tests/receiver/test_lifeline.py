"""A receiver that hears nothing of its capture ends itself, although nobody closed anything."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from vpcshark import receiver

CONFIG = {"interfaces": [{"vni": 7, "id": 0}], "address": "127.0.0.1", "port": 48789, "mode": "socket"}


@pytest.fixture
def started():
    """Starts receivers on this machine, and ends them."""
    running: list[subprocess.Popen] = []

    def start(**config) -> subprocess.Popen:
        process = subprocess.Popen(
            receiver.command(sys.executable), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        running.append(process)
        if config:
            process.stdin.write(receiver.preamble() + json.dumps({**CONFIG, **config}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stderr.readline())["event"] == "ready"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def test_silence_ends_it(started):
    """No line for a second, where a second is allowed: it ends, with a status that says so."""
    process = started(silence_seconds=1)
    began = time.monotonic()
    assert process.wait(8) == 1
    assert time.monotonic() - began > 0.5


def test_any_line_breaks_the_silence(started):
    """As long as lines come it runs, well beyond the time allowed between two of them."""
    process = started(silence_seconds=1)
    for _ in range(8):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.stdin.write(b'{"alive": true}\n')
        process.stdin.flush()
    process.stdin.close()
    assert process.wait(5) == 0


def test_without_the_setting_silence_is_nothing(started):
    """A receiver that somebody runs by hand waits as long as its input is open."""
    process = started(silence_seconds=0)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)


def test_a_receiver_that_never_gets_its_config_ends(started):
    """The capture died while it sent the program: SIGALRM after ten seconds, whatever is read."""
    process = started()
    assert process.wait(15) == -14
