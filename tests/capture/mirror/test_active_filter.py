"""A running mirror's filter is changed in all its places, or in none, whatever fails and whoever asks beside it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from vpcshark.aws.client import Ec2
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.instance import commands
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror.active_filter import InForce, Move
from vpcshark.capture.mirror.filter_programs import mirror_rules, programs
from vpcshark.capture.mirror.filter_swap import Swap
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.clock import Clock
from vpcshark.errors import Halfway, InputError, TransportError, VpcsharkError

MACS = {7: "0a:00:00:00:00:01"}
OLD, NEW, OWN = "tcp port 443", "udp port 53", "host 192.0.2.9 and tcp port 22"


class Refusal(Exception):
    """What boto3 raises when AWS answers with an error."""

    __module__ = "botocore.exceptions"
    response = {"Error": {"Code": "InternalError", "Message": "No."}, "ResponseMetadata": {}}  # noqa: RUF012


Refusal.__name__ = "ClientError"


class Cloud:
    """Filters with the ports of their rules, and the sessions that use them. ``fails`` says of each call's number and
    name whether it is refused; it may have been done for all that (``is_done``)."""

    def __init__(self, fails: Callable[[int, str], bool], *, is_done: bool = False) -> None:
        self.filters: dict[str, Counter[str]] = {}
        self.used: dict[str, str] = {}
        self._fails, self._is_done = fails, is_done
        self._calls, self._lock = 0, threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def _call(self, name: str, **given: Any) -> Any:
        with self._lock:
            self._calls += 1
            if self._fails(self._calls, name):
                if self._is_done:
                    self._do(name, given)
                raise Refusal
            return self._do(name, given)

    def _do(self, name: str, given: dict[str, Any]) -> Any:
        if name == "create_traffic_mirror_filter":
            made = f"tmf-{len(self.filters)}-{self._calls}"
            self.filters[made] = Counter()
            return {"TrafficMirrorFilter": {"TrafficMirrorFilterId": made}}
        if name == "create_traffic_mirror_filter_rule":
            ports = given.get("DestinationPortRange") or given.get("SourcePortRange") or {}
            self.filters[given["TrafficMirrorFilterId"]][str(ports.get("FromPort", "all"))] += 1
        elif name == "modify_traffic_mirror_session":
            self.used[given["TrafficMirrorSessionId"]] = given["TrafficMirrorFilterId"]
        elif name == "delete_traffic_mirror_filter":
            assert given["TrafficMirrorFilterId"] not in self.used.values(), "a filter in use is deleted"
            self.filters.pop(given["TrafficMirrorFilterId"], None)
        return {}

    def ports(self) -> set[str]:
        """Of all rules that any session mirrors by."""
        return {port for used in self.used.values() for port in self.filters[used]}


class Host:
    """A receiver: the program that it has. ``fails`` says of each command's number whether it does not arrive, or is
    not taken (``error``)."""

    def __init__(
        self, fails: Callable[[int], bool] = lambda number: False, error: type[VpcsharkError] = TransportError
    ) -> None:
        self.program: Any = None
        self.breaks = False
        self._number, self._fails, self._error = 0, fails, error

    def command(self, **words: Any) -> None:
        self._number += 1
        if self.breaks or self._fails(self._number):
            raise self._error("The connection broke.")
        self.program = words["program"]


def compiled(text: str, own: str = "") -> Any:
    """What the receiver has for it."""
    return programs(commands.combined(own, text), MACS).frames


@pytest.fixture
def maker(tmp_path: Path, clock: Clock) -> Iterator[Maker]:
    """Of a capture with three sessions and their filter."""
    book = ledgers.Ledger(tmp_path / "c-1.ledger", {})
    made = Maker(book, tags.Lease("c-1", "me@here", 5.0), Timeline(clock))
    made.make("filter", lambda labels, token: "tmf-old")
    for number in range(3):
        made.make("session", lambda labels, token, number=number: f"tms-{number}")
    yield made
    book.finish()


def begun(maker: Maker, cloud: Cloud, host: Host) -> tuple[InForce, Move]:
    """A running capture by ``OLD``."""
    cloud.filters["tmf-old"] = Counter({"443": 4})
    cloud.used = {one: "tmf-old" for one, kind in maker.made.items() if kind == "session"}
    filtering = InForce(OLD, mirror_rules(OLD), MACS)
    filtering.leave_out("", cast("Receiver", host))
    return filtering, Swap(cast("Ec2", cloud), maker, "tmf-old", "", dns=True).to


def outcome(work: Callable[[], object]) -> VpcsharkError | None:
    """The error that it ends with."""
    try:
        work()
    except VpcsharkError as error:
        return error
    return None


CALLS = 14  # of a change: a filter, its rules, DNS, three sessions, the old filter


@pytest.mark.thin(4)
@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("how_many", [1, 2, 99])
@pytest.mark.parametrize("first", range(1, CALLS + 1))
def test_a_change_that_fails_at_any_call_is_made_nowhere_or_says_so(
    maker: Maker, first: int, how_many: int, is_done: bool
) -> None:
    """Each call, and the ones after it, refused; also those that AWS did though it answered with an error."""
    cloud = Cloud(lambda number, name: first <= number < first + how_many, is_done=is_done)
    host = Host()
    filtering, move = begun(maker, cloud, host)
    failure = outcome(lambda: filtering.change(NEW, cast("Receiver", host), move))
    if failure is None:
        assert (filtering.text, host.program, cloud.ports()) == (NEW, compiled(NEW), {"53"})
    else:
        assert (filtering.text, host.program) == (OLD, compiled(OLD))
        says_so = isinstance(failure, Halfway) and "AWS may mirror by the new one" in failure.problem
        assert says_so or cloud.ports() == {"443"}
    known = {one for one, kind in maker.made.items() if kind == "filter"}
    assert set(cloud.used.values()) <= known, "each filter in use is known, so that it is deleted at the end"
    cloud._fails = lambda number, name: False
    text, ports = filtering.text, cloud.ports()
    host.breaks = True
    assert outcome(lambda: filtering.change("icmp", cast("Receiver", host), move))
    assert filtering.text == text
    assert cloud.ports() == ports or isinstance(failure, Halfway), "back to the one before, not to any older one"
    host.breaks = False
    filtering.change("icmp", cast("Receiver", host), move)
    assert (filtering.text, host.program, cloud.ports()) == ("icmp", compiled("icmp"), {"all"})


@pytest.mark.parametrize("failing", [{2}, {2, 3}])
@pytest.mark.parametrize("error", [TransportError, InputError])
def test_a_receiver_that_does_not_take_it_leaves_aws_as_it_was(
    maker: Maker, failing: Sequence[int], error: type[VpcsharkError]
) -> None:
    """The rules are moved first, and back."""
    cloud = Cloud(lambda number, name: False)
    host = Host(lambda number: number in failing, error)
    filtering, move = begun(maker, cloud, host)
    with pytest.raises(error):
        filtering.change(NEW, cast("Receiver", host), move)
    assert (filtering.text, host.program, cloud.ports()) == (OLD, compiled(OLD), {"443"})
    assert set(cloud.filters) == {"tmf-old"}


@pytest.mark.parametrize("is_changed", [True, False])
def test_own_traffic_that_changes_meanwhile_is_left_out_of_the_new_filter_too(maker: Maker, is_changed: bool) -> None:
    """The way to the source is opened anew while AWS moves the sessions: it waits for nothing, and nothing is lost."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(number: int, name: str) -> bool:
        if name == "modify_traffic_mirror_session":
            arrived.set()
            assert go_on.wait(180)
        return name == "modify_traffic_mirror_session" and not is_changed

    cloud, host = Cloud(hold), Host()
    filtering, move = begun(maker, cloud, host)
    failures: list[VpcsharkError] = []

    def change() -> None:
        if failure := outcome(lambda: filtering.change(NEW, cast("Receiver", host), move)):
            failures.append(failure)

    changing = threading.Thread(target=change)
    changing.start()
    assert arrived.wait(180)
    filtering.leave_out(OWN, cast("Receiver", host))
    assert host.program == compiled(OLD, OWN)
    go_on.set()
    changing.join(180)
    assert bool(failures) is not is_changed
    assert host.program == compiled(NEW if is_changed else OLD, OWN)


def test_what_the_kernel_cannot_take_with_our_own_traffic_changes_nothing(maker: Maker) -> None:
    """The filter alone would fit: that is seen only when both are put together."""
    cloud, host = Cloud(lambda number, name: False), Host()
    filtering, move = begun(maker, cloud, host)
    with pytest.raises(VpcsharkError):
        filtering.change("no filter", cast("Receiver", host), move)
    with pytest.raises(VpcsharkError):
        filtering.leave_out("no filter", cast("Receiver", host))
    assert (filtering.text, host.program, cloud.ports()) == (OLD, compiled(OLD), {"443"})
    filtering.change(NEW, cast("Receiver", host), move)
    assert host.program == compiled(NEW)


def test_rules_that_are_the_same_are_not_told_again() -> None:
    """Only the receiver's program differs then."""
    host = Host()
    filtering = InForce("tcp port 443", mirror_rules("tcp port 443"), MACS)
    wanted = "tcp port 443 and greater 100"
    assert mirror_rules(wanted) == mirror_rules("tcp port 443")

    def move(rules: Sequence[Any], then: Callable[[], None]) -> None:
        raise AssertionError("AWS is told")

    filtering.change(wanted, cast("Receiver", host), move)
    assert host.program == compiled(wanted)
