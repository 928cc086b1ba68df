"""Puts the launcher where Wireshark looks for extcaps, and takes it out again.

Must not know what the launcher says to Wireshark, nor touch a file in that folder that is not ours.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TextIO

import vpcshark
from vpcshark import text as texts
from vpcshark.errors import InputError, VpcsharkError

MARK = "This is vpcshark's launcher"  # a file with this in it is ours to replace and remove
_PLACES = {  # where tshark may be without being on the PATH
    "darwin": "/Applications/Wireshark.app/Contents/MacOS/tshark",
    "win32": r"C:\Program Files\Wireshark\tshark.exe",
}


class Run(Protocol):
    """Runs a command and returns its stdout; VpcsharkError if it can't be run or fails."""

    def __call__(self, command: Sequence[str]) -> str:
        """Run ``command``, at most half a minute long."""


def run_command(command: Sequence[str]) -> str:
    """The ``Run`` of the real world."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=True, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as exc:
        said = " ".join(exc.stderr.decode(errors="replace").split())[-300:]
        raise VpcsharkError(f"{command[0]} ended with status {exc.returncode}: {said or 'it said nothing'}.") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise VpcsharkError(f"{command[0]} could not be run: {exc}.") from exc
    return done.stdout.decode(errors="replace")


def install(directory: Path | None, out: TextIO, run: Run = run_command) -> Path:
    """Write the launcher into ``directory`` (None: Wireshark's personal extcap folder), check it, say what comes next.

    Returns the launcher's path. InputError if the folder can't be written or holds a foreign file of that name.
    """
    target = (directory or extcap_folder(out, run)) / launcher_name()
    text = filled_in(packaged().read_text(encoding="utf-8"), sys.executable)
    _refuse_foreign(target)
    try:
        _write(target, text)
    except OSError as exc:
        raise InputError(
            f"{target} can't be written: {exc.strerror}.", "Name a folder that you may write to with --dir."
        ) from exc
    check(target, run)
    out.write(texts.line(f"{target} is installed; it runs {sys.executable}.") + "\n")
    out.write("Start Wireshark again, or choose Capture > Refresh Interfaces (F5) in it: the ENIs are in its list. ")
    out.write("Without a screen: tshark -D\n")
    return target


def uninstall(directory: Path | None, out: TextIO, run: Run = run_command) -> Path:
    """Remove the launcher from ``directory`` (None: as for ``install``), return its path; none there is all right."""
    target = (directory or extcap_folder(out, run)) / launcher_name()
    _refuse_foreign(target)
    try:
        target.unlink()
    except FileNotFoundError:
        out.write(texts.line(f"{target} is not there; nothing is to be done.") + "\n")
    except OSError as exc:
        raise InputError(f"{target} can't be removed: {exc.strerror}.", "Remove it by hand.") from exc
    else:
        out.write(texts.line(f"{target} is removed. Wireshark forgets the ENIs when it starts again.") + "\n")
    return target


def launcher_name(platform: str = sys.platform) -> str:
    """The launcher's file name: Windows runs no script without an ending that it knows."""
    return "vpcshark.bat" if platform == "win32" else "vpcshark"


def extcap_folder(out: TextIO, run: Run) -> Path:
    """Wireshark's personal extcap folder: asked for, else guessed from the platform, which is said on ``out``."""
    try:
        tshark = shutil.which("tshark") or _PLACES.get(sys.platform, "tshark")
        folder = folder_in(run([tshark, "-G", "folders"]))
    except VpcsharkError:
        folder = None
    if folder is None:
        folder = default_folder(sys.platform, Path.home(), os.environ)
        guess = f"Wireshark could not be asked for its extcap folder; it should be {folder}. If not: --dir."
        out.write(f"{texts.line(guess)}\n")
    return folder


def folder_in(folders: str) -> Path | None:
    """The personal extcap folder according to ``tshark -G folders``; None if it does not tell.

    Wireshark 4.2 and later name it; 4.0 names the configuration folder that it is in.
    """
    named = dict(line.split(":", 1) for line in folders.splitlines() if ":" in line)
    personal = {name.strip().lower(): path.strip() for name, path in named.items()}
    if path := personal.get("personal extcap path"):
        return Path(path)
    if path := personal.get("personal configuration"):
        return Path(path) / "extcap"
    return None


def default_folder(platform: str, home: Path, environ: Mapping[str, str]) -> Path:
    """Where current Wireshark versions look, if none can be asked."""
    if platform == "win32":
        return Path(environ.get("APPDATA", str(home / "AppData" / "Roaming"))) / "Wireshark" / "extcap"
    return home / ".local" / "lib" / "wireshark" / "extcap"


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
    """The launcher as it was packaged: beside the package in a checkout, in share/ after an installation."""
    checkout = Path(vpcshark.__file__).parents[1]
    if (checkout / "setup.cfg").is_file() and (checkout / "extcap" / launcher_name()).is_file():
        return checkout / "extcap" / launcher_name()
    for file in importlib.metadata.files("vpcshark") or []:
        if str(file.as_posix()).endswith(f"share/vpcshark/extcap/{launcher_name()}"):
            return Path(str(file.locate()))
    raise VpcsharkError("This installation of vpcshark has no launcher.", "Install vpcshark again with pip.")


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
