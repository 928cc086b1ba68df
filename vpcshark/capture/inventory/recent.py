"""Which ENIs were captured from lately: the best candidates for the next time. Must not know how they are listed."""

from __future__ import annotations

import logging
from pathlib import Path

from vpcshark import folders

_MOST = 10

log = logging.getLogger(__name__)


def path() -> Path:
    """Where it is kept."""
    return folders.state() / "recent"


def load(file: Path | None = None) -> list[str]:
    """ENI ids, the latest first."""
    try:
        return (file or path()).read_text("utf-8").split()[:_MOST]
    except (OSError, UnicodeError):
        return []


def note(eni: str, file: Path | None = None) -> None:
    """A capture from ``eni`` begins. A disk that takes no note is done without."""
    file = file or path()
    try:
        folders.write_whole(file, "\n".join([eni, *(one for one in load(file) if one != eni)][:_MOST]).encode())
    except OSError as error:
        log.info("the capture is not remembered: %s", error)
