"""Processes that outlive us: no terminal, no process group, no descriptor and no job of ours.

Wireshark waits for the end of everything that its extcap started and that still holds stdout or stderr. Must not know
what they do.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import vpcshark

SAFE = "import sys; sys.path[:] = sys.path[sys.path[0] == '':]"
"""The beginning of a program for ``python -c``: nothing is imported from the folder that it is run in, whatever lies
there. Python 3.10 needs it, as it knows neither ``-P`` nor PYTHONSAFEPATH. From 3.13 on PYTHONSAFEPATH, which
whoever begins a process of ours sets, is needed as well: "-c" imports linecache before its first line."""

# A package that Python found through its current directory alone is not to be found in another one. First, so that it
# is this one and no other version; not moved where it is on the path anyway, among other packages.
_RUN = f"{SAFE}; place = sys.argv.pop(1); place in sys.path or sys.path.insert(0, place); from {{}} import main; main()"
_PLACE = str(Path(vpcshark.__file__).resolve().parents[1])


def program(python: str, module: str, *arguments: str) -> list[str]:
    """The command that runs ``main`` of a module of ours, in whatever folder."""
    return [python, "-c", _RUN.format(module), _PLACE, *arguments]


def start(command: Sequence[str], folder: Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start ``command`` in ``folder``; ``stdin`` may be subprocess.PIPE. OSError where it can't be started."""
    return _start_on_windows(command, folder, stdin) if sys.platform == "win32" else _start(command, folder, stdin)


def _start(command: Sequence[str], folder: Path, stdin: int, **more: Any) -> subprocess.Popen[bytes]:
    if sys.platform != "win32":
        more = {"start_new_session": True}
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        close_fds=True,
        **more,
    )


def _start_on_windows(command: Sequence[str], folder: Path, stdin: int) -> subprocess.Popen[bytes]:
    """A job may forbid to break away from it (CreateProcess: access denied); then being detached must do."""
    flags = getattr(subprocess, "DETACHED_PROCESS", 8) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200)
    break_away = getattr(subprocess, "CREATE_BREAKAWAY_FROM_JOB", 0x1000000)
    try:
        return _start(command, folder, stdin, creationflags=flags | break_away)
    except PermissionError:
        return _start(command, folder, stdin, creationflags=flags)
