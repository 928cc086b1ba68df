"""The lab's API in this process, and captures in it as somebody whom a policy binds."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from iam import REGION, Judge
from quiet import QuietHost
from scenes import Scene, one_vpc
from sessions import session

from vpcshark.aws.client import Aws
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.mirroring import resources
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.capture import Capture
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror import path_check
from vpcshark.capture.mirror.feed import MirrorFeed, World
from vpcshark.cleanup import birthmark
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.cleanup.ledger import Ledger
from vpcshark.cleanup.sweep import remove_capture
from vpcshark.cleanup.tags import Lease
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.lab.api.server import ApiServer

OWNER = "me@here"


class Hurried(SystemClock):
    """Sleeping takes a thirtieth of what it counts for: what is given up in the end is given up soon, and work that
    takes long on a busy machine is no reason."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 30)
        self._skipped += seconds * 29 / 30


class Account:
    """A session of boto3 whose every client speaks to the lab, under a policy if there is a judge."""

    def __init__(self, endpoint: str, judge: Judge | None = None) -> None:
        self._endpoint, self._judge = endpoint, judge
        self._session = session("lab", "lab", REGION)

    def client(self, service: str, **more: Any) -> Any:
        made = self._session.client(service, endpoint_url=self._endpoint, **more)
        return self._judge.watch(made) if self._judge else made

    def get_credentials(self) -> Any:
        return self._session.get_credentials()


class Person(Status):
    """Somebody who changes the filter of the running capture in the toolbar. ``seen`` is all that they were shown."""

    has_controls = True

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_answered = threading.Event()

    def say(self, text: str) -> None:
        self.seen.append(text)
        if text.startswith("The filter "):
            self._is_answered.set()

    log = say

    def show(self, text: str) -> None:
        """Figures."""

    def on_filter(self, change: Callable[[str], None], now: str) -> None:
        change("tcp port 443")
        assert self._is_answered.wait(60)


class UntilRenewed(Timeline):
    """Ends the capture once its lease was renewed, or could not be."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(SystemClock())
        self._stop = stop

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        try:
            with super().step(name):
                yield
        finally:
            if name == "renew the lease":
                self._stop.request("enough")


class Bytes:
    """A sink that nobody looks into."""

    def write(self, data: bytes) -> None:
        """Gone."""

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class Told:
    """What a user was shown while they worked, and what IAM was asked for."""

    judge: Judge
    shown: list[str] = field(default_factory=list)

    def speaks_of(self, action: str) -> bool:
        return any(action in sentence for sentence in self.shown)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """One API for all: moto takes seconds to wake up."""
    running = ApiServer()
    running.start()
    yield running.endpoint
    running.stop()


@pytest.fixture(scope="session")
def as_user(endpoint: str) -> Callable[..., tuple[Aws, Judge]]:
    """A connection under a policy."""

    def connect(document: Mapping[str, Any], judge: Judge | None = None) -> tuple[Aws, Judge]:
        judge = judge or Judge(document)
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=16)
        return Aws(Account(endpoint, judge), config, "", REGION), judge

    return connect


@pytest.fixture(scope="session")
def new_scene(endpoint: str) -> Callable[[], Scene]:
    """An empty network, made by somebody with all rights."""
    account = Account(endpoint)
    return lambda: Scene(account.client("ec2"), account.client("elbv2"))


@pytest.fixture(scope="session")
def scene(new_scene: Callable[[], Scene]) -> Scene:
    """A source and a capture host that its frames reach."""
    return one_vpc(new_scene())


@pytest.fixture
def work(as_user: Any, endpoint: str, scene: Scene, tmp_path: Path) -> Iterator[Callable[..., Told]]:
    """A user's day under a policy: list, preflight, a capture with ``options``, clean-up."""
    everybody = Aws(Account(endpoint), Config(), "", REGION)
    days = itertools.count()

    def run(document: Mapping[str, Any], **options: Any) -> Told:
        aws, judge = as_user(document)
        another, _ = as_user(document, judge)  # a capture shuts its own
        told = Told(judge)
        given = {"mode": "mirror", "host": scene.host, **options}
        wanted = CaptureOptions(**{**given, "host": parse(str(given["host"]))})
        steps = [
            lambda: interfaces.list_enis(aws.ec2),
            lambda: told.shown.extend(look(aws, scene)),
            lambda: capture(another, scene, wanted, tmp_path / f"{next(days)}.jsonl", told.shown),
            lambda: clean(aws, judge.overhear(Account(endpoint).client("ec2"))),
        ]
        for step in steps:
            try:
                step()
            except VpcsharkError as error:
                told.shown.append(str(error))
        remove_all(everybody)
        return told

    yield run
    remove_all(everybody)


def look(aws: Aws, scene: Scene) -> list[str]:
    """What preflight warns of."""
    found = path_check.findings(aws, scene.source, CaptureOptions(host=parse(scene.host)), lambda address, mac: False)
    return [finding.sentence for finding in found if finding.level != "ok"]


def capture(aws: Aws, scene: Scene, options: CaptureOptions, ledger: Path, shown: list[str]) -> None:
    """One, with a change of its filter and a renewal of its lease."""
    clock, stop, person = Hurried(), Stop(), Person()
    timeline, lease = UntilRenewed(stop), Lease("c-permissions", OWNER, clock.now() + 900)
    book = Ledger(ledger, {"owner": OWNER, "started": 0, "expires": 0})
    world = World(
        connect=lambda: aws,
        open_transport=lambda host: QuietHost(),
        open_instance=lambda host, addresses: QuietHost(),
        is_here=lambda address, mac: False,
        python="python3",
        on_connected=lambda *_: None,
        on_account=lambda _: None,
    )
    maker = Maker(book, lease, timeline)
    context = Context(Selection((scene.source,)), options, Bytes(), person, stop, clock, timeline, maker, lease=0.3)
    try:
        Capture(context, book, MirrorFeed(context, world)).run()
    finally:
        shown += person.seen


def clean(aws: Aws, somebody: Any) -> None:
    """What ps and cleanup do with a dead capture's remains, which ``somebody`` with all rights has planted."""
    dead = Lease("c-dead", OWNER, 1.0).as_tags()
    words = birthmark.description("c-dead", "a capture that died")
    resources.create_filter(somebody, dead, str(uuid.uuid4()), description=words)
    outcome = remove_capture(MirrorAccount(aws), "c-dead", clock=Hurried(), patience=20.0)
    if outcome.problems:
        raise VpcsharkError(" ".join(outcome.problems))


def remove_all(aws: Aws) -> None:
    """By somebody with all rights."""
    account = MirrorAccount(aws)
    for one in sorted(account.tagged(), key=lambda found: found.kind != "session"):
        account.delete(one.kind, one.id)
