"""Packets of any bytes: nothing raises but what says where a capture ends, and verdicts come of all that was read."""

from __future__ import annotations

import random
import struct

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from vpcshark.diagnose.finding import CANNOT_TELL
from vpcshark.diagnose.packet import RIGHT, WRONG
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes


def _only(layer: object):
    story = Story()
    story.put(layer)
    (point,) = read_bytes(story.pcap()).points.values()
    return point.packets[0]


def test_vlan_tags_and_extension_headers_are_passed() -> None:
    segment = TCP(sport=5, dport=6, seq=7) / Raw(b"abc")
    over4 = _only(Ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP(src=CLIENT, dst=SERVER) / segment)
    over6 = _only(Ether() / IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrHopByHop() / segment)
    assert [(p.sport, p.dport, p.seq, p.size, p.checksum) for p in (over4, over6)] == [(5, 6, 7, 3, RIGHT)] * 2


def test_a_later_fragment_has_no_ports() -> None:
    fragment = IPv6ExtHdrFragment(offset=9, id=3, nh=6)
    packet = _only(Ether() / IPv6(src="fd00::1", dst="fd00::2") / fragment / Raw(b"x" * 40))
    assert (packet.shift, packet.ident, packet.sport) == (72, 3, 0)


def test_a_wrong_checksum_is_seen() -> None:
    assert _only(Ether() / IP() / TCP(chksum=1) / Raw(b"abcd")).checksum == WRONG


def test_the_length_is_the_headers_and_not_what_was_captured() -> None:
    frame = bytes(Ether() / IP(src=CLIENT, dst=SERVER) / TCP() / Raw(bytes(1000)))
    assert _only(Ether(frame[:80])).size == 1000


def _download(story: Story) -> None:
    tcp = Tcp(story).open().ask()
    for _ in range(60):
        tcp.say(SERVER, bytes(1460))
        tcp.ack(CLIENT)
        story.wait(0.05)


def _over_six() -> Story:
    story = Story()
    _download(story)
    for frame in story.packets:
        frame[Ether].payload = IPv6(src="fd00::1", dst="fd00::2") / frame[TCP]
    return story


def _mirrored() -> Story:
    inner, story = Story(), Story()
    _download(inner)
    for frame in inner.packets:
        story.now = float(frame.time)
        story.udp("10.0.0.9", "10.0.9.9", (50000, 4789), struct.pack(">II", 0x08000000, 77 << 8) + bytes(frame))
    return story


def _mirrored_in_part() -> Story:
    """AWS cuts the frame and sends its carrier whole."""
    story = _mirrored()
    for frame in story.packets:
        frame[UDP].payload = Raw(bytes(frame[UDP].payload)[: 8 + 48])
        del frame[IP].len, frame[UDP].len
    return story


def _pinged() -> Story:
    story = Story()
    for _ in range(5):
        story.wait(1).send(CLIENT, SERVER, ICMP(type=8) / Raw(bytes(56)))
    return story


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize(
    "story",
    [_over_six().cut(68), _mirrored().cut(96), _mirrored_in_part(), _pinged().cut(40), _over_six().cut(50)],
    ids=["IPv6 -s 68", "VXLAN -s 96", "mirror of 48 bytes", "ping -s 40", "IPv6 -s 50"],
)
def test_of_packets_that_are_cut_in_their_headers_nothing_is_told_but_that(story: Story, in_columns: bool) -> None:
    report = examine(read_bytes(story.pcap(), in_columns=in_columns).all_points)
    (finding,) = report.findings
    count = len(story.packets)
    assert (finding.kind, finding.confidence) == ("nothing-to-tell", CANNOT_TELL)
    assert f"Of the {count} packets in this capture {count} are cut off in their headers" in finding.sentence


def test_packets_that_are_cut_in_their_headers_are_counted_beside_the_others() -> None:
    story = Story()
    _download(story)
    cut = _over_six().cut(68)
    story.packets += cut.packets
    report = examine(read_bytes(story.pcap()).all_points)
    assert report.is_healthy
    assert f"; {len(cut.packets)} packets more, of which too little was captured" in report.remarks[0]


@pytest.mark.parametrize("seed", range(12))
def test_damaged_captures_are_judged_without_a_word(seed: int) -> None:
    dice = random.Random(seed)
    story = Story()
    for number in range(4):
        tcp = Tcp(story, port=(80, 443, 53, 25)[number], sport=40000 + number).open().ask()
        tcp.say(SERVER, b"\x16\x03\x03\x00\x40\x02" + bytes(60))
        story.udp(CLIENT, SERVER, (5000 + number, (53, 4789, 6081, 5004)[number]), bytes(range(80)))
    data = bytearray(story.pcap())
    places = [at for at in range(24, len(data))]
    starts, at = [], 24
    while at < len(data):
        starts.append(at)
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little" if data[0] in (0x4D, 0xD4) else "big")
    heads = {at + n for at in starts for n in range(16)}
    for _ in range(60):
        place = dice.choice(places)
        if place not in heads:
            data[place] = dice.randrange(256)
    assert examine(list(read_bytes(bytes(data)).points.values())).remarks


@pytest.mark.parametrize("in_columns", [False, True])
def test_points_have_the_order_of_their_vnis_whichever_comes_first(in_columns: bool) -> None:
    story = Story()
    for vni in (9, 3, -1, 3) * 6:
        frame = Ether() / IP(src=CLIENT, dst=SERVER, id=7) / TCP(sport=5, dport=6) / Raw(bytes(40))
        vxlan = struct.pack(">II", 0x08000000, vni << 8) + bytes(frame) if vni > 0 else b""
        story.udp(CLIENT, SERVER, (50000, 4789), vxlan) if vxlan else story.put(frame)
    assert [vni for _, vni in read_bytes(story.pcap(), in_columns=in_columns).points] == [-1, 3, 9]
