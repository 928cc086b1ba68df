"""Several capture points: where it is lost, what is rewritten, how the clocks stand; and columns say the same of it."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import Report, as_json, examine
from vpcshark.diagnose.table import read_bytes

OFFSET, DELAY = 410.25, 0.02
PUBLIC = "203.0.113.7"
Lose = Callable[[int, bool], bool]


def judged(*stories: Story, in_columns: bool) -> Report:
    tables = [read_bytes(story.pcap(), place, in_columns=in_columns) for place, story in enumerate(stories)]
    return examine([point for table in tables for point in table.points.values()])


def both_ways(*stories: Story) -> Report:
    """By packets and by columns, which must say the same."""
    report, quick = (judged(*stories, in_columns=each) for each in (False, True))
    names = [str(place) for place in range(len(stories))]
    assert as_json(quick, names) == as_json(report, names)
    assert quick.remarks == report.remarks
    return report


def talk(count: int = 80, story: Story | None = None, size: int = 1000, again: int = 0) -> Story:
    """A request that uploads, as its sender sends it; each ``again``-th segment twice, as the first does not come."""
    story = story or Story()
    tcp = Tcp(story).open().ask()
    for number in range(count):
        story.wait(0.01)
        seq = tcp.seq[CLIENT]
        tcp.say(CLIENT, bytes(size))
        if again and number % again == again - 1:
            story.wait(0.3)
            tcp.raw(CLIENT, "PA", bytes(size), seq=seq)
        story.wait(0.001)
        tcp.ack(SERVER)
    return story


def first_tries(story: Story) -> set[int]:
    """Places of data that is sent again later."""
    last = {packet[TCP].seq: place for place, packet in enumerate(story.packets) if len(packet[IP]) > 900}
    return {n for n, packet in enumerate(story.packets) if len(packet[IP]) > 900 and last[packet[TCP].seq] > n}


def beyond(near: Story, lose: Lose = lambda _, __: False, *, offset: float = OFFSET, hops: int = 2) -> Story:
    """The same traffic at a second point, ``hops`` routers nearer to the server, by another clock. ``lose`` is asked
    for each packet's number, and whether the client sent it; what the server sent and ``lose`` takes is missing at
    the first point."""
    far, kept = Story(), []
    for number, packet in enumerate(near.packets):
        from_client = packet[IP].src == CLIENT
        other = packet.copy()
        other[IP].ttl += -hops if from_client else hops
        other.time = float(packet.time) + offset + (DELAY if from_client else -DELAY)
        del other[IP].chksum
        if lose(number, from_client):
            (kept if from_client else far.packets).append(packet if from_client else other)
            continue
        kept.append(packet)
        far.packets.append(other)
    far.packets.sort(key=lambda each: float(each.time))
    near.packets = kept
    return far


def only(report: Report, kind: str) -> Finding:
    (found,) = (each for each in report.findings if each.kind == kind)
    return found


def test_the_clocks_are_compared_by_the_shortest_way_there_and_back() -> None:
    near = talk()
    (remark,) = both_ways(near, beyond(near)).remarks[2:]
    assert f"the second clock is {1000 * OFFSET:+.3f} ms off" in remark
    assert f"error of at most {1000 * DELAY:.3f} ms" in remark
    assert "Between them lie 2 routers, by the TTL." in remark


def test_copies_of_one_receiver_are_not_told_to_have_two_clocks() -> None:
    near, far = talk(), Story()
    for packet in near.packets:
        far.put(packet.copy())
        far.packets[-1].time = float(packet.time) + 0.000_078
        far.packets[-1][IP].ttl += -1 if packet[IP].src == CLIENT else 1
    (remark,) = both_ways(near, far).remarks[2:]
    assert "the two clocks agree, as far as can be told: to 0.500 ms" in remark


@pytest.mark.parametrize("port", [443, 5000])
def test_datagrams_that_try_what_passes_are_quics_and_no_others(port: int) -> None:
    near = talk()
    for number in range(6):
        near.udp(CLIENT, SERVER, (50000, port), b"\x41" + bytes(1200))
        near.wait(0.1).udp(CLIENT, SERVER, (50000, port), bytes((0x42, number)) + bytes(1440))
        near.wait(0.1)
    far = beyond(near, lambda number, _: len(near.packets[number]) > 1450)
    lost = [each.kind for each in both_ways(near, far).findings]
    assert lost == ([] if port == 443 else ["pmtu-black-hole"])


def test_inside_of_a_vpc_where_no_hop_counts_down_times_tell_which_point_is_first() -> None:
    near = talk(again=9)
    lost = first_tries(near)
    far = beyond(near, lambda number, _: number in lost, hops=0)
    assert (
        "from 10.0.0.1 to 10.0.1.2 are lost between the two capture points"
        in only(both_ways(near, far), "loss").sentence
    )


@pytest.mark.parametrize("from_client", [True, False])
def test_a_loss_is_between_the_points_in_its_direction(from_client: bool) -> None:
    near = talk(again=9) if from_client else _download()
    sent = [n for n, packet in enumerate(near.packets) if packet[IP].src == SERVER and len(packet[IP]) > 900]
    lost = first_tries(near) if from_client else set(sent[::9])
    far = beyond(near, lambda number, _: number in lost)
    found = only(both_ways(near, far), "loss")
    ends = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    assert f"from {ends[0]} to {ends[1]} are lost between the two capture points" in found.sentence
    assert {frame.file for frame in found.frames} == {0 if from_client else 1}


def _download() -> Story:
    story = Story()
    tcp = Tcp(story).open().ask()
    begin = tcp.seq[SERVER]
    for _ in range(80):
        story.wait(0.01)
        tcp.say(SERVER, bytes(1000))
        tcp.ack(CLIENT, ack=begin)
    return story


def test_of_three_points_the_loss_is_between_the_nearest_two_in_whatever_order_they_are_given() -> None:
    near = talk(again=9)
    middle, lost = beyond(near), first_tries(near)
    far = beyond(near, lambda number, _: number in lost, offset=-3.0, hops=5)
    for stories, name in (((near, middle, far), "2 and 3"), ((far, near, middle), "1 and 3")):
        found = only(both_ways(*stories), "loss")
        assert f"are lost between capture points {name}" in found.sentence


def test_nat_is_seen_through_and_said() -> None:
    near = talk(again=9)
    lost = first_tries(near)
    far = beyond(near, lambda number, _: number in lost)
    for packet in far.packets:
        name, port = ("src", "sport") if packet[IP].src == CLIENT else ("dst", "dport")
        setattr(packet[IP], name, PUBLIC)
        setattr(packet[TCP], port, 1024)
        del packet[TCP].chksum
    report = both_ways(near, far)
    assert "at the second point 10.0.0.1:40000 is 203.0.113.7:1024." in report.remarks[2]
    assert "from 10.0.0.1 to 10.0.1.2 are lost" in only(report, "loss").sentence


def test_what_is_rewritten_is_said_and_half_a_clamp_is_a_finding() -> None:
    whole = talk()
    far = beyond(whole)
    for packet in far.packets:
        packet[IP].tos = 0x28 if packet[IP].src == CLIENT else 0
        if packet[TCP].flags & 2:
            packet[TCP].options = [("MSS", 1379)]
        del packet[TCP].chksum
    report = both_ways(whole, far)
    assert [each.kind for each in report.findings] == ["marks-changed"]
    assert "The MSS of SYNs is rewritten between them: 1460 to 1379." in report.remarks[2]
    half = talk()
    far = beyond(half)
    next(p for p in far.packets if p[TCP].flags == 0x12)[TCP].options = [("MSS", 1379)]
    found = only(both_ways(half, far), "mss-clamp-one-way")
    assert "lowers the MSS of the SYN-ACK from 1460 to 1379, but leaves that of the SYN (1460)" in found.sentence


def test_how_long_packets_wait_between_the_points_is_said() -> None:
    near = talk()
    far = beyond(near)
    data = [packet for packet in far.packets if len(packet[IP]) > 900]
    for packet in data[1::2]:
        packet.time += 0.003
    far.packets.sort(key=lambda each: float(each.time))
    report = both_ways(near, far)
    assert report.is_healthy
    assert "From 10.0.0.1 to 10.0.1.2 full packets wait 3 ms beyond the fastest one" in report.remarks[2]


def test_a_reset_that_was_never_sent_is_a_devices() -> None:
    near = talk(20)
    far = beyond(near)
    last = near.packets[-1]
    reset = last.copy()
    reset[TCP].flags, reset.time = "RA", float(last.time) + 0.01
    del reset[TCP].chksum
    near.packets.append(reset)
    assert only(both_ways(near, far), "reset-by-middlebox").frames[0].file == 0


def test_points_without_a_packet_in_common_are_told_as_such() -> None:
    report = both_ways(talk(), _shifted(talk()))
    assert report.remarks[2].startswith("point 1 and point 2 together: no packet is at both points")
    assert report.is_healthy


def _shifted(story: Story) -> Story:
    """As behind a proxy: a connection of its own."""
    for packet in story.packets:
        packet[TCP].seq = packet[TCP].seq + 777_777 & 0xFFFFFFFF
        packet[TCP].ack = packet[TCP].ack + 555_555 & 0xFFFFFFFF
        del packet[TCP].chksum
    return story


@pytest.mark.thin(5)
@pytest.mark.parametrize("seed", range(10))
def test_columns_and_packets_join_alike(seed: int) -> None:
    """Connections that lose, reorder, are reset and repeat themselves, at two or three points."""
    dice = random.Random(seed)
    near = Story()
    for number in range(5):
        tcp = Tcp(near, sport=41000 + number, port=dice.choice((80, 443, 53)))
        tcp.seq = {CLIENT: dice.randrange(1 << 32), SERVER: dice.choice((90000, 0xFFFFFFF0))}
        tcp.open().ask()
        for _ in range(dice.randrange(24)):
            near.wait(dice.choice((0.001, 0.01, 1.2)))
            source, other = dice.choice(((CLIENT, SERVER), (SERVER, CLIENT)))
            tcp.say(source, dice.randbytes(dice.choice((10, 600, 1400))))
            if dice.random() < 0.1:
                tcp.raw(source, "A", bytes(20), seq=tcp.seq[source] - 20)
            tcp.ack(other)
        near.udp(CLIENT, SERVER, (5000 + number, 6000), dice.randbytes(dice.choice((3, 40, 900))))
        tcp.raw(dice.choice((CLIENT, SERVER)), dice.choice(("FA", "RA")))
    share = dice.choice((0.0, 0.01, 0.2))
    far = beyond(near, lambda _, __: dice.random() < share, hops=dice.choice((0, 3)))
    stories = [near, far, beyond(near, lambda _, __: dice.random() < share, offset=-7.0, hops=9)][: dice.choice((2, 3))]
    both_ways(*stories)


def test_what_is_lost_for_its_size_between_two_points_is_a_black_hole() -> None:
    """All large ones, again and again; smaller ones of data pass, of another protocol."""
    near = Story()
    tcp = Tcp(near, mss=8961).open()
    begin = tcp.seq[CLIENT]
    for number in range(6):
        tcp.seq[CLIENT] = begin
        tcp.say(CLIENT, bytes(3000))
        near.wait(2**number).udp(CLIENT, SERVER, (5000, 5001), bytes(1200))
    far = beyond(near, lambda number, _: len(near.packets[number][IP]) > 2000)
    found = only(both_ways(near, far), "pmtu-black-hole")
    assert found.confidence == "proved"
    assert "All of them have 3040 bytes or more, all that passed have 1228 or less." in found.sentence
    assert "lower the MTU of its interface or route to 1228" in found.next


def test_what_was_acknowledged_and_is_not_there_in_any_piece_the_second_capture_lost() -> None:
    """Large segments where they are sent, cut on the way; the second capture misses the end of the upload, of which
    nothing shows it but an acknowledgement."""
    near = Story()
    tcp = Tcp(near).open(3 * DELAY).ask(round_trip=3 * DELAY)
    for _ in range(12):
        near.wait(0.01)
        tcp.say(CLIENT, bytes(8000))
        near.wait(3 * DELAY)
        tcp.ack(SERVER)
    near.wait(1)
    tcp.ack(CLIENT)
    far = beyond(near)
    cut = []
    for packet in far.packets:
        size = len(packet[TCP].payload)
        if packet[IP].src != CLIENT or size < 8000:
            cut.append(packet)
            continue
        for start in range(0, 8000 if len(cut) < 60 else 0, 1000):
            piece = packet.copy()
            piece[TCP].seq += start
            piece[TCP].payload = Raw(bytes(1000))
            piece[IP].id = 7000 + len(cut)
            del piece[IP].len, piece[TCP].chksum
            cut.append(piece)
    far.packets = cut
    assert not [each for each in both_ways(near, far).findings if each.kind == "loss"]


def test_what_was_acknowledged_only_after_it_was_sent_again_is_lost() -> None:
    """The same upload, of which each fourth segment comes the second time, in pieces."""
    near = Story()
    tcp = Tcp(near).open(3 * DELAY).ask(round_trip=3 * DELAY)
    again = set()
    for number in range(12):
        near.wait(0.01)
        seq = tcp.seq[CLIENT]
        tcp.say(CLIENT, bytes(2000))
        if number % 4 == 2:
            near.wait(0.3)
            for start in (0, 1000):
                again.add(len(near.packets))
                tcp.raw(CLIENT, "PA", bytes(1000), seq=seq + start)
        near.wait(3 * DELAY)
        tcp.ack(SERVER)
    lost = {number for number, packet in enumerate(near.packets) if number + 1 in again and number not in again}
    (finding,) = (each for each in both_ways(near, beyond(near, lambda n, _: n in lost)).findings)
    assert finding.kind == "loss"
    assert "between the two capture points" in finding.sentence + " ".join(finding.checked)


def _pages(dns: int = 0) -> Story:
    """Connections of one client to one server, each with numbers of its own, and DNS queries to the same host."""
    story = Story()
    for number in range(8):
        tcp = Tcp(story, sport=40000 + number)
        tcp.seq = {CLIENT: 1000 + number * 7_654_321, SERVER: 90000 + number * 8_765_431}
        tcp.open(3 * DELAY)
        for _ in range(3):
            tcp.ask(round_trip=3 * DELAY).say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + bytes(900))
            tcp.ack(CLIENT)
        story.wait(0.3)
        if number < dns:
            query = bytes((0, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)) + b"\3www\7example\3com\0\0\1\0\1"
            story.udp(CLIENT, SERVER, (50000 + number, 53), query)
            story.wait(3 * DELAY).udp(SERVER, CLIENT, (53, 50000 + number), query[:2] + b"\x81\x80" + query[4:])
    return story


PARTIAL: dict[str, tuple[int, Callable[[Any], bool]]] = {
    "only TCP": (6, lambda packet: TCP in packet),
    "half of the connections": (0, lambda packet: TCP in packet and max(packet[TCP].sport, packet[TCP].dport) % 2 == 0),
    "one direction": (0, lambda packet: packet[IP].src == CLIENT),
    "the other direction": (0, lambda packet: packet[IP].src == SERVER),
}


@pytest.mark.parametrize("name", PARTIAL)
@pytest.mark.parametrize("in_columns", [False, True])
def test_what_passes_beside_a_capture_that_takes_a_part_is_not_lost(name: str, in_columns: bool) -> None:
    """The second capture has a filter, or stands beside the way of some; at the first one all is answered."""
    queries, is_taken = PARTIAL[name]
    near = _pages(queries)
    far = beyond(near)
    far.packets = [packet for packet in far.packets if is_taken(packet)]
    assert [each.kind for each in judged(near, far, in_columns=in_columns).findings] == []


def test_queries_that_nobody_answers_are_lost_where_the_second_capture_has_none_of_them() -> None:
    near = _pages(8)
    near.packets = [packet for packet in near.packets if TCP in packet or packet[IP].src == CLIENT]
    far = beyond(near, lambda number, _: TCP not in near.packets[number])
    assert "loss" in [each.kind for each in both_ways(near, far).findings]


@pytest.mark.long
def test_of_very_many_points_those_with_most_packets_are_compared_and_this_is_said() -> None:
    story = Story()
    for vni in range(1, 31):
        for packet in _pages().packets[: 3 + vni]:
            story.udp("10.9.0.1", "10.9.0.9", (50000, 4789), struct.pack(">II", 0x08000000, vni << 8) + bytes(packet))
    remarks = judged(story, in_columns=False).remarks
    assert remarks == judged(story, in_columns=True).remarks
    assert sum(" together: " in each for each in remarks) == 190
    assert "Of 30 capture points the 20 with the most packets are compared" in remarks[30]
