"""What an SSH configuration says of keys, agents and algorithms is what a real sshd is shown."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import softkey
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from vpcshark.errors import Hopeless, Refused, TransportError
from vpcshark.transport import programs, ssh, ssh_auth
from vpcshark.transport.ssh_auth import Keys
from vpcshark.transport.ssh_config import Algorithms, Settings

LogIn = Callable[..., ssh.SshTransport]


@contextmanager
def let_in(sshd: Any, line: str) -> Iterator[None]:
    """One more line of authorized_keys."""
    file = sshd.folder / "authorized_keys"
    before = file.read_text()
    file.write_text(f"{before}{line}\n")
    try:
        yield
    finally:
        file.write_text(before)


@contextmanager
def agent_at(where: Path, key: str) -> Iterator[str]:
    """A real ssh-agent with a key, at a socket that no environment names."""
    with subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # it listens
        subprocess.run(["ssh-add", "-q", key], check=True, capture_output=True, env={"SSH_AUTH_SOCK": str(where)})
        try:
            yield str(where)
        finally:
            process.terminate()


@pytest.fixture
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names none."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def other(make_ssh_key: Callable[..., str], tmp_path: Path) -> str:
    """A key that the server does not take."""
    return make_ssh_key(tmp_path / "other")


def configured(**said: Any) -> Keys:
    """The keys of these settings."""
    return ssh_auth.configured(Settings(**said))


@pytest.mark.usefixtures("no_agent")
def test_identity_agent_names_the_agent(sshd: Any, other: str, log_in: LogIn, tmp_path: Path) -> None:
    """As 1Password, gpg-agent and Secretive have it; "none" leaves the environment's out."""
    with agent_at(tmp_path / "a", sshd.key) as where:
        with pytest.raises(Refused):
            log_in(keys=configured(key_files=(other,)))
        log_in(keys=configured(key_files=(other,), agent=where))


def test_identity_agent_none_leaves_the_agent_out(
    sshd: Any, other: str, log_in: LogIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the environment names one that has the key."""
    with agent_at(tmp_path / "a", sshd.key) as where:
        monkeypatch.setenv("SSH_AUTH_SOCK", where)
        log_in(keys=configured(key_files=(other,)))
        with pytest.raises(Refused):
            log_in(keys=configured(key_files=(other,), agent="none"))


def test_a_security_key_of_the_agent_logs_in(sshd: Any, log_in: LogIn, tmp_path: Path) -> None:
    """paramiko has no class for it, and needs none."""
    with softkey.agent(tmp_path) as (key, where), let_in(sshd, key.line):
        log_in(keys=configured(key_files=("none",), agent=where))
        public = tmp_path / "id_ed25519_sk.pub"
        public.write_text(key.line)
        log_in(keys=configured(key_files=(str(public),), identities_only=True, agent=where))


def signed(key: str, authority: str, *more: str) -> str:
    """The file with the certificate that the ``authority`` gives a user's ``key``."""
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "me", *more, f"{key}.pub"], check=True, capture_output=True
    )
    return f"{key}-cert.pub"


@pytest.mark.thin(2)
@pytest.mark.usefixtures("no_agent")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_certificate_logs_in(
    kind: str, sshd: Any, make_ssh_key: Callable[..., str], log_in: LogIn, tmp_path: Path
) -> None:
    """Beside the key, as CertificateFile, and from an agent: the server knows only who signed it."""
    authority = make_ssh_key(tmp_path / "authority")
    key = make_ssh_key(tmp_path / "key", kind=kind)
    public = Path(f"{authority}.pub").read_text().strip()
    with let_in(sshd, f'cert-authority,principals="p" {public}'):
        with pytest.raises(Refused):
            log_in(keys=configured(key_files=(key,)))
        certificate = signed(key, authority, "-n", "p")
        log_in(keys=configured(key_files=(key,)))
        log_in(key_file=key)
        with agent_at(tmp_path / "agent", key) as where:
            log_in(keys=configured(key_files=("none",), agent=where))
        away = Path(certificate).rename(tmp_path / "elsewhere.pub")
        log_in(keys=configured(key_files=(key,), certificate_files=(str(away),)))


KINDS: dict[str, Callable[[], Any]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
}


@pytest.mark.usefixtures("no_agent")
@pytest.mark.parametrize("kind", KINDS)
def test_a_pkcs8_key_logs_in(kind: str, sshd: Any, log_in: LogIn, tmp_path: Path) -> None:
    """As openssl writes it; with a passphrase the person is asked, or it is told."""
    key = KINDS[kind]()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    file, locked = tmp_path / "key.pem", tmp_path / "locked.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with let_in(sshd, public):
        log_in(key_file=str(file))
        log_in(keys=Keys(only=((ssh_auth.load_key(str(locked), lambda _: "secret"), "locked"),)))
    with pytest.raises(TransportError, match="protected by a passphrase"):
        ssh_auth.load_key(str(locked), lambda _: None)


def test_only_algorithms_that_the_configuration_allows_are_used(log_in: LogIn) -> None:
    """In its order, not in ours."""
    transport = log_in(algorithms=Algorithms(ciphers=("aes256-ctr", "aes128-ctr"), macs=("hmac-sha2-512",)))._transport
    assert (transport.remote_cipher, transport.remote_mac) == ("aes256-ctr", "hmac-sha2-512")  # type: ignore[attr-defined]


def test_a_key_of_a_kind_that_the_configuration_leaves_out_is_not_shown(sshd: Any, log_in: LogIn) -> None:
    """Though the server would take it."""
    with pytest.raises(TransportError):
        log_in(keys=configured(key_files=(sshd.key,), algorithms=Algorithms(public_keys=("rsa-sha2-512",))))


def test_where_no_algorithm_fits_that_is_told(log_in: LogIn) -> None:
    """With what may be allowed instead; no other way to a host helps."""
    with pytest.raises(Hopeless, match=r"allows no ciphers that vpcshark's SSH has: chacha20.*") as caught:
        log_in(algorithms=Algorithms(ciphers=("chacha20-poly1305@openssh.com",)))
    assert "aes128-gcm@openssh.com" in caught.value.remedy


@pytest.mark.parametrize(
    "lines",
    [
        "Ciphers chacha20-poly1305@openssh.com",
        "KexAlgorithms sntrup761x25519-sha512@openssh.com",
        "Ciphers aes128-ctr\nMACs umac-64-etm@openssh.com",
    ],
)
def test_a_server_with_no_algorithm_of_ours_is_told_as_that(
    lines: str, make_ssh_key: Callable[..., str], tmp_path: Path
) -> None:
    """Not as one that does not speak SSH."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("sshd is not installed") if os.environ.get("CI") else pytest.skip("sshd is not installed")
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {make_ssh_key(tmp_path / 'host')}\n{lines}\n")
    with pytest.raises(TransportError, match=r"SSH have no .+ in common: it offers .+; vpcshark's SSH may"):
        ssh.host_key("10.1.0.20", dial=lambda: programs.stream([program, "-i", "-f", str(config)]))
