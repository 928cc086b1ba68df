"""A real sshd on loopback with keys of its own, for the tests of the SSH transport."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PLAIN_USER = "vpcshark-test"


@dataclass(frozen=True)
class Sshd:
    """A running sshd. ``known_hosts`` vouches for it by address and as i-0123456789abcdef0; ``plain_user`` is
    not root."""

    port: int
    user: str
    plain_user: str
    key: str
    known_hosts: str
    host_key: str
    folder: Path


def run(*command: str) -> None:
    """Run a tool that must succeed."""
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> str:
    """A fresh key pair in OpenSSH's own format; the private key's path."""
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path))
    return str(path)


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when something accepts connections on ``port``."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """A real sshd, with public key login only. A machine without sshd fails these tests in CI, elsewhere skips them."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("sshd is not installed")
        pytest.skip("sshd is not installed")
    with tempfile.TemporaryDirectory(prefix="vpcshark-sshd-") as folder:
        os.chmod(folder, 0o755)  # the plain user's authorized_keys are read as that user
        yield from serve(program, Path(folder))


def serve(program: str, folder: Path) -> Iterator[Sshd]:
    """Run sshd on a free port until the tests are over."""
    port = free_port()
    key, host_key = make_key(folder / "id"), make_key(folder / "host")
    shutil.copy(f"{key}.pub", folder / "authorized_keys")
    public = Path(f"{host_key}.pub").read_text().split()
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\ni-0123456789abcdef0 {public[0]} {public[1]}\n")
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where Debian's sshd drops its privileges to
    prefix, plain_user = with_plain_user(folder)
    command = [*prefix, program, "-D", "-f", str(config), "-E", str(folder / "log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port, process, folder / "log")
        yield Sshd(port, getpass.getuser(), plain_user, key, str(known), " ".join(public[:2]), folder)
    finally:
        process.terminate()
        process.wait()


def with_plain_user(folder: Path) -> tuple[list[str], str]:
    """What to start sshd with so that it knows a user who is not root, and that user's name ("" if it can't be).

    Root gives its sshd a mount namespace with a longer /etc/passwd, so that the machine's own stays as it is.
    """
    if os.geteuid() != 0:
        return [], getpass.getuser()
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        return [], ""
    passwd = folder / "passwd"
    passwd.write_text(Path("/etc/passwd").read_text() + f"{PLAIN_USER}:*:54321:54321::/:/bin/sh\n")
    bind = f'mount --bind {passwd} /etc/passwd && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", bind, "sh"], PLAIN_USER


@pytest.fixture
def log_in(sshd: Sshd) -> Iterator[Callable[..., object]]:
    """``log_in(user=…, key_file=…)`` connects to the test's sshd, by default as it should be; closed at the end."""
    from vpcshark.transport import ssh

    opened = []

    def connect(**changes: object) -> ssh.SshTransport:
        how: dict[str, object] = {
            "user": sshd.user,
            "port": sshd.port,
            "key_file": sshd.key,
            "known_hosts_files": [sshd.known_hosts],
        }
        transport = ssh.connect("127.0.0.1", **{**how, **changes})  # type: ignore[arg-type]
        opened.append(transport)
        return transport

    yield connect
    for transport in opened:
        transport.close()


@pytest.fixture
def make_ssh_key() -> Callable[..., str]:
    """``make_ssh_key(path, passphrase)`` makes a key pair with ssh-keygen."""
    return make_key


@pytest.fixture
def unused_port() -> int:
    """A TCP port that nothing listens on."""
    return free_port()
