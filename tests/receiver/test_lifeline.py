"""A receiver that hears nothing of its capture ends itself, although nobody closed anything."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from vpcshark import receiver

CONFIG = {"interfaces": [{"vni": 7, "id": 0}], "address": "127.0.0.1", "port": 24789, "mode": "socket"}


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
    assert process.wait(180) == 1
    assert time.monotonic() - began > 0.5


def test_any_line_breaks_the_silence(started):
    """As long as lines come it runs, well beyond the time allowed between two of them."""
    process = started(silence_seconds=3)
    for _ in range(8):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.stdin.write(b'{"alive": true}\n')
        process.stdin.flush()
    process.stdin.close()
    assert process.wait(180) == 0


def test_a_machine_that_stood_still_is_no_silence(started):
    """A host without CPU credits, say: the capture's lines wait in sshd, which stood still as well."""
    process = started(silence_seconds=3)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(5)
    process.send_signal(signal.SIGCONT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.stdin.close()
    assert process.wait(180) == 0


def test_without_the_setting_silence_is_nothing(started):
    """A receiver that somebody runs by hand waits as long as its input is open."""
    process = started(silence_seconds=0)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)


def test_a_receiver_that_never_gets_its_config_ends(started):
    """The capture died while it sent the program: it ends by itself, whatever is read."""
    process = started()
    assert process.wait(180) == 1


CONFIGURED = receiver.preamble() + json.dumps({**CONFIG, "silence_seconds": 1}).encode() + b"\n"
CUT = receiver.preamble()[:-1000]


@pytest.fixture
def under_sshd(tmp_path):
    """Starts a command under a shell that is called sshd, gives it input that never ends, and returns the shell."""
    sshd = tmp_path / "sshd"
    sshd.symlink_to("/bin/sh")
    running: list[subprocess.Popen] = []

    def start(command: list[str], given: bytes) -> subprocess.Popen:
        script = 'exec 3<&0; "$@" <&3 & wait $!; echo $?'  # as an sshd does, it hears signals while its command runs
        process = subprocess.Popen(
            [str(sshd), "-c", script, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        process.stdin.write(given)
        process.stdin.flush()
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.thin(3)
@pytest.mark.parametrize("given", [b"", CUT, CONFIGURED], ids=["nothing", "a cut program", "all"])
def test_with_the_receiver_ends_the_sshd_of_its_own_connection(under_sshd, given):
    """A path that is cut in silence, before the config or after it: sshd would stay for a quarter of an hour."""
    process = under_sshd(receiver.command(sys.executable, owns_connection=True), given)
    assert process.wait(180) == -signal.SIGTERM


@pytest.mark.thin(2)
@pytest.mark.parametrize("given", [b"", CONFIGURED], ids=["nothing", "all"])
def test_the_sshd_of_the_users_login_is_let_be(under_sshd, given):
    """A receiver on the user's own machine has the user's login above it."""
    process = under_sshd(receiver.command(sys.executable), given)
    assert process.stdout.readline() == b"1\n"
    assert process.wait(180) == 0


def free_port() -> int:
    """A UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ready(process: subprocess.Popen, config: dict) -> dict:
    """Give a receiver its config; what it says of itself once it is ready."""
    process.stdin.write(receiver.preamble() + json.dumps({**CONFIG, **config}).encode() + b"\n")
    process.stdin.flush()
    return json.loads(process.stderr.readline())


def test_a_receiver_that_goes_on_for_another_ends_that_one_before_it_begins(started):
    """The way to the first broke for the capture alone: its input is open, and no line is missing yet."""
    first, second, stranger = started(), started(), started()
    said, other = ready(first, {"port": free_port()}), ready(stranger, {"port": free_port()})
    assert said["pid"] == first.pid
    after = ready(second, {"pid": said["pid"], "born": said["born"], "port": free_port()})
    assert first.wait(180) == -signal.SIGKILL
    assert after["event"] == "ready"
    assert stranger.poll() is None
    assert other["born"] != 0


@pytest.mark.parametrize("wrong", [{"born": 1}, {"pid": 0}, {"pid": 1 << 22}])
def test_only_the_very_process_that_was_named_is_ended(started, wrong: dict):
    """A number alone may be another's by now."""
    first, second = started(), started()
    said = ready(first, {"port": free_port()})
    assert ready(second, {"pid": said["pid"], "born": said["born"], "port": free_port(), **wrong})["event"] == "ready"
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.5)
