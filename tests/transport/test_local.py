"""What is particular to commands on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from vpcshark.transport.local import LocalTransport


def test_the_command_has_a_session_of_its_own() -> None:
    """A Ctrl-C in our terminal goes to our process group, not to the command."""
    channel = LocalTransport().open([sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"])
    assert channel.read(1) + channel.read(1) == b"Tr"
    channel.close()


def test_the_command_inherits_no_descriptor_of_ours() -> None:
    """A FIFO that we hold open must not stay open in the command."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    channel = LocalTransport().open([sys.executable, "-c", f"import os; os.fstat({writing})"])
    assert channel.wait(180) == 1
    channel.close()
    os.close(reading)
    os.close(writing)


def test_a_stubborn_command_is_killed() -> None:
    """A command that ignores SIGTERM is ended all the same, and its status says how."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    channel = LocalTransport().open([sys.executable, "-c", code])
    assert channel.read(1) == b"1"
    channel.close()
    assert channel.wait(180) == 128 + 9


AS_NOBODY = """
import os
from vpcshark.transport.local import LocalTransport
channel = LocalTransport().open(["sh", "-c", "echo $$; exec sleep 600"])
print(b"".join(iter(lambda: channel.read(1), b"\\n")).decode(), flush=True)
os.setuid(65534)
channel.close()
print("closed", flush=True)
"""


@pytest.mark.root
def test_a_command_that_is_another_users_by_now_is_left() -> None:
    """As sudo's are: a signal of ours does not reach it, and it is neither an error nor waited for."""
    ran = subprocess.run([sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, timeout=180, check=False)
    pid, *rest = ran.stdout.split()
    os.kill(int(pid), signal.SIGKILL)
    assert rest == ["closed"], ran.stderr


def test_close_leaves_no_descriptor_open() -> None:
    """Opening and closing many channels takes nothing from the process."""
    transport = LocalTransport()
    transport.open(["true"]).close()
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(20):
        transport.open(["true"]).close()
    assert len(set(os.listdir("/proc/self/fd")) - before) < 20  # what other tests left in this process may come and go


def test_close_wakes_a_reader_whose_pipe_somebody_else_holds() -> None:
    """A child that the command left behind, in a session of its own, keeps the pipe open: nobody waits for it."""
    left = "setsid sleep 600 & echo $!; exec cat"
    channel = LocalTransport().open(["sh", "-c", left])
    pid = int(b"".join(iter(lambda: channel.read(1), b"\n")))
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(channel.read, 1)
        channel.close()
        assert reading.result(180) == b""
    os.kill(pid, 9)
