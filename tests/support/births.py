"""What AWS shows of how a resource was made, for tests without AWS."""

from __future__ import annotations

from vpcshark.cleanup import birthmark
from vpcshark.cleanup.birthmark import Birth


def born(kind: str, capture: str) -> Birth:
    """Of a resource that this capture made."""
    if kind == "instance":
        return Birth(token=birthmark.token(capture))
    if kind == "security-group":
        return Birth(name=birthmark.group_name(capture), description=birthmark.GROUP_DESCRIPTION)
    return Birth(description=birthmark.description(capture, "capture by somebody"))
