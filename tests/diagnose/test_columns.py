"""Columns say what the reader of single packets says; and what they hold back of the judges no verdict would tell."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from vpcshark.diagnose.report import Examination, as_json, examine
from vpcshark.diagnose.table import read_bytes


def _mixed(dice: random.Random) -> Story:
    """Connections that lose, wait, are refused or healthy, and packets of all shapes between them."""
    story = Story()
    for number in range(24):
        tcp = Tcp(story, port=dice.choice((80, 443, 53, 8080)), sport=40000 + number)
        tcp.seq[SERVER] = dice.choice((90000, 0xFFFFFFF0))
        if dice.random() < 0.1:
            tcp.raw(CLIENT, "S")
            story.wait(dice.choice((0.1, 3)))
            continue
        tcp.open(dice.choice((0.01, 0.3))).ask()
        _answer(tcp, dice)
        if dice.random() < 0.5:
            story.put(dice.choice(_SHAPES)(dice))
        tcp.raw(SERVER, dice.choice(("FA", "R", "FA", "RA")))
    return story


def _answer(tcp: Tcp, dice: random.Random) -> None:
    story = tcp.story
    for _ in range(dice.randrange(30)):
        story.wait(dice.choice((0.001, 0.001, 0.001, 0.6)))
        what = dice.random()
        body = dice.choice((b"HTTP/1.1 502 Bad\r\n\r\n", b"\x16\x03\x03\x00\x20", b"")) + bytes(dice.randrange(1, 1400))
        if what < 0.04:
            seq = tcp.skip(SERVER, 700)
            tcp.say(SERVER, body)
            tcp.ack(CLIENT, ack=seq)
            story.wait(dice.choice((0.01, 1.5)))
            tcp.raw(SERVER, "A", bytes(700), seq=seq)
        elif what < 0.06:
            tcp.skip(SERVER, 100)
        elif what < 0.08:
            tcp.raw(CLIENT, "A", window=0)
        else:
            tcp.say(SERVER, body)
        tcp.ack(CLIENT)


def _six(dice: random.Random) -> IPv6:
    return IPv6(src="fd00::1", dst="fd00::2", tc=dice.randrange(256))


_SHAPES: tuple[Callable[[random.Random], Ether], ...] = (
    lambda dice: Ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP(src=CLIENT, dst=SERVER) / TCP(sport=5, dport=6),
    lambda dice: Ether() / _six(dice) / TCP(sport=5, dport=6, options=[("MSS", 1200)]) / Raw(b"x" * dice.randrange(90)),
    lambda dice: Ether() / _six(dice) / IPv6ExtHdrHopByHop() / UDP(sport=5, dport=53) / Raw(b"abc"),
    lambda dice: Ether() / IP(src=CLIENT, dst=SERVER, flags="MF") / UDP(sport=7, dport=8) / Raw(bytes(64)),
    lambda dice: Ether() / IP(src=CLIENT, dst=SERVER) / UDP(sport=5060, dport=53, chksum=0) / Raw(bytes(99)),
    lambda dice: Ether(bytes(Ether() / IP() / TCP() / Raw(bytes(900)))[: dice.randrange(14, 90)]),
    lambda dice: Ether() / IP(src=CLIENT, dst=SERVER) / TCP(chksum=1) / Raw(bytes(dice.randrange(1, 9))),
)


@pytest.mark.thin(4)
@pytest.mark.parametrize("seed", range(8))
def test_columns_hold_the_same_packets_and_lead_to_the_same_verdicts(seed: int) -> None:
    data = _mixed(random.Random(seed)).pcap()
    one_by_one, columns = (read_bytes(data, in_columns=each) for each in (False, True))
    (plain,), (quick,) = one_by_one.points.values(), columns.points.values()
    assert quick.columns is not None
    assert quick.columns.count > 100
    assert quick.packets == plain.packets
    assert (columns.frames, columns.unknown) == (one_by_one.frames, one_by_one.unknown)
    expected, found = examine([plain]), examine([quick])
    assert as_json(found, ["it"]) == as_json(expected, ["it"])
    assert found.remarks == expected.remarks


def test_what_is_quiet_longest_is_judged_and_let_go_and_this_is_said() -> None:
    story = Story()
    for number in range(30):
        Tcp(story, sport=40000 + number).raw(CLIENT, "S")
        story.wait(3)
    data = story.pcap()
    table, examination = read_bytes(data, in_columns=True), Examination(most=10)
    (point,) = table.points.values()
    examination.relieve(point)
    assert point.columns is not None
    assert point.columns.count == 10
    report = examination.finish([point])
    (whole,) = (finding for finding in report.findings if finding.kind == "syn-unanswered")
    (expected,) = (each for each in examine(list(read_bytes(data).points.values())).findings if each.kind == whole.kind)
    assert len(whole.flows) == len(expected.flows) == 29
    assert whole.sentence.partition(" The same")[2] == expected.sentence.partition(" The same")[2]
    assert "20 packets of 20 connections were judged" in report.remarks[1]


def test_of_very_many_syns_without_answer_all_are_counted() -> None:
    story = Story()
    for number in range(260):
        Tcp(story, sport=40000 + number).raw(CLIENT, "S")
        story.wait(0.02)
    story.wait(3)
    Tcp(story, sport=50000).raw(CLIENT, "S")
    (finding,) = examine(list(read_bytes(story.pcap(), in_columns=True).points.values())).findings
    assert "The same holds for 259 more flows." in finding.sentence


def test_of_very_many_refused_connections_all_are_counted() -> None:
    story = Story()
    for number in range(260):
        tcp = Tcp(story, sport=40000 + number)
        tcp.raw(CLIENT, "S")
        tcp.seq[CLIENT] += 1
        tcp.raw(SERVER, "RA", id=0)
        story.wait(0.02)
    report = examine(list(read_bytes(story.pcap(), in_columns=True).points.values()))
    (finding,) = report.findings
    assert finding.kind == "refused"
    assert "The same holds for 259 more flows." in finding.sentence
    assert "60 connections that did not get beyond their opening are counted" in report.remarks[0]


@pytest.mark.long
def test_of_a_scan_of_very_many_hosts_those_that_were_asked_most_are_looked_at_and_the_rest_is_counted() -> None:
    story = Story()
    story.send(CLIENT, SERVER, TCP(sport=40000, dport=443, seq=7))
    first = story.pcap()
    head, record = first[:24], first[24:]
    made = [head]
    for number in range(4601):
        place = min(number, 4199)
        port = 40000 if number < 4200 else 40001 + number
        packet = bytearray(record)
        packet[0:4] = (1_700_000_000 + number // 4600 * 9).to_bytes(4, "little" if head[0] in (0x4D, 0xD4) else "big")
        packet[46:50] = (0x0B000000 + place).to_bytes(4, "big")
        packet[50:52] = port.to_bytes(2, "big")
        made.append(bytes(packet))
    report = examine(list(read_bytes(b"".join(made), in_columns=True).points.values()))
    worst = max(report.findings, key=lambda each: len(each.flows))
    assert "The same holds for 400 more flows." in worst.sentence
    assert "connections that did not get beyond their opening are counted" in report.remarks[0]
    assert len(report.findings) < 4000
