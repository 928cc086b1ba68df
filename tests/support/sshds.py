"""More real sshds on the lab's capture host, on ports of their own, each odd in its way; and what else is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hands import Lab, wait_until

CAPTURE_HOST = "capture-1"
PLAIN_USER = "plain"
PLAIN_ID = 54321


@dataclass(frozen=True)
class Sshd:
    """A running sshd: its port on the capture host, and a known_hosts file that has its key."""

    port: int
    known_hosts: Path
    fingerprint: str


def make_key(path: Path) -> Path:
    """A key pair by ssh-keygen."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def fingerprint(public_key: Path) -> str:
    """SHA256:… as ssh-keygen says it."""
    said = subprocess.run(["ssh-keygen", "-lf", str(public_key)], check=True, text=True, capture_output=True).stdout
    return said.split()[1]


def address(lab: Lab) -> str:
    """The capture host's address."""
    return lab.eni(CAPTURE_HOST)["PrivateIpAddress"]


def is_listening(lab: Lab, port: int, protocol: str = "t") -> bool:
    """Is the port taken on the capture host, as ss sees it?"""
    command = [*lab.namespace(CAPTURE_HOST), "ss", f"-Hnl{protocol}", f"sport = :{port}"]
    return bool(subprocess.run(command, check=True, text=True, capture_output=True).stdout)


@contextmanager
def sshd(lab: Lab, port: int, *settings: str) -> Iterator[Sshd]:
    """sshd with these further settings, for root and for ``PLAIN_USER``, who log in with the lab's key."""
    with tempfile.TemporaryDirectory(prefix="vpcshark-sshd-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # sshd reads a plain user's keys as that user
        host_key = make_key(folder / "host").with_suffix(".pub")
        config = _configure(lab, folder, port, settings)
        program = shutil.which("sshd", path=f"/usr/sbin:{os.environ['PATH']}") or "sshd"
        inside = [*lab.namespace(CAPTURE_HOST), *with_accounts(folder)]
        with process(*inside, program, "-D", "-f", str(config), "-E", str(folder / "log")):
            wait_until(lambda: is_listening(lab, port), f"sshd listens on {port}")
            yield Sshd(port, folder / "known_hosts", fingerprint(host_key))


def _configure(lab: Lab, folder: Path, port: int, settings: Sequence[str]) -> Path:
    """Keys, known_hosts and sshd_config."""
    shutil.copy(f"{lab.environment['VPCSHARK_SSH_KEY']}.pub", folder / "authorized_keys")
    (folder / "authorized_keys").chmod(0o644)
    (folder / "known_hosts").write_text(f"[{address(lab)}]:{port} {(folder / 'host.pub').read_text()}")
    lines = (
        *settings,
        f"Port {port}",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "PermitRootLogin prohibit-password",
        "StrictModes no",
        "UsePAM no",
        "UseDNS no",
        "PidFile none",
    )
    (folder / "sshd_config").write_text("".join(f"{line}\n" for line in lines))
    return folder / "sshd_config"


def with_accounts(folder: Path) -> list[str]:
    """A prefix that runs sshd where root may log in by key, and where there is a user who is not root: in a mount
    namespace with an /etc/passwd and an /etc/shadow of its own, so that the machine's stay as they are."""
    passwd, shadow = folder / "passwd", folder / "shadow"
    passwd.write_text(Path("/etc/passwd").read_text() + f"{PLAIN_USER}:x:{PLAIN_ID}:{PLAIN_ID}::/:/bin/sh\n")
    shadow.write_text(f"root:*:1::::::\n{PLAIN_USER}:*:1::::::\n")
    shadow.chmod(0o600)
    bind = f'mount --bind {passwd} /etc/passwd && mount --bind {shadow} /etc/shadow && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", bind, "sh"]


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block runs."""
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(180)


@contextmanager
def udp_port_taken(lab: Lab, port: int) -> Iterator[None]:
    """Another program on the capture host has the UDP port."""
    hold = f"import socket,time; s=socket.socket(2,2); s.bind(('0.0.0.0',{port})); time.sleep(600)"
    with process(*lab.namespace(CAPTURE_HOST), shutil.which("python3") or "python3", "-c", hold):
        wait_until(lambda: is_listening(lab, port, "u"), f"UDP {port} is taken")
        yield


@contextmanager
def silent_port(lab: Lab, port: int) -> Iterator[None]:
    """A server that takes connections and says nothing."""
    hold = f"import socket,time; s=socket.create_server(('0.0.0.0',{port})); time.sleep(600)"
    with process(*lab.namespace(CAPTURE_HOST), shutil.which("python3") or "python3", "-c", hold):
        wait_until(lambda: is_listening(lab, port), f"TCP {port} is taken")
        yield


@contextmanager
def dropped_port(lab: Lab, port: int) -> Iterator[None]:
    """A firewall that drops what comes to the TCP port."""
    nft = [*lab.namespace(CAPTURE_HOST), "nft", "-f", "-"]
    rules = f"table inet bad {{ chain in {{ type filter hook input priority 0; tcp dport {port} drop\n}}\n}}\n"
    subprocess.run(nft, input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(nft, input="delete table inet bad\n", text=True, check=True)
