"""The lab's ssh keys: one for the user, one for the capture host, and a known_hosts file that vouches for it. And an
SSH configuration without a word, which stands for the user's own.

Made anew for each lab, in its folder. Must not know what is reached with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_CONFIG = b"# The SSH configuration of those who use the lab, in place of ~/.ssh/config.\n"


def make(folder: Path) -> None:
    """Write ``id_ed25519`` and ``host_ed25519`` with their ``.pub``, and ``config``, into ``folder``."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("id_ed25519", "host_ed25519"):
        key = Ed25519PrivateKey.generate()
        write_private(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        write_private(folder / f"{name}.pub", public + b" vpcshark-lab\n")
    write_private(folder / "config", _CONFIG)


def write_known_hosts(folder: Path, hosts: Iterable[str]) -> None:
    """List these names and addresses with the host key."""
    key = (folder / "host_ed25519.pub").read_text(encoding="ascii").rsplit(" ", 1)[0]
    lines = [f"{host} {key}\n" for host in hosts]
    write_private(folder / "known_hosts", "".join(lines).encode())


def write_private(path: Path, data: bytes) -> None:
    """Write a new file, 0600 from its first byte on."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
