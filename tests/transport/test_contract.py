"""What every transport does alike. A new one is added to ``TRANSPORTS`` and nowhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from vpcshark.errors import TransportError
from vpcshark.transport.base import Channel, Transport
from vpcshark.transport.local import LocalTransport

PARAMIKO = ("ssh", "jump", "proxy command", "ssm", "endpoint")
OPENSSH = tuple(f"openssh {way}" for way in PARAMIKO)
_LONG = [pytest.param(way, marks=pytest.mark.long) for way in OPENSSH[1:]]
TRANSPORTS = ("local", *PARAMIKO, OPENSSH[0], *_LONG)
EVERY_BYTE = bytes(range(256))


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Each transport in turn, to this machine."""
    made = make(request.param, request)
    yield made
    made.close()


def make(way: str, request: pytest.FixtureRequest, **changes: object) -> Transport:
    """A transport of this kind; ``changes`` are for the login."""
    if way == "local":
        return LocalTransport()
    way, log_in = way.removeprefix("openssh "), "log_in_by_openssh" if way in OPENSSH else "log_in"
    dial = None if way == "ssh" else request.getfixturevalue("dials")[way]
    transport: Transport = request.getfixturevalue(log_in)(dial=dial, **changes)
    return transport


def read_all(read: Callable[[int], bytes]) -> bytes:
    """Everything until the end of the stream."""
    return b"".join(iter(lambda: read(65536), b""))


def python(code: str, *arguments: str) -> list[str]:
    """A command that runs ``code``."""
    return [sys.executable, "-c", code, *arguments]


def read_number(channel: Channel) -> int:
    """A line with a number, as a program at the other end writes it."""
    line = b""
    while not line.endswith(b"\n"):
        line += channel.read(1)
    return int(line)


def is_running(pid: int) -> bool:
    """Is there such a process, that is not a zombie?"""
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    return False


def ends(pid: int) -> bool:
    """Does the process end, given ten seconds?"""
    deadline = time.monotonic() + 180
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_output_carries_every_byte(transport: Transport) -> None:
    """Four megabytes with all byte values come out as they went in at the other end."""
    channel = transport.open(python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 16384)"))
    assert read_all(channel.read) == EVERY_BYTE * 16384
    assert channel.wait(180) == 0


def test_input_carries_every_byte(transport: Transport) -> None:
    """Two megabytes written while they are read back come back the same."""
    channel = transport.open(["cat"])
    data = os.urandom(1 << 20) + EVERY_BYTE * 4096
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read_all, channel.read)
        channel.write(data)
        channel.close_input()
        assert reading.result(180) == data


def test_the_end_of_input_is_seen(transport: Transport) -> None:
    """The command learns that its input is over, and ends by itself with its own status."""
    channel = transport.open(["sh", "-c", "cat >/dev/null; echo over; exit 3"])
    channel.close_input()
    assert read_all(channel.read) == b"over\n"
    assert channel.wait(180) == 3


@pytest.mark.thin(4)
@pytest.mark.parametrize("status", [0, 1, 77, 254])
def test_the_exit_status_arrives(transport: Transport, status: int) -> None:
    """The command's exit status is what wait gives, as often as it is asked."""
    channel = transport.open(["sh", "-c", f"exit {status}"])
    assert [channel.wait(180), channel.wait(180)] == [status, status]


def test_errors_come_apart_from_output(transport: Transport) -> None:
    """stderr is a stream of its own."""
    channel = transport.open(["sh", "-c", "echo out; echo err >&2"])
    assert (read_all(channel.read), read_all(channel.read_error)) == (b"out\n", b"err\n")


@pytest.mark.thin(8)
@pytest.mark.parametrize(
    "argument",
    [
        "",
        "a b",
        "it's",
        '"',
        "$(touch gone)",
        "`id`",
        "${HOME}",
        "a\nb",
        "\\",
        "*",
        "~",
        "; exit 9",
        "-n",
        "é€😀",
        "!x",
    ],
)
def test_arguments_arrive_as_data(transport: Transport, argument: str) -> None:
    """Whatever an argument looks like to a shell, the command gets it as it is."""
    channel = transport.open(python("import sys; sys.stdout.buffer.write(ascii(sys.argv[1:]).encode())", argument, "x"))
    assert read_all(channel.read) == ascii([argument, "x"]).encode()


