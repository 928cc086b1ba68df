"""A number in a sentence is that of the flow that the sentence names, whatever else the capture has."""

from __future__ import annotations

import struct

from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes


def only(story: Story, kind: str) -> Finding:
    (found,) = (each for each in examine(read_bytes(story.pcap()).all_points).findings if each.kind == kind)
    return found


def knock(story: Story, sport: int, *waits: float) -> None:
    for wait in (0.0, *waits):
        story.wait(wait)
        Tcp(story, sport=sport).raw(CLIENT, "S")


def test_of_two_flows_that_nobody_answers_the_time_is_that_of_the_flow_that_is_named() -> None:
    story = Story()
    knock(story, 40000, 1, 1.05)
    story.wait(1.25)
    knock(story, 40001, 1, 1.05)
    found = only(story, "syn-unanswered")
    assert found.confidence == "proved"
    assert (
        "10.0.0.1:40000 sent 3 SYNs to 10.0.1.2:80 in 2.05 s and got no answer at this point, up to the capture's end "
        "3.3 s later." in found.sentence
    )
    assert "The same holds for 1 more flow." in found.sentence


def test_where_the_last_syn_ends_the_capture_nothing_is_said_of_what_follows() -> None:
    story = Story()
    knock(story, 40000, 1, 1, 1)
    assert "in 3 s and got no answer at this point." in only(story, "syn-unanswered").sentence


def _query(name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return labels + b"\0\0\1\0\1"


def test_queries_that_nobody_answers_are_counted_without_one_that_was_answered_at_its_second_try() -> None:
    story = Story()
    head = struct.Struct(">6H").pack

    def ask(number: int, name: str) -> None:
        story.udp(CLIENT, SERVER, (50000 + number, 53), head(number, 0x0100, 1, 0, 0, 0) + _query(name))

    for number in range(3):
        ask(number, "dead.example")
        story.wait(2)
    ask(7, "late.example")
    story.wait(0.5)
    ask(8, "late.example")
    story.udp(SERVER, CLIENT, (53, 50008), head(8, 0x8180, 1, 0, 0, 0) + _query("late.example")).time += 0.01
    story.wait(6)
    ask(9, "new.example")
    found = only(story, "dns-unanswered")
    assert "answers none of 3 DNS queries of 10.0.0.1; to the first one (for dead.example) nothing came in 12.5 s" in (
        found.sentence
    )
