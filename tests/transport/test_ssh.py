"""What is particular to SSH: whom we trust, who we are, and what is said when it does not work."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpcshark.errors import TransportError, Unreachable
from vpcshark.transport import ssh

LogIn = Callable[..., ssh.SshTransport]


def refused(log_in: LogIn, **changes: Any) -> TransportError:
    """The error of a login that must not succeed."""
    with pytest.raises(TransportError) as caught:
        log_in(**changes)
    assert str(caught.value).endswith((".", ")")) or caught.value.remedy
    return caught.value


def test_it_prefers_the_fast_cipher(log_in: LogIn) -> None:
    """The connection uses AES-GCM, which is half as fast again as paramiko's own choice."""
    assert log_in()._transport.remote_cipher == "aes128-gcm@openssh.com"  # type: ignore[attr-defined]


def test_a_host_that_is_known_by_its_instance_id_is_trusted(log_in: LogIn, sshd: Any, tmp_path: Path) -> None:
    """The key may be listed under the instance's id alone."""
    known = tmp_path / "known_hosts"
    known.write_text(f"i-0123456789abcdef0 {sshd.host_key}\n")
    assert log_in(known_hosts_files=[str(known)], aliases=["i-0123456789abcdef0"]).name.startswith("ssh ")


def test_an_unknown_host_key_is_refused(log_in: LogIn, sshd: Any, tmp_path: Path) -> None:
    """Nothing is accepted silently: the fingerprint is told, and the file stays as it was."""
    known = tmp_path / "known_hosts"
    known.write_text("")
    error = refused(log_in, known_hosts_files=[str(known)])
    assert "is not known" in error.problem
    assert re.search(r"ED25519 key SHA256:[A-Za-z0-9+/]{43}\.", error.problem)
    assert known.read_text() == ""


def test_a_changed_host_key_is_refused(log_in: LogIn, sshd: Any, tmp_path: Path) -> None:
    """Another key than the known one is told with both fingerprints and what to do."""
    subprocess_key = make_host_key(tmp_path)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {subprocess_key}\n")
    error = refused(log_in, known_hosts_files=[str(known)])
    assert "has changed" in error.problem
    assert error.problem.count("SHA256:") == 2
    assert "ssh-keygen -R" in error.remedy


def test_the_instance_id_decides_before_the_address(log_in: LogIn, sshd: Any, tmp_path: Path) -> None:
    """Addresses are used again by other instances; an id never is."""
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key}\ni-0123456789abcdef0 {make_host_key(tmp_path)}\n")
    assert "has changed" in refused(log_in, known_hosts_files=[str(known)], aliases=["i-0123456789abcdef0"]).problem


def test_a_user_who_may_not_log_in_is_told(log_in: LogIn, sshd: Any, tmp_path: Path) -> None:
    """A key that the server does not take names user, host and key."""
    from paramiko import RSAKey

    other = tmp_path / "other"
    RSAKey.generate(2048).write_private_key_file(str(other))
    error = refused(log_in, key_file=str(other))
    assert f"127.0.0.1:{sshd.port} does not let {sshd.user} in with the key {other}." == error.problem


def test_a_missing_key_file_is_told(log_in: LogIn, tmp_path: Path) -> None:
    """The key's path and why it can't be read."""
    assert "cannot be read: No such file or directory" in refused(log_in, key_file=str(tmp_path / "no")).problem


def test_a_key_with_a_passphrase_is_told(log_in: LogIn, tmp_path: Path, make_ssh_key: Callable[..., str]) -> None:
    """An encrypted key is for the agent."""
    error = refused(log_in, key_file=make_ssh_key(tmp_path / "locked", "secret words"))
    assert "protected by a passphrase" in error.problem
    assert "ssh-add" in error.remedy
    assert "secret" not in str(error)


def test_a_file_that_is_no_key_is_told(log_in: LogIn, tmp_path: Path) -> None:
    """Any other file is not taken for a key."""
    text = tmp_path / "text"
    text.write_text("hello")
    assert "is not a private SSH key" in refused(log_in, key_file=str(text)).problem


def test_a_closed_port_is_told(log_in: LogIn, unused_port: int) -> None:
    """Nobody listens: it is said at once."""
    assert "refuses SSH connections" in refused(log_in, port=unused_port).problem


@pytest.mark.parametrize("name", ["web-1..2.corp.example", f"{'w' * 64}.corp.example"])
def test_a_name_that_can_be_no_hosts_is_told(name: str) -> None:
    """As ``HostName %h.corp.example`` makes them of a Name tag."""
    with pytest.raises(Unreachable, match=r"The host name .*corp\.example is not known"):
        ssh.connect(name, user="me", port=22, known_hosts_files=[])


def test_a_host_that_does_not_answer_is_told_in_time(log_in: LogIn) -> None:
    """A server that accepts and stays silent does not hold the capture up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(log_in, port=silent.getsockname()[1], timeout=0.2)
    assert "does not speak SSH" in error.problem or "did not finish" in error.problem


def test_a_server_that_is_no_sshd_is_told(log_in: LogIn) -> None:
    """Something else on that port is not an SSH server."""
    with socket.create_server(("127.0.0.1", 0)) as web:
        import threading

        def answer() -> None:
            connection = web.accept()[0]
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = refused(log_in, port=web.getsockname()[1], timeout=20.0)
        thread.join()
    assert "does not speak SSH" in error.problem


def test_a_dead_connection_is_told_by_wait(log_in: LogIn) -> None:
    """A connection that breaks is no end of the command: wait says so."""
    transport = log_in()
    channel = transport.open(["cat"])
    transport._transport.sock.shutdown(socket.SHUT_RDWR)
    assert channel.read(1) == b""
    with pytest.raises(TransportError, match="broke"):
        channel.wait(180)


def test_nothing_is_printed_when_a_login_fails(
    log_in: LogIn, unused_port: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """stderr belongs to the one message that the caller makes of the error."""
    refused(log_in, known_hosts_files=["/dev/null"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        refused(log_in, port=silent.getsockname()[1], timeout=0.2)
    assert capfd.readouterr() == ("", "")


def make_host_key(folder: Path) -> str:
    """The public part of a fresh host key, as known_hosts lists it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
