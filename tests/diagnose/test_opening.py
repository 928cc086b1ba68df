"""How connections begin: what is a refusal, and what is loss."""

from __future__ import annotations

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes


def told(story: Story, *, in_columns: bool = False) -> list[Finding]:
    return list(examine(list(read_bytes(story.pcap(), in_columns=in_columns).points.values())).findings)


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize(("has_ack", "is_refused"), [(True, False), (False, True)])
def test_a_reset_refuses_no_connection_whose_client_has_acknowledged_an_answer(
    has_ack: bool, is_refused: bool, in_columns: bool
) -> None:
    """The capture lost the SYN-ACK; the server ends the connection after a minute."""
    story = Story()
    tcp = Tcp(story, port=5432)
    tcp.raw(CLIENT, "S")
    story.wait(0.02)
    tcp.seq[CLIENT] += 1
    if has_ack:
        tcp.ack(CLIENT)
        story.wait(60)
    tcp.raw(SERVER, "RA")
    assert ("refused" in [each.kind for each in told(story, in_columns=in_columns)]) is is_refused


def opened_late(round_trip: float, waited: float, *, echoed: int = 0, goes_on: bool = True) -> Story:
    """The answer comes ``waited`` after the first SYN, a second after which the next one was sent; ``echoed``: the
    number of the SYN whose time stamp it has (0: none has one)."""
    story = Story()
    tcp = Tcp(story)
    begin = story.now
    for number in (1, 2):
        tcp.raw(CLIENT, "S", options=[("MSS", 1460), *([("Timestamp", (1000 * number, 0))] if echoed else [])])
        story.wait(1)
    story.now = begin + waited
    tcp.seq[CLIENT] += 1
    tcp.raw(SERVER, "SA", id=0, options=[("MSS", 1460), *([("Timestamp", (555, 1000 * echoed))] if echoed else [])])
    tcp.seq[SERVER] += 1
    tcp.ack(CLIENT)
    if goes_on:
        tcp.ask(round_trip=round_trip)
        tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        tcp.ack(CLIENT)
    return story


LATE = [
    (opened_late(1.3, 1.3), ""),
    (opened_late(1.3, 1.3, echoed=1), ""),
    (opened_late(0.02, 1.02), "proved"),
    (opened_late(0.02, 1.02, echoed=1), "proved"),
    (opened_late(0, 1.02, goes_on=False), "likely"),
    (opened_late(0, 1.02, echoed=1, goes_on=False), "likely"),
    (opened_late(0, 1.02, echoed=2, goes_on=False), "proved"),
]


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize(("story", "sure"), LATE, ids=range(len(LATE)))
def test_an_answer_to_the_second_syn_proves_a_loss_only_where_the_way_is_seen_to_be_short(
    story: Story, sure: str, in_columns: bool
) -> None:
    """A way of more than a second has the SYN sent again though nothing is lost."""
    lost = [each.confidence for each in told(story, in_columns=in_columns) if each.kind == "loss"]
    assert lost == [sure] * bool(sure)
