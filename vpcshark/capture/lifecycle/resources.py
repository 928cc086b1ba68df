"""Creates a capture's AWS resources: each under the ledger, tagged at creation, with a ClientToken of its own.

The one way by which this program creates anything. Must not know what the resources are for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from vpcshark.aws.errors import is_refusal, is_unsent
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.cleanup import birthmark
from vpcshark.cleanup.ledger import Ledger
from vpcshark.cleanup.tags import Lease
from vpcshark.errors import AwsError, VpcsharkError

YOUNG = 8.0  # seconds after a create for which EC2 may say that what it made does not exist

Create = Callable[[Mapping[str, str], str], str]
"""(tags, ClientToken) -> the new resource's id. Raises AwsError, or a Mistake from one."""


class Maker:
    """Knows what was made, so that it can be renewed and deleted. Thread-safe."""

    def __init__(
        self, ledger: Ledger, lease: Lease, timeline: Timeline, check_janitor: Callable[[], None] = lambda: None
    ) -> None:
        """``check_janitor`` raises VpcsharkError where nobody would clean up if this process were killed."""
        self.lease = lease
        self._check_janitor = check_janitor
        self._ledger = ledger
        self._timeline = timeline
        self._guard = threading.Condition()  # after ``_closed`` no token comes into ``_open`` or ``_running``
        self._made: dict[str, str] = {}
        self._born: dict[str, float] = {}  # by the timeline
        self._open: set[str] = set()  # ClientTokens whose answer has not come
        self._running: set[str] = set()
        self._closed = False
        self._last = 0.0

    @property
    def quiet(self) -> float:
        """Seconds since something was made."""
        return self._timeline.seconds - self._last

    def is_young(self, resource: str) -> bool:
        """Was it made so short a time ago that AWS may not show it yet? Then nothing follows from that."""
        with self._guard:
            born = self._born.get(resource)
        return born is not None and self._timeline.seconds - born < YOUNG

    @property
    def made(self) -> dict[str, str]:
        """id -> kind of what stands in the account."""
        with self._guard:
            return dict(self._made)

    @property
    def folder(self) -> Path:
        """Where this user's ledgers lie, and the notes of kept hosts."""
        return self._ledger.path.parent

    @property
    def is_doubtful(self) -> bool:
        """True while a create has no answer, still under way or cut off: a resource may exist whose id is unknown."""
        with self._guard:
            return bool(self._open)

    def settle(self, timeout: float) -> bool:
        """Wait for creates under way to end, whatever the end, at most ``timeout`` seconds; False if one still runs."""
        with self._guard:
            return self._guard.wait_for(lambda: not self._running, timeout)

    def close(self) -> None:
        """The capture ends: nothing is made from now on."""
        with self._guard:
            self._closed = True

    def make(self, kind: str, create: Create) -> str:
        """Run one create; returns the id. On an AwsError that leaves open whether it was done, so does the ledger.
        VpcsharkError where the ledger can't be written or the janitor is dead; Stopped after ``close``."""
        token = birthmark.token(self.lease.capture)
        try:
            self._begin(kind, token)
            return self._made_under(token, kind, create)
        finally:
            with self._guard:
                self._running.discard(token)
                self._guard.notify_all()

    def _made_under(self, token: str, kind: str, create: Create) -> str:
        with self._timeline.step(f"create {kind}"):
            try:
                resource = create(self.lease.as_tags(), token)
            except VpcsharkError as error:
                if _is_undone(error):
                    self._ledger.refused(token)
                    self._end(token)
                raise
        self._last = self._timeline.seconds
        self._ledger.created(kind, token, resource)
        self._end(token, {resource: kind})
        return resource

    def _begin(self, kind: str, token: str) -> None:
        self._check_janitor()
        with self._guard:
            if self._closed:
                raise Stopped
            self._open.add(token)
            self._running.add(token)
        try:
            self._ledger.creating(kind, token)
        except (OSError, ValueError) as error:
            self._end(token)
            raise VpcsharkError(
                f"The {kind} was not created, because the capture's ledger cannot be written: {error}.",
                "Make room on the disk that holds it.",
            ) from error

    def _end(self, token: str, made: Mapping[str, str] | None = None) -> None:
        with self._guard:
            self._made.update(made or {})
            self._born.update(dict.fromkeys(made or {}, self._timeline.seconds))
            self._open.discard(token)

    def adopt(self, kind: str, resource: str) -> None:
        """What stands already is this capture's from now on: to be renewed and deleted with the rest. VpcsharkError
        where the ledger can't be written; Stopped after ``close``."""
        self.make(kind, lambda labels, token: resource)

    def forget(self, resource: str) -> None:
        """The resource is deleted, or somebody else's."""
        self._ledger.deleted(resource)
        with self._guard:
            self._made.pop(resource, None)


def _is_undone(error: BaseException | None) -> bool:
    """Is it clear that the create did nothing? AWS's own answer may stand behind sentences that tell it plainer, as of
    a role that the user named and that is none."""
    while isinstance(error, VpcsharkError) and isinstance(error.__cause__, VpcsharkError):
        error = error.__cause__
    return isinstance(error, AwsError) and (is_refusal(error) or is_unsent(error))
