"""The judge of ``vpcshark walk``: packets. A topology is made, a fault planted, a walk asked for, and a packet sent.

The walk's verdict, hop and rule are those that were planted, and so is the rule of the namespaces that dropped the
packet. ``make judge-packets`` prints the table.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import planted_endpoints
import pytest
from planted import Case, faults, sound

from vpcshark.lab.topologies import spec

pytestmark = pytest.mark.root

FAULTS = [*faults(), *planted_endpoints.faults()]
SOUND = [*sound(), *planted_endpoints.sound()]
SHORT = [
    next(each for each in FAULTS if str(each) == name) for name in ("outbound v4 tcp ACL back into the NAT's subnet",)
]


def question(net: Any, case: Case) -> tuple[list[str], str]:
    """The walk's arguments, and the address that packets go to."""
    address = case.target if "." in case.target or ":" in case.target else net.address(case.target, case.is_v6)
    source = net.address(case.source, case.is_v6)
    words = [source, address] if case.protocol == "icmp" else [source, f"[{address}]:{case.port}"]
    return [*words, "--protocol", case.protocol], address


def told(case: Case, line: str) -> None:
    """A line of the table, where one is wanted."""
    if folder := os.environ.get("VPCSHARK_TABLES"):
        with open(Path(folder, "packets.tsv"), "a", encoding="utf-8") as file:
            file.write(f"{case}\t{line}\n")


def check_fault(case: Case, build: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Planted, walked, sent."""
    assert case.plant is not None
    with build(spec.parse(case.base(), "case")) as net:
        expected = case.plant(net, case.is_v6)
        words, address = question(net, case)
        found = net.walk(capsys, *words)
        outcome: list[bool] = []
        dropped = net.dropped_by(lambda: outcome.append(net.passes(case.source, address, case.protocol, case.port)))
    first = found["blockers"][0] if found["blockers"] else {"direction": "", "resource": "", "rule": None, "reason": ""}
    number = (first["rule"] or {}).get("number")
    rule = "|".join(sorted("/".join(each) for each in dropped))
    told(case, f"{found['verdict']}\t{first['direction']} {first['resource']} {first['reason']}\t{outcome}\t{rule}")
    assert (found["verdict"], outcome) == ("blocked", [False])
    assert (first["direction"], first["resource"]) == (expected.direction, expected.resource)
    assert expected.number is None or number == expected.number
    assert dropped == {expected.words}


def check_mend(case: Case, build: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that the walk prints, until nothing is in the way; then the packet comes through."""
    assert case.plant is not None
    with build(spec.parse(case.base(), "case")) as net:
        case.plant(net, case.is_v6)
        words, address = question(net, case)
        commands = []
        while found := net.walk(capsys, *words)["blockers"]:
            assert found[0]["mend"], found[0]
            commands.append(found[0]["mend"])
            assert len(commands) < 4, commands
            net.mend(commands[-1])
        assert net.passes(case.source, address, case.protocol, case.port)
    told(case, "; ".join(commands))


def check_sound(case: Case, build: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Walked, sent."""
    with build(spec.parse(case.base(), "case")) as net:
        words, address = question(net, case)
        found = net.walk(capsys, *words)
        outcome = net.passes(case.source, address, case.protocol, case.port)
    told(case, f"{found['verdict']}\t\t{outcome}\t")
    stops = [(each["direction"], each["resource"], each["text"]) for each in found["blockers"] + found["unknowns"]]
    assert (found["verdict"], outcome, stops) == ("reachable", True, [])


@pytest.mark.parametrize("case", SHORT, ids=str)
def test_a_planted_fault_is_named_and_drops_the_packet(case: Case, build: Any, capsys: pytest.CaptureFixture[str]):
    """One of the table; test_standing.py has most of the others, in networks that stand."""
    check_fault(case, build, capsys)


def test_a_sound_network_lets_the_packet_through(build: Any, capsys: pytest.CaptureFixture[str]):
    """One of the table."""
    check_sound(next(each for each in SOUND if str(each) == "across v6 udp sound"), build, capsys)


@pytest.mark.long
@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_every_planted_fault_is_named_and_drops_the_packet(case: Case, build: Any, capsys: pytest.CaptureFixture[str]):
    """The whole table."""
    check_fault(case, build, capsys)


@pytest.mark.long
@pytest.mark.parametrize("case", [each for each in FAULTS if each.is_mended], ids=str)
def test_the_command_that_is_printed_lets_the_packet_through(
    case: Case, build: Any, capsys: pytest.CaptureFixture[str]
):
    """Of each fault that a command can mend."""
    check_mend(case, build, capsys)


@pytest.mark.long
@pytest.mark.parametrize("case", SOUND, ids=str)
def test_every_sound_network_lets_the_packet_through(case: Case, build: Any, capsys: pytest.CaptureFixture[str]):
    """The whole table."""
    check_sound(case, build, capsys)
