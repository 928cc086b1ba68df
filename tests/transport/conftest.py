"""A real sshd on loopback with keys of its own, for the tests of the SSH transport."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import session_manager
from iam import OneUser

from vpcshark.aws.client import Aws
from vpcshark.aws.compute.instance_login import Endpoint, tunnel_url
from vpcshark.lab.vpc.endpoint import EndpointServer, Rules
from vpcshark.lab.vpc.gateways import write_certificate
from vpcshark.transport import eice

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
    deadline = time.monotonic() + 180
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
    command = [*prefix, program, "-D", "-f", str(config), "-E", str(folder / "log"), *unpunished(program, config)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port, process, folder / "log")
        yield Sshd(port, getpass.getuser(), plain_user, key, str(known), " ".join(public[:2]), folder)
    finally:
        process.terminate()
        process.wait()


def unpunished(program: str, config: Path) -> list[str]:
    """From OpenSSH 9.8 on, sshd hangs up on an address whose log-ins failed, for a while: the next test's, here. An
    older one does not know the word."""
    said = ["-o", "PerSourcePenalties=no"]
    return [] if subprocess.run([program, "-t", "-f", config, *said], capture_output=True).returncode else said


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
def log_in_by_openssh(sshd: Sshd) -> Iterator[Callable[..., object]]:
    """The same by the installed ``ssh``, with the changes of ``openssh.Login``."""
    from vpcshark.transport import openssh, ssh
    from vpcshark.transport.ssh_auth import Keys

    opened = []

    def connect(**changes: object) -> openssh.OpenSshTransport:
        how: dict[str, object] = {
            "user": sshd.user,
            "port": sshd.port,
            "keys": Keys(file=sshd.key, agent="none"),
            "trust": ssh.Trust(files=[sshd.known_hosts]),
        }
        login = openssh.Login("127.0.0.1", **{**how, **changes})  # type: ignore[arg-type]
        opened.append(openssh.connect(login, shutil.which("ssh")))
        return opened[-1]

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


@pytest.fixture
def dials(sshd: Sshd, tmp_path: Path) -> Iterator[dict[str, Callable[[], object]]]:
    """By name, ways to the test's sshd that are no plain connection: each call opens one."""
    from vpcshark.transport import proxy, ssh_config
    from vpcshark.transport.ssh_config import Settings

    (tmp_path / "jump-config").write_text(f"Host 127.0.0.1\n  IdentityFile {sshd.key}\n")
    known = proxy.Known(sshd.known_hosts, config=ssh_config.read([str(tmp_path / "jump-config")]))
    jump = Settings(jumps=(f"{sshd.user}@127.0.0.1:{sshd.port}",))
    program = Settings(proxy_command=(sys.executable, "-c", RELAY.format(port=sshd.port)))
    with session_manager.running(sshd.port, tmp_path) as manager, endpoint(sshd.port, tmp_path) as url:
        yield {
            "jump": lambda: proxy.dial(jump, "127.0.0.1", sshd.port, known),
            "proxy command": lambda: proxy.dial(program, "127.0.0.1", sshd.port, known),
            "ssm": manager.dial,
            "endpoint": lambda: eice.open_tunnel(url(), str(tmp_path / "ca.pem")),
        }


RELAY = """
import os, socket, threading
s = socket.create_connection(("127.0.0.1", {port}))
def up():
    while data := os.read(0, 65536): s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536):
    while data: data = data[os.write(1, data):]
"""


@pytest.fixture
def relay(sshd: Sshd) -> str:
    """A Python program that leads to sshd by its own standard input and output."""
    return RELAY.format(port=sshd.port)


@pytest.fixture
def proxy_command(relay: str, tmp_path: Path) -> Callable[[str], str]:
    """``proxy_command(name)``: a program that leads to sshd, as a line of an SSH configuration; when it runs there is a
    file ``name`` in the test's folder."""

    def line(name: str) -> str:
        file = tmp_path / f"{name}.py"
        file.write_text(f"open({str(tmp_path / name)!r}, 'w')\n{relay}")
        return f"ProxyCommand {sys.executable} {file}"

    return line


@contextmanager
def endpoint(port: int, folder: Path) -> Iterator[Callable[[], str]]:
    """An Instance Connect Endpoint with TLS and SigV4; what makes a signed URL for it."""
    rules = Rules({"eice-1": "127.0.0.0/8"}, "eu-west-1", OneUser("AKIA", "secret"), (str(port),))
    server = EndpointServer(lambda where: socket.create_connection(where, 3), rules, write_certificate(folder))
    aws = Aws(boto3.Session("AKIA", "secret", region_name="eu-west-1"), None, "", "eu-west-1")
    there = Endpoint("eice-1", server.host, "subnet-1")
    yield lambda: tunnel_url(aws, there, "127.0.0.1", port)
    server.close()
