"""A program that is to bring SSH's bytes, and does not: it is named in the message, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from vpcshark.errors import TransportError
from vpcshark.transport import programs, ssh

# Neither reads its input nor heeds what asks it to end, and says which process it is, and which it has started.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "776"], stdout=subprocess.DEVNULL)
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(777)
"""
# What opens a stream over the program that its arguments name, in a thread as a capture's ways are, and then ends so.
OURS = """
import os, sys, threading, time
from vpcshark.transport import programs
command, file, ending = sys.argv[3:], sys.argv[1], sys.argv[2]
def way():
    stream = programs.stream(command)
    while not (os.path.exists(file) and open(file).read()):
        time.sleep(0.01)
    if ending != "no close":
        stream.close()
    opened.set()
opened = threading.Event()
threading.Thread(target=way, daemon=True).start()
opened.wait()
print("opened", flush=True)
if ending == "_exit":
    os._exit(3)
if ending == "waits":
    time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def written(file: Path) -> list[int]:
    """The processes that the stubborn program named, once it has."""
    wait_until(lambda: file.exists() and len(file.read_text().split()) == 2, "the program runs")
    return [int(word) for word in file.read_text().split()]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def in_group(pid: int) -> list[int]:
    """The living processes of the group that ``pid`` leads or led: the shell beside it is one."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def ours(file: Path, ending: str, command: Sequence[str]) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", OURS, str(file), ending, *command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("ending", ["close", "_exit", "no close"])
def test_a_program_that_heeds_nothing_ends_with_the_process_that_started_it(ending: str, tmp_path: Path) -> None:
    """However that ends: by itself, at once, without having closed the stream."""
    file = tmp_path / "pids"
    with ours(file, ending, [sys.executable, "-c", STUBBORN, str(file)]) as process:
        assert process.stdout
        assert process.stdout.readline() == "opened\n"
        assert process.wait(180) == (3 if ending == "_exit" else 0)
    pids = written(file)
    wait_until(lambda: all(map(is_gone, pids)) and not in_group(pids[0]), "nothing of it runs")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_heeds_nothing_ends_when_that_process_is_killed(number: int, tmp_path: Path) -> None:
    """Nobody is left to end it but the shell beside it."""
    file = tmp_path / "pids"
    command = [sys.executable, "-c", STUBBORN, str(file)]
    with ours(file, "no close", command) as process:
        pids = written(file)
        process.send_signal(number)
        process.wait(180)
    wait_until(lambda: all(map(is_gone, pids)) and not in_group(pids[0]), "nothing of it runs")


def test_a_program_that_ends_by_itself_leaves_no_shell_behind(tmp_path: Path) -> None:
    """And its own processes are left alone: they may be meant to stay."""
    stream = programs.stream(["sh", "-c", f"echo $$ > {tmp_path}/pid; cat"])
    wait_until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()), "it runs")
    pid = int((tmp_path / "pid").read_text())
    stream.send(b"back")
    assert stream.recv(4) == b"back"
    stream.close()
    wait_until(lambda: not in_group(pid), "neither it nor the shell runs")


def test_a_stream_carries_all_byte_values(tmp_path: Path) -> None:
    """Both ways, and its end is seen on the other side."""
    stream, data = programs.stream(["cat"]), bytes(range(256)) * 400
    threading.Thread(
        target=lambda: [stream.send(data[place : place + 999]) for place in range(0, len(data), 999)]
    ).start()
    back = b""
    while len(back) < len(data):
        back += stream.recv(1 << 16)
    assert back == data
    stream.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sleep 777", ["The program brought no SSH greeting from web-1.", "Try it by hand."]),
        ("echo; echo Starting session; sleep 777", ["brought no SSH greeting", "It said: Starting session."]),
        ("echo no such host >&2; exit 7", ["ended (status 7) without a greeting from web-1. It said: no such host."]),
        ("(exec >&-; sleep 0.05; echo said late >&2) & exit 7", ["ended (status 7)", "It said: said late."]),
        (
            "echo 'SessionId: s : Unable to connect'; exit 0",
            ["(status 0)", "It said: SessionId: s : Unable to connect."],
        ),
    ],
)
def test_a_program_that_brings_no_greeting_is_blamed_and_not_the_host(script: str, words: Sequence[str]) -> None:
    """With what it said."""
    dial = lambda: programs.stream(["sh", "-c", script], None, "The program", "Try it by hand.")  # noqa: E731
    with pytest.raises(TransportError) as caught:
        ssh.connect("web-1", user="nobody", dial=dial, timeout=1.0)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "SSH server does" not in str(caught.value)


def test_a_host_that_greets_and_then_fails_is_blamed_itself() -> None:
    """The program has done what it should."""
    dial = lambda: programs.stream(["sh", "-c", "printf 'SSH-2.0-odd\\r\\n'; sleep 777"], None, "The program")  # noqa: E731
    with pytest.raises(TransportError, match=r"web-1 did not finish its SSH greeting|does not speak SSH"):
        ssh.connect("web-1", user="nobody", dial=dial, timeout=1.0)


def test_a_program_that_is_not_there_is_told() -> None:
    """Before a shell would."""
    with pytest.raises(TransportError, match="cannot be started: there is no program vpcshark-nowhere"):
        programs.stream(["vpcshark-nowhere"])


def test_words_of_the_command_reach_no_shell(tmp_path: Path) -> None:
    """Whatever is in them."""
    words = ["$(touch hit)", "`touch hit`", "; touch hit", "a b", "'", '"', "-c"]
    stream = programs.stream([sys.executable, "-c", "import sys; print(sys.argv[1:])", *words])
    said = b""
    while data := stream.recv(1 << 16):
        said += data
    assert said.decode().strip() == str(words)
    stream.close()


def test_the_programs_environment_is_what_is_said(tmp_path: Path) -> None:
    """As its secrets are there."""
    stream: Any = programs.stream(["/bin/sh", "-c", 'printf %s "$SECRET"'], {"SECRET": "x y"})
    assert stream.recv(100) == b"x y"
    stream.close()
