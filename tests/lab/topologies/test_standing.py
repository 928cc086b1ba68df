"""The judge of ``vpcshark walk`` in networks that stand: fault after fault is planted, walked to, sent at, taken away.

The same table as test_packets.py has, where each fault gets a network of its own and the whole command is run; here a
row costs a quarter of that. That a fault was taken away, the next row shows: only its own fault drops its packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import planted_endpoints
import pytest
from planted import Case, Expected, faults, sound
from undoing import Undoing

from vpcshark.aws import client
from vpcshark.lab.topologies import spec
from vpcshark.lab.vpc import netns
from vpcshark.network import contract
from vpcshark.survey import asking, questions, rounds

BASES = ("across", "shared", "far", "peered", "together", "outbound", "served")
_ALL = (*faults(), *planted_endpoints.faults(), *sound(), *planted_endpoints.sound())
SELDOM = ("far", "outbound")  # in test-long alone
CASES = [each for each in _ALL if each.base.__name__ in BASES and each.name != "peering gone"]
SHORT = 0.3  # seconds that a packet is waited for that must not come
READINGS = 40  # times that counters are read until a drop is among them


class Standing:
    """A network that stands, as plants see it."""

    def __init__(self, net: Any) -> None:
        self._net = net
        self.ec2 = Undoing(net.ec2)
        self.running, self.id, self.address = net.running, net.id, net.address
        self._put = partial(asking.put, [client.connect("", "us-east-1")])
        # Else a server whose answer was dropped sends it again, into the rows behind.
        for instance in net.running.made.serves:
            place = net.running.plane.instance(instance)
            netns.inside(place, lambda: netns.write_settings([("ipv4/tcp_synack_retries", "0")]))

    def walk(self, source: str, target: str, case: Case) -> dict[str, Any]:
        """The walk's answer, by a survey of its own."""
        wanted = questions.Wanted(
            source, target, None if case.protocol == "icmp" else (case.port, case.port), case.protocol
        )
        attempt = partial(questions.attempt, wanted=wanted, sources=[source], targets=[target])
        return contract.as_json(rounds.Survey(self._put).look(attempt), False)

    def _goal(self, case: Case) -> str:
        """Where packets go to."""
        return self.address(case.target, case.is_v6) if case.target == "server" else case.target

    def judge(self, case: Case) -> list[str]:
        """What is not as it was planted; nothing, if all is well."""
        try:
            expected = case.plant(self, case.is_v6) if case.plant is not None else None
            source, target = self.address(case.source, case.is_v6), self._goal(case)
            found = self.walk(source, target, case)
            send = partial(self._net.passes, case.source, target, case.protocol, case.port)
            if expected is None:
                said = [each["text"] for each in found["blockers"] + found["unknowns"]]
                return _unlike(case, (found["verdict"], send(), said), ("reachable", True, []))
            return self._judge_fault(case, expected, found, send)
        finally:
            self.ec2.undo()

    def _judge_fault(self, case: Case, expected: Expected, found: dict[str, Any], send: Any) -> list[str]:
        outcome: list[bool] = []
        dropped = self._net.dropped_by(lambda: outcome.append(send(patience=SHORT)), READINGS)
        first = found["blockers"][0] if found["blockers"] else {"direction": "", "resource": "", "rule": None}
        number = (first["rule"] or {}).get("number") if expected.number is not None else None
        seen = (found["verdict"], outcome, first["direction"], first["resource"], number, dropped)
        wanted = ("blocked", [False], expected.direction, expected.resource, expected.number, {expected.words})
        return _unlike(case, seen, wanted)


def _unlike(case: Case, seen: object, wanted: object) -> list[str]:
    return [] if seen == wanted else [f"{case}: {seen}, not {wanted}"]


@pytest.mark.root
@pytest.mark.parametrize("base", [each for each in BASES if each not in SELDOM])
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long, id="all"), pytest.param(6, id="a sixth")])
def test_each_fault_in_a_standing_network_is_named_and_drops_the_packet(base: str, every: int, build: Any):
    """Row after row of the table, and the sound ones last: nothing is left of any fault."""
    judge([each for each in CASES if each.base.__name__ == base][::every], build)


@pytest.mark.root
@pytest.mark.long
@pytest.mark.parametrize("base", SELDOM)
def test_each_fault_in_a_network_that_takes_long_to_build_does_too(base: str, build: Any):
    judge([each for each in CASES if each.base.__name__ == base], build)


def judge(mine: Sequence[Case], build: Any) -> None:
    """One network for all of them."""
    with build(spec.parse(mine[0].base(), "case")) as net:
        standing = Standing(net)
        wrong = [each for case in mine for each in standing.judge(case)]
    assert not wrong, "\n".join(wrong)


def test_the_table_has_the_rows_that_are_asked_for():
    """At least 60 with a fault and 20 without, of both families, there and back."""
    often = [each for each in CASES if each.base.__name__ not in SELDOM]
    planted = [each for each in often if each.plant is not None]
    assert (len(planted) >= 60, len(often) - len(planted) >= 20) == (True, True)
    assert {each.is_v6 for each in planted} == {False, True}


@pytest.mark.root
def test_a_router_answers_at_once_for_the_others_of_a_subnet(build: Any):
    """The kernel's own random wait of up to 0.8 s for each asked address cost one packet in ten its 1.3 s."""
    with build(spec.parse(CASES[0].base(), "case")) as net:
        waits = [netns.inside(place, proxy_delays) for place in net.running.plane.namespaces.values()]
    assert any(waits)
    assert {each for some in waits for each in some.values()} == {"0"}, waits


def proxy_delays() -> dict[str, str]:
    """Of each cable's end in the calling thread's namespace, in hundredths of a second."""
    files = Path("/proc/sys/net/ipv4/neigh").glob("*/proxy_delay")
    nobodys = ("lo", "none", "none-end")
    return {file.parent.name: file.read_text().strip() for file in files if file.parent.name not in nobodys}
