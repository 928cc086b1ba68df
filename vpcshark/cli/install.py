"""Puts the launcher where Wireshark looks for extcaps, and takes it out again.

Must not know what the launcher says to Wireshark, nor touch a file in that folder that is not ours.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from vpcshark import text as texts
from vpcshark.cli import packaged as files
from vpcshark.cli import places
from vpcshark.cli.places import Run
from vpcshark.errors import InputError, VpcsharkError

PATIENCE = 180.0  # seconds; a busy machine takes half a minute for a Python
MARK = "This is vpcshark's launcher"  # a file with this in it is ours to replace and remove


def run_command(command: Sequence[str]) -> str:
    """The ``Run`` of the real world."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as exc:
        said = " ".join(exc.stderr.decode(errors="replace").split())[-300:]
        raise VpcsharkError(f"{command[0]} ended with status {exc.returncode}: {said or 'it said nothing'}.") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise VpcsharkError(f"{command[0]} could not be run: {exc}.") from exc
    return done.stdout.decode(errors="replace")


def install(directory: Path | None, out: TextIO, run: Run = run_command, home: Path | None = None) -> list[Path]:
    """Write the launcher into ``directory`` (None: Wireshark's personal extcap folder, or each that may be it), check
    it, say what comes next.

    Returns the launchers' paths. InputError if a folder can't be written or holds a foreign file of that name.
    """
    targets = _targets(directory, out, run, home)
    text = filled_in(packaged().read_text(encoding="utf-8"), sys.executable)
    for target in targets:
        _put(target, text)
        check(target, run)
        out.write(texts.line(f"{target} is installed; it runs {sys.executable}.") + "\n")
    out.write("Start Wireshark again, or choose Capture > Refresh Interfaces in it. Without a screen: tshark -D\n")
    return targets


def uninstall(directory: Path | None, out: TextIO, run: Run = run_command, home: Path | None = None) -> list[Path]:
    """Remove the launcher from ``directory`` (None: from where ``install`` puts it, and from where it put it for
    another version of Wireshark), return the paths; none there is all right."""
    targets = _targets(directory, out, run, home)
    if directory is None:
        others = [place / launcher_name() for place in places.usual(sys.platform, home or Path.home(), os.environ)]
        targets += [target for target in others if target not in targets and target.exists()]
    for target in targets:
        _refuse_foreign(target)
    for target in targets:
        _remove(target, out)
    return targets


def _targets(directory: Path | None, out: TextIO, run: Run, home: Path | None) -> list[Path]:
    folders, remarks = ([directory], []) if directory else places.all_of(run, home or Path.home(), os.environ)
    for remark in remarks:
        out.write(f"{texts.line(remark)}\n")
    targets = [folder / launcher_name() for folder in folders]
    for target in targets:
        _refuse_foreign(target)
    return targets


def _put(target: Path, text: str) -> None:
    try:
        _write(target, text)
    except OSError as exc:
        raise InputError(
            f"{target} can't be written: {exc.strerror}.", "Name a folder that you may write to with --dir."
        ) from exc


def _remove(target: Path, out: TextIO) -> None:
    try:
        target.unlink()
    except FileNotFoundError:
        out.write(texts.line(f"{target} is not there; nothing is to be done.") + "\n")
    except OSError as exc:
        raise InputError(f"{target} can't be removed: {exc.strerror}.", "Remove it by hand.") from exc
    else:
        out.write(texts.line(f"{target} is removed. Wireshark forgets the ENIs when it starts again.") + "\n")


def launcher_name(platform: str = sys.platform) -> str:
    """The launcher's file name: Windows runs no script without an ending that it knows."""
    return "vpcshark.bat" if platform == "win32" else "vpcshark"


def filled_in(launcher: str, python: str) -> str:
    """The text of the launcher, sh or bat, with ``python`` (a path) in the line that is left for it."""
    lines = launcher.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if line.startswith("python="):
            lines[index] = f"python={shlex.quote(python)}\n"
        elif line.startswith('set "VPCSHARK_PYTHON='):
            escaped = python.replace("%", "%%")
            lines[index] = f'set "VPCSHARK_PYTHON={escaped}"\n'
        else:
            continue
        return "".join(lines)
    raise VpcsharkError("The launcher has no line for the Python to run.", "Install vpcshark again with pip.")


def packaged() -> Path:
    """The launcher as it was packaged."""
    return files.find(f"extcap/{launcher_name()}")


def _refuse_foreign(target: Path) -> None:
    try:
        is_ours = MARK in target.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise InputError(f"{target} can't be read: {exc.strerror}.", "Move it away, then try again.") from exc
    if not is_ours:
        raise InputError(f"{target} is not vpcshark's launcher, so it is left alone.", "Move it away, then try again.")


def _write(target: Path, text: str) -> None:
    """Write the launcher 0755, so that Wireshark sees the old one or the new one and never a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o755)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def check(target: Path, run: Run) -> None:
    """Ask the launcher what Wireshark will ask; VpcsharkError with what it said if it doesn't answer."""
    answer = run([str(target), "--extcap-dlts", "--extcap-interface", "eni-0"])
    if not answer.startswith("dlt "):
        raise VpcsharkError(f"{target} does not answer as an extcap should.", "Install vpcshark again with pip.")
