"""The tags of what a capture makes, and what they say: a claim, which ``birthmark`` or a ledger has to prove.

Pure but for ``default_owner``, which asks the machine who and where we are.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from vpcshark import this_user
from vpcshark.aws.mirroring.tag_names import CAPTURE as CAPTURE
from vpcshark.aws.mirroring.tag_names import EXPIRES as EXPIRES
from vpcshark.aws.mirroring.tag_names import OWNER as OWNER
from vpcshark.aws.mirroring.tag_names import STARTED as STARTED

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")  # it becomes a ledger's name; no other text is a capture's id
_KEPT = "k-"  # how the id begins under which a capture host waits for its owner's next capture

CLOCK_ERROR = 60.0  # seconds by which two machines' clocks may differ


@dataclass(frozen=True)
class Lease:
    """Whose a resource is and until when. Times are seconds since the epoch; 0 if the tag says nothing."""

    capture: str
    owner: str
    expires: float
    started: float = 0.0

    def as_tags(self) -> dict[str, str]:
        """The tags of every resource of the capture; the time in UTC, ISO 8601."""
        started = {STARTED: format_time(self.started)} if self.started else {}
        return {CAPTURE: self.capture, OWNER: self.owner, EXPIRES: format_time(self.expires), **started}


def read_lease(tags: Mapping[str, str]) -> Lease | None:
    """The lease that a resource's tags spell, or None where it is not ours to touch."""
    capture = tags.get(CAPTURE, "")
    if not _ID.fullmatch(capture):
        return None
    return Lease(capture, tags.get(OWNER, ""), parse_time(tags.get(EXPIRES, "")), parse_time(tags.get(STARTED, "")))


def kept(lease: Lease, expires: float) -> Lease:
    """The lease of a host that outlives its capture: under an id of its own, so that its capture's clean-up leaves it,
    and everybody's removes it when it has expired."""
    return Lease(_KEPT + lease.capture.partition("-")[2], lease.owner, expires, lease.started)


def is_kept(lease: Lease) -> bool:
    """Does it speak of a host that waits for the next capture?"""
    return lease.capture.startswith(_KEPT)


def is_dead(lease: Lease, *, owner: str, now: float, lives_here: Callable[[str], bool | None]) -> bool:
    """May a capture's resources be removed? ``lives_here`` says whether one still runs on this machine, which its
    own process knows better than any lease (None: not started here, or not mine). A lease that ran out says so for
    anybody's capture."""
    lives = lives_here(lease.capture)
    if lives or (lives is False and lease.owner == owner):
        return not lives
    return has_run_out(lease, now)


def has_run_out(lease: Lease, now: float) -> bool:
    """Is the lease over, also by the clock of a machine that is slow by ``CLOCK_ERROR``?"""
    return 0 < lease.expires < now - CLOCK_ERROR


def format_time(seconds: float) -> str:
    """``1700000000.0`` -> ``2023-11-14T22:13:20Z``."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float:
    """The inverse of ``format_time``; 0 for text that is no time: a broken tag never looks expired."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0.0


def default_owner() -> str:
    """``user@host``, or what VPCSHARK_OWNER says: the person at this machine, without asking AWS for a name."""
    return os.environ.get("VPCSHARK_OWNER") or f"{this_user.name()}@{socket.gethostname()}"
