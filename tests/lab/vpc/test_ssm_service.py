"""The lab's Session Manager and its stand-in for AWS's plugin: what goes through, and what each fault does to it. Who
judges the protocol is in ``test_ssm_judge.py``: here both ends are the lab's own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import session_manager
import websocket
from hands import wait_until
from session_manager import GREETING, INSTANCE, Manager

from vpcshark.lab.session import messages

ALL_BYTES = bytes(range(256))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Its sessions lead to a port that sends everything back."""
    with session_manager.echoing() as port, session_manager.running(port, tmp_path) as running:
        yield running


@pytest.fixture
def plugin(manager: Manager) -> Iterator[subprocess.Popen[bytes]]:
    """One that is greeted."""
    with greeted(manager) as process:
        yield process
        process.kill()


def greeted(manager: Manager) -> subprocess.Popen[bytes]:
    process = manager.run()
    assert read_until(process, GREETING).startswith(b"\nStarting session with SessionId: lab-")
    return process


def read_until(process: subprocess.Popen[bytes], end: bytes) -> bytes:
    """What it says up to ``end``."""
    assert process.stdout
    said = b""
    while not said.endswith(end):
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, said
        said += byte
    return said


def read_exactly(process: subprocess.Popen[bytes], size: int) -> bytes:
    assert process.stdout
    said = b""
    while len(said) < size:
        data = os.read(process.stdout.fileno(), size - len(said))
        assert data, f"{len(said)} of {size} bytes"
        said += data
    return said


def sent(process: subprocess.Popen[bytes], data: bytes) -> None:
    """In a thread: what comes back must be read meanwhile."""
    assert process.stdin
    threading.Thread(target=_write, args=(process.stdin.fileno(), data), daemon=True).start()


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the plugin has ended
        while data:
            data = data[os.write(descriptor, data) :]


