"""Fifty sources against the lab's API: made and removed side by side, within EC2's request limits, none twice."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, fields
from typing import Any

import boto3
import pytest
from quiet import QuietHost
from scenes import give_profile
from thread_page import left_since, unknown
from told import Told

from vpcshark.aws.client import connect
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.stop import Stop, Stopped
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.capture import Capture
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.lifecycle.resources import YOUNG, Maker
from vpcshark.capture.mirror.feed import MirrorFeed, World
from vpcshark.cleanup import sweep, tags
from vpcshark.cleanup.ledger import Ledger
from vpcshark.clock import SystemClock
from vpcshark.errors import AwsError
from vpcshark.lab.control import LabControl
from vpcshark.settings import Hosts
from vpcshark.wire.capture_files import pcapng

REGION = "eu-central-1"
MANY = 50
SERVE = """
import sys
from vpcshark.lab.api.server import ApiServer
server = ApiServer()
server.start()
print(server.endpoint, flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass
class Account:
    """The lab's API with ``MANY`` ENIs and a capture host of a size that may have a hundred sources."""

    endpoint: str
    ec2: Any
    control: LabControl
    enis: list[str]

    def sessions(self) -> list[dict[str, Any]]:
        """All that there are, by a client of our own."""
        return self.ec2.describe_traffic_mirror_sessions()["TrafficMirrorSessions"]

    def statuses(self, action: str) -> list[int]:
        """How the calls of this action were answered."""
        return [call["status"] for call in self.control.calls() if call["action"] == action]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """In a process of its own: its work must not be in the way of the threads that are timed here."""
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        endpoint = process.stdout.readline().strip()
        keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}
        ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=endpoint, **keys)
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        made = [ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"] for _ in range(MANY)]
        admit_each_other(ec2, made[0]["Groups"][0]["GroupId"])
        host(ec2, subnet, "m6i.32xlarge")
        yield Account(endpoint, ec2, LabControl(endpoint), [eni["NetworkInterfaceId"] for eni in made])
        process.stdin.close()


def admit_each_other(ec2: Any, group: str) -> None:
    """The rule that AWS's default security groups have, and moto's do not."""
    members = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=members)


def host(ec2: Any, subnet: str, size: str) -> str:
    """An instance of that size with the capture host's tag."""
    tagged = [{"ResourceType": "instance", "Tags": [{"Key": "vpcshark:capture-host", "Value": ""}]}]
    asked = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    made = ec2.run_instances(InstanceType=size, TagSpecifications=tagged, **asked)["Instances"][0]["InstanceId"]
    give_profile(ec2, made)
    return str(made)


