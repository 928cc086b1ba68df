"""What nobody answered at one point, and another point has nothing of: it is said, with what that silence is worth."""

from __future__ import annotations

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import ICMP, IP, TCP

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import Report, examine
from vpcshark.diagnose.table import read_bytes
from vpcshark.wire.capture_files import pcapng

BOTH = pytest.mark.parametrize("in_columns", [False, True])
OTHER = "10.0.5.5"


def knocking(story: Story | None = None, *, beside: bool = True) -> Story:
    """Five SYNs that nobody answers, amid pings of another host."""
    story = story or Story()
    for number in range(5):
        if beside:
            story.send(OTHER, SERVER, ICMP(type=8, seq=number))
            story.send(SERVER, OTHER, ICMP(type=0, seq=number))
        Tcp(story).raw(CLIENT, "S")
        story.wait(1)
    if beside:
        story.send(OTHER, SERVER, ICMP(type=8, seq=9))
    return story


def without_syns(story: Story) -> Story:
    far = Story()
    far.packets = [packet for packet in story.packets if TCP not in packet]
    return far


def judged(*files: bytes, in_columns: bool) -> Report:
    tables = [read_bytes(each, place, in_columns=in_columns) for place, each in enumerate(files)]
    return examine([point for table in tables for point in table.all_points])


def only(report: Report) -> Finding:
    (found,) = (each for each in report.findings if each.kind == "syn-unanswered")
    return found


def interfaces(*stories: Story) -> bytes:
    """One file with an interface for each."""
    blocks = [pcapng.interface_description(f"eni-{number}") for number in range(1, len(stories) + 1)]
    packets = sorted((float(p.time), place, bytes(p)) for place, story in enumerate(stories) for p in story.packets)
    blocks += [pcapng.enhanced_packet(place, round(at * 1e9), frame, len(frame)) for at, place, frame in packets]
    return pcapng.section_header() + b"".join(blocks)


@BOTH
@pytest.mark.parametrize("is_first", [True, False])
def test_syns_of_which_the_second_point_has_none_are_said_to_be_missing_there(is_first: bool, in_columns: bool) -> None:
    near = knocking()
    files = [near.pcap(), without_syns(near).pcap()]
    found = only(judged(*(files if is_first else files[::-1]), in_columns=in_columns))
    here, there = ("point 1", "point 2") if is_first else ("point 2", "point 1")
    assert f"What was sent is at {here}, and nothing of it at {there}." in found.sentence
    (said,) = (each for each in found.checked if "before and after" in each)
    assert said.startswith(f"At {there} there are packets from before and after 5 of 5 of them, also of 10.0.1.2: they")
    assert "or its capture leaves them out (a filter" in said
    assert "lost" not in found.sentence


@BOTH
def test_two_interfaces_of_one_file_are_two_points_by_their_names(in_columns: bool) -> None:
    near = knocking()
    report = judged(interfaces(near, without_syns(near)), in_columns=in_columns)
    said = "What was sent is at point 1 (eni-1), and nothing of it at point 2 (eni-2)."
    assert said in only(report).sentence
    assert report.remarks[0].startswith("point 1 (eni-1): 16 packets")
    assert report.remarks[2].startswith("point 1 (eni-1) and point 2 (eni-2) together: 11 packets are at both points")


@BOTH
@pytest.mark.parametrize("is_file", [True, False])
def test_a_point_without_any_packet_proves_nothing(is_file: bool, in_columns: bool) -> None:
    files = [knocking().pcap(), Story().pcap()] if is_file else [interfaces(knocking(), Story())]
    report = judged(*files, in_columns=in_columns)
    found = only(report)
    name = "point 2" if is_file else "point 2 (eni-2)"
    assert f"No more can be told by {name}, which has no packet at all." in found.sentence
    assert "its capture may not have run" in found.checked[-1]
    assert report.remarks[1] == f"no packet at {name}"


@BOTH
def test_many_points_without_a_packet_are_one_remark(in_columns: bool) -> None:
    """A file may declare 65,536 interfaces, a fleet has hundreds: a line for each would bury the rest."""
    report = judged(interfaces(knocking(), *[Story() for _ in range(300)]), in_columns=in_columns)
    assert len(report.remarks) == 2
    assert report.remarks[1].endswith(" and 294 more")
    assert "and 294 more, which have no packet at all." in only(report).sentence
    assert sum(map(len, (only(report).sentence, *only(report).checked, *report.remarks))) < 2000


@BOTH
def test_a_point_that_captured_at_another_time_is_not_asked(in_columns: bool) -> None:
    near, far = knocking(), Story(now=1_700_009_000.0)
    found = only(judged(near.pcap(), without_syns(knocking(far)).pcap(), in_columns=in_columns))
    assert "What was sent" not in found.sentence


@BOTH
def test_syns_that_are_at_both_points_are_not_missing(in_columns: bool) -> None:
    found = only(judged(knocking().pcap(), knocking().pcap(), in_columns=in_columns))
    assert "nothing of it" not in found.sentence


@BOTH
def test_of_three_points_one_that_has_nothing_of_either_host_is_not_named(in_columns: bool) -> None:
    near, apart = knocking(), Story(idents={"10.0.7.1": 30000})
    for number in range(9):
        apart.send("10.0.7.1", "10.0.7.2", ICMP(type=8, seq=number))
        apart.wait(1)
    found = only(judged(near.pcap(), apart.pcap(), without_syns(near).pcap(), in_columns=in_columns))
    assert "What was sent is at point 1, and nothing of it at point 3." in found.sentence
    (said,) = (
        each for each in only(judged(near.pcap(), apart.pcap(), in_columns=in_columns)).checked if "At p" in each
    )
    assert "by its own clock (no packet is at both points" in said
    assert "or it does not lie on their way, as it has no packet of either host" in said
    assert IP in apart.packets[0]
