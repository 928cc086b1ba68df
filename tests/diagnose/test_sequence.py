"""Traces for time-sequence graphs: what each segment is, what the other side says of it, what is too much to draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose import sequence
from vpcshark.diagnose.chosen import Chosen, Graph
from vpcshark.diagnose.finding import Finding, Frame
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.packet import SYN, TCP
from vpcshark.diagnose.sequence import Block, Mark, Trace
from vpcshark.diagnose.table import read_bytes
from vpcshark.diagnose.view import View

WEB = Flow(TCP, bytes((10, 0, 0, 1)), 40000, bytes((10, 0, 1, 2)), 80)
MOST = 60
OFFER = [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)]


def graph(story: Story, frames: tuple[int, ...], *, most: int = 10**6, in_columns: bool = False) -> Graph:
    """The one graph of a finding about the web server's connection and ``frames``."""
    found = Finding("loss", "proved", "Lost.", (WEB,), tuple(Frame(0, number) for number in frames))
    chosen = Chosen([found], most)
    table = read_bytes(story.pcap(), in_columns=in_columns)
    assert any(point.columns is not None for point in table.points.values()) == in_columns
    for point in table.points.values():
        chosen.take(point)
    ((only,),) = chosen.graphs().values()
    return only


def trace(story: Story, *frames: int, in_columns: bool = False) -> Trace:
    return graph(story, frames, in_columns=in_columns).trace


def thinned(story: Story, *frames: int) -> Trace:
    """With room for 60 bars."""
    (point,) = read_bytes(story.pcap()).points.values()
    (pair,) = View(point).pairs
    return sequence.trace(pair, frames, MOST)


def opened(scale: bool = True) -> tuple[Story, Tcp]:
    """Three packets: SYN, SYN-ACK, ACK."""
    story = Story()
    tcp = Tcp(story)
    offer = OFFER if scale else OFFER[:2]
    tcp.raw(CLIENT, "S", options=offer)
    tcp.seq[CLIENT] += 1
    tcp.raw(SERVER, "SA", options=offer, id=0)
    tcp.seq[SERVER] += 1
    tcp.ack(CLIENT)
    return story, tcp


def said(count: int, size: int = 100) -> tuple[Story, Tcp]:
    """From frame 4 on so many segments of the client, one each millisecond."""
    story, tcp = opened()
    for _ in range(count):
        story.wait(0.001)
        tcp.say(CLIENT, bytes(size))
    return story, tcp


def resent() -> Story:
    story, tcp = said(3)
    story.wait(0.3)
    tcp.raw(CLIENT, "PA", bytes(100), seq=tcp.seq[CLIENT] - 300)
    return story


def late() -> Story:
    story, tcp = said(1)
    seq, ident = tcp.skip(CLIENT, 100), story.idents[CLIENT]
    tcp.say(CLIENT, bytes(100))
    tcp.raw(CLIENT, "PA", bytes(100), seq=seq, id=ident)
    return story


def copied() -> Story:
    story, tcp = said(3)
    tcp.raw(CLIENT, "PA", bytes(100), seq=tcp.seq[CLIENT] - 100, id=story.idents[CLIENT])
    return story


def probed() -> Story:
    story, tcp = said(3)
    tcp.ack(SERVER, window=0)
    story.wait(1)
    tcp.raw(CLIENT, "A", b"x", seq=tcp.seq[CLIENT] - 1)
    return story


def knocked() -> Story:
    story = Story()
    tcp = Tcp(story)
    for _ in range(3):
        tcp.raw(CLIENT, "S")
        story.wait(1)
    return story


def dropped() -> Story:
    story, tcp = said(3)
    tcp.raw(SERVER, "R")
    return story


@pytest.mark.parametrize(
    ("make", "frame", "mark"),
    [
        (resent, 4, (1, 101, "new")),
        (resent, 7, (1, 101, "resent")),
        (late, 6, (101, 201, "late")),
        (copied, 7, (201, 301, "copy")),
        (probed, 8, (300, 301, "probe")),
        (probed, 7, (301, 301, "ack")),
        (knocked, 1, (0, 1, "new")),
        (knocked, 3, (0, 1, "resent")),
        (dropped, 7, (301, 301, "reset")),
    ],
)
@pytest.mark.thin(2)
@pytest.mark.parametrize("in_columns", [False, True])
def test_a_frame_stands_where_its_bytes_are_and_says_what_it_is(
    make: Callable[[], Story], frame: int, mark: tuple[int, int, str], in_columns: bool
) -> None:
    story = make()
    if in_columns:  # of fewer packets no columns are made
        for number in range(20):
            Tcp(story, sport=50000 + number).raw(CLIENT, "S")
    begin = story.packets[0].time
    (found,) = trace(story, frame, in_columns=in_columns).marks
    assert found[0] == frame
    assert found[2:] == mark
    assert found.at == pytest.approx(float(story.packets[frame - 1].time) * 1e9, abs=1000)
    assert trace(story, frame).begin == pytest.approx(float(begin) * 1e9, abs=1000)


