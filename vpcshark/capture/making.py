"""Makes a capture's AWS resources: each under the ledger, tagged at creation, with a ClientToken of its own.

The one way by which this program creates anything. Must not know what the resources are for.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping

from vpcshark.capture.timeline import Timeline
from vpcshark.cleanup.ledger import Ledger
from vpcshark.cleanup.tags import Lease
from vpcshark.errors import AwsError

Create = Callable[[Mapping[str, str], str], str]
"""(tags, ClientToken) -> the new resource's id. Raises AwsError."""


class Maker:
    """Knows what was made, so that it can be renewed and deleted. Thread-safe."""

    def __init__(self, ledger: Ledger, lease: Lease, timeline: Timeline) -> None:
        self.lease = lease
        self._ledger = ledger
        self._timeline = timeline
        self._guard = threading.Lock()
        self._made: dict[str, str] = {}
        self._doubtful = False

    @property
    def made(self) -> dict[str, str]:
        """id -> kind of what stands in the account."""
        with self._guard:
            return dict(self._made)

    @property
    def is_doubtful(self) -> bool:
        """Did a create end without an answer? Then something may stand in the account that has no name yet."""
        return self._doubtful

    def make(self, kind: str, create: Create) -> str:
        """Run one create; returns the id. On an AwsError without a clear refusal the ledger keeps the token open."""
        token = str(uuid.uuid4())
        self._ledger.creating(kind, token)
        with self._timeline.step(f"create {kind}"):
            try:
                resource = create(self.lease.as_tags(), token)
            except AwsError as error:
                if is_refusal(error):
                    self._ledger.refused(token)
                else:
                    self._doubtful = True
                raise
        self._ledger.created(kind, token, resource)
        with self._guard:
            self._made[resource] = kind
        return resource

    def forget(self, resource: str) -> None:
        """The resource is deleted."""
        self._ledger.deleted(resource)
        with self._guard:
            self._made.pop(resource, None)


def is_refusal(error: AwsError) -> bool:
    """Did AWS say clearly that it made nothing? No answer, throttling and server faults leave it open."""
    open_codes = ("", "RequestLimitExceeded", "Throttling", "ThrottlingException", "InternalError", "InternalFailure")
    return error.code not in (*open_codes, "Unavailable", "ServiceUnavailable", "RequestTimeout")
