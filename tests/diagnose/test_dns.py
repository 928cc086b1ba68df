"""DNS: what its silence proves in a capture that takes one direction."""

from __future__ import annotations

import struct

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import IP

from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes

RESOLVER = "10.0.0.2"


def message(name: str, ident: int, flags: int = 0x0100, kind: int = 1) -> bytes:
    """A query; with ``flags`` 0x8180 and a code, its answer."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".")) + b"\0"
    return struct.pack(">6H", ident, flags, 1, 0, 0, 0) + labels + struct.pack(">HH", kind, 1)


def asked(story: Story, name: str, ident: int, is_answered: bool = True, port: int = 0) -> None:
    port = port or 41000 + ident
    story.udp(CLIENT, RESOLVER, (port, 53), message(name, ident))
    if is_answered:
        story.wait(0.002).udp(RESOLVER, CLIENT, (53, port), message(name, ident, 0x8180))


def surfed(times: int = 1, is_answered: bool = True) -> Story:
    """Three names are looked up, and the server that they name is asked."""
    story = Story()
    for number, name in enumerate(("a.example.com", "b.example.com", "c.example.com")):
        for _ in range(times):
            asked(story, name, number + 1, is_answered)
            story.wait(1)
        tcp = Tcp(story, sport=42000 + number).open().ask()
        tcp.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        tcp.ack(CLIENT)
        story.wait(4)
    return story


def told(story: Story, *, in_columns: bool) -> list[tuple[str, str]]:
    report = examine(list(read_bytes(story.pcap(), in_columns=in_columns).points.values()))
    return [(each.kind, each.confidence) for each in report.findings]


@pytest.mark.parametrize("in_columns", [False, True])
class TestOneDirection:
    def test_a_resolver_is_not_silent_where_nothing_that_the_client_gets_is_captured(self, in_columns: bool) -> None:
        story = surfed()
        story.packets = [packet for packet in story.packets if packet[IP].src == CLIENT]
        expected = [("dns-unanswered", "cannot-tell"), ("one-direction", "cannot-tell")]
        assert sorted(told(story, in_columns=in_columns)) == expected

    def test_a_query_that_is_sent_again_was_not_answered_whatever_is_captured(self, in_columns: bool) -> None:
        story = surfed(times=2, is_answered=False)
        story.packets = [packet for packet in story.packets if packet[IP].src == CLIENT]
        assert ("dns-unanswered", "proved") in told(story, in_columns=in_columns)

    def test_a_resolver_is_silent_where_the_client_is_seen_to_get_other_packets(self, in_columns: bool) -> None:
        assert told(surfed(is_answered=False), in_columns=in_columns) == [("dns-unanswered", "proved")]
