"""The grammar of capture filters: read as libpcap reads it, or refused."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from vpcshark.wire.mirror_rules.filter_parser import Unreadable, parse
from vpcshark.wire.mirror_rules.packet_sets import LEVELS, V4, V6, Box, Span, Term


class Read(NamedTuple):
    """What the filter is true of, and false of; its words of what is vague."""

    true: frozenset[Term]
    false: frozenset[Term]
    unsaid: tuple[str, ...] = ()


def read(text: str, *, is_inbound: bool = True, **ports: int) -> Read:
    """What the filter says; ``ports`` are the named services, for TCP."""
    found = parse(text, lambda name, protocol: ports.get(name) if protocol == "tcp" else None, is_inbound=is_inbound)
    node, unsaid = found
    return Read(*(frozenset(node(LEVELS[0], is_negated)) for is_negated in (False, True)), tuple(unsaid))


def said(**spans: Span) -> Read:
    """One box."""
    box = Box(**spans)
    return Read(frozenset([(box, frozenset())]), frozenset([(Box(), frozenset([box]))]))


def vague(about: Read, *words: str) -> Read:
    """Some of these packets: what is false may be anything."""
    return Read(about.true, frozenset([(Box(), frozenset())]), words)


def ipv4(address: int, length: int) -> Span:
    """The addresses of a network."""
    return V4[0] + address, V4[0] + address + (1 << 32 - length) - 1


EVERYTHING = read("")
NOTHING = Read(EVERYTHING.false, EVERYTHING.true)


def test_and_and_or_bind_equally_and_to_the_left():
    """Unlike in C: the last operator decides."""
    assert read("ip or tcp and udp") == read("(ip or tcp) and udp") != read("ip or (tcp and udp)")
    assert read("ip and tcp or udp") == read("(ip and tcp) or udp") != read("ip and (tcp or udp)")
    assert read("ip && tcp || udp") == read("ip and tcp or udp")


def test_not_binds_closest():
    """To the next primitive alone."""
    assert read("not ip and tcp") == read("(not ip) and tcp") != read("not (ip and tcp)")
    assert read("! (ip and tcp)") == Read(read("ip and tcp").false, read("ip and tcp").true)
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
    boxes = [Box(protocol=(6, 6), destination_ports=(port, port)) for port in (80, 443)]
    assert read(text).true == {(box, frozenset()) for box in boxes}


def test_after_a_parenthesis_the_qualifiers_before_it_hold():
    """Not those inside."""
    assert read("tcp dst port 80 and (ip or udp src port 1) or 443") == read(
        "tcp dst port 80 and (ip or udp src port 1) or tcp dst port 443"
    )


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
    assert read(f"src net {text}") == said(source=ipv4(address, length))


def test_hosts_of_both_versions():
    """A lone number after host is an address; IPv6 may be abbreviated."""
    assert read("dst host 10") == said(destination=ipv4(10, 32))
    assert read("dst host ::1") == said(destination=(1, 1))
    assert read("src host ::") == said(source=(0, 0))
    assert read("src and dst host ::1") == said(source=(1, 1), destination=(1, 1))


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
    assert read(text) == vague(EVERYTHING, text)


def test_a_look_into_a_header_says_its_protocol_at_least():
    """libpcap checks the protocol of the operand that a sum begins with, and forgets the others."""
    assert read("tcp[13] & 2 != 0") == vague(read("ip proto 6"), "tcp[13] & 2 != 0")
    assert read("ip6[6]=0") == vague(read("ip6"), "ip6[6]=0")
    assert read("2 + tcp[13] > 3") == vague(EVERYTHING, "2 + tcp[13] > 3")
    nested = "tcp[((tcp[12:1] & 0xf0) >> 2):4] = (1 + len) * -2"
    assert read(f"(udp or {nested})").unsaid == (nested,)


def test_behind_vlan_everything_is_vague():
    """libpcap looks for the headers further back from there on, but not for those named before."""
    assert read("ip and vlan and tcp") == Read(read("ip").true, read("ip and len > 1").false, ("vlan", "tcp"))


def test_protocols_by_number_and_by_name():
    """A keyword must be escaped as a name; a number above 255 is no IP protocol."""
    assert read("ip proto 47") == said(protocol=(47, 47), source=V4)
    assert read("ip6 proto \\udp") == said(protocol=(17, 17), source=V6)
    assert read("proto 300") == NOTHING
    assert read("ether proto 0x800") == said(source=V4)
    assert read("ether proto \\arp") == NOTHING
    assert read("ether proto 0x888e") == vague(EVERYTHING, "ether proto 0x888e")
    with pytest.raises(Unreadable):
        read("ip proto tcp")


def test_a_range_may_be_written_backwards():
    """libpcap turns it round."""
    assert read("tcp portrange 443-80") == read("tcp portrange 80-443")
    assert read("tcp portrange 80") == read("tcp port 80")


def test_a_service_has_its_port_and_its_protocol():
    """A name that is known for TCP alone does not speak of UDP."""
    assert read("dst port web", web=80) == read("tcp dst port web", web=80) == read("tcp dst port 80")
    assert read("udp port web", web=80) == vague(EVERYTHING, "udp port web")


@pytest.mark.parametrize("is_inbound", [True, False])
def test_a_direction_is_all_or_nothing_of_the_frames_that_are_asked_about(is_inbound: bool):
    """Mirror rules have a direction each, so that there is nothing vague in it."""
    found = [read(text, is_inbound=is_inbound) for text in ("inbound", "outbound")]
    assert found == ([EVERYTHING, NOTHING] if is_inbound else [NOTHING, EVERYTHING])


@pytest.mark.parametrize("text", ["@0@ = 1", "#", "tcp and @", "port 80 or @1#", "@", "tcp[@0@] = 1"])
def test_the_signs_that_stand_for_comparisons_cannot_come_from_outside(text: str):
    """libpcap knows neither."""
    with pytest.raises(Unreadable):
        read(text)
