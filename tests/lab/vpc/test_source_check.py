"""Packets with somebody else's address do not leave an instance, unless its interface is told to let them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import Lab, recording, running_lab

from vpcshark.lab.vpc import source_check

SPOOF = """
import sys
from scapy.all import IP, UDP, send
send(IP(src=sys.argv[1], dst=sys.argv[2]) / UDP(sport=7, dport=7777) / b"x", count=5, verbose=False)
"""


def test_each_port_lets_its_own_addresses_through() -> None:
    """By either family; also what has no address yet, and what stays on the link."""
    text = source_check.script({"p1": ("10.0.0.4", "2001:db8::4"), "p2": ("10.0.0.5",)})
    assert 'device "p1"' in text
    assert "ip saddr != { 10.0.0.4, 0.0.0.0 } drop" in text
    assert "ip6 saddr != { 2001:db8::4, ::, fe80::/10 } drop" in text
    assert "ip6 saddr != { ::, fe80::/10 } drop" in text


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_lab() as running:
        yield running


@pytest.mark.e2e
@pytest.mark.long
def test_a_spoofed_packet_arrives_only_where_the_check_is_off(lab: Lab, tmp_path: Path) -> None:
    """tcpdump at the receiving instance says so."""
    eni, target = lab.eni("web-1"), lab.eni("capture-1")
    own, there = eni["PrivateIpAddress"], target["PrivateIpAddress"]
    foreign = lab.eni("db-1")["PrivateIpAddress"]

    def arrived(source: str) -> int:
        with recording(lab, "capture-1", tmp_path / "spoofed.pcap", f"udp port 7777 and src {source}") as seen:
            lab.run(*lab.namespace("web-1"), sys.executable, "-c", SPOOF, source, there)
            lab.run(*lab.namespace("web-1"), "ping", "-c1", "-W1", there)  # what was sent before has arrived by now
            return len(seen.stop())

    assert arrived(own) == 5
    assert arrived(foreign) == 0
    lab.client().modify_network_interface_attribute(
        NetworkInterfaceId=eni["NetworkInterfaceId"], SourceDestCheck={"Value": False}
    )
    assert arrived(foreign) == 5
