"""Where vpcshark keeps its files, and how it writes them: the user's alone, whole or not at all.

Knows appdirs' platform rules (XDG on Linux, Library on macOS, AppData on Windows) and no room.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

NAME = "vpcshark"


def private(folder: Path) -> Path:
    """Make ``folder`` with its missing parents, all 0700, and return it."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(exist_ok=True, mode=0o700)
    return folder


def state() -> Path:
    """The folder for ledgers: must survive a restart of the machine."""
    import appdirs  # here, because the fast answers must not pay for it

    return _absolute(appdirs.user_state_dir(NAME, False), ".local/state")


def cache() -> Path:
    """The folder for prepared answers: may be lost at any time."""
    import appdirs

    return _absolute(appdirs.user_cache_dir(NAME, False), ".cache")


def config() -> Path:
    """The folder of the user's settings."""
    import appdirs

    return _absolute(appdirs.user_config_dir(NAME, False), ".config")


def log() -> Path:
    """The folder of the log file."""
    import appdirs

    found = Path(appdirs.user_log_dir(NAME, False))
    return found if found.is_absolute() else cache() / "log"


def _absolute(found: str, usual: str) -> Path:
    """What appdirs ``found``, or the ``usual`` folder below the home where a variable makes that relative. XDG Base
    Directory Specification: an empty variable counts as unset, and a relative path in one is to be ignored. The janitor
    and the next sweep work in other directories, and would find no ledger there."""
    path = Path(found)
    return path if path.is_absolute() else Path.home() / usual / NAME


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, 0600, so that a reader sees the old bytes or the new ones and never a part."""
    handle, temporary = tempfile.mkstemp(dir=private(path.parent), prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
