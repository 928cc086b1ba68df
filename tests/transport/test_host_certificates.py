"""Hosts whose keys an authority signed, and entries of known_hosts without a port; ssh-keygen and sshd are real."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vpcshark.errors import TransportError
from vpcshark.transport import known_hosts, programs, ssh
from vpcshark.transport.host_certificates import Shown

NAME = "10.1.0.20"
ROWS: dict[str, tuple[list[str], bool]] = {  # what ssh-keygen is told, and whether the host may show that
    "for the host": (["-h", "-n", NAME], True),
    "for a pattern": (["-h", "-n", "10.1.0.*"], True),
    "for several": (["-h", "-n", f"web-1,{NAME}"], True),
    "for another host": (["-h", "-n", "10.1.0.21"], False),
    "for nobody in particular": (["-h"], False),
    "a user's": (["-n", NAME], False),
    "over": (["-h", "-n", NAME, "-V", "20200101:20200102"], False),
    "not yet": (["-h", "-n", NAME, "-V", "20990101:20990102"], False),
}


def blob(public: str) -> bytes:
    """The key in a .pub file."""
    return base64.b64decode(Path(public).read_text().split()[1])


def certificate(key: str, authority: str, *options: str) -> bytes:
    """What the authority signs."""
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "x", *options, f"{key}.pub"], check=True, capture_output=True
    )
    return blob(f"{key}-cert.pub")


def is_trusted(lines: str, shown: Shown, *, folder: Path) -> bool:
    """By a file with these lines, at a port of its own."""
    file = folder / "known_hosts"
    file.write_text(lines)
    trusted = known_hosts.load([str(file)])
    try:
        trusted.check([f"[{NAME}]:2222"], shown, plain=[NAME])
    except TransportError:
        return False
    return True


@pytest.fixture
def pair(make_ssh_key: Callable[..., str], tmp_path: Path) -> tuple[str, str]:
    """A host's key and an authority's."""
    return make_ssh_key(tmp_path / "host"), make_ssh_key(tmp_path / "authority")


@pytest.mark.parametrize("kind", ROWS)
def test_a_certificate_vouches_for_what_it_says(kind: str, pair: tuple[str, str], tmp_path: Path) -> None:
    """And for nothing else."""
    options, expected = ROWS[kind]
    key, authority = pair
    shown = Shown("ssh-ed25519", blob(f"{key}.pub"), certificate(key, authority, *options))
    line = f"@cert-authority [{NAME}]:2222,*.example {Path(f'{authority}.pub').read_text()}"
    assert is_trusted(line, shown, folder=tmp_path) is expected


def test_only_the_host_s_own_authority_counts(pair: tuple[str, str], tmp_path: Path) -> None:
    """Neither one for other hosts, nor a revoked one, nor a plain key in its place, nor what was changed since."""
    key, authority = pair
    shown = Shown("ssh-ed25519", blob(f"{key}.pub"), certificate(key, authority, "-h", "-n", NAME))
    public = Path(f"{authority}.pub").read_text()
    assert is_trusted(f"@cert-authority * {public}", shown, folder=tmp_path)
    assert not is_trusted(f"@cert-authority *.example {public}", shown, folder=tmp_path)
    assert not is_trusted(f"@cert-authority * {public}@revoked * {public}", shown, folder=tmp_path)
    assert not is_trusted(f"* {public}", shown, folder=tmp_path)
    assert not is_trusted(f"@cert-authority * {Path(f'{key}.pub').read_text()}", shown, folder=tmp_path)
    for changed in (
        shown.certificate[:-1] + bytes([shown.certificate[-1] ^ 1]),
        shown.certificate.replace(b"10.1", b"10.2"),
        b"x",
        shown.certificate[:99],
    ):
        assert not is_trusted(f"@cert-authority * {public}", Shown("ssh-ed25519", shown.key, changed), folder=tmp_path)


def test_sha1_of_an_authority_does_not_count(make_ssh_key: Callable[..., str], tmp_path: Path) -> None:
    """OpenSSH's CASignatureAlgorithms has no ssh-rsa either."""
    key, authority = make_ssh_key(tmp_path / "host"), make_ssh_key(tmp_path / "authority", kind="rsa")
    public = Path(f"{authority}.pub").read_text()
    for algorithm, expected in (("rsa-sha2-256", True), ("ssh-rsa", False)):
        signed = certificate(key, authority, "-t", algorithm, "-h", "-n", NAME)
        shown = Shown("ssh-ed25519", blob(f"{key}.pub"), signed)
        assert is_trusted(f"@cert-authority * {public}", shown, folder=tmp_path) is expected


def test_an_entry_without_a_port_counts_at_every_port(pair: tuple[str, str], tmp_path: Path) -> None:
    """As for ssh(1): the same key there is good; another one is that of port 22, and this one is not known."""
    key, other = pair
    shown = Shown("ssh-ed25519", blob(f"{key}.pub"))
    assert is_trusted(f"{NAME} {Path(f'{key}.pub').read_text()}", shown, folder=tmp_path)
    file = tmp_path / "known_hosts"
    file.write_text(f"{NAME} {Path(f'{other}.pub').read_text()}")
    with pytest.raises(known_hosts.UnknownHostKey):
        known_hosts.load([str(file)]).check([f"[{NAME}]:2222"], shown, plain=[NAME])
    file.write_text(f"[{NAME}]:2222 {Path(f'{other}.pub').read_text()}{NAME} {Path(f'{key}.pub').read_text()}")
    with pytest.raises(TransportError, match="has changed"):
        known_hosts.load([str(file)]).check([f"[{NAME}]:2222"], shown, plain=[NAME])


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_real_sshd_is_trusted_by_its_authority(kind: str, make_ssh_key: Callable[..., str], tmp_path: Path) -> None:
    """It is asked for its certificate before its bare key; a login that nobody lets in comes after that."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("sshd is not installed") if os.environ.get("CI") else pytest.skip("sshd is not installed")
    key, authority = make_ssh_key(tmp_path / "host", kind=kind), make_ssh_key(tmp_path / "authority")
    certificate(key, authority, "-h", "-n", NAME)
    (tmp_path / "sshd_config").write_text(f"HostKey {key}\nHostCertificate {key}-cert.pub\n")
    (tmp_path / "known_hosts").write_text(f"@cert-authority {NAME} {Path(f'{authority}.pub').read_text()}")
    (tmp_path / "empty").write_text("")

    def log_in(known: str) -> None:
        command = [program, "-i", "-f", str(tmp_path / "sshd_config")]
        keys = ssh.Keys(files=("none",), files_only=True)
        ssh.connect(NAME, user="nobody", keys=keys, known_hosts_files=[known], dial=lambda: programs.stream(command))

    with pytest.raises(TransportError, match="no SSH key to log in"):
        log_in(str(tmp_path / "known_hosts"))
    with pytest.raises(known_hosts.UnknownHostKey):
        log_in(str(tmp_path / "empty"))
