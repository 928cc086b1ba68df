"""The mirror target of a capture host: made, or shared with the capture that has made one there already.

An interface, or a Network Load Balancer, can be one target only (EC2's error codes,
InterfaceInUseByTrafficMirrorTarget: "it cannot be associated with another target"). A target that a capture made is
used by all and goes with the last of them: each has it in its ledger, and clean-up leaves it while a session of another
capture uses it (``cleanup.sweep``).
Anybody else's is used as it is, and stays. Must not know sessions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_target_already, is_target_gone
from vpcshark.aws.mirroring import existing, resources
from vpcshark.aws.mirroring.existing import Target
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.lifecycle.context import Context
from vpcshark.cleanup import birthmark, tags
from vpcshark.cleanup.birthmark import Birth, Proof
from vpcshark.errors import AwsError

log = logging.getLogger(__name__)
T = TypeVar("T")
MOST_LOST = 3  # targets, one after the other, to captures that end in these seconds
PATIENCE = 20.0  # seconds: other captures' targets may come and go between the refusals and our looks
LOOK_TIME = 6.0  # seconds in which a describe may not show a target's tags yet
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 1.0  # seconds between two tries


@dataclass
class SharedTarget:
    """The target of ``resource``: an ENI, a Network Load Balancer's ARN or an endpoint. ``named``: the one that the
    user named, "" for none."""

    context: Context
    ec2: Ec2
    resource: str
    description: str
    named: str = ""

    def stand(self) -> str:
        """Its id. AwsError."""
        if self.named:
            return self.named
        clock = self.context.clock
        first, pause = clock.monotonic(), FIRST_PAUSE
        while True:
            try:
                return self._make()
            except AwsError as error:
                waited = clock.monotonic() - first
                if not is_target_already(error) or waited >= PATIENCE:
                    raise
            found = existing.target_of(self.ec2, self.resource)
            if found is not None and (waited >= LOOK_TIME or not _awaits_tags(found)):
                self._share(found)
                return found.id
            if self.context.stop.wait(pause):  # it went meanwhile, or does not show yet
                raise Stopped
            pause = min(pause * 1.6, LONGEST_PAUSE)

    def used(self, target: str, use: Callable[[str], T]) -> T:
        """``use`` with that target; but a capture that shares it and ends while no session uses it takes it along,
        whoever made it: then with another one. AwsError."""
        for _ in range(MOST_LOST):
            try:
                return use(target)
            except AwsError as error:
                if self.named or not is_target_gone(error):
                    raise
            log.info("The mirror target %s went with a capture that shared it.", target)
            self.context.maker.forget(target)
            target = self.stand()
        return use(target)

    def _make(self) -> str:
        return self.context.maker.make(
            "target",
            lambda labels, token: resources.create_target(
                self.ec2, self.resource, labels, token, description=self.description
            ),
        )

    def _share(self, found: Target) -> None:
        said = f"The capture host is the mirror target {found.id} already, which is shared."
        log.info("%s", said)
        self.context.status.log(said)
        lease = tags.read_lease(found.tags)
        birth = Birth(description=found.description)
        if lease is not None and Proof(lease.capture).covers("target", found.id, birth):
            self.context.maker.adopt("target", found.id)


def _awaits_tags(found: Target) -> bool:
    """Did a capture make it, and does AWS not show yet whose? Taken for anybody else's, nobody would delete it."""
    return birthmark.is_captures(Birth(description=found.description)) and tags.read_lease(found.tags) is None
