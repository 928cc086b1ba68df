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

    return Path(appdirs.user_state_dir(NAME, False))


def cache() -> Path:
    """The folder for prepared answers: may be lost at any time."""
    import appdirs

    return Path(appdirs.user_cache_dir(NAME, False))


def config() -> Path:
    """The folder of the user's settings."""
    import appdirs

    return Path(appdirs.user_config_dir(NAME, False))


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
