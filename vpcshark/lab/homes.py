"""The labs' folders: making one, knowing whether its daemon lives, finding those that a crash left.

A lab lives as long as somebody holds the lock on its folder's ``lock`` file; the kernel lets go of it when that
process dies, however it dies. Must not know what a lab does.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vpcshark import folders

_LOCK, _FACTS = "lock", "lab.json"


def root(environment: dict[str, str]) -> Path:
    """Where the labs' folders are; inside a lab: where that lab's folder is."""
    if environment.get("VPCSHARK_LAB"):
        return Path(environment["VPCSHARK_LAB"]).parent
    return folders.state() / "lab"


def make(labs: Path) -> tuple[Path, int]:
    """Make a lab's folder; return it and the descriptor that holds its lock.

    It gets its name only once it is locked, so that nobody takes it for a crashed lab's.
    """
    labs.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"lab-{secrets.token_hex(3)}"
    hidden = labs / f".{name}"
    hidden.mkdir(mode=0o700)
    descriptor = os.open(hidden / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return hidden.rename(labs / name), descriptor


def is_free(folder: Path) -> bool:
    """Whether nobody holds the lab's lock: its daemon is gone."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who ask do not meet
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def holder(folder: Path) -> int | None:
    """The process that holds the lock, as it wrote it there; None if nobody does, or it has not yet written."""
    if is_free(folder):
        return None
    try:
        text = (folder / _LOCK).read_text(encoding="ascii")
    except FileNotFoundError:  # removed a moment ago
        return None
    return int(text) if text.endswith("\n") else None


@contextmanager
def taken(folder: Path) -> Iterator[bool]:
    """Hold a dead lab's lock while it is removed, so that nobody else does it at the same time. False if somebody has
    the lock."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        is_ours = False
    else:
        is_ours = True
        os.ftruncate(descriptor, 0)  # who asks for its holder is not told the dead one
    try:
        yield is_ours
    finally:
        os.close(descriptor)


def sign(descriptor: int) -> None:
    """Write this process into the lock that it holds."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def everywhere(labs: Path) -> list[Path]:
    """All labs' folders, running or left behind."""
    return sorted(labs.glob("lab-*")) if labs.is_dir() else []


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Record what others have to know of the running lab, whole or not at all."""
    temporary = folder / f".{_FACTS}"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=1)
    temporary.rename(folder / _FACTS)


def read_facts(folder: Path) -> dict[str, Any]:
    """What the lab recorded; empty if it is not ready, or gone."""
    try:
        facts: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return facts
