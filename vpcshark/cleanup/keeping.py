"""The capture hosts that this user keeps for the next capture on this machine: a small file each, beside the ledgers.

A capture sends its source's packets to the host that it takes over, so neither a tag nor a birthmark will do: whoever
may launch instances can make one that has both. An instance's id is AWS's own. Must not know how a host is kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vpcshark import folders

log = logging.getLogger(__name__)
SUFFIX = ".kept"


@dataclass(frozen=True)
class Kept:
    """A host that waits under the capture id ``capture`` ("k-…"); ``made``: id -> kind of instance and group;
    ``expires`` in seconds since the epoch."""

    capture: str
    made: Mapping[str, str]
    expires: float


def remember(where: Path, kept: Kept) -> None:
    """Write it down, whole or not at all. OSError."""
    said = json.dumps({"made": dict(kept.made), "expires": kept.expires})
    folders.write_whole(where / f"{kept.capture}{SUFFIX}", said.encode())


def forget(where: Path, capture: str) -> None:
    """It is kept no more."""
    try:
        (where / f"{capture}{SUFFIX}").unlink(missing_ok=True)
    except OSError as error:
        log.warning("The note of the kept host %s stays: %s", capture, error)


def all_kept(where: Path, now: float) -> dict[str, Kept]:
    """By their capture ids; the notes of those that have expired go. One that can't be read counts as none."""
    found = [kept for path in sorted(where.glob(f"k-*{SUFFIX}")) if (kept := _read(path)) is not None]
    for kept in found:
        if kept.expires < now:
            forget(where, kept.capture)
    return {kept.capture: kept for kept in found if kept.expires >= now}


def _read(path: Path) -> Kept | None:
    try:
        said = json.loads(path.read_bytes())
        made = {str(resource): str(kind) for resource, kind in said["made"].items()}
        return Kept(path.stem, made, float(said["expires"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("The note of a kept host %s cannot be read: %s", path.name, error)
        return None
