"""What a lab puts into the environment of those who use it, so that AWS clients, ssh and Wireshark need no lab branch.

Pure: strings in, strings out.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

REGION = "us-east-1"
_ELSEWHERE = {f"VPCSHARK_{name}" for name in ("PROFILE", "REGION", "HOST", "MIRROR_FILTER", "SSH_USER", "SSH_PORT")}
_ELSEWHERE |= {f"VPCSHARK_HOST_{name}" for name in ("ROLE", "SSH_FROM", "TEMPLATE", "TYPE")}
_NO_PROXY = "127.0.0.1,127.0.0.0/8,localhost"


def variables(folder: Path, endpoint: str, key_id: str, secret: str) -> dict[str, str]:
    """All that a lab sets. Config and caches lie in the lab's folder: it shares none with the user's real account."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws" / "credentials"),
        "VPCSHARK_LAB": str(folder),
        "VPCSHARK_SSH_CONFIG": str(folder / "ssh" / "config"),
        "VPCSHARK_SSH_KEY": str(folder / "ssh" / "id_ed25519"),
        "VPCSHARK_SSH_KNOWN_HOSTS": str(folder / "ssh" / "known_hosts"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
    }


def launcher_folder(folder: Path) -> Path:
    """Where the lab's launcher lies: Wireshark 4.0 looks here, below XDG_CONFIG_HOME; ``wiresharks`` tells others."""
    return folder / "config" / "wireshark" / "extcap"


def programs(folder: Path) -> Path:
    """Where the lab's own programs lie, which come first on its PATH."""
    return folder / "bin"


def inside(outer: Mapping[str, str], lab: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command in the lab: nothing that names what is in the user's account, no proxy before
    loopback."""
    kept = {name: value for name, value in outer.items() if not name.startswith("AWS_") and name not in _ELSEWHERE}
    no_proxy = ",".join(filter(None, [_NO_PROXY, outer.get("no_proxy") or outer.get("NO_PROXY")]))
    path = {"PATH": _path(outer["PATH"], lab)} if lab and "PATH" in outer else {}
    return {**kept, **lab, **path, "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def _path(path: str, lab: Mapping[str, str]) -> str:
    """The lab's own programs first: the stand-in for session-manager-plugin, and what starts Wireshark for root."""
    ours = str(programs(Path(lab["VPCSHARK_LAB"])))
    return os.pathsep.join([ours, *(place for place in path.split(os.pathsep) if place != ours)])


def exports(outer: Mapping[str, str], lab: Mapping[str, str]) -> list[str]:
    """The same as lines for a POSIX shell's ``eval``."""
    wanted = inside(outer, lab)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in wanted.items() if outer.get(name) != value]
    return lines + [f"unset {name}" for name in outer if name not in wanted]
