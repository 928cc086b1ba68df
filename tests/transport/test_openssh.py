"""What is particular to logging in by the installed ``ssh``: whom it trusts, what is left of it, and whose master it
uses. What all transports do alike is in test_contract.py."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vpcshark.errors import Hopeless, TransportError, Unreachable
from vpcshark.transport import clients, openssh, proxy, ssh, ssh_config
from vpcshark.transport.names import HostName
from vpcshark.transport.ssh_auth import Keys, load_key
from vpcshark.transport.ssh_config import Settings

INSTANCE = "i-0123456789abcdef0"
LogIn = Callable[..., openssh.OpenSshTransport]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where ssh's private folders are; pytest's own, which ``tmp_path`` is in, is made before."""
    folder = Path(tempfile.mkdtemp(prefix="v-"))  # a socket's path is short
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # an ssh may be at its end in it


def refused(log_in: LogIn, **changes: Any) -> TransportError:
    """The error of a login that must not succeed."""
    with pytest.raises(TransportError) as caught:
        log_in(**changes)
    return caught.value


def masters(folder: Path) -> list[int]:
    """The processes whose arguments name a file in ``folder``."""
    found = []
    for one in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if one.name.isdecimal() and str(folder).encode() in (one / "cmdline").read_bytes():
                found.append(int(one.name))
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """With a generous end."""
    deadline = time.monotonic() + 180
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def host_key(folder: Path) -> str:
    """Another host's."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "other"], check=True)
    return " ".join((folder / "other.pub").read_text().split()[:2])


def test_an_unknown_host_key_is_refused(log_in_by_openssh: LogIn, tmp_path: Path) -> None:
    """ssh accepts nothing silently: the fingerprint is told, and the file stays as it was."""
    known = tmp_path / "known_hosts"
    known.write_text("")
    error = refused(log_in_by_openssh, trust=ssh.Trust(files=[str(known)], accept="vpcshark trust"))
    assert re.search(r"is not known: it shows the ED25519 key SHA256:[A-Za-z0-9+/]{43}\.", error.problem)
    assert "run: vpcshark trust" in error.remedy
    assert known.read_text() == ""


def test_a_host_key_that_somebody_vouches_for_is_accepted(log_in_by_openssh: LogIn, sshd: Any, tmp_path: Path) -> None:
    """By the key that ssh was shown, while it waits."""
    (tmp_path / "known_hosts").write_text("")
    asked: list[str] = []

    def vouch(kind: str, key: bytes) -> bool:
        asked.append(kind)
        return True

    transport = log_in_by_openssh(trust=ssh.Trust(files=[str(tmp_path / "known_hosts")], vouch=vouch))
    assert (transport.open(["true"]).wait(180), asked) == (0, ["ssh-ed25519"])


@pytest.mark.parametrize("is_good", [True, False])
def test_a_key_that_vpcshark_keeps_under_the_name_that_ssh_looks_up_counts(
    is_good: bool, log_in_by_openssh: LogIn, sshd: Any, tmp_path: Path
) -> None:
    """As over Session Manager, where the name is the instance's id: the user's own files have no key of it."""
    (tmp_path / "users").write_text("")
    (tmp_path / "ours").write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key if is_good else host_key(tmp_path)}\n")
    trust = ssh.Trust(usual=[str(tmp_path / "users")], further=[str(tmp_path / "ours")])
    if is_good:
        assert log_in_by_openssh(trust=trust).open(["true"]).wait(180) == 0
    else:
        assert "has changed" in refused(log_in_by_openssh, trust=trust).problem


@pytest.mark.parametrize("is_good", [True, False])
def test_the_instance_id_decides_before_the_address(
    is_good: bool, log_in_by_openssh: LogIn, sshd: Any, tmp_path: Path
) -> None:
    """Addresses are used again by other instances; an id never is. ssh looks up the address alone."""
    other, known = host_key(tmp_path), tmp_path / "known_hosts"
    pinned, stale = (sshd.host_key, other) if is_good else (other, sshd.host_key)
    known.write_text(f"[127.0.0.1]:{sshd.port} {stale}\n{INSTANCE} {pinned}\n")
    trust = ssh.Trust(files=[str(known)], aliases=[INSTANCE])
    if is_good:
        assert log_in_by_openssh(trust=trust).open(["true"]).wait(180) == 0
    else:
        assert "has changed" in refused(log_in_by_openssh, trust=trust).problem


def test_a_key_in_memory_is_never_on_disk(log_in_by_openssh: LogIn, sshd: Any, temporary: Path) -> None:
    """An agent of ours signs; ssh's folder has no key in it, and is gone at the end."""
    pushed = Keys(only=((load_key(sshd.key, agent={}), "that Instance Connect pushed"),))
    transport = log_in_by_openssh(keys=pushed)
    files = [one for one in temporary.rglob("*") if one.is_file()]
    assert not [one for one in files if b"PRIVATE KEY" in one.read_bytes()]
    transport.close()
    assert list(temporary.iterdir()) == []


def test_another_key_in_memory_is_refused(log_in_by_openssh: LogIn, sshd: Any, tmp_path: Path) -> None:
    """The sentence names it."""
    host_key(tmp_path)
    keys = Keys(only=((load_key(str(tmp_path / "other"), agent={}), "that Instance Connect pushed"),))
    error = refused(log_in_by_openssh, keys=keys)
    expected = f"127.0.0.1:{sshd.port} does not let {sshd.user} in with the key that Instance Connect pushed."
    assert error.problem == expected


def test_nothing_is_left_of_ssh(log_in_by_openssh: LogIn, temporary: Path) -> None:
    """Its process ends with the transport."""
    transport = log_in_by_openssh()
    assert masters(temporary)
    transport.close()
    wait_until(lambda: not masters(temporary))


