"""The watchdog of a launched capture host, run by the shells there are, with short times and a harmless shutdown."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hands import wait_until

from vpcshark.aws import userdata
from vpcshark.receiver.heartbeat import Heartbeat

SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """Each shell that a distribution may have as /bin/sh."""
    if shutil.which(request.param[0]) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no {request.param[0]}")
    return list(request.param)


class Host:
    """A watchdog that runs: ``heartbeat`` is its file, and ``is_down`` tells that it has called shutdown."""

    def __init__(self, folder: Path) -> None:
        self.heartbeat = folder / "run" / "heartbeat"
        self.programs = folder / "bin"
        self._sign = folder / "down"
        self.programs.mkdir()
        for name in ("shutdown", "poweroff"):
            (self.programs / name).write_text(f"#!/bin/sh\necho {name} \"$@\" $PPID >> '{self._sign}'\n")
            (self.programs / name).chmod(0o755)

    @property
    def is_down(self) -> bool:
        return self._sign.exists()

    @property
    def said(self) -> list[str]:
        return self._sign.read_text().split()


@pytest.fixture
def launch(tmp_path: Path, shell: list[str]) -> Iterator[Callable[[float], Host]]:
    """``launch(silence)`` runs the user data as cloud-init does; the watchdog ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(silence: float) -> Host:
        host = Host(tmp_path)
        file = tmp_path / "part-001"
        file.write_text(userdata.script(heartbeat=str(host.heartbeat), silence=silence, pause=0.1))
        environment = {**os.environ, "PATH": f"{host.programs}:{os.environ['PATH']}"}
        process = subprocess.Popen([*shell, str(file)], env=environment, start_new_session=True)
        started.append(process)
        assert process.wait(5) == 0  # cloud-init waits for user data, so it must not stay
        return host

    yield run
    for process in started:
        os.killpg(process.pid, 9)


def test_shellcheck_finds_nothing(tmp_path: Path):
    """As for every shell script here."""
    file = tmp_path / "part-001"
    file.write_text(userdata.script())
    done = subprocess.run(["shellcheck", str(file)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert len(userdata.script()) < 16384  # EC2's limit, before base64


def test_without_a_heartbeat_the_host_shuts_down(launch):
    """Nobody ever captured: the capture died while the host booted."""
    host = launch(1)
    wait_until(lambda: host.is_down, "it shuts down", 5)
    assert host.said[:3] == ["shutdown", "-h", "now"]


@pytest.mark.alone
def test_the_receivers_heartbeat_keeps_it_up_until_it_stops(launch):
    """What the receiver writes is what the watchdog reads; it shuts down after the last beat's time, not before."""
    host = launch(1)
    beats = Heartbeat(str(host.heartbeat), 2.0)
    began = time.monotonic()
    while time.monotonic() - began < 3.5:
        beats.beat()
        time.sleep(0.05)
    assert not host.is_down
    wait_until(lambda: host.is_down, "it shuts down", 6)


def test_what_is_no_number_neither_keeps_nor_ends_it(launch):
    """Whoever may log in may write the file."""
    host = launch(2)
    for text in ("", "word\n", "-5\n", "0\n", "12 34\n", "1; exit\n"):
        host.heartbeat.write_text(text)
        time.sleep(0.15)
        assert not host.is_down
    wait_until(lambda: host.is_down, "it shuts down", 5)


def test_anybody_may_write_the_heartbeat_and_nobody_may_replace_it(launch):
    """A receiver without root keeps the host as well."""
    host = launch(60)
    assert host.heartbeat.stat().st_mode & 0o777 == 0o666
    assert host.heartbeat.parent.stat().st_mode & 0o022 == 0


def test_no_heartbeat_is_written_where_no_watchdog_is(tmp_path: Path):
    """A standing capture host is left as it is."""
    Heartbeat(str(tmp_path / "vpcshark" / "heartbeat"), 2.0).beat()
    assert list(tmp_path.iterdir()) == []
