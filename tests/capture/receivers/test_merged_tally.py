"""A fleet's tally: of all hosts together, as far as they answer."""

from __future__ import annotations

from typing import Any

from vpcshark.capture.contract.frame_stream import UNANSWERED, Arrived, Counted
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.receivers.merged import FleetReception, Member


class Reception:
    """One host's."""

    def __init__(self, received: int, told: Arrived) -> None:
        self.stats = Counted(received)
        self._told = told
        self.begun = 0

    def begin_tally(self) -> None:
        self.begun += 1

    def end_tally(self, timeout: float) -> Arrived:
        return self._told


def test_the_hosts_counts_are_summed(clock: Any):
    """Of one that does not answer the last statistics stand."""
    hosts = [
        Reception(0, Arrived(True, own=2, foreign={"5": 1}, received=0, seconds=10.0)),
        Reception(0, Arrived(True, own=3, other=1, foreign={"5": 4, "6": 1}, received=0, seconds=10.1)),
        Reception(7, UNANSWERED),
    ]
    fleet = FleetReception([Member(str(number), host) for number, host in enumerate(hosts)], Silent(), clock)
    fleet.begin_tally()
    assert [host.begun for host in hosts] == [1, 1, 1]
    told = fleet.end_tally(1.0)
    assert (told.own, told.other, told.foreign) == (5, 1, {"5": 5, "6": 1})
    assert (told.received, told.seconds) == (7, 10.1)


def test_without_an_answer_nothing_is_known(clock: Any):
    assert FleetReception([Member("a", Reception(0, UNANSWERED))], Silent(), clock).end_tally(1.0) == UNANSWERED
