"""The lab's ssh keys, read by the tools that have to."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vpcshark.lab import keys


def test_ssh_reads_the_keys(tmp_path: Path) -> None:
    """ssh-keygen derives the same public key that was written, from a file that is the user's alone."""
    keys.make(tmp_path / "ssh")
    for name in ("id_ed25519", "host_ed25519"):
        private = tmp_path / "ssh" / name
        derived = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True)
        assert derived.stdout.split()[:2] == private.with_suffix(".pub").read_text().split()[:2]
        assert private.stat().st_mode & 0o777 == 0o600


def test_ssh_finds_the_host_by_each_name(tmp_path: Path) -> None:
    """IPv4, IPv6 and instance id; another host is unknown."""
    folder = tmp_path / "ssh"
    keys.make(folder)
    keys.write_known_hosts(folder, ["10.101.1.40", "2600:1f00::28", "i-0abc"])

    def find(host: str) -> str:
        command = ["ssh-keygen", "-F", host, "-f", str(folder / "known_hosts")]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    public = (folder / "host_ed25519.pub").read_text().split()[1]
    assert all(public in find(host) for host in ("10.101.1.40", "2600:1f00::28", "i-0abc"))
    assert find("10.101.1.41") == ""