def test_a_host_that_never_greets_is_told_and_nothing_is_left(log_in_by_openssh: LogIn, temporary: Path) -> None:
    """ssh gives up on it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(log_in_by_openssh, port=silent.getsockname()[1])
    assert "did not finish its SSH greeting" in error.problem
    assert (masters(temporary), list(temporary.iterdir())) == ([], [])


def test_a_closed_port_is_told(log_in_by_openssh: LogIn, unused_port: int) -> None:
    """As by the other client, so that other addresses are tried."""
    error = refused(log_in_by_openssh, port=unused_port)
    assert isinstance(error, Unreachable)
    assert "refuses SSH connections" in error.problem


def test_a_connection_that_breaks_is_told(log_in_by_openssh: LogIn, temporary: Path) -> None:
    """It is no end of the command."""
    channel = log_in_by_openssh().open(["cat"])
    for pid in masters(temporary):
        os.kill(pid, signal.SIGKILL)
    assert channel.read(1) == b""
    with pytest.raises(TransportError, match="broke"):
        channel.wait(180)


@pytest.mark.long
def test_ssh_ends_when_this_process_is_killed(sshd: Any, temporary: Path) -> None:
    """A master that nobody holds on to ends by itself."""
    code = (
        "import sys, time; from vpcshark.transport import openssh, ssh; from vpcshark.transport.ssh_auth import Keys\n"
        f"how = dict(keys=Keys(file={sshd.key!r}, agent='none'), trust=ssh.Trust(files=[{sshd.known_hosts!r}]))\n"
        f"one = openssh.connect(openssh.Login('127.0.0.1', {sshd.user!r}, {sshd.port}, **how), 'ssh')\n"
        "channel = one.open(['cat']); print('up', flush=True); time.sleep(600)\n"
    )
    where = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=where) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        assert masters(temporary)
        process.kill()
    wait_until(lambda: not masters(temporary))


@pytest.fixture
def own_master(sshd: Any, temporary: Path) -> Iterator[str]:
    """The path of a master's socket that the user has started by hand."""
    path = str(temporary / "cm")
    how = ["-F", "none", "-o", f"UserKnownHostsFile={sshd.known_hosts}", "-o", "BatchMode=yes", "-i", sshd.key]
    command = ["ssh", *how, "-M", "-S", path, "-N", "-f", "-p", str(sshd.port), f"{sshd.user}@127.0.0.1"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield path
    subprocess.run(["ssh", "-S", path, "-O", "exit", "x"], check=False, capture_output=True)


def test_a_master_of_the_users_is_used_and_stays(sshd: Any, own_master: str) -> None:
    """Where their configuration has its ControlPath: nobody logs in, so there is no second factor either."""
    settings = Settings(program=str(shutil.which("ssh")), masters=("/nonexistent", own_master))
    nothing = {"keys": Keys(files=("none",), agent="none"), "trust": ssh.Trust(usual=())}
    transport = clients.connect(
        openssh.Login(HostName("127.0.0.1"), sshd.user, sshd.port, settings=settings, **nothing)
    )
    assert transport.open(["sh", "-c", "exit 7"]).wait(180) == 7
    transport.close()
    assert (
        subprocess.run(["ssh", "-S", own_master, "-O", "check", "x"], check=False, capture_output=True).returncode == 0
    )


def test_a_jump_host_that_only_ssh_can_talk_to_leads_on(log_in_by_openssh: LogIn, sshd: Any, log_in: Any) -> None:
    """The other client runs over a stream of it."""
    bastion = log_in_by_openssh()
    behind = log_in(dial=lambda: bastion.dial("127.0.0.1", sshd.port))
    assert behind.open(["true"]).wait(180) == 0
    with pytest.raises(TransportError, match="does not get through to"):
        bastion.dial("127.0.0.1", 1)


def test_it_logs_in_over_another_stream_than_tcp(log_in_by_openssh: LogIn, sshd: Any) -> None:
    """A tunnel of this process, which ssh is handed."""
    transport = log_in_by_openssh(dial=lambda: socket.create_connection(("127.0.0.1", sshd.port)), via=" by a tunnel")
    channel = transport.open(["cat"])
    channel.write(bytes(range(256)) * 1000)
    channel.close_input()
    assert b"".join(iter(lambda: channel.read(65536), b"")) == bytes(range(256)) * 1000
    assert transport.name.endswith(" by a tunnel")


@pytest.mark.long
@pytest.mark.parametrize("client", ["log_in", "log_in_by_openssh"])
def test_a_program_that_leads_there_has_longer_than_a_host(
    request: pytest.FixtureRequest, client: str, sshd: Any, relay: str
) -> None:
    """AWS's plugin makes two connections before the first byte, over whatever proxy: whichever client logs in."""
    program = Settings(proxy_command=(sys.executable, "-c", f"import time\ntime.sleep(4)\n{relay}"))
    known = proxy.Known(sshd.known_hosts, config=ssh_config.read([]))
    dial = lambda: proxy.dial(program, "127.0.0.1", sshd.port, known)  # noqa: E731
    with contextlib.closing(request.getfixturevalue(client)(dial=dial)) as transport:
        assert transport.open(["echo", "hello"]).read(6) == b"hello\n"


def test_an_option_that_ssh_refuses_is_hopeless(log_in_by_openssh: LogIn) -> None:
    """No other machine will do either."""
    error = refused(log_in_by_openssh, settings=Settings(passed={"ciphers": "no-such-cipher"}))
    assert isinstance(error, Hopeless)
    assert "no-such-cipher" in error.problem
