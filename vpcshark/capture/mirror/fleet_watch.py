"""Reports hosts that are registered with a load balancer while a capture runs: they receive frames, and have no
receiver of ours. Must not know how they are found."""

from __future__ import annotations

import logging
from collections.abc import Callable

from vpcshark import threads
from vpcshark.aws.balancing.fleets import HEALTHY, Fleet
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.errors import VpcsharkError

log = logging.getLogger(__name__)

PERIOD = 60.0  # seconds; a new host takes about as long to become healthy


def begin(fleet: Fleet | None, find: Callable[[], Fleet], status: Status, stop: Stop, period: float = PERIOD) -> None:
    """Look every ``period`` seconds, in a thread of its own, until ``stop``; nothing where there can be none, or where
    they cannot be seen. ``find`` gives the fleet of now, or raises VpcsharkError."""
    if fleet is not None and fleet.members and not fleet.named:
        threads.start(_watch, fleet, find, status, stop, period, name="fleet watch")


def _watch(fleet: Fleet, find: Callable[[], Fleet], status: Status, stop: Stop, period: float) -> None:
    known = {member.id for member in fleet.members}
    while not stop.wait(period):
        try:
            found = find()
        except VpcsharkError as error:
            log.info("Who is registered now cannot be seen: %s", error)
            continue
        for member in found.members:
            if member.health == HEALTHY and member.id not in known:
                known.add(member.id)
                _say(f"{member.id} was registered with {fleet.name} after the capture began", status)


def _say(what: str, status: Status) -> None:
    said = f"{what} and has no receiver: frames that are sent to it are missing. Start the capture again to have them."
    log.warning("%s", said)
    status.log(said)
    status.say(said)
