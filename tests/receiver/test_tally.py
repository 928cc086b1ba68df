"""A tally of what arrives although the filter lets nothing through, by the receiver as a process with real sockets."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from vpcshark.receiver.tally import MOST

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="AF_PACKET needs root")


def tallied(running: Any) -> dict[str, Any]:
    """What the receiver counted, which it says at once."""
    before = len([event for event in running.events if event["event"] == "tally"])
    running.command({"tally": False})
    running.until(lambda: len([event for event in running.events if event["event"] == "tally"]) > before)
    return running.event("tally")


def begin(running: Any) -> None:
    """Begin a tally; a pong says that it has begun."""
    running.command({"tally": True})
    running.command({"ping": 1})
    running.event("pong")


@as_root
def test_what_the_filter_refuses_is_counted_by_whose_it_is(start, config, sender, port, inner_frame, vxlan, python):
    """Ours, another VNI's, and what is no VXLAN; what came before the tally is in none."""
    running = start(config(port, "tcp", mode="ring"), python)
    running.event("ready")
    sender(port, vxlan(inner_frame(b"before")))
    begin(running)
    for vni in (77, 77, 77, 5, 5):
        sender(port, vxlan(inner_frame(), vni))
    sender(port, bytes(8))
    told = tallied(running)
    assert (told["own"], told["foreign"], told["other"], told["received"]) == (3, {"5": 2}, 1, 0)
    assert told["seconds"] >= 0
    assert running.end() == 0
    assert running.counts() == (0, 0)


def test_without_privilege_the_refused_are_counted_together(start, config, sender, port, inner_frame, vxlan, python):
    """The kernel tells no more."""
    running = start(config(port, "tcp", mode="socket"), python)
    running.event("ready")
    sender(port, vxlan(inner_frame(b"before")))
    begin(running)
    for vni in (77, 77, 5):
        sender(port, vxlan(inner_frame(), vni))
    told = tallied(running)
    assert (told["refused"], told["received"]) == (3, 0)


def test_frames_that_pass_are_received_all_the_same(start, config, sender, port, inner_frame, vxlan, mode):
    """A tally takes nothing away, and tells at once what was received."""
    running = start(config(port, mode=mode))
    running.event("ready")
    begin(running)
    for number in range(5):
        sender(port, vxlan(inner_frame(b"%d" % number)))
    running.packets(5)
    told = tallied(running)
    assert told["received"] == 5
    assert told.get("own", 5) == 5
    assert told.get("refused", 0) == 0


@as_root
def test_many_are_enough(start, config, sender, port, inner_frame, vxlan):
    """The CPU is for the capture."""
    running = start(config(port, "tcp", mode="ring"))
    running.event("ready")
    begin(running)
    for number in range(MOST + 500):
        sender(port, vxlan(inner_frame(b"%d" % number)))
        if number % 100 == 0:
            running.command({"ping": number})
            running.until(lambda number=number: running.event("pong")["ping"] == number)
    assert tallied(running)["own"] == MOST


def cpu_seconds(process: int) -> float:
    """User and system time so far (proc(5), stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_after_a_tally_an_idle_receiver_sleeps(start, config, port, mode):
    """Not a poll that returns at once for what the tally closed: that would take all of a core of the capture host."""
    running = start(config(port, mode=mode, statistics_seconds=0.1))
    running.event("ready")
    begin(running)
    tallied(running)
    begun, used, blocks = time.monotonic(), cpu_seconds(running.process.pid), len(running.comments())
    running.until(lambda: len(running.comments()) >= blocks + 15)
    assert cpu_seconds(running.process.pid) - used < (time.monotonic() - begun) / 4
    assert running.end() == 0


@pytest.mark.parametrize("command", [{"tally": False}, {"tally": True}])
def test_a_tally_without_its_other_half_is_harmless(start, config, port, mode, command):
    running = start(config(port, mode=mode))
    running.event("ready")
    running.command(command)
    running.command(command)
    running.command({"ping": 1})
    running.event("pong")
    assert running.end() == 0
    assert not [event for event in running.events if event["event"] in ("tally", "error")]
