"""Real sshds as the field has them: hardened, FIPS-like, with authorities, with one algorithm alone; on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ETM = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
_RSA = "rsa-sha2-256,rsa-sha2-512"
HARDENED = (  # ssh-audit.com's hardening guide, OpenSSH 9.2 server
    "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,"
    "diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512",
    "Ciphers aes256-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-gcm@openssh.com,aes128-ctr",
    f"MACs {_ETM},umac-128-etm@openssh.com",
    f"HostKeyAlgorithms ssh-ed25519,{_RSA}",
    f"PubkeyAcceptedAlgorithms ssh-ed25519,{_RSA}",
    "RequiredRSASize 3072",
)
FIPS = (  # RHEL's crypto policy FIPS
    "KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,"
    "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
    "Ciphers aes256-gcm@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr",
    f"MACs {_ETM},hmac-sha2-256,hmac-sha2-512",
    f"HostKeyAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,{_RSA}",
    f"PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,{_RSA}",
)


@dataclass(frozen=True)
class Variant:
    """``settings`` are lines of sshd_config, in which ``{folder}`` is the sshd's; ``here`` are lines of the user's
    ssh_config; ``kind`` is that of all keys. ``ends``: which client logs in, or for each use a part of the sentence."""

    settings: tuple[str, ...] = ()
    mirror: str = "paramiko"
    tcpdump: str = "paramiko"
    kind: str = "ed25519"
    here: tuple[str, ...] = ()
    authority: str = ""  # "host" or "user": the one whose key an authority signed


@dataclass(frozen=True)
class Running:
    """An sshd: its port, the user's key and known_hosts, and the user's ssh_config."""

    port: int
    key: Path
    known_hosts: Path
    config: Path


@contextmanager
def running(variant: Variant, folder: Path) -> Iterator[Running]:
    """The variant's sshd, until the block ends."""
    folder.chmod(0o755)
    port = _free_port()
    _keys(variant, folder, port)
    Path("/run/sshd").mkdir(exist_ok=True)
    log, config = folder / "log", folder / "sshd_config"
    config.write_text("".join(f"{line}\n" for line in _lines(variant, folder, port)))
    program = shutil.which("sshd", path=f"/usr/sbin:{os.environ['PATH']}")
    process = subprocess.Popen([str(program), "-D", "-f", str(config), "-E", str(log)], stdin=subprocess.DEVNULL)
    try:
        _await(port, process, log)
        mine = folder / "config"
        mine.write_text("".join(f"{line}\n" for line in variant.here))
        yield Running(port, folder / "id", folder / "known_hosts", mine)
    finally:
        process.terminate()
        process.wait(180)


def _lines(variant: Variant, folder: Path, port: int) -> list[str]:
    own = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": f"{folder}/host",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "AuthorizedKeysFile": "none" if variant.authority == "user" else f"{folder}/id.pub",
        "PermitRootLogin": "yes",
    }
    said = [line.format(folder=folder) for line in variant.settings]
    return [*said, *(f"{keyword} {value}" for keyword, value in own.items())]


def _keys(variant: Variant, folder: Path, port: int) -> None:
    for name in ("id", "host", "authority"):
        _keygen("-q", "-t", variant.kind, "-N", "", "-f", str(folder / name))
    public = {name: (folder / f"{name}.pub").read_text() for name in ("host", "authority")}
    known = f"[127.0.0.1]:{port} {public['host']}"
    if variant.authority == "host":
        _keygen("-q", "-s", str(folder / "authority"), "-I", "h", "-h", "-n", "127.0.0.1", str(folder / "host.pub"))
        known = f"@cert-authority [127.0.0.1]:{port} {public['authority']}"
    if variant.authority == "user":
        _keygen("-q", "-s", str(folder / "authority"), "-I", "u", "-n", "root", str(folder / "id.pub"))
    (folder / "known_hosts").write_text(known)
    (folder / "banner").write_text("Authorized users only.\nEverything is logged.\n")


def _keygen(*arguments: str) -> None:
    subprocess.run(["ssh-keygen", *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError(f"sshd did not start: {log.read_text()}")
