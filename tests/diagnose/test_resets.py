"""Who refuses: a reset beside all else that its host sends, and at whose interface it is seen."""

from __future__ import annotations

from typing import Any

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.inet import ICMP, IP

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes
from vpcshark.wire.capture_files import pcapng


def refused(ttl: int, *pings: int, at: float = 0.0) -> Story:
    """A ping to the server for each of these TTLs of its replies, and a port of it that is closed."""
    story = Story(now=1_700_000_000.0 + at)
    for number, each in enumerate(pings):
        story.send(CLIENT, SERVER, ICMP(type=8, seq=number))
        story.send(SERVER, CLIENT, ICMP(type=0, seq=number), ttl=each)
        story.wait(1)
    tcp = Tcp(story)
    tcp.raw(CLIENT, "S")
    story.wait(0.001)
    tcp.seq[CLIENT] += 1
    tcp.raw(SERVER, "RA", seq=0, ttl=ttl, id=0)
    return story


def only(data: bytes, *more: bytes, in_columns: bool = False) -> Finding:
    tables = [read_bytes(each, place, in_columns=in_columns) for place, each in enumerate((data, *more))]
    findings = examine([point for table in tables for point in table.all_points]).findings
    (found,) = (each for each in findings if each.kind == "refused")
    return found


def own_interface(story: Story, *description: str) -> bytes:
    head = pcapng.section_header() + pcapng.interface_description("eni-1", " · ".join(description))
    _, blocks = story.blocks()
    return head + b"".join(blocks)


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize(("reset", "ping"), [(63, 63), (64, 64), (63, 254)])
def test_a_reset_is_compared_with_the_hosts_replies_to_pings(reset: int, ping: int, in_columns: bool) -> None:
    found = only(refused(reset, ping, ping).pcap(), in_columns=in_columns)
    assert "by the host itself, or by a device as far from here." in found.sentence
    assert f"TTL is {reset}, that of the host's packets of other protocols (ICMP) {ping}" in found.checked[0]


def test_a_reset_that_came_another_distance_than_pings_is_not_said_to_be_the_hosts() -> None:
    found = only(refused(64, 62).pcap())
    assert "by the host or by a firewall in its name" in found.sentence
    assert "they did not come equally far" in found.checked[0]


def test_that_a_host_sent_nothing_else_is_said_where_it_is_true() -> None:
    assert "10.0.1.2 sent nothing but resets at this point" in only(refused(63).pcap()).checked[0]


@pytest.mark.parametrize("in_columns", [False, True])
def test_a_reset_at_the_hosts_own_interface_is_the_hosts(in_columns: bool) -> None:
    near, far = refused(63), refused(64)
    seen = own_interface(far, "db-1", "i-0abc", SERVER)
    for files in ((near.pcap(), seen), (seen, near.pcap())):
        found = only(*files, in_columns=in_columns)
        assert "a reset answers the SYN, by the host itself, or a firewall on it." in found.sentence
        assert "It was seen at 10.0.1.2's own interface." in found.checked


@pytest.mark.parametrize("description", [("web-1", CLIENT), ("db-1",), (f"for {SERVER}",), ()])
def test_another_interface_proves_nothing_of_who_sent_it(description: tuple[Any, ...]) -> None:
    story = refused(63)
    assert IP in story.packets[0]
    assert "by the host or by a firewall in its name" in only(own_interface(story, *description)).sentence
