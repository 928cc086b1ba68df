"""DNS: what its silence proves in a capture that takes one direction; names that are found in another form."""

from __future__ import annotations

import struct
import time
from ipaddress import ip_address

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


def frame(source: str, target: str, ports: tuple[int, int], payload: bytes) -> bytes:
    """Without checksums, which are not looked at: scapy takes longer for thousands than they take to be judged."""
    udp = struct.pack(">4H", *ports, 8 + len(payload), 0) + payload
    ends = ip_address(source).packed + ip_address(target).packed
    return bytes(12) + b"\x08\0" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + ends + udp


def of_a_broken_resolver(count: int, code: int, name: str) -> bytes:
    data = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)]
    for number in range(count):
        port, asks = 20000 + number % 40000, name.format(number)
        for what in (
            frame(CLIENT, RESOLVER, (port, 53), message(asks, number)),
            frame(RESOLVER, CLIENT, (53, port), message(asks, number, 0x8180 | code)),
        ):
            at = number * 5_000_000
            data += [struct.pack("<IIII", 1_700_000_000 + at // 10**9, at % 10**9, len(what), len(what)), what]
    return b"".join(data)


@pytest.mark.parametrize(("code", "name"), [(2, "h{}.example"), (3, "h{}.example"), (2, "h.example")])
def test_a_question_costs_no_more_where_there_are_many(code: int, name: str) -> None:
    """Compared with one another, eight times as many questions would cost sixty times as much."""

    def spent(count: int) -> float:
        points = list(read_bytes(of_a_broken_resolver(count, code, name)).points.values())
        began = time.process_time()
        assert examine(points).findings
        return time.process_time() - began

    assert min(spent(8000) for _ in range(2)) < 25 * max(spent(1000) for _ in range(3))


def test_a_name_is_no_missing_one_where_another_form_of_it_is_found_within_two_seconds() -> None:
    for other, wait, kinds in (
        ("www", 1.0, []),
        ("www", 3.0, ["dns-nxdomain"]),
        ("www.corp", 1.0, []),
        ("www.other.example", 1.0, []),
        ("ww", 1.0, ["dns-nxdomain"]),
        ("corp.example", 1.0, ["dns-nxdomain"]),
    ):
        story = Story()
        for ident, (name, flags) in enumerate((("www.corp.example", 0x8183), (other, 0x8180))):
            story.udp(CLIENT, RESOLVER, (50000 + ident, 53), message(name, ident))
            story.wait(0.01).udp(RESOLVER, CLIENT, (53, 50000 + ident), message(name, ident, flags))
            story.wait(wait)
        assert [each[0] for each in told(story, in_columns=False)] == kinds, other


def test_a_failure_is_none_where_the_same_name_is_found_later_by_any_resolver() -> None:
    for later, kinds in ((True, []), (False, ["dns-servfail"])):
        story = Story()
        for resolver, flags in ((RESOLVER, 0x8182), ("10.0.0.3", 0x8180))[:: 1 if later else -1]:
            story.wait(0.5).udp(CLIENT, resolver, (50000, 53), message("a.example", 7))
            story.wait(0.01).udp(resolver, CLIENT, (53, 50000), message("a.example", 7, flags))
        assert [each[0] for each in told(story, in_columns=False)] == kinds
