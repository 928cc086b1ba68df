"""The rules of Traffic Mirroring, told with frames that scapy built."""

from __future__ import annotations

import pytest
from scapy.layers.dhcp6 import DHCP6_Solicit
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from vpcshark.lab.matching import accepts, choose
from vpcshark.lab.model import LabRule, LabSession

WEB, PEER, RESOLVER = "10.101.1.10", "10.101.2.20", "10.101.0.2"
WEB6, PEER6 = "2600:1f00::10", "2600:1f00::20"


def everything(action: str = "accept", number: int = 100) -> tuple[LabRule, ...]:
    """Rules for both families in both directions."""
    return tuple(
        LabRule(number + index, direction, action, cidr, cidr)
        for index, (direction, cidr) in enumerate((d, c) for d in ("ingress", "egress") for c in ("0.0.0.0/0", "::/0"))
    )


def session(*rules: LabRule, number: int = 1, amazon_dns: bool = False) -> LabSession:
    """A session with these rules."""
    return LabSession(f"tms-{number}", number, number, "eni-a", "eni-b", None, amazon_dns, rules, RESOLVER)


def frame(packet: Packet) -> bytes:
    """The packet as an Ethernet frame."""
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet)


TCP4 = IP(src=PEER, dst=WEB) / TCP(sport=40000, dport=80)


def test_nothing_is_mirrored_without_a_rule() -> None:
    """A filter without rules mirrors nothing."""
    assert not accepts(session(), frame(TCP4), "ingress")


def test_first_match_in_ascending_order_decides() -> None:
    """The lowest number wins, whatever the order in which the rules were made."""
    accept = LabRule(200, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0")
    reject = LabRule(100, "ingress", "reject", "0.0.0.0/0", "0.0.0.0/0", protocol=6)
    assert not accepts(session(accept, reject), frame(TCP4), "ingress")
    assert accepts(session(accept, reject), frame(IP(src=PEER, dst=WEB) / ICMP()), "ingress")


def test_directions_are_separate() -> None:
    """An ingress rule says nothing of egress."""
    rule = LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0")
    assert accepts(session(rule), frame(TCP4), "ingress")
    assert not accepts(session(rule), frame(TCP4), "egress")


def test_families_are_separate() -> None:
    """0.0.0.0/0 does not speak of IPv6."""
    rule = LabRule(1, "egress", "accept", "0.0.0.0/0", "0.0.0.0/0")
    assert not accepts(session(rule), frame(IPv6(src=WEB6, dst=PEER6) / TCP()), "egress")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (LabRule(1, "ingress", "accept", "10.101.2.0/24", "0.0.0.0/0"), True),
        (LabRule(1, "ingress", "accept", "10.101.3.0/24", "0.0.0.0/0"), False),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "10.101.1.10/32"), True),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "10.101.1.11/32"), False),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 6), True),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 17), False),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 6, None, (80, 80)), True),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 6, None, (81, 90)), False),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 6, (40000, 40001), (1, 80)), True),
        (LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 6, (1, 39999), None), False),
    ],
)
def test_every_field_of_a_rule_counts(rule: LabRule, expected: bool) -> None:
    """Networks, protocol and port ranges (both ends included) all have to fit."""
    assert accepts(session(rule), frame(TCP4), "ingress") is expected


@pytest.mark.parametrize(
    "packet",
    [
        ARP(psrc=WEB, pdst=PEER),
        IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67),
        IPv6(src="fe80::1", dst="ff02::1:2") / UDP(sport=546, dport=547) / DHCP6_Solicit(),
        IP(src=WEB, dst="169.254.169.254") / TCP(dport=80),
        IP(src="169.254.169.123", dst=WEB) / UDP(sport=123, dport=123),
        IPv6(src=WEB6, dst="fd00:ec2::254") / TCP(dport=80),
    ],
)
def test_some_traffic_is_never_mirrored(packet: Packet) -> None:
    """ARP, DHCP, instance metadata and time stay out, whatever the rules say."""
    assert not accepts(session(*everything(), amazon_dns=True), frame(packet), "egress")


@pytest.mark.parametrize("resolver", [RESOLVER, "169.254.169.253"])
def test_resolver_traffic_needs_the_network_service(resolver: str) -> None:
    """DNS with the VPC's resolver is mirrored with amazon-dns only, then whatever the rules say."""
    query = frame(IP(src=WEB, dst=resolver) / UDP(sport=5000, dport=53))
    answer = frame(IP(src=resolver, dst=WEB) / UDP(sport=53, dport=5000))
    assert not accepts(session(*everything()), query, "egress")
    assert accepts(session(amazon_dns=True), query, "egress")
    assert accepts(session(amazon_dns=True), answer, "ingress")


def test_dns_with_another_server_follows_the_rules() -> None:
    """A name server of one's own is no Amazon DNS."""
    query = frame(IP(src=WEB, dst=PEER) / UDP(sport=5000, dport=53))
    assert accepts(session(*everything()), query, "egress")
    assert not accepts(session(amazon_dns=True), query, "egress")


def test_later_fragments_have_no_ports() -> None:
    """Rules with ports match the first fragment alone; rules without match all."""
    pieces = fragment(IP(src=PEER, dst=WEB) / UDP(sport=1, dport=80) / Raw(b"x" * 3000), fragsize=1000)
    by_port = session(LabRule(1, "ingress", "accept", "0.0.0.0/0", "0.0.0.0/0", 17, None, (80, 80)))
    assert len(pieces) > 2
    assert [accepts(by_port, frame(piece), "ingress") for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert all(accepts(session(*everything()), frame(piece), "ingress") for piece in pieces)


def test_extension_headers_are_walked() -> None:
    """Protocol and ports are those behind IPv6's extension headers."""
    rule = LabRule(1, "egress", "accept", "::/0", "::/0", 17, None, (53, 53))
    outer = IPv6(src=WEB6, dst=PEER6)
    chain = outer / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1) / UDP(dport=53)
    later = outer / IPv6ExtHdrFragment(offset=185, nh=17) / Raw(b"\x00\x35\x00\x35")
    assert accepts(session(rule), frame(chain), "egress")
    assert not accepts(session(rule), frame(later), "egress")
    assert not accepts(session(rule), frame(outer / ICMPv6EchoRequest()), "egress")


def test_the_lowest_session_that_accepts_is_chosen() -> None:
    """Each packet is mirrored once: a session that rejects it passes it on to the next number."""
    rejecting = session(*everything("reject"), number=1)
    second, third = session(*everything(), number=2), session(*everything(), number=3)
    assert choose([third, rejecting, second], frame(TCP4), "ingress") == second
    assert choose([rejecting], frame(TCP4), "ingress") is None


@pytest.mark.parametrize("length", range(60))
def test_short_frames_do_no_harm(length: int) -> None:
    """A frame cut anywhere is matched as far as it goes."""
    by_port = session(LabRule(1, "egress", "accept", "::/0", "::/0", 6, None, (80, 80)))
    cut = frame(IPv6(src=WEB6, dst=PEER6) / TCP(dport=80))[:length]
    assert accepts(by_port, cut, "egress") is (length >= 58)
