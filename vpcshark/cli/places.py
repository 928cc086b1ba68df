"""Where the Wireshark of this machine looks for personal extcaps: asked for, else told by its version, else guessed.

Must not know what is put there.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from vpcshark.errors import VpcsharkError

_TSHARK = {  # where it may be without being on the PATH
    "darwin": "/Applications/Wireshark.app/Contents/MacOS/tshark",
    "win32": r"C:\Program Files\Wireshark\tshark.exe",
}
_SHARED = ("usr/lib/*/wireshark/extcap", "usr/lib/wireshark/extcap", "usr/libexec/wireshark/extcap")  # by distribution
_MOVED = (4, 2)  # from this version on the folder is below ~/.local/lib (Wireshark's release notes)


class Run(Protocol):
    """Runs a command and returns its stdout; VpcsharkError if it can't be run or fails."""

    def __call__(self, command: Sequence[str]) -> str:
        """Run ``command``, at most some minutes long."""


def find(run: Run, home: Path, environ: Mapping[str, str] = os.environ) -> tuple[list[Path], str]:
    """The personal extcap folders in which the launcher belongs, and a sentence for the user where they are a guess.

    ``tshark`` names its folder. Where only Wireshark is installed, its version tells; where nothing can be asked, it is
    each folder that a version looks into.
    """
    with suppress(VpcsharkError):
        if folder := folder_in(_told(run)):
            return [folder], ""
    known = usual(sys.platform, home, environ)
    for program in ("wireshark", "dumpcap"):
        with suppress(VpcsharkError):
            if version := version_in(run([program, "--version"])):
                return [of_version(version, home, environ)], ""
    named = " or ".join(map(str, known))
    return known, f"Wireshark could not be asked for its extcap folder; it should be {named}. If not: --dir."


def all_of(run: Run, home: Path, environ: Mapping[str, str]) -> tuple[list[Path], list[str]]:
    """The folders of every Wireshark on the PATH, and sentences on those that can't be served."""
    folders, guess = served(run, home, environ)
    return folders, [*filter(None, (guess, *shut_in(home)))]


def served(run: Run, home: Path, environ: Mapping[str, str]) -> tuple[list[Path], str]:
    """The folders of every Wireshark on the PATH, and a sentence where they are a guess."""
    folders, guess = find(run, home, environ)
    for program in others(environ):
        folder = looked_into(program, run, home, environ)
        if folder and folder not in folders:
            folders.append(folder)
    return folders, guess


def looked_into(program: Path, run: Run, home: Path, environ: Mapping[str, str]) -> Path | None:
    """The folder that a Wireshark looks into, by its version; None if it does not tell."""
    with suppress(VpcsharkError):
        version = version_in(run([str(program), "--version"]))
        return of_version(version, home, environ) if version else None
    return None


def folder_in(folders: str) -> Path | None:
    """The personal extcap folder according to ``tshark -G folders``; None if it does not tell.

    Wireshark 4.2 and later name it; 4.0 names the configuration folder that it is in.
    """
    personal = _named(folders)
    if path := personal.get("personal extcap path"):
        return Path(path)
    if path := personal.get("personal configuration"):
        return Path(path) / "extcap"
    return None


def named_folders(run: Run) -> dict[str, str]:
    """Wireshark's folders by their names in small letters ("personal configuration"). VpcsharkError without tshark."""
    return _named(_told(run))


def _told(run: Run) -> str:
    tshark = shutil.which("tshark") or _TSHARK.get(sys.platform, "tshark")
    return run([tshark, "-G", "folders"])


def _named(folders: str) -> dict[str, str]:
    named = dict(line.split(":", 1) for line in folders.splitlines() if ":" in line)
    return {name.strip().lower(): path.strip() for name, path in named.items()}


def version_in(said: str) -> tuple[int, int] | None:
    """(4, 4) of "Wireshark 4.4.19." or "Dumpcap (Wireshark) 4.4.19 (Git …)"."""
    found = re.match(r"(?:(?:Dumpcap|TShark) \(Wireshark\)|Wireshark) (\d+)\.(\d+)\.", said)
    return (int(found[1]), int(found[2])) if found else None


def of_version(version: tuple[int, int], home: Path, environ: Mapping[str, str]) -> Path:
    """Where a Wireshark of this version looks."""
    known = usual(sys.platform, home, environ)
    return known[0] if version >= _MOVED else known[-1]


def others(environ: Mapping[str, str]) -> list[Path]:
    """A program of each further installation on the PATH, beside the one whose tshark comes first."""
    seen: dict[Path, Path] = {}
    for name in ("tshark", "wireshark", "dumpcap"):
        for folder in environ.get("PATH", "").split(os.pathsep):
            if folder and (program := shutil.which(name, path=folder)):
                seen.setdefault(Path(program).resolve().parent, Path(program))
    return [*seen.values()][1:]


def shut_in(home: Path) -> list[str]:
    """A sentence for each Wireshark that can run no extcap of the user's, since it lives in a sandbox."""
    flatpak = [root / "flatpak/app/org.wireshark.Wireshark" for root in (Path("/var/lib"), home / ".local/share")]
    snap = [Path("/snap/wireshark"), Path("/var/lib/snapd/snap/wireshark")]
    kinds = (("Flatpak", flatpak), ("snap", snap))
    return [
        f"The Wireshark of {kind} runs in a sandbox that has no Python with vpcshark, so it lists no ENI. Install the "
        "Wireshark of your distribution, or open what vpcshark capture writes."
        for kind, folders in kinds
        if any(folder.exists() for folder in folders)
    ]


def usual(platform: str, home: Path, environ: Mapping[str, str]) -> list[Path]:
    """Where Wiresharks look, the newest first."""
    if platform == "win32":
        return [Path(environ.get("APPDATA", str(home / "AppData" / "Roaming"))) / "Wireshark" / "extcap"]
    config = Path(environ.get("XDG_CONFIG_HOME", ""))
    config = config if config.is_absolute() else home / ".config"
    return [home / ".local" / "lib" / "wireshark" / "extcap", config / "wireshark" / "extcap"]


def shared(root: Path = Path("/")) -> list[Path]:
    """Wireshark's own folders of this machine, from which it lists extcaps for everybody: packages put theirs there."""
    return [] if sys.platform == "win32" else [folder for pattern in _SHARED for folder in sorted(root.glob(pattern))]
