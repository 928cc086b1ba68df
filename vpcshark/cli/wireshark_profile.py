"""The configuration profile "vpcshark" of Wireshark: what a flow log's records say is seen at once.

REJECT is red, and columns show where a packet was captured and the whole record. Wireshark's own colouring rules stand
below ours. The folder is ours by a file in it; another of that name is left alone. Must not know the launcher.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from vpcshark import text as texts
from vpcshark.cli import places
from vpcshark.cli.places import Run
from vpcshark.errors import InputError, VpcsharkError

NAME = "vpcshark"
_MARK = "made-by-vpcshark.txt"
_NOTE = "This profile was made by: vpcshark install --profile\nvpcshark uninstall removes the whole folder.\n"
_RED, _WHITE = "52428,0,0", "65535,65535,65535"
COLOURS = (
    ("Flow log: REJECT", 'frame.comment contains "REJECT: flow log record"', _RED, _WHITE),
    ("Flow log: lost in the transit gateway", 'frame.comment matches "packets-lost-[a-z-]+=[1-9]"', _RED, _WHITE),
)
"""(name, display filter, background, foreground) in Wireshark's 16-bit colours."""
_COLUMNS = (
    ("No.", "%m"),
    ("Time", "%t"),
    ("Point", "%Cus:frame.interface_name:0:R"),
    ("Source", "%s"),
    ("Destination", "%d"),
    ("Protocol", "%p"),
    ("Length", "%L"),
    ("Info", "%i"),
    ("Record", "%Cus:frame.comment:0:R"),
)


def install(out: TextIO, run: Run, home: Path | None = None) -> Path:
    """Write the profile, anew if ours is there; the folder. InputError for a foreign one."""
    personal, shipped = _folders(run, home or Path.home())
    folder = personal / "profiles" / NAME
    _refuse_foreign(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in {
            _MARK: _NOTE,
            "colorfilters": "\n".join([*_colour_lines(), *_usual_colours(shipped), ""]),
            "preferences": _preferences(),
        }.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} can't be written: {error.strerror}.", "See whose it is.") from error
    out.write(texts.line(f"{folder} is written.") + "\n")
    out.write("In Wireshark choose it by Edit > Configuration Profiles, or start: wireshark -C vpcshark\n")
    return folder


def uninstall(out: TextIO, run: Run, home: Path | None = None) -> None:
    """Remove the profile where it is ours; none there is all right."""
    folder = _folders(run, home or Path.home())[0] / "profiles" / NAME
    if not (folder / _MARK).is_file():
        return
    try:
        for file in sorted(folder.iterdir()):
            file.unlink()
        folder.rmdir()
    except OSError as error:
        raise InputError(f"{folder} can't be removed: {error.strerror}.", "Remove it by hand.") from error
    out.write(texts.line(f"{folder} is removed.") + "\n")


def _folders(run: Run, home: Path) -> tuple[Path, Path | None]:
    """(the user's configuration folder, the one that Wireshark came with, if it tells)."""
    with suppress(VpcsharkError):
        named = places.named_folders(run)
        if personal := named.get("personal configuration"):
            shipped = named.get("global configuration")
            return Path(personal), Path(shipped) if shipped else None
    return places.usual(sys.platform, home, os.environ)[-1].parent, None


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not (folder / _MARK).is_file():
        raise InputError(f"{folder} is not vpcshark's, so it is left alone.", "Move it away, then try again.")


def _colour_lines() -> Iterator[str]:
    yield "# The first rule that fits counts."
    for name, rule, background, foreground in COLOURS:
        yield f"@{name}@{rule}@[{background}][{foreground}]"


def _usual_colours(shipped: Path | None) -> list[str]:
    """Wireshark's own rules: a profile that has any has no others."""
    if shipped is None:
        return []
    try:
        lines = (shipped / "colorfilters").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.startswith(("@", "!@"))]


def _preferences() -> str:
    rows = ",\n".join(f'\t"{title}", "{form}"' for title, form in _COLUMNS)
    return f"gui.column.format: \n{rows}\n"
