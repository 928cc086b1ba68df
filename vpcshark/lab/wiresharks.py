"""How Wireshark finds the lab's launcher, whatever its version and whoever runs it.

Wireshark 4.0 looks below XDG_CONFIG_HOME, which is the lab's. From 4.2 on it looks below HOME, and to the folder that
WIRESHARK_EXTCAP_DIR names, but never as root (``started_with_special_privs`` of its filesystem.c: user id 0 counts).
For root a ``wireshark`` and a ``tshark`` come first on the lab's PATH, which start the real ones with a HOME of the
lab's own. The launcher there takes the user's HOME back, which ssh and AWS clients read.

Must not know what the launcher does.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from vpcshark.lab import environment, keys

PROGRAMS = ("tshark", "wireshark")
_PERSONAL = ".local/lib/wireshark/extcap"  # below HOME, since 4.2

_PROGRAM = """#!/bin/sh
VPCSHARK_OUTER_HOME=${{VPCSHARK_OUTER_HOME-${{HOME-}}}}
HOME={home}
export VPCSHARK_OUTER_HOME HOME
exec {program} "$@"
"""


def prepare(folder: Path, folders: str, find: Callable[[str], str | None], *, is_root: bool) -> dict[str, str]:
    """Make it find the launcher of the lab in ``folder``; the variables that this needs. ``folders`` is what ``tshark
    -G folders`` prints, ``find`` finds a program on the PATH. Exactly one way is taken: two would list all twice."""
    if "Personal Extcap path" not in folders:
        return {}
    launchers = environment.launcher_folder(folder)
    if not is_root:
        return {"WIRESHARK_EXTCAP_DIR": str(launchers)}
    home = folder / "home"
    for name in PROGRAMS:
        if program := find(name):
            text = _PROGRAM.format(home=shlex.quote(str(home)), program=shlex.quote(program))
            _write_program(environment.programs(folder) / name, text)
    personal = home / _PERSONAL
    _make_folder(personal.parent)
    _make_folder(launchers)
    personal.symlink_to(launchers)
    return {}


def _write_program(path: Path, text: str) -> None:
    _make_folder(path.parent)
    keys.write_private(path, text.encode())
    path.chmod(0o700)


def _make_folder(folder: Path) -> None:
    for one in [folder, *folder.parents][::-1]:
        one.mkdir(mode=0o700, exist_ok=True)