def test_a_command_that_does_not_exist_is_told(transport: Transport) -> None:
    """A missing program is an error at the start, or a shell's status 127."""

    def start_and_check() -> None:
        if transport.open(["/nonexistent/program"]).wait(180) == 127:
            raise TransportError("/nonexistent/program: the shell's 127")

    with pytest.raises(TransportError, match="/nonexistent/program"):
        start_and_check()


def test_wait_gives_up_in_time(transport: Transport) -> None:
    """A command that still runs is no status."""
    channel = transport.open(["cat"])
    with pytest.raises(TransportError, match="still runs"):
        channel.wait(0.05)


@pytest.mark.parametrize("stream", ["read", "read_error"])
def test_close_wakes_a_blocked_reader(transport: Transport, stream: str) -> None:
    """A thread that waits for output goes on, with the end of the stream."""
    channel = transport.open(["cat"])
    started = threading.Event()

    def read() -> bytes:
        started.set()
        data: bytes = getattr(channel, stream)(1)
        return data

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        assert started.wait(180)
        channel.close()
        assert reading.result(180) == b""


def test_close_ends_a_command_that_reads_its_input(transport: Transport) -> None:
    """A command that watches its input does not outlive its channel."""
    channel = transport.open(python("import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"))
    pid = read_number(channel)
    assert is_running(pid)
    channel.close()
    assert ends(pid)


@pytest.mark.parametrize("way", ["local", *PARAMIKO])
def test_close_ends_a_command_that_sleeps(way: str, request: pytest.FixtureRequest) -> None:
    """A command that neither reads nor writes is ended by SIGTERM; sshd passes it on to all users but root. OpenSSH's
    client has no signals to send."""
    changes = {}
    if way != "local":
        plain_user = request.getfixturevalue("sshd").plain_user
        if not plain_user:
            pytest.skip("this root may not make a mount namespace, so there is no other user to log in as")
        changes = {"user": plain_user}
    transport = make(way, request, **changes)
    channel = transport.open(["sh", "-c", "echo $$; exec sleep 600"])
    pid = read_number(channel)
    channel.close()
    assert ends(pid)


def test_close_ends_a_command_that_nobody_reads(transport: Transport) -> None:
    """A command whose output fills every buffer ends too."""
    channel = transport.open(["sh", "-c", "echo $$; exec cat /dev/zero"])
    pid = read_number(channel)
    channel.close()
    assert ends(pid)


def test_close_frees_a_blocked_writer(transport: Transport) -> None:
    """A thread that writes to a command that does not read gets an error."""
    channel = transport.open(["sh", "-c", "echo $$; exec sleep 600"])
    pid = read_number(channel)
    started = threading.Event()

    def write() -> None:
        started.set()
        for _ in range(64):
            channel.write(bytes(1 << 20))

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        assert started.wait(180)
        channel.close()
        with pytest.raises(TransportError):
            writing.result(180)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 9)  # sshd does not end it for root


def test_close_can_be_repeated(transport: Transport) -> None:
    """Closing twice, and reading, ending the input or waiting after it, is harmless."""
    channel = transport.open(["cat"])
    channel.close()
    channel.close()
    channel.close_input()
    assert (channel.read(1), channel.read_error(1)) == (b"", b"")


def test_writing_after_close_is_an_error(transport: Transport) -> None:
    """What can't be delivered is not lost in silence."""
    channel = transport.open(["cat"])
    channel.close()
    with pytest.raises(TransportError, match="does not read"):
        channel.write(b"late")


def test_closing_the_transport_closes_its_channels(transport: Transport) -> None:
    """All commands of a transport end with it, and nobody waits any more."""
    channels = [transport.open(["cat"]) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        reading = [pool.submit(channel.read, 1) for channel in channels]
        transport.close()
        transport.close()
        assert [future.result(180) for future in reading] == [b"", b"", b""]


def test_commands_run_side_by_side(transport: Transport) -> None:
    """Two commands of one transport don't wait for each other."""
    first, second = transport.open(["cat"]), transport.open(["cat"])
    second.write(b"2")
    assert second.read(1) == b"2"
    first.write(b"1")
    assert first.read(1) == b"1"


def test_the_name_tells_the_way(transport: Transport) -> None:
    """The name is what messages show."""
    assert transport.name == "local" or transport.name.startswith("ssh ")
