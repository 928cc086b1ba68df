"""The grammar of capture filters: read as libpcap reads it, or refused."""

from __future__ import annotations

import pytest

from vpcshark.wire.mirror_rules.filter_parser import Unreadable, parse
from vpcshark.wire.mirror_rules.primitives import EVERYTHING, NOTHING, AllOf, AnyOf, Network, Node, Not, Pattern, Vague


def read(text: str, **ports: int) -> Node:
    """The tree; ``ports`` are the named services, for TCP."""
    return parse(text, lambda name, protocol: ports.get(name) if protocol == "tcp" else None, is_inbound=True)


def dst(port: int) -> Node:
    """tcp dst port N."""
    return AnyOf((AnyOf(tuple(Pattern(v, 6, destination_ports=(port, port)) for v in (4, 6))),))


def test_and_and_or_bind_equally_and_to_the_left():
    """Unlike in C: the last operator decides."""
    assert read("ip or tcp and udp") == AllOf((AnyOf((read("ip"), read("tcp"))), read("udp")))
    assert read("ip and tcp or udp") == AnyOf((AllOf((read("ip"), read("tcp"))), read("udp")))
    assert read("ip && tcp || udp") == read("ip and tcp or udp")


def test_not_binds_closest():
    """To the next primitive alone."""
    assert read("not ip and tcp") == AllOf((Not(read("ip")), read("tcp")))
    assert read("! (ip and tcp)") == Not(read("ip and tcp"))
    assert read("not not ip") == read("ip")


@pytest.mark.parametrize(
    "text",
    [
        "tcp dst port 80 or 443",
        "tcp dst port (80 or 443)",
        "tcp dst port 80 or (443)",
        "tcp dst port 80 || tcp dst port 443",
        "tcp dst port 80 or tcp dst port 0x1bb",
    ],
)
def test_a_bare_value_takes_over_the_qualifiers_before_it(text: str):
    """The shorthand of pcap-filter(7): "identical qualifier lists can be omitted"."""
    assert read(text) == AnyOf((dst(80), dst(443)))


def test_after_a_parenthesis_the_qualifiers_before_it_hold():
    """Not those inside."""
    assert read("tcp dst port 80 and (ip or udp) or 443") == AnyOf((AllOf((dst(80), read("ip or udp"))), dst(443)))


@pytest.mark.parametrize("text", ["80", "ip or 80", "ip 80", "(tcp or udp) port 80", "port", "port and", "ip)", "(ip"])
def test_what_makes_no_sense_is_refused(text: str):
    """libpcap says what is wrong with it; here it merely becomes no rules of its own."""
    with pytest.raises(Unreadable, match="ilter"):
        read(text)


@pytest.mark.parametrize(
    ("text", "length", "address"),
    [
        ("10.1.2.3", 32, 0x0A010203),
        ("10.1.2", 24, 0x0A010200),
        ("10.1", 16, 0x0A010000),
        ("10", 8, 0x0A000000),
        ("10.0.0.0/9", 9, 0x0A000000),
        ("10.1/16", 16, 0x0A010000),
        ("10.1.0.0 mask 255.255.0.0", 16, 0x0A010000),
        ("0", 32, 0),
        ("0xa01", 16, 0x0A010000),
    ],
)
def test_networks_may_be_written_short(text: str, length: int, address: int):
    """As in pcap-filter(7), and as libpcap moves a lone number to the left."""
    assert read(f"src net {text}") == Pattern(4, source=Network(address, length, 32))


def test_hosts_of_both_versions():
    """A lone number after host is an address; IPv6 may be abbreviated."""
    assert read("dst host 10") == Pattern(4, destination=Network(10, 32, 32))
    assert read("dst host ::1") == Pattern(6, destination=Network(1, 128, 128))
    assert read("src host ::") == Pattern(6, source=Network(0, 128, 128))
    both = Network(1, 128, 128)
    assert read("src and dst host ::1") == Pattern(6, source=both, destination=both)


@pytest.mark.parametrize(
    "text",
    [
        "host web.example.com",
        "net 10.0.0.1/8",
        "net 10.0.0.0/33",
        "ip host ::1",
        "tcp host 10.0.0.1",
        "port 70000",
        "port 010",
        "port http",
        "gateway web",
        "ether host 0a:00:00:00:00:01",
        "proto nosuch",
        "len > 100",
        "less 100",
        "broadcast",
        "vlan",
    ],
)
def test_what_cannot_be_said_about_ip_headers_is_vague_in_its_own_words(text: str):
    """Everything may pass, or nothing: a tree can hold that."""
    assert read(text) == Vague(EVERYTHING, text)


def test_a_look_into_a_header_says_its_protocol_at_least():
    """libpcap checks the protocol of the operand that a sum begins with, and forgets the others."""
    assert read("tcp[13] & 2 != 0") == Vague(AnyOf((Pattern(4, 6),)), "tcp[13] & 2 != 0")
    assert read("ip6[6]=0") == Vague(Pattern(6), "ip6[6]=0")
    assert read("2 + tcp[13] > 3") == Vague(EVERYTHING, "2 + tcp[13] > 3")


def test_behind_vlan_everything_is_vague():
    """libpcap looks for the headers further back from there on, but not for those named before."""
    assert read("ip and vlan and tcp") == AllOf(
        (Pattern(4), Vague(EVERYTHING, "vlan"), Vague(EVERYTHING, "tcp")),
    )


def test_protocols_by_number_and_by_name():
    """A keyword must be escaped as a name; a number above 255 is no IP protocol."""
    assert read("ip proto 47") == AnyOf((Pattern(4, 47),))
    assert read("ip6 proto \\udp") == AnyOf((Pattern(6, 17),))
    assert read("proto 300") == NOTHING
    assert read("ether proto 0x800") == Pattern(4)
    assert read("ether proto \\arp") == NOTHING
    with pytest.raises(Unreadable):
        read("ip proto tcp")


def test_a_range_may_be_written_backwards():
    """libpcap turns it round."""
    assert read("tcp portrange 443-80") == read("tcp portrange 80-443")
    assert read("tcp portrange 80") == read("tcp port 80")


def test_a_service_has_its_port_and_its_protocol():
    """A name that is known for TCP alone does not speak of UDP."""
    assert read("dst port web", web=80) == read("tcp dst port 80")
    assert read("udp port web", web=80) == Vague(read("udp port 80"), "udp port web")


@pytest.mark.parametrize("is_inbound", [True, False])
def test_a_direction_is_all_or_nothing_of_the_frames_that_are_asked_about(is_inbound: bool):
    """Mirror rules have a direction each, so that there is nothing vague in it."""
    found = [parse(text, lambda name, protocol: None, is_inbound=is_inbound) for text in ("inbound", "outbound")]
    assert found == ([EVERYTHING, NOTHING] if is_inbound else [NOTHING, EVERYTHING])
