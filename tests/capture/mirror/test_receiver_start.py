"""A receiver on each host, side by side: what each is told, and what becomes of one that cannot be had."""

from __future__ import annotations

import json
import threading
import time

import pytest
from quiet import QuietHost

from vpcshark.aws.balancing.facts import Member
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.mirror.filter_programs import programs
from vpcshark.capture.mirror.receiver_start import BEGIN, Receivers
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.capture.mirror.surroundings import Surroundings
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.receivers.merged import FleetReception
from vpcshark.clock import SystemClock
from vpcshark.errors import TransportError

SOURCES = (Source(0, Eni("eni-1", "web-1", mac="02:00:00:00:00:01"), 7),)
HOSTS = tuple(CaptureHost(f"i-{n}", f"capture-{n}", f"eni-c{n}", f"10.0.0.{n}") for n in (1, 2, 3))


class Way(QuietHost):
    """To one host. ``problem`` is why there is none."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.problem = problem
        self.closing, self.gate = threading.Event(), threading.Event()
        self.gate.set()
        self.read_from = threading.Event()
        self.break_off = False
        self.hesitates = 0.0  # seconds until it says that it is ready
        self._lines = [BEGIN]

    def read(self, size: int) -> bytes:
        """At its end at once."""
        self.read_from.set()
        return self._lines.pop() if self._lines else b""

    def read_error(self, size: int) -> bytes:
        time.sleep(self.hesitates)
        return super().read_error(size)

    def wait(self, timeout: float | None = None) -> int:
        """There is no status where the way broke."""
        if self.break_off:
            raise TransportError("The connection broke.")
        return 0

    def close(self) -> None:
        """Remembered."""
        self.closing.set()


class Nothing:
    """A sink that keeps nothing."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Log(Silent):
    """A status that keeps lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


class Started:
    """The receivers of a capture with these ways to ``HOSTS``."""

    def __init__(self, fleet: Fleet, *ways: Way, clock: SystemClock | None = None) -> None:
        log, clock = Log(), clock or SystemClock()
        self.said = log.lines
        self.ways = dict(zip((host.instance for host in HOSTS), ways, strict=False))
        context = Context(
            Selection(("eni-1",)), CaptureOptions(), None, log, Stop(), clock, Timeline(clock), None
        )  # what is made and written is nobody's business here
        self.around = Surroundings(SOURCES, (), HOSTS[0], {}, fleet=fleet, fleet_hosts=HOSTS[: len(ways)])
        self.receivers = Receivers(context, self.open, "python3", programs("", {7: SOURCES[0].eni.mac}), {})

    def open(self, host: CaptureHost) -> Way:
        way = self.ways[host.instance]
        assert way.gate.wait(180)
        if way.problem:
            raise TransportError(way.problem, "Mend it.")
        return way

    def __call__(self):
        return self.receivers.start(self.around)


def fleet(*health: str, **more) -> Fleet:
    members = tuple(Member(host.instance, "a", each) for host, each in zip(HOSTS, health, strict=False))
    return Fleet("arn:aws:elasticloadbalancing:x", "fleet", members=members, **more)


def test_a_receiver_on_this_machine_is_received_from_as_ever():
    """Without anything in between: its blocks go by splice where they can."""
    way = Way()
    way.name = "local"
    assert type(Started(fleet("healthy"), way)()) is Reception


def test_one_on_another_machine_is_started_again_when_the_way_to_it_breaks():
    """With the same config, and what its predecessor counted."""
    first, second = Way(), Way()
    started = Started(fleet("healthy"), first)
    running = started()
    started.ways["i-1"] = second
    first.break_off = True
    running.stream(Nothing(), lambda error: None)
    assert second.read_from.wait(180)
    interfaces = [{**each, "received": 0} for each in first.config["interfaces"]]
    ready = {"interfaces": interfaces, "dropped": 0, "started": 0, "pid": 0, "born": 0}
    given = dict(second.config)
    assert given.pop("gap").startswith("Frames are missing here, from about 2")
    assert given == {**first.config, **ready}
    running.finish(1.0)


def test_a_way_that_took_long_leaves_the_receiver_its_time_to_start():
    """Session Manager's may take as long as everything together should."""
    clock = Jumping()
    slow = Way()
    slow.hesitates = 0.5
    started = Started(fleet("healthy"), slow, clock=clock)
    slow.gate.wait = lambda timeout: bool(clock.jump(30.0))  # type: ignore[method-assign]
    running = started()
    assert slow.config["address"] == "10.0.0.1"
    running.finish(0.0)


