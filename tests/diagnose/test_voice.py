"""Calls: what is told of their RTP, and what is not."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

import pytest
from packets import CLIENT, SERVER, Story
from scapy.layers.inet import IP

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes

Sent = tuple[float, int, int, int, bytes]
"""A packet of one side: (when, source, payload type, time stamp, payload)."""
_STEP, _PORTS = 0.02, {CLIENT: (16384, 20000), SERVER: (20000, 16384)}


def speech(lasts: float, *, begins: float = 0, source: int = 1) -> list[Sent]:
    """A packet each 20 ms."""
    count = round(lasts / _STEP)
    return [(begins + n * _STEP, source, 0, round((begins + n * _STEP) * 8000), b"\x55" * 160) for n in range(count)]


def with_digits(lasts: float) -> list[Sent]:
    """A key is pressed each two seconds: twelve packets of RFC 4733 in place of speech, of one time stamp."""
    found = speech(lasts)
    for place, (at, source, _, stamp, _) in enumerate(found):
        since = place % 100
        if since < 12:
            payload = struct.pack(">BBH", 5, 10 | (0x80 if since > 8 else 0), 160 * (since + 1))
            found[place] = (at, source, 101, stamp - 160 * since, payload)
    return found


def with_comfort_noise(lasts: float, turn: int) -> list[Sent]:
    """Each side speaks for a second in turn; meanwhile the other one sends noise each 200 ms (RFC 3389)."""
    found = []
    for place, sent in enumerate(speech(lasts)):
        if place // 50 % 2 == turn:
            found.append(sent)
        elif place % 10 == 0:
            found.append((*sent[:2], 13, sent[3], b"\x20"))
    return found


def call(**sides: Iterable[Sent]) -> Story:
    """``client`` and ``server``: what each sends. Sequence numbers count up for each source."""
    story = Story()
    begin = story.now
    sent = [(each, who) for who, name in ((CLIENT, "client"), (SERVER, "server")) for each in sides[name]]
    numbers: dict[tuple[str, int], int] = {}
    for (at, source, kind, stamp, payload), who in sorted(sent):
        number = numbers[who, source] = numbers.get((who, source), 0) + 1
        story.now = begin + at
        head = struct.pack(">BBHII", 0x80, kind, number, stamp, source)
        story.udp(who, SERVER if who == CLIENT else CLIENT, _PORTS[who], head + payload)
    return story


def told(story: Story, *, in_columns: bool = False, at: str = "") -> list[Finding]:
    """``at``: whose interface the capture's is, as far as the file says it."""
    head, blocks = story.blocks(at)
    data = head + b"".join(blocks)
    return list(examine(list(read_bytes(data, in_columns=in_columns).points.values())).findings)


SOUND: dict[str, Callable[[], Story]] = {
    "keys are pressed": lambda: call(client=with_digits(20), server=speech(20)),
    "who is silent sends noise": lambda: call(client=with_comfort_noise(20, 0), server=with_comfort_noise(20, 1)),
    "the picture ends before the sound": lambda: call(
        client=[*speech(12, source=1), *speech(12, source=2)], server=[*speech(12, source=1), *speech(4, source=2)]
    ),
    "who is silent sends nothing": lambda: call(
        client=speech(12), server=[*speech(4), *speech(2, begins=7.5, source=1)]
    ),
}


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_told_of_a_sound_call(name: str, in_columns: bool) -> None:
    assert [each.sentence for each in told(SOUND[name](), in_columns=in_columns)] == []


def test_lost_packets_are_told_of_a_call_in_which_keys_are_pressed() -> None:
    story = call(client=with_digits(20), server=speech(20))
    story.packets = [packet for place, packet in enumerate(story.packets) if place % 20 != 7]
    assert {each.kind for each in told(story)} == {"rtp-loss"}


def test_one_direction_that_stops_for_longer_than_it_ever_paused_is_told() -> None:
    story = call(client=speech(12), server=[*speech(4), *speech(2, begins=4.5)])
    assert [each.kind for each in told(story)] == ["rtp-one-way"]


@pytest.mark.parametrize(("heard", "sure"), [(True, "likely"), (False, "cannot-tell")])
def test_that_audio_never_came_is_likely_only_where_anything_of_the_other_side_is_seen(heard: bool, sure: str) -> None:
    story = Story()
    story.udp(CLIENT, SERVER, (5060, 5060), b"INVITE sip:b@example.com SIP/2.0\r\n\r\n")
    if heard:
        story.udp(SERVER, CLIENT, (5060, 5060), b"SIP/2.0 200 OK\r\n\r\n")
    story.packets += call(client=speech(6), server=[]).packets
    (finding,) = told(story)
    assert (finding.kind, finding.confidence) == ("rtp-one-way", sure)


def in_bursts(lasts: float) -> list[Sent]:
    """Six packets each 120 ms."""
    return [(n // 6 * 0.12 + n % 6 * 0.0005, *sent[1:]) for n, sent in enumerate(speech(lasts))]


@pytest.mark.parametrize("hops", [64, 63, 255])
def test_jitter_is_told_of_what_comes_inside_a_vpc_whatever_its_ttl(hops: int) -> None:
    """No hop of a VPC lowers it: the sender's is the same at the receiver."""
    story = call(client=speech(20), server=in_bursts(20))
    for packet in story.packets:
        packet[IP].ttl = 64 if packet[IP].src == CLIENT else hops
    (finding,) = told(story)
    assert finding.kind == "rtp-jitter"
    assert [each.client for each in finding.flows] == [f"{SERVER}:20000"]


@pytest.mark.parametrize(("at", "kinds"), [(CLIENT, []), (SERVER, ["rtp-jitter"])])
def test_whose_interface_it_is_says_where_a_sender_stands(at: str, kinds: list[str]) -> None:
    """Before the network nothing of its jitter can be seen."""
    story = call(client=in_bursts(20), server=speech(20))
    for packet in story.packets:
        packet[IP].ttl = 64
    assert [each.kind for each in told(story, at=f"web-1 · {at}")] == kinds