def rest(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout
    return process.stdout.read()


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_all_byte_values_come_back(plugin: subprocess.Popen[bytes]) -> None:
    """64 KiB there and back, in pieces of 1,024 bytes at most."""
    sent(plugin, ALL_BYTES * 256)
    assert read_exactly(plugin, 65536) == ALL_BYTES * 256


def test_the_end_of_input_ends_the_plugin(plugin: subprocess.Popen[bytes]) -> None:
    """Once the handshake is complete; it says nothing of the session's end, which it has not ended."""
    assert plugin.stdin
    plugin.stdin.close()
    assert plugin.wait(180) == 0
    assert rest(plugin) == b""


def test_terminating_the_session_ends_the_plugin_in_its_words(manager: Manager) -> None:
    """TerminateSession, by whomever."""
    with greeted(manager) as process:
        (session,) = manager.service.sessions()
        manager.service.end(session)
        assert process.wait(180) == 0
        assert rest(process) == b"\n\nExiting session with sessionId: %s.\n\n" % session.encode()


def test_a_signal_ends_plugin_and_session(manager: Manager) -> None:
    """It tells the agent by a flag. Whether it hears of the end of the session before its own is chance."""
    with greeted(manager) as process:
        eventually(lambda: catches(process.pid, signal.SIGINT), "it has its handler")
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 0
        ended = rb"(\n\nExiting session with sessionId: [\w-]+\.\n\n)?"
        assert re.fullmatch(rb"Terminate signal received, exiting\.\n" + ended, rest(process))
    eventually(lambda: not manager.service.sessions(), "the session has ended")


def catches(process: int, number: int) -> bool:
    """proc(5), "SigCgt": bit 0 is signal 1."""
    rows = Path(f"/proc/{process}/status").read_text().splitlines()
    return bool(int(next(row.split()[1] for row in rows if row.startswith("SigCgt")), 16) >> (number - 1) & 1)


def test_a_port_where_nobody_listens_is_told_by_the_agent(manager: Manager) -> None:
    """In the plugin's last words."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        manager.port = probe.getsockname()[1]
    with manager.run() as process:
        assert process.wait(180) == 0
        assert b" : Unable to connect to specified port: " in rest(process)


def test_a_cut_is_healed_by_the_plugin_itself(manager: Manager) -> None:
    """It resumes the session, and what was under way comes all the same. The answer is cut off, so that the plugin has
    nothing to send meanwhile."""
    with greeted(manager) as process:
        manager.service.faults.ask("POST", {"kind": "cut", "towards": "client"})
        sent(process, ALL_BYTES * 4)
        assert read_exactly(process, 1024) == ALL_BYTES * 4
        assert manager.calls == ["ResumeSession"]
        sent(process, ALL_BYTES * 32)
        assert read_exactly(process, 8192) == ALL_BYTES * 32
        process.kill()


def test_what_is_to_be_sent_while_no_connection_stands_ends_the_plugin(manager: Manager) -> None:
    """As it does AWS's (SendInputDataMessage fails, and with it ReadStream): another session must be started then."""
    with greeted(manager) as process:
        manager.service.faults.ask("POST", {"kind": "cut", "towards": "client"})
        sent(process, ALL_BYTES * 4096)
        assert process.wait(180) == 0
        assert b"Cannot perform start session: " in rest(process)


def test_losses_are_made_good(manager: Manager) -> None:
    """Each tenth message of the stream, both ways, for ever."""
    with greeted(manager) as process:
        manager.service.faults.ask("POST", {"kind": "lose", "every": 10, "times": -1})
        sent(process, ALL_BYTES * 64)
        assert read_exactly(process, 16384) == ALL_BYTES * 64
        process.kill()


def test_a_session_that_timed_out_is_not_resumed(manager: Manager) -> None:
    """The plugin says so, and ends."""
    with greeted(manager) as process:
        manager.service.faults.ask("POST", {"kind": "no-resume"})
        manager.service.faults.ask("POST", {"kind": "cut"})
        sent(process, b"x")
        assert process.wait(180) == 0
        assert rest(process).endswith(b" timed out.\n")


def test_a_stall_holds_everything_and_loses_nothing(manager: Manager) -> None:
    """Until it is over."""
    with greeted(manager) as process:
        manager.service.faults.ask("POST", {"kind": "stall"})
        sent(process, ALL_BYTES)
        eventually(lambda: bool(manager.service.faults.ask("GET", {})[0]["count"]), "it stalls")
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        with pytest.raises(BlockingIOError):
            os.read(process.stdout.fileno(), 1)  # type: ignore[union-attr]
        os.set_blocking(process.stdout.fileno(), True)  # type: ignore[union-attr]
        manager.service.faults.ask("DELETE", {})
        assert read_exactly(process, 256) == ALL_BYTES
        process.kill()


def test_a_handshake_that_never_comes_leaves_the_plugin_waiting(manager: Manager) -> None:
    """As AWS's does: it does not see that its input has ended. SIGTERM ends it."""
    manager.service.faults.ask("POST", {"kind": "mute"})
    with manager.run() as process:
        read_until(process, b"SessionId: ")
        eventually(lambda: bool(manager.service.faults.ask("GET", {})[0]["count"]), "the agent was kept from it")
        assert process.stdin
        process.stdin.close()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        process.terminate()
        assert process.wait(180) == -signal.SIGTERM


def test_a_token_opens_one_channel(manager: Manager) -> None:
    """A used one, a foreign one or none is refused."""
    answer = manager.service.start(INSTANCE, manager.port)
    for token, is_good in (("wrong", False), (answer["TokenValue"], True), (answer["TokenValue"], False)):
        channel = websocket.create_connection(answer["StreamUrl"], timeout=60)
        channel.send(messages.open_channel(token, ClientId="test", ClientVersion="1.2.0.0"))
        kind, data = channel.recv_data()
        assert (kind == websocket.ABNF.OPCODE_BINARY) is is_good, data
        channel.shutdown()


def test_the_agent_reads_a_kibibyte_at_a_time_and_pauses(manager: Manager) -> None:
    """So that no stream is faster than about 1 MB/s: each message takes a millisecond at least."""
    with greeted(manager) as process:
        began = time.monotonic()
        sent(process, ALL_BYTES * 1024)
        assert read_exactly(process, 262144) == ALL_BYTES * 1024
        assert time.monotonic() - began > 262144 / messages.MOST * 0.001
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--version"], "1.2.677.0\n"),
        ([], "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n"),
    ],
)
def test_the_plugin_says_what_it_is(arguments: list[str], said: str, manager: Manager) -> None:
    """In AWS's words."""
    done = subprocess.run([manager.program, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout == said


def sessions_threads() -> list[threading.Thread]:
    """Those of an agent's sessions in this process."""
    return [thread for thread in threading.enumerate() if thread.name == "session"]


def test_an_agent_that_is_over_ends_its_sessions_with_it(tmp_path: Path):
    """Else each would dial a service that has gone, five times a second and for ever."""
    before = set(sessions_threads())
    with session_manager.echoing() as port, session_manager.running(port, tmp_path) as manager:
        process = greeted(manager)
        assert set(sessions_threads()) - before
    process.kill()
    process.communicate()
    wait_until(lambda: not set(sessions_threads()) - before, "the sessions' threads have ended")
