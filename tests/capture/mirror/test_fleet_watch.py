"""A host that joins the fleet while the capture runs is said, once, and only when it gets frames."""

from __future__ import annotations

import threading
from dataclasses import replace

from vpcshark.aws.balancing.facts import Member
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.mirror import fleet_watch
from vpcshark.errors import AwsError

FLEET = Fleet("arn:aws:x", "fleet", members=(Member("i-1", "a", "healthy"),))


def joined(*members: tuple[str, str]) -> Fleet:
    return replace(FLEET, members=(*FLEET.members, *(Member(one, "a", health) for one, health in members)))


class Said:
    """A status that remembers lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """The same as the line."""

    def log(self, line: str) -> None:
        self.lines.append(line)


def told(fleet: Fleet, *answers: Fleet | AwsError) -> list[str]:
    """What is said while the load balancer answers so, one look after the other."""
    stop, said, waiting = Stop(), Said(), list(answers)

    def find() -> Fleet:
        answer = waiting.pop(0)
        if not waiting:
            stop.request("enough")
        if isinstance(answer, AwsError):
            raise answer
        return answer

    fleet_watch.begin(fleet, find, said, stop, 0.001)
    if fleet.members and not fleet.named:
        assert stop.wait(180)
        settle(said, waiting)
    return said.lines


def settle(said: Said, waiting: list) -> None:
    """The last look's words come a moment after it."""
    for thread in threading.enumerate():
        if thread.name == "fleet watch":
            thread.join(180)
    assert waiting == []


def test_a_newcomer_is_said_once_and_when_it_is_healthy():
    lines = told(FLEET, FLEET, joined(("i-2", "initial")), joined(("i-2", "healthy")), joined(("i-2", "healthy")))
    assert told(FLEET, joined(("i-2", "initial"))) == []
    assert len(lines) == 1
    assert lines[0].startswith("i-2 was registered with fleet after the capture began and has no receiver")


def test_who_goes_and_comes_again_is_no_newcomer():
    assert told(FLEET, replace(FLEET, members=()), FLEET) == []


def test_a_look_that_fails_is_not_the_last():
    assert len(told(FLEET, AwsError("No.", code="Throttling"), joined(("i-2", "healthy")))) == 1


def test_nothing_is_asked_where_nobody_can_be_seen():
    assert told(Fleet("eni-1", "host")) == []
    assert told(replace(FLEET, named=("somebody",))) == []