@pytest.mark.parametrize(("scale", "unit"), [(True, 128), (False, 1)])
def test_the_window_line_is_the_ack_and_the_scaled_window(scale: bool, unit: int) -> None:
    story, tcp = opened(scale)
    tcp.say(CLIENT, bytes(500))
    tcp.ack(SERVER, window=100)
    tcp.ack(SERVER, window=0)
    first, *_, open_, closed = trace(story, 4).steps
    assert (first.ack, first.edge) == (1, 1 + tcp.window)  # a SYN's own window is never scaled: RFC 7323, 2.2
    assert (open_.ack, open_.edge, open_.is_closed) == (501, 501 + 100 * unit, False)
    assert (closed.ack, closed.edge, closed.is_closed) == (501, 501, True)


def test_without_the_handshake_nobody_knows_the_window_but_that_it_is_closed() -> None:
    story, tcp = said(3)
    tcp.ack(SERVER, window=100)
    tcp.ack(SERVER, window=0)
    story.packets = [packet for packet in story.packets if not packet["TCP"].flags & SYN]
    found = trace(story, 2)
    assert not found.has_window
    assert [step.is_closed for step in found.steps] == [False, True]


def test_sack_blocks_stand_where_the_other_side_says() -> None:
    story, tcp = said(3)
    seq = tcp.seq[CLIENT]
    tcp.raw(SERVER, "A", ack=seq - 200, options=[("SAck", (seq - 100, seq))])
    assert [block[1:] for block in trace(story, 7).blocks] == [(201, 301, 7)]
    assert isinstance(trace(story, 7).blocks[0], Block)


def test_numbers_go_on_where_the_sequence_wraps() -> None:
    story = Story()
    tcp = Tcp(story)
    tcp.seq[CLIENT] = 0xFFFFFF00
    tcp.open()
    for _ in range(4):
        tcp.say(CLIENT, bytes(200))
        tcp.ack(SERVER)
    found = trace(story, 4)
    assert [bar.end for bar in found.bars] == [1, 201, 401, 601, 801]
    assert found.steps[-1].ack == 801


def test_what_is_too_much_is_joined_without_a_gap_and_counted() -> None:
    story, tcp = said(MOST + 30)
    tcp.raw(CLIENT, "PA", bytes(100), seq=tcp.seq[CLIENT] - 300)
    last = len(story.packets)
    found = thinned(story, 4, last)
    assert len(found.bars) <= MOST
    assert found.joined == 2
    assert not found.left_out
    assert sum(bar.packets for bar in found.bars) == last - 2  # all but SYN-ACK and ACK
    assert all(one.end == other.start for one, other in zip(found.bars[1:-2], found.bars[2:-1], strict=True))
    assert [mark[::4] for mark in found.marks] == [(4, "new"), (last, "resent")]
    assert found.bars[-1].packets == 1


def test_what_cannot_be_joined_is_left_out_evenly_and_counted_but_no_frame_of_the_finding() -> None:
    story, tcp = opened()
    for _ in range(MOST + 20):
        tcp.skip(CLIENT, 100)
        tcp.say(CLIENT, bytes(100))
    frames = (50, 51, 52)
    found = thinned(story, *frames)
    assert len(found.bars) == MOST
    assert found.left_out == {"segments": 21}
    assert {*frames} <= {bar.number for bar in found.bars}
    assert [mark.number for mark in found.marks] == [*frames]
    assert found.kinds == {"new": MOST + 21}


def test_of_a_connection_that_is_too_long_the_first_packets_are_kept_and_the_rest_is_counted() -> None:
    story, _ = said(60)
    found = graph(story, (4,), most=40)
    assert found.dropped == 23
    assert max(bar.number for bar in found.trace.bars) == 40


def test_a_full_point_is_emptied_and_nothing_that_is_wanted_is_lost() -> None:
    pytest.importorskip("numpy")
    story = resent()
    for number in range(20):
        Tcp(story, sport=50000 + number).raw(CLIENT, "S")
    (point,) = read_bytes(story.pcap(), in_columns=True).points.values()
    found = Finding("loss", "proved", "Lost.", (WEB,), (Frame(0, 7),))
    chosen = Chosen([found])
    chosen.relieve(point)
    assert not point.packets
    chosen.take(point)
    ((only,),) = chosen.graphs().values()
    assert only.trace == trace(story, 7)


def test_the_side_that_the_frames_tell_of_is_drawn() -> None:
    story, tcp = said(3)
    tcp.say(SERVER, bytes(50))
    assert trace(story, 4).flow == WEB
    assert trace(story, len(story.packets)).flow == WEB.reversed()
    assert isinstance(trace(story, 4).marks[0], Mark)
