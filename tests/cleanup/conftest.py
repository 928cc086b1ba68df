"""An account in memory, behaving as EC2 does where clean-up depends on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from births import born

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.cleanup.birthmark import Birth
from vpcshark.cleanup.sweep import Resource
from vpcshark.errors import AwsError


class FakeAccount:
    """Holds resources; refuses to delete what a session uses; fails as often as it is told to."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.failures: dict[str, list[AwsError]] = {}
        self.describe_failures: list[AwsError] = []
        self.deletes: list[str] = []
        self.appear_after: list[tuple[int, Resource]] = []
        self.describes = 0

    def add(
        self,
        kind: str,
        name: str,
        capture: str = "c-1",
        owner: str = "me@here",
        expires: float = 0.0,
        birth: Birth | None = None,
        target: str = "",
    ) -> None:
        """A resource with a capture's tags, and made by it unless it has another ``birth``; ``target``: the mirror
        target that a session uses ("": whatever there is)."""
        lease = tags.Lease(capture, owner, expires)
        labels = lease.as_tags() if capture else {"Name": "vpcshark"}
        made_by = born(kind, capture) if birth is None else birth
        self.resources[name] = Resource(kind, name, labels, birth=made_by, target=target)

    def identity(self) -> str:
        return "123456789012"

    def tagged(self) -> list[Resource]:
        self.describes += 1
        if self.describe_failures:
            raise self.describe_failures.pop(0)
        for due, resource in self.appear_after:
            if self.describes == due:
                self.resources[resource.id] = resource
        return [r for r in self.resources.values() if r.lease is not None]

    def hides(self, kind: str) -> bool:
        return False

    def delete(self, kind: str, resource: str) -> None:
        self.deletes.append(resource)
        if self.failures.get(resource):
            raise self.failures[resource].pop(0)
        sessions = [r for r in self.resources.values() if r.kind == "session"]
        if kind != "session" and any(r.target in ("", resource) for r in sessions):
            raise AwsError(f"{resource} is in use.", code="TrafficMirrorFilterInUse")
        self.resources.pop(resource, None)


@pytest.fixture
def account() -> FakeAccount:
    """An empty account."""
    return FakeAccount()


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder of ledgers with one in it that another user left there, c-root; who looks meanwhile is not root."""
    with TemporaryDirectory() as name:  # not below pytest's own folders, which are root's alone
        folder = Path(name)
        ledger = ledgers.Ledger(folder / "c-root.ledger", {"owner": "root@here", "started": 5.0, "source": "eni-1"})
        ledger.leave_open()
        if os.geteuid() != 0:
            ledger.path.chmod(0)
            yield folder
            return
        folder.chmod(0o777)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)
