"""``make bench-walk``: how long walks take, and what they ask of AWS. Prints the table; exit status 1 beyond a goal.

The arithmetic is measured in this process's own CPU time, with facts at hand; the calls are counted, and answered by a
stand-in that lets each wait 100 ms.
"""

from __future__ import annotations

import gc
import ipaddress
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.walks import Cloud, two_vpcs
from vpcshark.network.answer import answer
from vpcshark.network.facts import Network
from vpcshark.network.known import Known, Question
from vpcshark.network.matrix import bundled
from vpcshark.network.trail import End
from vpcshark.survey import parse, parse_joints
from vpcshark.survey.calls import CALLS
from vpcshark.survey.questions import Wanted, asked, attempt
from vpcshark.survey.rounds import Survey

RATE, GROWTH, ROUNDS, CALLS_MOST, SECONDS = 2000.0, 1.3, 5, 25, 2.5
DELAY = 0.1  # seconds of a call
SOURCES = 1000


def account(interfaces: int) -> Cloud:
    """Two VPCs with a transit gateway, 500 route tables, 1,000 groups, and ``interfaces`` ENIs in the left one."""
    cloud = two_vpcs()
    for number in range(1000):
        cloud.group(f"extra-{number}", "vpc-left", [("tcp", (22, 22), "10.0.0.0/8")])
    for number in range(500):
        cloud.table(f"extra-{number}", "vpc-left")
    first = ipaddress.ip_address("10.1.64.0")
    cloud.subnet("left-wide", "vpc-left", "10.1.64.0/18")
    for number in range(interfaces):
        cloud.instance(f"many-{number}", "subnet-left-wide", str(first + 10 + number))
    return cloud


def differing(cloud: Cloud) -> None:
    """``SOURCES`` instances more, each in a subnet, under a route table and a network ACL and with a group of its
    own."""
    for number, net in zip(range(SOURCES), ipaddress.ip_network("10.1.128.0/18").subnets(new_prefix=28), strict=False):
        subnet = cloud.subnet(f"own-{number}", "vpc-left", str(net), "ab"[number % 2])
        cloud.route(cloud.table(f"own-{number}", "vpc-left", [subnet]), "10.2.0.0/16", "tgw-main")
        group = cloud.group(f"own-{number}", "vpc-left", [("tcp", (22, 22), "10.0.0.0/8")])
        cloud.instance(f"own-{number}", subnet, str(net[5]), [group])


def facts(cloud: Cloud) -> Network:
    """What the answers say."""
    return parse.build(parse_joints.PARTS, cloud.answers, {})


def end(network: Network, interface: str) -> End:
    """Found already."""
    found = network.interfaces[interface]
    return End("interface", interface, found, "", found.subnet, found.vpc)


def seconds_alone(network: Network) -> float:
    """CPU time of a walk by itself, the best of three times a hundred."""
    known, goal, best = Known(network), end(network, "eni-server"), float("inf")
    wanted = Wanted("", "", (80, 80))
    for _ in range(3):
        began = time.process_time()
        for number in range(100):
            answer(known, asked(end(network, f"eni-many-{number}"), goal, wanted))
        best = min(best, (time.process_time() - began) / 100)
    return best


def seconds_each(network: Network, name: str) -> float:
    """CPU time of one walk of a matrix, from the instances of that name, the best of three."""
    best = float("inf")
    for _ in range(3):
        known = Known(network)
        goal = end(network, "eni-server")
        sources = [end(network, f"eni-{name}-{number}") for number in range(SOURCES)]
        wanted = Wanted("", "", (80, 80))
        gc.collect()
        began = time.process_time()
        found = bundled(known, ([asked(source, goal, wanted)] for source in sources))
        best = min(best, (time.process_time() - began) / SOURCES)
        assert [(each.verdict, len(each.pairs)) for each in found] == [("reachable", SOURCES)]
    return best


class Answering:
    """Stands for AWS: gives what a dump has, after a delay, and counts calls by what they would be."""

    def __init__(self, cloud: Cloud) -> None:
        self._items = [(key, row) for key, rows in cloud.answers.items() for row in rows]

    def put(self, questions: Iterable[Question]) -> tuple[list[tuple[str, Any]], dict[str, str], int]:
        """One round: its calls wait side by side."""
        kinds: dict[str, list[Question]] = {}
        for kind, *keys in questions:
            kinds.setdefault(kind, []).append(tuple(keys))
        calls = [call for kind, keys in kinds.items() for call in CALLS[kind](keys)]
        time.sleep(DELAY)
        wanted = {call.kept_as or call.key for call in calls}
        return [(key, row) for key, row in self._items if key in wanted], {}, len(calls)


def asking(cloud: Cloud) -> tuple[int, int, float]:
    """(rounds, calls, seconds) of one walk across the transit gateway."""
    survey = Survey(Answering(cloud).put)
    wanted = Wanted("10.1.1.10", "10.2.2.20", (80, 80))
    began = time.monotonic()
    found = survey.look(lambda known: attempt(known, wanted, [wanted.source], [wanted.target]))
    assert found.verdict == "reachable"
    return survey.rounds, survey.calls, time.monotonic() - began


def main() -> int:
    """Measure, print, judge."""
    small, big = account(1_000), account(10_000)
    few, many = facts(small), facts(big)
    one, ten = seconds_each(few, "many"), seconds_each(many, "many")
    for cloud in (small, big):
        differing(cloud)
    few, many = facts(small), facts(big)
    unlike = seconds_each(few, "own"), seconds_each(many, "own")
    alone = seconds_alone(few), seconds_alone(many)
    rounds, calls, took = asking(two_vpcs())
    _, calls_big, _ = asking(small)
    rows = [
        ("walks a second and core, 1,000 ENIs", f"{1 / one:,.0f}", f">= {RATE:,.0f}", 1 / one >= RATE),
        ("walks a second and core, 10,000 ENIs", f"{1 / ten:,.0f}", f">= {RATE:,.0f}", 1 / ten >= RATE),
        ("growth of a walk, 1,000 -> 10,000 ENIs", f"{ten / one:.2f}", f"< {GROWTH}", ten / one < GROWTH),
        ("walks a second, no two sources alike", f"{1 / unlike[0]:,.0f}", f">= {RATE:,.0f}", 1 / unlike[0] >= RATE),
        ("growth of these", f"{unlike[1] / unlike[0]:.2f}", f"< {GROWTH}", unlike[1] / unlike[0] < GROWTH),
        ("walks a second by themselves, 1,000 ENIs", f"{1 / alone[0]:,.0f}", "none", True),
        ("growth of these", f"{alone[1] / alone[0]:.2f}", f"< {GROWTH}", alone[1] / alone[0] < GROWTH),
        ("API rounds across a transit gateway", str(rounds), f"<= {ROUNDS}", rounds <= ROUNDS),
        ("seconds, 100 ms a call", f"{took:.2f}", f"< {SECONDS}", took < SECONDS),
        ("calls", str(calls), f"<= {CALLS_MOST}", calls <= CALLS_MOST),
        ("calls in the large account", str(calls_big), f"= {calls}", calls_big == calls),
    ]
    for what, value, goal, holds in rows:
        print(f"{'ok' if holds else 'BEYOND':7} {what:42} {value:>10}   goal {goal}")  # noqa: T201
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
