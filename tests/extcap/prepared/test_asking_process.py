"""Who asks, behind the processes that stand between Wireshark and a Python on Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from hands import wait_until

from vpcshark.extcap.prepared.asking_process import behind, is_capture, wants_capture

ITSELF = (
    "import psutil, re; from vpcshark.extcap.prepared.asking_process import behind;"
    "print(behind(psutil.Process(), re.compile('sh')))"
)


@dataclass
class Process:
    """A process that is not there."""

    pid: int
    called: str
    above: Process | None = None

    def name(self) -> str:
        return self.called

    def parent(self) -> Process | None:
        return self.above


WIRESHARK = Process(7, "Wireshark.exe", Process(6, "explorer.exe"))
BATCH = Process(8, "cmd.exe", WIRESHARK)


@pytest.mark.parametrize(
    "parent",
    [
        WIRESHARK,
        BATCH,
        Process(9, "python.exe", BATCH),  # a virtual environment's, which runs the real one
        Process(9, "Python3.12.exe", Process(10, "CMD.EXE", WIRESHARK)),
        Process(9, "cmd.exe", Process(10, "gspawn-win64-helper.exe", WIRESHARK)),
    ],
)
def test_it_is_wireshark_whatever_stands_between(parent):
    """So that the same Wireshark is known again, whose batch file runs in another cmd.exe each time."""
    assert behind(Process(11, "python.exe", parent)) == 7


def test_without_an_ancestor_that_is_known_it_is_the_parent():
    """Wireshark may have ended meanwhile."""
    assert behind(Process(11, "python.exe", Process(8, "cmd.exe"))) == os.getppid()


def test_psutil_tells_real_processes_in_the_same_way():
    """A shell between this process and a Python is seen through."""
    shell = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", ITSELF]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert int(done.stdout) == os.getpid()


@pytest.mark.parametrize(
    ("line", "is_ours"),
    [
        ("tshark -i eni-0a -a duration:2", True),
        ("tshark -q -ieni-0a", True),
        ("wireshark -k --interface=aws-web", True),
        ("/usr/bin/tshark --interface eni-0a", True),
        ("tshark -i 3 -w eni-0a.pcapng", False),
        ("tshark -D", False),
        ("wireshark", False),
        ("tshark -r eni-0a", False),
    ],
)
def test_who_captures_from_one_of_ours_is_known_by_his_command_line(line: str, is_ours: bool):
    """He fails without a list that has it."""
    assert is_capture(line.split()) is is_ours


def test_the_command_line_is_that_of_a_real_process():
    """One that has gone wants nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()", "-i", "eni-0a"], stdin=subprocess.PIPE) as process:
        wait_until(lambda: wants_capture(process.pid), "it is the program, no more the copy of this one before that")
        assert not wants_capture(os.getpid())
    assert not wants_capture(process.pid)
