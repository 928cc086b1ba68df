"""What is known of ENIs and logins from the last time, so that a capture may begin before AWS has answered.

It may be out of date, so whoever uses it must be able to tell: by the instance's host key, and the ENI's MAC address
on it. Tags of users are left out. Must not know what it is used for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpcshark import folders
from vpcshark.aws.compute.capture_hosts import USER_TAG, CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.inventory.from_json import made

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Remembered:
    """An ENI, all that were listed with it, and the instance that it is on."""

    source: Eni
    enis: Sequence[Eni]
    host: CaptureHost


def keep(folder: Path | None, place: Sequence[str], enis: Sequence[Eni]) -> Sequence[Eni]:
    """Remember the ENIs of a place (profile, region); gives them back. A disk that takes none is done without."""
    if folder is not None:
        try:
            folders.write_whole(_file(folder, place), json.dumps([_plain(eni) for eni in enis]).encode())
        except OSError as error:
            log.info("The ENIs are not remembered: %s", error)
    return enis


def recall(folder: Path | None, place: Sequence[str], source: str) -> Remembered | None:
    """What is known of an ENI on an instance that ran; None if nothing is."""
    if folder is None:
        return None
    try:
        enis = [made(Eni, raw) for raw in json.loads(_file(folder, place).read_bytes())]
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    found = next((eni for eni in enis if eni.id == source), None)
    if found is None or not found.instance or found.instance_state != "running":
        return None
    first = next((eni for eni in enis if eni.instance == found.instance and eni.is_primary), found)
    return Remembered(found, enis, _host(first))


def _file(folder: Path, place: Sequence[str]) -> Path:
    return folder / f"enis-{hashlib.sha256('|'.join(place).encode()).hexdigest()[:16]}"


def _plain(eni: Eni) -> dict[str, Any]:
    user = {USER_TAG: eni.instance_tags[USER_TAG]} if USER_TAG in eni.instance_tags else {}
    return {**dataclasses.asdict(dataclasses.replace(eni, tags={}, instance_tags=user))}


def _host(first: Eni) -> CaptureHost:
    return CaptureHost(
        instance=first.instance,
        name=first.instance_name or first.instance,
        eni=first.id,
        address=first.primary_address,
        public_address=first.public_address,
        vpc=first.vpc,
        subnet=first.subnet,
        az=first.az,
        mac=first.mac,
        tags=first.instance_tags,
    )