@pytest.fixture
def mine(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[Account]:
    """With the environment of a user of it; nothing goes wrong, and nothing stands, before and after."""
    for name, value in (
        ("AWS_ENDPOINT_URL", account.endpoint),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not a secret"),
        ("AWS_CONFIG_FILE", str(tmp_path / "config")),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("XDG_STATE_HOME", str(tmp_path / "state")),
    ):
        monkeypatch.setenv(name, value)
    account.control.clear_faults()
    account.control.clear_calls()
    yield account
    account.control.clear_faults()
    assert account.sessions() == []


class Bytes:
    """A sink in memory."""

    data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        """Nothing to let go of."""


class Ahead(SystemClock):
    """A clock that is set ahead."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Run:
    """One capture's feed, with the real API behind it."""

    def __init__(self, enis: list[str], folder, number: int = 0, **options: Any) -> None:
        clock, self.stop, self.sink = SystemClock(), Stop(), Bytes()
        self.on_read: Callable[[], None] = lambda: None
        self.receiver = QuietHost(lambda: self.on_read())
        lease = tags.Lease(f"c-{number:012x}", "me@here", clock.now() + 900, clock.now())
        self.clock = Ahead()
        self.steps, self.ledger = Timeline(self.clock), Ledger(folder / f"{lease.capture}.ledger", {})
        self.maker = Maker(self.ledger, lease, self.steps)
        self.told = Told()
        self.context = Context(
            Selection(tuple(enis)), CaptureOptions(**options), self.sink, self.told, self.stop, clock, self.steps,
            self.maker,
        )  # fmt: skip
        self.feed = MirrorFeed(self.context, self._world())

    def _world(self) -> World:
        seams = {
            "connect": lambda: connect(region=REGION),
            "open_transport": lambda host: self.receiver,
            "is_here": lambda address, mac: False,
            "allowed": Hosts(),
            "python": "python3",
            "on_connected": lambda profile, region: None,
            "on_account": lambda account: None,
        }
        return World(**{one.name: seams.get(one.name, refuse) for one in fields(World)})

    def up(self) -> float:
        """How many seconds the creates took, from the first describe on."""
        jobs = Jobs(self.stop)
        self.feed.up(jobs).finish(0.0)
        assert jobs.settle(20)
        steps = self.steps.steps()
        return max(one.ended for one in steps if one.name == "create session") - min(
            one.began for one in steps if one.name == "describe interfaces"
        )

    def down(self) -> float:
        """Remove everything; how many seconds that took."""
        begun = time.monotonic()
        account, capture = self.feed.account(), self.maker.lease.capture
        done = sweep.remove_capture(account, capture, clock=SystemClock(), patience=30, known=self.maker.made)
        assert done.is_clean, done.problems
        self.ledger.finish()
        return time.monotonic() - begun


def refuse(*arguments: object) -> Any:
    """A seam that these captures have no use for."""
    raise AssertionError(f"not wanted here: {arguments}")


@pytest.mark.long
def test_fifty_sessions_take_less_than_three_times_as_long_as_one(mine: Account, tmp_path):
    """Up and down, while EC2 counts: it never has to say RequestLimitExceeded. A call takes so long that what this
    machine computes meanwhile is little beside it, also where others compute. The best runs of each, in turns, until
    they tell or five have not."""

    def slow() -> None:
        mine.control.clear_faults()  # a full bucket, as a minute later
        mine.control.add_fault(".*", delay=0.5)
        mine.control.limit("CreateTrafficMirrorSession", bucket=MANY, refill=5)

    times: dict[int, list[tuple[float, float]]] = {1: [], MANY: []}
    for turn in range(5):
        for count, seen in times.items():
            slow()
            run = Run(mine.enis[:count], tmp_path, turn * 100 + count)
            up = run.up()
            assert len(mine.sessions()) == count
            seen.append((up, run.down()))
        ups = {count: min(up for up, _ in seen) for count, seen in times.items()}
        downs = {count: min(down for _, down in seen) for count, seen in times.items()}
        if ups[MANY] < 3 * ups[1] and downs[MANY] < 3 * downs[1]:
            break
    assert set(mine.statuses("CreateTrafficMirrorSession")) == {200}
    print(f"seconds for one and for {MANY}: up {ups}, down {downs}")  # noqa: T201 - pytest -s shows it
    assert ups[MANY] < 3 * ups[1], (ups, downs)
    assert downs[MANY] < 3 * downs[1], (ups, downs)


def test_each_source_has_its_own_vni_id_and_block(mine: Account, tmp_path):
    """What the receiver is told is what the sessions have, and the order of the blocks is that of the ids."""
    run = Run(mine.enis, tmp_path, 1)
    run.up()
    made = {one["NetworkInterfaceId"]: one["VirtualNetworkId"] for one in mine.sessions()}
    told = run.receiver.config["interfaces"]
    assert [one["id"] for one in told] == list(range(MANY))
    assert [one["vni"] for one in told] == [made[eni] for eni in mine.enis]
    assert len(set(made.values())) == MANY
    blocks = [one for one in pcapng.read_blocks(pcapng.section_header() + run.sink.data) if one.kind == 1]
    assert [eni.encode() in block.body for eni, block in zip(mine.enis, blocks, strict=True)] == [True] * MANY
    assert all(b"The copies go to " in block.body for block in blocks)  # who receives stands in the file
    run.down()


@pytest.mark.parametrize("count", [1, 3])
def test_a_whole_capture_leaves_no_thread_and_nothing_in_the_account(mine: Account, tmp_path, count: int):
    """Mode mirror from its first describe to its last, over AWS's protocol: every thread on the way is on the page."""
    before, seen, mirrored = set(threading.enumerate()), set(), set()
    run = Run(mine.enis[:count], tmp_path, 40 + count)

    def enough() -> None:
        seen.update(thread.name for thread in threading.enumerate())
        mirrored.update(one["NetworkInterfaceId"] for one in mine.sessions())
        run.stop.request("the capture holds")

    run.on_read = enough
    Capture(run.context, run.ledger, run.feed).run()
    assert mirrored == {*mine.enis[:count]}
    assert "frames" in seen
    assert not left_since(before)
    assert not unknown(seen - {thread.name for thread in before})
    assert not run.ledger.path.exists()


def test_a_session_that_a_colleague_deleted_does_not_take_the_others_lease(mine: Account, tmp_path):
    """EC2 refuses the renewal of all for the sake of one: that one is forgotten, and said; the rest lives on."""
    run = Run(mine.enis[:3], tmp_path, 7)
    run.up()
    gone = mine.sessions()[0]["TrafficMirrorSessionId"]
    mine.ec2.delete_traffic_mirror_session(TrafficMirrorSessionId=gone)
    run.clock.ahead = YOUNG  # it was there long enough for AWS to know of it
    run.feed.renew(run.maker.made, 2_000_000_000.0)
    assert gone not in run.maker.made
    assert len(run.maker.made) == 4
    assert run.told.logged[-1] == f"The session {gone} is gone: somebody else has deleted it."
    for one in mine.sessions():
        assert {"Key": tags.EXPIRES, "Value": "2033-05-18T03:33:20Z"} in one["Tags"]
    run.down()


@pytest.mark.long
def test_throttling_makes_it_slower_and_nothing_else(mine: Account, tmp_path):
    """A busy account: most creates are refused at first, some more often than botocore tries. Fifty sessions in the
    end, not one twice."""
    mine.control.limit("CreateTrafficMirrorSession", bucket=5, refill=6)
    mine.control.limit("DeleteTrafficMirrorSession", bucket=10, refill=12)
    run = Run(mine.enis, tmp_path, 2)
    run.up()
    assert sorted(one["NetworkInterfaceId"] for one in mine.sessions()) == sorted(mine.enis)
    assert not run.maker.is_doubtful
    assert 503 in mine.statuses("CreateTrafficMirrorSession")
    run.down()


def test_more_sources_than_the_target_takes_are_told_before_anything_is_made(mine: Account, tmp_path):
    """Ten on most sizes: with the number, the host and its size."""
    subnet = mine.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    small = host(mine.ec2, subnet, "m6i.large")
    try:
        run = Run(mine.enis[:11], tmp_path, 3, host=parse(small))
        with pytest.raises(AwsError, match=r"m6i\.large.* have 10 sources, and 11 are wanted") as caught:
            run.up()
        assert caught.value.code == "TrafficMirrorSourcesPerTargetLimitExceeded"
        assert run.maker.made == {}
        assert [call for call in mine.control.calls() if call["action"].startswith("CreateTraffic")] == []
        run.down()
        ten = Run(mine.enis[:10], tmp_path, 4, host=parse(small))
        ten.up()
        ten.down()
    finally:
        mine.ec2.terminate_instances(InstanceIds=[small])


def test_one_that_aws_refuses_ends_the_others_and_is_named(mine: Account, tmp_path):
    """AWS alone knows some reasons (instance types): the first refusal stops what has not begun. Each that has begun
    tries three numbers."""
    mine.control.add_fault("CreateTrafficMirrorSession", code="InvalidParameterValue", message="Not so.", skip=3)
    run = Run(mine.enis, tmp_path, 5)
    with pytest.raises(AwsError, match=r"^eni-\w+: AWS does not take"):
        run.up()
    assert len(mine.statuses("CreateTrafficMirrorSession")) < 2 * MANY
    mine.control.clear_faults()
    run.down()


def test_a_stop_while_they_are_made_leaves_nothing(mine: Account, tmp_path):
    """No further create leaves, and those that did are removed."""
    mine.control.add_fault("CreateTrafficMirrorSession", delay=0.3)
    run = Run(mine.enis, tmp_path, 6)
    jobs = Jobs(run.stop)
    failed: list[BaseException] = []

    def up() -> None:
        try:
            run.feed.up(jobs)
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failed.append(error)

    thread = threading.Thread(target=up)
    thread.start()
    end = time.monotonic() + 180
    while not mine.sessions() and time.monotonic() < end:
        pass
    run.stop.request("the test says so")
    run.maker.close()
    run.feed.close()
    thread.join(180)
    assert jobs.settle(20)
    assert [type(error).__name__ for error in failed] == ["Stopped"]
    assert 0 < len(run.maker.made) - 2 < MANY
    run.down()


class Counted(QuietHost):
    """How often its receiver was started, and how often it was ended."""

    started = ended = 0

    def open(self, command: Sequence[str]) -> QuietHost:
        """It begins."""
        self.started += 1
        return super().open(command)

    def close_input(self) -> None:
        """It ends by that."""
        self.ended = 1
        super().close_input()


class StopBefore(Jobs):
    """Somebody says stop before this step begins, and everything that has begun has done its work by then."""

    def __init__(self, stop: Stop, step: int) -> None:
        super().__init__(stop)
        self._stop, self._left = stop, step
        self._begun: list[Future[Any]] = []

    def start(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
        """See Jobs."""
        if not self._left:
            wait(self._begun, timeout=180)
            self._stop.request("the test says so")
        self._left -= 1
        self._begun.append(super().start(work, *arguments, **named))
        return self._begun[-1]


def test_a_stop_before_any_step_leaves_no_receiver(mine: Account, tmp_path):
    """Each step in turn, until none is left before which it could come: whatever had begun is ended and removed."""
    started = []
    for step in itertools.count():
        run = Run(mine.enis[:1], tmp_path, 100 + step)
        run.receiver = Counted()
        jobs = StopBefore(run.stop, step)
        with contextlib.suppress(Stopped):
            run.feed.up(jobs).finish(0.0)
        run.maker.close()
        run.feed.close()
        assert jobs.settle(20)
        jobs.end()
        assert run.receiver.ended == run.receiver.started
        started.append(run.receiver.started)
        run.down()
        if not run.stop.requested():
            break
    assert started.count(1) > 2  # one of them is the whole capture
