"""Has a Wireshark come since ``install`` that looks for extcaps elsewhere? It would list no ENI, and say nothing.

4.2 moved the folder, so an upgrade of the system can do this. ``install`` notes the Wiresharks that it served; whoever
runs anything later compares, by the dates of files alone: a Wireshark is asked only after one of them has changed. Must
not know what the launcher says.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vpcshark import folders
from vpcshark.cli import install, places
from vpcshark.errors import VpcsharkError

_PROGRAMS = ("tshark", "wireshark", "dumpcap")

log = logging.getLogger(__name__)


def file() -> Path:
    """Where the note is kept."""
    return folders.state() / "wiresharks.json"


def note(environ: Mapping[str, str], where: Path | None = None) -> None:
    """Keep which Wiresharks there are now. A disk that takes no note is done without."""
    _keep(where or file(), {"programs": _programs(environ), "lacking": ""})


def forget(where: Path | None = None) -> None:
    """After ``uninstall`` nobody is to be told to install."""
    (where or file()).unlink(missing_ok=True)


def remark(
    environ: Mapping[str, str],
    run: places.Run = install.run_command,
    home: Path | None = None,
    where: Path | None = None,
) -> str:
    """What to tell whoever runs anything; "" where all is as it was, or nothing was ever installed here."""
    kept = _kept(where or file())
    if kept is None:
        return ""
    if kept["programs"] != (programs := _programs(environ)):
        kept = {"programs": programs, "lacking": _lacking(environ, run, home or Path.home())}
        _keep(where or file(), kept)
    lacking = str(kept["lacking"])
    if not lacking or (Path(lacking) / install.launcher_name()).exists():
        return ""
    return (
        f"Wireshark has changed since vpcshark was installed: it looks for extcaps in {lacking} now, where vpcshark is "
        "not. Run vpcshark install again."
    )


def _lacking(environ: Mapping[str, str], run: places.Run, home: Path) -> str:
    """The folder of a Wireshark in which our launcher is not; "" if there is none, or none could be asked."""
    try:
        looked_into, guess = places.served(run, home, environ)
    except VpcsharkError as error:
        log.info("%s", error)
        return ""
    without = [one for one in looked_into if not (one / install.launcher_name()).exists()]
    return str(without[0]) if without and not guess else ""


def _programs(environ: Mapping[str, str]) -> dict[str, list[int]]:
    """Path -> time of change and size, which an upgrade changes."""
    found = {}
    for name in _PROGRAMS:
        if program := shutil.which(name, path=environ.get("PATH")):
            state = Path(program).resolve().stat()
            found[program] = [state.st_mtime_ns, state.st_size]
    return found


def _keep(where: Path, kept: Mapping[str, Any]) -> None:
    try:
        folders.write_whole(where, json.dumps(kept).encode())
    except OSError as error:
        log.info("%s can't be written: %s", where, error)


def _kept(where: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(where.read_bytes())
        return {"programs": dict(kept["programs"]), "lacking": str(kept["lacking"])}
    except (OSError, ValueError, TypeError, KeyError):
        return None
