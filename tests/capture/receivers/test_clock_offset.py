"""How the capture host's clock differs from ours: what is said, when it is said again, and that it is in the file."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vpcshark import receiver
from vpcshark.capture.contract.sink import FileSink
from vpcshark.capture.receivers.client import Reception, config
from vpcshark.capture.receivers.clock_offset import Clocks, Delta, sentence
from vpcshark.clock import SystemClock
from vpcshark.transport.local import LocalTransport
from vpcshark.wire.capture_files import pcapng


class SetClock:
    """Time goes on only when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds + 1_700_000_000

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps")


def measure(clocks: Clocks, clock: SetClock, ahead: float, there: float = 0.001, back: float = 0.001) -> str:
    """One ping to a host whose clock is ``ahead`` seconds ahead; how long each way takes."""
    number = clocks.ping()
    clock.seconds += there
    answer = {"event": "pong", "ping": number, "time": int((clock.now() + ahead) * 1e9)}
    clock.seconds += back
    return clocks.answered(answer)


@pytest.mark.parametrize(
    ("ahead", "trip", "words"),
    [
        (0.0123, 0.003, "is 12 ms ahead of that"),
        (-0.0042, 0.003, "is 4.2 ms behind that"),
        (75.04, 0.003, "is 75.0 s ahead of that"),
        (0.0014, 0.003, "agree (round trip 3.0 ms)"),
        (-0.04, 0.1, "agree (round trip 100 ms)"),
    ],
)
def test_a_sentence_is_no_truer_than_the_measurement(ahead, trip, words):
    """Half of the round trip is what nobody knows."""
    assert words in sentence("ssh 10.1.0.7", Delta(ahead, trip))


def test_the_first_answer_tells_and_the_same_again_does_not():
    """Nor does what may only be a slower network."""
    clock = SetClock()
    clocks = Clocks("ssh 10.1.0.7", clock)
    assert "5.000 s" not in (said := measure(clocks, clock, 5.0))
    assert "is 5000 ms ahead of" in said
    assert "round trip 2.0 ms" in said
    assert measure(clocks, clock, 5.0) == ""
    assert measure(clocks, clock, 5.0, there=0.2) == ""


def test_a_clock_that_drifts_is_told_again():
    """Once what was measured before is forgotten."""
    clock = SetClock()
    clocks = Clocks("ssh 10.1.0.7", clock)
    measure(clocks, clock, 0.5)
    clock.seconds += 120
    assert "is 600 ms ahead" in measure(clocks, clock, 0.6)


def test_answers_to_nothing_are_passed_over():
    """A pong for no ping, one that comes twice, one without a time."""
    clock = SetClock()
    clocks = Clocks("ssh 10.1.0.7", clock)
    assert clocks.answered({"ping": 7, "time": 1}) == ""
    number = clocks.ping()
    assert clocks.answered({"ping": number, "time": "noon"}) == ""
    assert clocks.answered({"ping": number, "time": 1}) == ""


class Slow(SystemClock):
    """Our clock is 90 seconds behind that of the capture host."""

    def now(self) -> float:
        return time.time() - 90.0


class Told(FileSink):
    """Knows when the words were written that are waited for."""

    seen: threading.Event

    def write(self, data: bytes | memoryview) -> None:
        super().write(data)
        if b"whose time the frames have" in bytes(data):
            self.seen.set()


class Far(LocalTransport):
    """A capture host that is not this machine, as far as anybody is told."""

    name = "ssh ec2-user@10.1.0.7"


def test_the_file_tells_how_the_clocks_differ(tmp_path: Path):
    """With a real receiver, read by Wireshark; the frames' times stay the capture host's."""
    path, transport = tmp_path / "capture.pcapng", Far()
    reception = Reception(transport.open(receiver.command(sys.executable)), transport, clock=Slow())
    sink = Told.open(path)
    sink.seen = threading.Event()
    sink.write(pcapng.section_header() + pcapng.interface_description("eni-0a"))
    given = config([{"vni": 77, "id": 0, "mac": "0a:00:00:00:00:01"}], "127.0.0.1", None, None, free_port())
    reception.begin({**given, "mode": "socket", "statistics_seconds": 0.05}, 20.0)
    reception.stream(sink, lambda error: None)
    assert sink.seen.wait(180)
    reception.finish(20.0)
    sink.close()
    comments = options_of(path, "pcapng.options.option.data.comment")
    assert "The clock of ssh ec2-user@10.1.0.7, whose time the frames have, is 90.0 s ahead of" in comments


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def options_of(path: Path, field: str) -> str:
    """What Wireshark's dissector of the file's own blocks finds."""
    command = ["tshark", "-r", str(path), "-X", "read_format:MIME Files Format", "-T", "fields", "-e", field]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