class Jumping(SystemClock):
    """Time that passes as well where a test has it jump."""

    _jumped = 0.0

    def jump(self, seconds: float) -> bool:
        self._jumped += seconds
        return True

    def monotonic(self) -> float:
        return super().monotonic() + self._jumped


def test_one_host_is_told_its_address():
    """And nothing of Geneve."""
    started = Started(fleet("healthy"), Way())
    started()
    assert started.ways["i-1"].config["address"] == "10.0.0.1"
    assert "geneve_port" not in started.ways["i-1"].config


def test_every_host_has_its_own_address_and_the_same_sources():
    started = Started(fleet("healthy", "healthy", "healthy"), Way(), Way(), Way())
    assert type(started()) is FleetReception
    configs = [way.config for way in started.ways.values()]
    assert [config["address"] for config in configs] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert [config["interfaces"] for config in configs] == [configs[0]["interfaces"]] * 3


def test_behind_an_endpoint_geneve_is_taken_and_its_port_held():
    """Which only the ring can: a socket at 4789 would stay empty."""
    started = Started(fleet("healthy", "healthy", is_geneve=True), Way(), Way())
    started()
    config = started.ways["i-2"].config
    assert (config["geneve_port"], config["mode"], config["port"]) == (6081, "ring", 4789)


def test_hosts_that_are_named_receive_at_any_interface():
    """Nobody can see which one the frames come to."""
    started = Started(fleet(named=HOSTS), Way(), Way())
    started()
    assert started.ways["i-1"].config["address"] == ""


def test_a_healthy_host_that_cannot_be_had_is_an_error_with_its_name():
    """The others' receivers end."""
    started = Started(fleet("healthy", "healthy"), Way(), Way("It lets nobody in."))
    with pytest.raises(TransportError, match=r"^capture-2: It lets nobody in") as caught:
        started()
    assert "Every one of the 2 hosts" in caught.value.remedy
    assert started.ways["i-1"].closing.wait(180)


def test_one_that_gets_nothing_is_left_out_and_that_is_said():
    """Its load balancer sends it nothing, as long as it is not healthy."""
    started = Started(fleet("healthy", "unhealthy"), Way(), Way("It lets nobody in."))
    assert type(started()) is FleetReception
    assert "no receiver on capture-2" in started.said[0]


def test_one_that_gets_nothing_and_does_not_answer_is_not_waited_for():
    """If it answers after all, its receiver is ended again."""
    late = Way()
    late.gate.clear()
    started = Started(fleet("healthy", "unhealthy"), Way(), late)
    running = started()
    assert "did not answer in time" in started.said[0]
    late.gate.set()
    assert late.closing.wait(180)
    running.command(ping=1)
    assert b'{"ping": 1}' in started.ways["i-1"].sent


def test_where_none_can_be_had_there_is_no_capture():
    started = Started(fleet("unhealthy", "unhealthy"), Way("It is down."), Way("It is down."))
    with pytest.raises(TransportError, match="It is down"):
        started()


def test_commands_reach_every_host():
    """A new filter is all hosts' filter."""
    started = Started(fleet("healthy", "healthy"), Way(), Way())
    started().command(program=[[6, 0, 0, 1]])
    for way in started.ways.values():
        assert {"program": [[6, 0, 0, 1]]} in [
            json.loads(line) for line in way.sent.splitlines()[-3:] if line[:1] == b"{"
        ]
