"""An instance that is launched into a running VPC: reachable, mirrored to, shut down by itself, gone for good."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import termios
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hands import wait_until

from vpcshark.lab.model import LabInstance
from vpcshark.lab.vpc import machine

USER_DATA = """#!/bin/sh
mkdir /run/marks
(while read -r up rest < /proc/uptime; do echo "$up" > /run/marks/up; sleep 0.1; done) &
echo booted > /run/marks/booted
sleep 1
[ ! -e /run/marks/stay ] && shutdown -h now
"""


@pytest.fixture
def launched(vpc, eni_of, monkeypatch) -> LabInstance:
    """A machine without user data, whose uptime runs ten times as fast."""
    monkeypatch.setenv(machine.RATE, "10")
    return LabInstance("i-later", "later", (eni_of(20, 1),), ("launched", "sshd"))


def namespaces() -> str:
    """As ip(8) lists them."""
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout


def test_it_is_in_the_network_until_it_is_removed(vpc, launched):
    """Others reach it, by its bridge; afterwards no namespace, process or port of it is left."""
    vpc.plane.launch(launched, lambda: None)
    try:
        done = subprocess.run([*vpc.inside("web-1"), "ping", "-c1", "-W2", launched.enis[0].ipv4], check=False)
        assert done.returncode == 0
        assert f"{vpc.name}-i-later" in namespaces()
    finally:
        vpc.plane.remove("i-later")
        vpc.plane.remove("i-later")  # gone is done
    assert f"{vpc.name}-i-later" not in namespaces()
    ports = subprocess.run([*vpc.inside("vpc"), "ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    assert len([line for line in ports.splitlines() if line.startswith("p")]) == 4


def test_frames_are_mirrored_to_it(vpc, launched):
    """A session may name what came later; when it has gone, the mirror goes on for others."""
    vpc.plane.launch(launched, lambda: None)
    try:
        session = replace(vpc.session(), target=launched.enis[0].id)
        vpc.plane.apply([session])
        options = ["-i", "eth0", "-c", "5", "--immediate-mode", "-w", "/dev/null", "udp", "port", "4789"]
        inside = ["ip", "netns", "exec", f"{vpc.name}-i-later", "tcpdump", "-Z", "root", *options]
        assert subprocess.run(inside, timeout=180, check=False).returncode == 0
    finally:
        vpc.plane.remove("i-later")
    vpc.plane.apply([vpc.session()])
    vpc.await_frames("cap-1", 5, "udp port 4789")


def unread(pid: int) -> int:
    """How many bytes wait in a process's standard input."""
    with open(f"/proc/{pid}/fd/0", "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as pipe:
        (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return count


def test_it_may_go_while_frames_wait_to_be_mirrored_to_it(vpc, launched):
    """On a busy machine the mirror learns of it late, and reads what came before after that."""
    (mirror,) = vpc.processes_of("vpcshark.lab.vpc.mirror")
    vpc.plane.launch(launched, lambda: None)
    removal = threading.Thread(target=vpc.plane.remove, args=("i-later",))
    try:
        vpc.plane.apply([replace(vpc.session(), target=launched.enis[0].id)])
        os.kill(mirror, signal.SIGSTOP)
        vpc.await_frames("web-1", 300)  # more than it reads at once
        removal.start()
        wait_until(lambda: unread(mirror) > 0, "it has been told")
    finally:
        os.kill(mirror, signal.SIGCONT)
        vpc.plane.remove("i-later")
    removal.join()
    assert f"{vpc.name}-i-later" not in namespaces()
    assert vpc.plane.stats()["mirrored"] > 0


def test_its_user_data_runs_and_may_shut_it_down(vpc, launched, tmp_path: Path):
    """Beside it, the machine that the lab runs on keeps its own /run, uptime and life."""
    ended = threading.Event()
    vpc.plane.launch(replace(launched, user_data=USER_DATA), ended.set)
    try:
        assert ended.wait(180)
    finally:
        vpc.plane.remove("i-later")
    assert not Path("/run/marks").exists()


def test_its_uptime_counts_faster(vpc, launched):
    """So that nobody waits for quarters of an hour."""
    pids = set()
    vpc.plane.launch(
        replace(launched, user_data=USER_DATA.replace("sleep 1\n", "touch /run/marks/stay\n")), lambda: None
    )
    try:
        inside = f"{vpc.name}-i-later"
        wait_until(lambda: bool(pids.update(listed(inside)) or pids), "it has processes")
        marks = [Path(f"/proc/{pid}/root/run/marks/up") for pid in pids]
        wait_until(lambda: any(mark.exists() for mark in marks), "its user data has run")
        mark = next(mark for mark in marks if mark.exists())
        first = float(mark.read_text() or 0)
        wait_until(lambda: float(mark.read_text() or 0) > first + 10, "ten seconds of uptime have passed")
    finally:
        vpc.plane.remove("i-later")


def listed(namespace: str) -> list[int]:
    """The processes there."""
    done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
    return [int(pid) for pid in done.stdout.split()]
