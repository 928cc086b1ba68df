"""Debians that nobody was in before: what ``newcomer`` and ``packages`` try vpcshark in. Root, by tests/chroot.sh.

A cached one has what README asks for, and no more; each use sees a fresh one, whose changes lie in a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_CHROOT = PROJECT / "tests" / "chroot.sh"
SUITES = ("bookworm", "trixie", "sid")
_NEEDED = ("make", "python3-venv", "pipx", "wireshark", "tshark")  # as README has it
_JUDGES = ("xvfb", "x11-utils", "procps")  # a screen, and what looks at it
_WAYS = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def environ() -> dict[str, str]:
    """Of a person who has set nothing: the way to the network alone is this machine's."""
    ways = {"PATH", *_WAYS, *(name.lower() for name in _WAYS)}
    return {"LANG": "C.UTF-8", **{name: value for name, value in os.environ.items() if name in ways}}


def made(folder: Path) -> Path:
    """The folder, which is there now."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base(folder: Path, suite: str) -> Path:
    """The cached Debian of this suite."""
    place = made(folder) / f"{suite}-newcomer"
    command = ["sh", _CHROOT, "base", suite, place, *_NEEDED, *_JUDGES]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environ())
    return place


def hand_in(file: Path, scratch: Path) -> str:
    """Put a file into the fresh Debian whose changes lie in ``scratch``; its path there."""
    shutil.copy2(file, made(scratch / "upper" / "srv"))
    return f"/srv/{file.name}"


def fresh(place: Path, scratch: Path, *words: str) -> list[str | Path]:
    """The command that runs ``words`` (-u before them: as a plain user) in what looks like ``place``."""
    return ["sh", _CHROOT, "fresh", place, scratch, *words]
