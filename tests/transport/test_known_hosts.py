"""Which lines of known_hosts speak of a host; ssh-keygen is the judge where it can be."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from vpcshark.errors import TransportError
from vpcshark.transport import known_hosts
from vpcshark.transport.host_certificates import Shown

BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
OTHER = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(1, 33))).decode()
KEY = base64.b64decode(BLOB)


def hosts(*lines: str) -> known_hosts.KnownHosts:
    """The hosts that these lines of a file list."""
    return known_hosts.KnownHosts(e for e in map(known_hosts.parse_line, lines) if e is not None)


def is_trusted(name: str, *lines: str) -> bool:
    """May the host ``name`` show our key?"""
    try:
        hosts(*lines).check([name], Shown("ssh-ed25519", KEY))
    except TransportError:
        return False
    return True


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ("10.1.0.20", "10.1.0.20"),
        ("web-1,10.1.0.20", "10.1.0.20"),
        ("WEB-1", "web-1"),
        ("[10.1.0.20]:2222", "[10.1.0.20]:2222"),
        ("*.example.com", "a.example.com"),
        ("10.1.0.?", "10.1.0.7"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_listed_host_is_trusted(names: str, host: str) -> None:
    """Names, addresses, ports and patterns match as sshd(8) describes them."""
    assert is_trusted(host, f"{names} ssh-ed25519 {BLOB} a comment")


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ("10.1.0.20", "10.1.0.2"),
        ("10.1.0.20", "[10.1.0.20]:2222"),
        ("*.example.com,!b.example.com", "b.example.com"),
    ],
)
def test_another_host_is_not_trusted(names: str, host: str) -> None:
    """A line vouches for nobody else; a negated pattern takes a host out."""
    assert not is_trusted(host, f"{names} ssh-ed25519 {BLOB}")


def test_hashed_names_match_as_ssh_keygen_writes_them(tmp_path: Path) -> None:
    """A file that ssh-keygen -H has hashed says the same as before."""
    file = tmp_path / "known_hosts"
    file.write_text(f"10.1.0.20 ssh-ed25519 {BLOB}\n[10.1.0.21]:2222 ssh-ed25519 {BLOB}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "10.1.0.2" not in file.read_text()
    loaded = known_hosts.load([str(file)])
    assert loaded.key_types(["10.1.0.20"]) == ["ssh-ed25519"]
    assert loaded.key_types(["[10.1.0.21]:2222"]) == ["ssh-ed25519"]
    assert loaded.key_types(["10.1.0.22"]) == []


def test_what_a_file_of_revoked_keys_has_is_refused(tmp_path: Path) -> None:
    """RevokedHostKeys; and all are refused where the file says something that is not read here, or is not there."""
    known, revoked = tmp_path / "known_hosts", tmp_path / "revoked"
    known.write_text(f"web-1 ssh-ed25519 {BLOB}\n")
    for lines, message in (
        (f"# x\nssh-ed25519 {OTHER}\n", ""),
        (f"ssh-ed25519 {BLOB} x\n", "revoked"),
        ("SSHKRL\n\0", ""),
    ):
        revoked.write_text(lines)
        if "KRL" in lines:
            with pytest.raises(TransportError, match="revoked host keys cannot be used"):
                known_hosts.load([str(known)], revoked=str(revoked))
        elif message:
            with pytest.raises(TransportError, match=message):
                known_hosts.load([str(known)], revoked=str(revoked)).check(["web-1"], Shown("ssh-ed25519", KEY))
        else:
            known_hosts.load([str(known)], revoked=str(revoked)).check(["web-1"], Shown("ssh-ed25519", KEY))
    with pytest.raises(TransportError, match="cannot be used"):
        known_hosts.load([str(known)], revoked=str(tmp_path / "missing"))


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path: Path) -> None:
    """Users compare it with what ssh shows."""
    file = tmp_path / "key.pub"
    file.write_text(f"ssh-ed25519 {BLOB}\n")
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(file)], check=True, capture_output=True, text=True).stdout
    assert known_hosts.fingerprint(KEY) == shown.split()[1]


def test_a_revoked_key_is_refused_everywhere() -> None:
    """@revoked wins over any line that trusts the key."""
    lines = (f"@revoked * ssh-ed25519 {BLOB}", f"web-1 ssh-ed25519 {BLOB}")
    with pytest.raises(TransportError, match="revoked"):
        hosts(*lines).check(["web-1"], Shown("ssh-ed25519", KEY))


def test_one_of_several_keys_is_enough() -> None:
    """A host with two listed keys may show either."""
    assert is_trusted("web-1", f"web-1 ssh-ed25519 {OTHER}", f"web-1 ssh-ed25519 {BLOB}")


def test_the_first_name_that_is_known_decides() -> None:
    """An instance id before an address: an old entry of the address neither helps nor harms."""
    listed = hosts(f"i-1 ssh-ed25519 {BLOB}", f"10.1.0.20 ssh-ed25519 {OTHER}")
    listed.check(["i-1", "10.1.0.20"], Shown("ssh-ed25519", KEY))
    with pytest.raises(TransportError, match="has changed"):
        listed.check(["i-2", "10.1.0.20"], Shown("ssh-ed25519", KEY))


@pytest.mark.parametrize("line", ["", "# comment", "web-1 ssh-ed25519", "web-1 ssh-ed25519 ***", f"@else * x {BLOB}"])
def test_lines_that_list_no_key_are_passed_over(line: str) -> None:
    """Comments, broken lines and markers that nobody knows trust nobody."""
    assert known_hosts.parse_line(line) is None


def test_a_broken_hash_matches_nobody() -> None:
    """Damage in a hashed name does not end in a traceback."""
    assert not is_trusted("web-1", f"|1|not base64|%% ssh-ed25519 {BLOB}")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A file that the user names is needed, the default ones are not."""
    with pytest.raises(TransportError, match="cannot be read"):
        known_hosts.load([str(tmp_path / "missing")])
