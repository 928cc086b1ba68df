"""Capture filters as mirror rules, judged by libpcap: what the filter accepts, the rules accept.

The judge of the rules is a small reader of frames in this file. It reads them in both ways in which AWS may: IPv6
extension headers skipped, and not.
"""

from __future__ import annotations

import ctypes
import random
import re
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples
from scapy.libs import winpcapy

from vpcshark.traffic_mirroring import MAX_RULES
from vpcshark.wire.mirror_rules.translation import MirrorRule, Translation, translate

EXTENSIONS = {0, 43, 44, 51, 60}
WAYS = ("ingress", "egress")
Verdict = Callable[..., bool]  # (frame, way)


# ---- libpcap -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def libpcap() -> Iterator[Callable[[str], Verdict | None]]:
    """Compile a filter with libpcap for Ethernet and answer libpcap's verdicts; None for a filter that it refuses.

    ``inbound`` and ``outbound`` only a kernel can tell: for the frames of a direction there stands instead of them what
    is always true, or never. Not optimised: libpcap 1.10's optimiser loses a comparison of "not (host A) and (ip host A
    or B)".
    """
    handle = winpcapy.pcap_open_dead(1, 262144)
    kept = []

    def compiled(text: str) -> winpcapy.bpf_program | None:
        program = winpcapy.bpf_program()
        if winpcapy.pcap_compile(handle, program, text.encode(), 0, 0xFFFFFFFF):
            return None
        kept.append(program)
        return program

    def compile_(text: str) -> Verdict | None:
        if compiled(text) is None:
            return None
        programs = {way: compiled(one_way(text, way)) for way in (WAYS if "bound" in text else WAYS[:1])}
        assert all(programs.values()), text

        def verdict(frame: bytes, way: str = WAYS[0]) -> bool:
            program = programs.get(way) or programs[WAYS[0]]
            header = winpcapy.pcap_pkthdr(caplen=len(frame), len=len(frame))
            return bool(winpcapy._lib.pcap_offline_filter(ctypes.byref(program), ctypes.byref(header), frame))

        return verdict

    yield compile_
    for program in kept:
        winpcapy.pcap_freecode(program)
    winpcapy.pcap_close(handle)


def one_way(text: str, way: str) -> str:
    """The filter as it is for frames that go this way."""
    always = {"inbound": way == "ingress", "outbound": way == "egress"}
    return re.sub(r"\b(?:in|out)bound\b", lambda word: "1 = 1" if always[word[0]] else "1 = 0", text)


def services(name: str, protocol: str) -> int | None:
    """This machine's services file, which libpcap reads too."""
    try:
        return socket.getservbyname(name, protocol)
    except OSError:
        return None


# ---- frames --------------------------------------------------------------------------------------------------------

V4 = ("10.0.0.1", "10.0.0.2", "10.0.1.7", "10.1.2.3", "192.168.1.1", "224.0.0.5", "0.0.0.10")
V6 = ("::1", "fd00::1", "fd00::2", "fd00:0:0:1::7", "fe80::1", "2001:db8::5", "ff02::1")
PORTS = (22, 53, 79, 80, 81, 443, 8080, 8500, 50000)
PROTOCOLS = (6, 17, 132, 1, 58, 2, 47, 50, 51)


def ethernet(kind: int, payload: bytes) -> bytes:
    """An Ethernet frame."""
    return bytes.fromhex("0a0000000001 0a0000000002") + struct.pack("!H", kind) + payload


def transport(protocol: int, source: int, destination: int, rest: bytes) -> bytes:
    """Enough of a transport header for any filter here; ``rest`` are the bytes behind the ports."""
    return struct.pack("!HH", source, destination) + rest if protocol in (6, 17, 132) else bytes([8, 0, 0, 0]) + rest


def ipv4(source: str, destination: str, protocol: int, payload: bytes, fragment: int = 0, options: int = 0) -> bytes:
    """An IPv4 frame; ``fragment`` is the field of flags and offset, ``options`` a number of 4-byte words."""
    size = 20 + 4 * options + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45 + options, 0, size, 1, fragment, 64, protocol, 0)
    ends = ip_address(source).packed + ip_address(destination).packed
    return ethernet(0x0800, head + ends + b"\x01" * 4 * options + payload)


def ipv6(source: str, destination: str, protocol: int, payload: bytes, chain: Iterable[tuple[int, int]] = ()) -> bytes:
    """An IPv6 frame; ``chain`` are extension headers as (number, fragment offset), the first one outermost."""
    for number, offset in reversed(list(chain)):
        header = struct.pack("!BBHI", protocol, 0, offset << 3, 7)
        if number == 51:
            header = struct.pack("!BBHII", protocol, 1, 0, 1, 1)
        payload, protocol = header + payload, number
    head = struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64)
    return ethernet(0x86DD, head + ip_address(source).packed + ip_address(destination).packed + payload)


def some_frames(count: int, seed: int = 4) -> list[bytes]:
    """A sample of the frames that the filters here speak of."""
    choose = random.Random(seed)
    frames = []
    for _ in range(count):
        protocol = choose.choice((6, 6, 17, 17, *PROTOCOLS))
        rest = bytes(choose.randrange(256) for _ in range(choose.choice((16, 24, 120))))
        payload = transport(protocol, choose.choice(PORTS), choose.choice(PORTS), rest)
        if choose.random() < 0.6:
            fragment = choose.choice((0, 0, 0, 0x2000, 0x2005, 0x0005))
            ends = (choose.choice(V4), choose.choice(V4))
            frames.append(ipv4(*ends, protocol, payload, fragment, choose.choice((0, 0, 1, 10))))
        else:
            numbers = choose.choice(((), (), (), (0,), (43,), (44,), (60,), (51,), (0, 44), (44, 60), (0, 60)))
            chain = [(number, choose.choice((0, 9)) if number == 44 else 0) for number in numbers]
            frames.append(ipv6(choose.choice(V6), choose.choice(V6), protocol, payload, chain))
    return frames


# ---- the rules' judge ----------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """A packet as rules may see it."""

    source: object
    destination: object
    protocol: int
    ports: tuple[int, int] | None


def looks(frame: bytes) -> list[Seen]:
    """The ways in which rules may see the frame: by its last protocol, and for IPv6 by its first next header too."""
    if frame[12:14] == b"\x08\x00":
        source, destination = ip_address(frame[26:30]), ip_address(frame[30:34])
        offset = struct.unpack_from("!H", frame, 20)[0] & 0x1FFF
        return [Seen(source, destination, frame[23], ports_of(frame, frame[23], 14 + 4 * (frame[14] & 15), offset))]
    ends = (ip_address(frame[22:38]), ip_address(frame[38:54]))
    protocol, position, offset = frame[20], 54, 0
    while protocol in EXTENSIONS and not offset:
        if protocol == 44:
            offset = struct.unpack_from("!H", frame, position + 2)[0] >> 3
        length = (
            8 if protocol == 44 else (frame[position + 1] + 2) * 4 if protocol == 51 else 8 + 8 * frame[position + 1]
        )
        protocol, position = frame[position], position + length
    seen = Seen(*ends, protocol, ports_of(frame, protocol, position, offset))
    return [seen] if frame[20] == protocol else [seen, Seen(*ends, frame[20], None)]


def ports_of(frame: bytes, protocol: int, position: int, offset: int) -> tuple[int, int] | None:
    """Ports, where there are any."""
    if offset or protocol not in (6, 17) or len(frame) < position + 4:
        return None
    return struct.unpack_from("!HH", frame, position)


class Judge:
    """What AWS does with a frame, by the rules of one direction."""

    def __init__(self, translation: Translation, direction: str) -> None:
        rules = sorted((r for r in translation.rules if r.direction == direction), key=lambda r: r.number)
        self._rules = [(r, ip_network(r.source_cidr), ip_network(r.destination_cidr)) for r in rules]

    def accepts(self, seen: Seen) -> bool:
        """First match decides, none: not mirrored."""
        for rule, source, destination in self._rules:
            if seen.source in source and seen.destination in destination and self._fits(rule, seen):
                return rule.action == "accept"
        return False

    @staticmethod
    def _fits(rule: MirrorRule, seen: Seen) -> bool:
        if rule.protocol not in (None, seen.protocol):
            return False
        if rule.source_ports is None and rule.destination_ports is None:
            return True
        wanted = (rule.source_ports or (0, 65535), rule.destination_ports or (0, 65535))
        return seen.ports is not None and all(a <= p <= b for p, (a, b) in zip(seen.ports, wanted, strict=True))


def assert_well_formed(translation: Translation) -> None:
    """What EC2 would not take, and what would be a surprise."""
    rules = translation.rules
    assert len(rules) <= MAX_RULES
    assert translation.exact == (not translation.left_to_receiver)
    assert len({(rule.direction, rule.number) for rule in rules}) == len(rules)
    for rule in rules:
        assert 1 <= rule.number <= 32766
        assert ip_network(rule.source_cidr).version == ip_network(rule.destination_cidr).version
        assert rule.protocol in (6, 17) or (rule.source_ports, rule.destination_ports) == (None, None)
        assert rule.protocol is None or 0 <= rule.protocol <= 255
        assert all(0 <= a <= b <= 65535 for a, b in filter(None, (rule.source_ports, rule.destination_ports)))


SAMPLE = [(frame, looks(frame)) for frame in some_frames(1500)]


def missing(verdict: Verdict, translation: Translation, sample=SAMPLE) -> list[str]:
    """The frames of the sample that the filter accepts and the rules of that direction might not."""
    return [frame for way in WAYS for frame in _missing(verdict, way, Judge(translation, way), sample)]


def _missing(verdict: Verdict, way: str, judge: Judge, sample) -> Iterator[str]:
    decided: dict[Seen, bool] = {}
    for frame, seen in sample:
        for look in seen:
            if look not in decided:
                decided[look] = judge.accepts(look)
        if not all(decided[look] for look in seen) and verdict(frame, way):
            yield f"{way} {frame.hex()}"


# ---- generated filters ---------------------------------------------------------------------------------------------


def texts(listed: str) -> st.SearchStrategy[str]:
    """One of the texts between semicolons."""
    return st.sampled_from(listed.split("; "))


DIRECTIONS = st.sampled_from(("", "src ", "dst ", "src or dst ", "src and dst "))
V4_NAMES = st.sampled_from((*V4, "10", "10.1", "10.0.1"))
NETS = texts(
    "10; 10.0; 10.0.0.0/8; 10.0.0.0/24; 10.0/16; 10.0.0.0/31; 0.0.0.0/0; 192.168.0.0/16; 10.1.2.3; "
    "10.0.0.0 mask 255.255.0.0; 10.0.0.1 mask 255.0.0.255; 224.0.0.0/4; fd00::/64; fd00::/16; ::/0; "
    "fe80::1"
)
NUMBERS = st.sampled_from([*map(str, PORTS), "0x50", "0", "65535", "0120"])
RANGES = st.sampled_from(("79-80", "80-443", "81-79", "8000-9000", "0-1023", "0-65535", "50000"))
SERVICES = st.sampled_from(("ssh", "domain", "http", "https", "syslog"))
PROTOCOL_NAMES = st.sampled_from(
    ("6", "17", "132", "44", "0", "51", "58", "1", "300", "\\tcp", "\\udp", "\\icmp", "\\ah")
)
RELATIONS = texts(
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0; tcp[13]&2==2; ip[6:2] & 0x1fff = 0; len > 100; "
    "len + tcp[0] > 3; udp[4:2] >= 20; icmp[icmptype] == icmp-echo; ip6[6] = 0; (ip[8] + 2) * 2 > 5; "
    "1 = 1; 2 & tcp[13] != 0; tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420; ether[0] & 1 = 0; "
    "icmp6[0] = 128; sctp[0:2] = 80; ip[9] = 6"
)
ODD = texts(
    "vlan; vlan 5; mpls; pppoes 3; geneve; less 90; greater 60; broadcast; multicast; ip multicast; "
    "ip6 multicast; ether broadcast; ether host 0a:00:00:00:00:01; ether src 0a-00-00-00-00-02; inbound; "
    r"ether proto \ip; ether proto 0x86dd; ether proto \arp; ip protochain 6; ip6 protochain \tcp; pppoed; "
    "arp; rarp; stp; iso; isis; ether proto 0x88cc; outbound; ip6 protochain 17; protochain 132; decnet"
)
ABBREVIATIONS = texts("ip; ip6; tcp; udp; icmp; icmp6; sctp; igmp; ah; esp; pim; vrrp; igrp")


def chained(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A value, or several that share the keyword: ``80 or 443``, ``(a or b)``, ``80 and not 443``."""
    pair = st.builds(
        lambda a, op, b: f"{a} {op} {b}", values, st.sampled_from(("or", "and", "||", "or not", "and !")), values
    )
    return st.one_of(values, values, pair, pair.map(lambda text: f"({text})"))


def primitives() -> st.SearchStrategy[str]:
    """Primitives of every kind that the translation knows, and of kinds that it must not trip over."""
    transports = st.sampled_from(("", "tcp ", "udp ", "sctp "))
    hosts = st.one_of(V4_NAMES, st.sampled_from(V6))
    return st.one_of(
        st.builds("ip {}host {}".format, DIRECTIONS, chained(V4_NAMES)),
        st.builds("ip6 {}host {}".format, DIRECTIONS, chained(st.sampled_from(V6))),
        st.builds("{}host {}".format, DIRECTIONS, chained(hosts)),
        st.builds("{}net {}".format, DIRECTIONS, chained(NETS)),
        st.builds("{}{}port {}".format, transports, DIRECTIONS, chained(st.one_of(NUMBERS, SERVICES))),
        st.builds("{}{}portrange {}".format, transports, DIRECTIONS, chained(RANGES)),
        st.builds("{}proto {}".format, st.sampled_from(("", "ip ", "ip6 ")), PROTOCOL_NAMES),
        st.builds("src {}".format, chained(V4_NAMES)),
        ABBREVIATIONS,
        ABBREVIATIONS,
        RELATIONS,
        ODD,
    )


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """and, or, not, in both spellings, with parentheses and without."""
    joins = st.sampled_from((" and ", " or ", " && ", " || ", " and not ", " or not ", " and !"))
    return st.one_of(
        st.builds(lambda a, op, b: a + op + b, parts, joins, parts),
        st.builds(lambda a, op, b: f"({a}){op}({b})", parts, joins, parts),
        parts.map(lambda text: f"not {text}"),
        parts.map(lambda text: f"not ({text})"),
    )


FILTERS = st.recursive(primitives(), combined, max_leaves=6)


@settings(max_examples=examples(300), deadline=None)
@given(text=FILTERS, seed=st.integers(0, 2**32))
def test_whatever_a_filter_accepts_its_rules_accept(libpcap, text: str, seed: int):
    """The one promise: rules may let through more than the filter, never less, in both directions."""
    translation = translate(text, services)
    assert_well_formed(translation)
    verdict = libpcap(text)
    if verdict is not None:
        more = [(frame, looks(frame)) for frame in some_frames(100, seed)]
        assert not missing(verdict, translation, SAMPLE + more), text


def directed(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Filters that tell the directions apart, as the option does it and as people may."""
    ways = st.sampled_from(("inbound", "outbound", "not inbound", "(inbound or outbound)"))
    return st.builds(
        lambda way, op, rest, other, last: f"{way} {op} ({rest}) or ({other} and ({last}))",
        ways,
        st.sampled_from(("and", "or", "and not")),
        text,
        ways,
        text,
    ) | st.builds(lambda way, rest: f"{way} and ({rest})", ways, text)


@settings(max_examples=examples(150), deadline=None)
@given(text=directed(FILTERS), seed=st.integers(0, 2**32))
def test_the_rules_of_each_direction_accept_what_the_filter_accepts_of_it(libpcap, text: str, seed: int):
    """The same promise, where the filter tells the directions apart."""
    translation = translate(text, services)
    assert_well_formed(translation)
    verdict = libpcap(text)
    if verdict is not None:
        more = [(frame, looks(frame)) for frame in some_frames(100, seed)]
        assert not missing(verdict, translation, SAMPLE[:500] + more), text


@pytest.mark.thin(10)
@pytest.mark.parametrize(
    "text",
    [
        "tcp src portrange 81-79",
        "tcp src port 0120",
        "tcp src port 0x50",
        "tcp src port 80 and (ip or tcp src port 22) or 443",
        "tcp src port 80 and (ip or tcp dst port 22) or (443 or 22)",
        "tcp src port not 22",
        "not tcp src port 22 and 80",
        "not (tcp src port 22 and dst port 80)",
        "tcp src port 22 or tcp dst port 22 and ip",
        "src host 10 or 10.1.2.3",
        "src net 10.0 and not 10.0.0.1",
        "dst host ::1",
        "host 10.0.0.1 and not (host 10.0.0.2 or port 53)",
        "ip6 and not ip6 proto 44",
        "ip6 and not ip6 proto 0 and not tcp",
        "ip6 proto 60 or ip6 proto 51",
        "tcp and ip6 proto 44",
        "ip[6:2] & 0x1fff != 0 and not port 80",
        "not (tcp port 80 or tcp port 443 or tcp port 22 or tcp port 53 or udp port 53 or icmp)",
        "not tcp and not udp and not icmp and not icmp6",
        "portrange 79-80 or 0-65535",
        "ip6 proto 44 or ether proto 0x86dd and not ip6 proto 60",
        "not (ip6 proto 44 or ip6 proto 58)",
        "tcp and not tcp portrange 0-65535",
    ],
)
def test_filters_that_are_easily_misread(libpcap, text: str):
    """One by one, over more frames than a generated filter gets."""
    verdict = libpcap(text)
    sample = [(frame, looks(frame)) for frame in some_frames(6000, 5)]
    assert any(verdict(frame) for frame, _ in sample)
    assert not missing(verdict, translate(text, services), sample)


@settings(max_examples=examples(60), deadline=None)
@given(text=FILTERS)
def test_without_a_services_file_the_promise_holds_as_well(libpcap, text: str):
    """Named ports are left to the receiver then."""
    verdict = libpcap(text)
    if verdict is not None:
        assert not missing(verdict, translate(text)), text


@settings(max_examples=examples(150), deadline=None)
@given(text=FILTERS)
def test_rules_that_are_called_exact_accept_nothing_else(libpcap, text: str):
    """Exact is about packets without IPv6 extension headers, which libpcap and AWS cannot read differently."""
    translation = translate(text, services)
    verdict = libpcap(text)
    if verdict is None or not translation.exact or "[" in text:
        return  # a look past a frame's end always rejects
    for way in WAYS:
        judge = Judge(translation, way)
        for frame, seen in SAMPLE:
            if len(seen) == 1 and judge.accepts(seen[0]):
                assert verdict(frame, way), (text, way, frame.hex())


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(st.text(max_size=40), st.text(alphabet="port 80()!&|<>=[]:./-\\anhost", max_size=60)))
def test_no_text_makes_it_raise_and_bad_text_lets_everything_through(libpcap, text: str):
    """libpcap tells the user what is wrong with a filter; the rules are then merely no narrower."""
    translation = translate(text)
    assert_well_formed(translation)
    if text.strip() and "\0" not in text and libpcap(text) is not None:
        assert not missing(libpcap(text), translation, SAMPLE[:300])


@pytest.mark.thin(4)
@pytest.mark.parametrize(
    "text",
    [
        "(" * 300 + "tcp" + ")" * 300,
        "not " * 3000 + "tcp",
        " or ".join(f"host 10.{i // 250}.{i % 250}.1" for i in range(400)),
        " or ".join(f"port {i}" for i in range(1, 900, 7)),
        "tcp" + "".join(f" {op} port {i}" for i, op in enumerate(["and", "or"] * 200)),
        "port (" + " or ".join(map(str, range(1, 200, 2))) + ")",
        " or ".join(f"(net 10.{i}.0.0/16 and port {i})" for i in range(40)),
        " or ".join(f"net 10.{i}.0.0/16 and port {i}" for i in range(40)),
        "((" * 25 + "tcp[13]" + "))" * 25 + " & 2 != 0",
        "not (" + " or ".join(f"host 10.{i // 250}.{i % 250}.1" for i in range(400)) + ")",
        "not (" + " or ".join(f"ip proto {i}" for i in range(256) if i != 6) + ")",
        " and ".join(f"(host 10.0.0.{i % 9} or not port {i})" for i in range(40)),
        " or ".join(
            f"not (port {i} or " + " or ".join(f"host 10.{i}.{j}.1" for j in range(60)) + ")" for i in range(9)
        ),
    ],
    ids=lambda text: text[:24],
)
def test_a_filter_of_any_size_is_translated(libpcap, text: str):
    """A filter that somebody's program wrote is too large for ten rules, but not for us."""
    translation = translate(text)
    assert_well_formed(translation)
    verdict = libpcap(text)
    assert verdict is None or not missing(verdict, translation)


# ---- how tight -----------------------------------------------------------------------------------------------------

# filter, number of rules, exact
TYPICAL = [
    ("", 4, True),
    ("ip", 2, True),
    ("ip6", 2, True),
    ("not ip6", 2, True),
    ("arp", 0, True),
    ("not arp", 4, True),
    ("tcp", 6, True),
    ("udp", 6, True),
    ("tcp or udp", 10, True),
    ("icmp", 2, True),
    ("icmp or icmp6", 6, True),
    ("esp", 6, True),
    ("ip proto 47", 2, True),
    ("tcp port 443", 8, True),
    ("tcp dst port 443", 4, True),
    ("udp port 53", 8, True),
    ("udp portrange 8000-9000", 8, True),
    ("ip and tcp port 80", 4, True),
    ("tcp port 80 and host 10.0.0.1", 8, True),
    ("tcp dst port 80 and dst host 10.0.0.1", 2, True),
    ("host 10.1.0.5", 4, True),
    ("src host 10.1.0.5", 2, True),
    ("src host 10.0.0.1 and dst host 10.0.0.2", 2, True),
    ("host 10.0.0.1 and host 10.0.0.2", 4, True),
    ("host 10.0.0.1 or host 10.0.0.2", 8, True),
    ("host fd00::1", 4, True),
    ("net 10.0.0.0/16", 4, True),
    ("net 10.1", 4, True),
    ("net 10.0.0.0/9 or net 10.128.0.0/9", 4, True),
    ("src net 10.0.0.0/8 and dst net 10.0.0.0/8", 2, True),
    ("not host 10.0.0.1", 8, True),
    ("not net 10.0.0.0/8", 8, True),
    ("not net 10.0.0.0/8 and not ip6", 6, True),
    ("ip and not icmp", 4, True),
    ("ip and not tcp port 22", 6, True),
    ("host 10.1.0.5 and not tcp port 22", 8, True),
    ("ip and tcp and not port 22", 6, True),
    ("tcp dst portrange 80-89 or tcp dst portrange 90-99", 4, True),
    ("ip multicast", 2, True),
    ("tcp port 80 or 443", 10, False),
    ("port 80", 10, False),
    ("not port 22", 10, False),
    ("host 10.1.0.5 and not port 22", 10, False),
    ("net 10.0.0.0/16 and (port 80 or port 443)", 10, False),
    ("tcp[tcpflags] & tcp-syn != 0", 2, False),
    ("tcp port 80 and len > 100", 8, False),
    ("vlan and port 80", 4, False),
    ("host web.example.com", 4, False),
    ("port nosuchservice", 4, False),
    ("inbound", 2, True),
    ("outbound", 2, True),
    ("not inbound", 2, True),
    ("inbound or outbound", 4, True),
    ("inbound and outbound", 0, True),
    ("inbound and (tcp port 443)", 4, True),
    ("outbound and (tcp port 80 or 443)", 8, True),
    ("inbound and tcp dst port 80 or (outbound and tcp src port 80)", 4, True),
    ("tcp dst port 21 or 20 or 53", 8, True),
    ("host 10.0.0.1 and (10.0.0.2 or 10.0.0.3)", 4, True),
]


@pytest.mark.parametrize(("text", "count", "exact"), TYPICAL, ids=[text or "(empty)" for text, _, _ in TYPICAL])
def test_typical_filters_become_few_rules(text: str, count: int, exact: bool):
    """The rules that a person would have written, or better."""
    translation = translate(text)
    assert (len(translation.rules), translation.exact) == (count, exact), translation
    assert exact == (not translation.left_to_receiver)


def test_a_list_of_hosts_becomes_the_networks_that_they_are_in():
    """Rather a few neighbours too many than the whole VPC."""
    translation = translate(" or ".join(f"host 10.0.{i // 20}.{i % 20}" for i in range(200)))
    named = ip_network("10.0.0.0/20")
    assert all(named.supernet_of(ip_network(r.source_cidr)) or r.source_cidr == "0.0.0.0/0" for r in translation.rules)
    assert all(
        "0.0.0.0/0" not in (r.source_cidr, r.destination_cidr) or r.source_cidr != r.destination_cidr
        for r in translation.rules
    )
    assert translation.left_to_receiver
    assert not translation.exact


TCP80 = transport(6, 50000, 80, bytes(16))
SSH = transport(6, 22, 50000, bytes(16))
UNWANTED = [
    ("tcp port 443", ipv4("10.0.0.1", "10.0.0.2", 6, TCP80)),
    ("tcp port 443", ipv4("10.0.0.1", "10.0.0.2", 17, transport(17, 443, 443, bytes(8)))),
    ("port 443", ipv4("10.0.0.1", "10.0.0.2", 6, TCP80)),
    ("port 443", ipv4("10.0.0.1", "10.0.0.2", 1, bytes(20))),
    ("port 80 or 443", ipv4("10.0.0.1", "10.0.0.2", 6, SSH)),
    ("not port 22", ipv4("10.0.0.1", "10.0.0.2", 6, SSH)),
    ("host 10.1.0.5 and not port 22", ipv4("10.1.0.5", "10.0.0.2", 6, SSH)),
    ("host 10.1.0.5 and not port 22", ipv4("10.0.0.1", "10.0.0.2", 6, TCP80)),
    ("net 10.0.0.0/16 and (port 80 or port 443)", ipv4("10.0.0.1", "10.0.0.2", 6, SSH)),
    ("net 10.0.0.0/16 and (port 80 or port 443)", ipv6("fd00::1", "fd00::2", 6, TCP80)),
    ("icmp or icmp6", ipv4("10.0.0.1", "10.0.0.2", 6, TCP80)),
    ("icmp or icmp6", ipv6("fd00::1", "fd00::2", 6, TCP80)),
    ("udp portrange 8000-9000", ipv4("10.0.0.1", "10.0.0.2", 17, transport(17, 53, 50000, bytes(8)))),
    ("tcp[13] & 2 != 0", ipv4("10.0.0.1", "10.0.0.2", 17, transport(17, 53, 50000, bytes(8)))),
    ("host 10.0.0.1", ipv6("fd00::1", "fd00::2", 6, TCP80)),
    ("not net 10.0.0.0/8", ipv4("10.0.0.1", "10.0.0.2", 6, TCP80)),
    ("host (10.0.0.1 or 10.0.0.2 or 10.0.1.7)", ipv4("10.1.2.3", "192.168.1.1", 6, TCP80)),
    ("ip and tcp port (80 or 443 or 8080 or 8500 or 53)", ipv4("10.1.2.3", "192.168.1.1", 17, TCP80)),
]


@pytest.mark.parametrize(("text", "frame"), UNWANTED, ids=[f"{text} {i}" for i, (text, _) in enumerate(UNWANTED)])
def test_what_nobody_wants_is_not_sent(libpcap, text: str, frame: bytes):
    """Frames that must not cost bandwidth: neither the filter nor the rules accept them."""
    translation = translate(text)
    accepted = [Judge(translation, way).accepts(seen) for way, seen in product(("ingress", "egress"), looks(frame))]
    assert not libpcap(text)(frame)
    assert not any(accepted), translation.rules


@pytest.mark.parametrize(("text", "way"), [("inbound", "ingress"), ("outbound and (port 80)", "egress")])
def test_a_direction_that_nobody_wants_has_no_rules(text: str, way: str):
    """Which is half of the copies that the source's instance has to send; all ten rules are the other direction's."""
    assert {rule.direction for rule in translate(text).rules} == {way}


def test_both_directions_have_the_same_rules():
    """What comes in need not be for the source, nor what goes out be from it: a NAT instance forwards."""
    rules = translate("host 10.0.0.1 and tcp dst port 80").rules
    halves = [[replace(r, direction="") for r in rules if r.direction == way] for way in ("ingress", "egress")]
    assert halves[0] == halves[1]
    assert len(halves[0]) * 2 == len(rules)


def test_what_is_left_to_the_receiver_is_said_in_the_filters_own_words():
    """``vpcshark explain`` shows these."""
    said = translate("tcp port 80 and tcp[13] & 2 != 0 or host web").left_to_receiver
    assert any("“tcp[13] & 2 != 0”" in line for line in said)
    assert any("“host web”" in line for line in said)


def test_sctp_ports_are_named_as_what_rules_lack():
    """A user who wonders where SCTP comes from finds it here."""
    said = translate("ip and (sctp port 80 or tcp dst port 80)").left_to_receiver
    assert said == ("More IPv4 (SCTP) is sent than the filter wants: rules have no ports for SCTP.",)


def test_a_named_port_means_what_the_services_file_says():
    """Asked through an argument; libpcap too takes the protocol from there (ssh is TCP alone)."""
    known = {("ssh", "tcp"): 22}
    translation = translate("port ssh", lambda name, protocol: known.get((name, protocol)))
    assert translation.rules == translate("tcp port 22").rules
    assert translation.exact


def test_behind_extension_headers_nothing_is_rejected_by_its_port(libpcap):
    """libpcap's ``not port 22`` accepts a packet to port 22 with a hop-by-hop header; so must the rules."""
    frame = ipv6("fd00::1", "fd00::2", 6, SSH, [(0, 0)])
    assert libpcap("not port 22")(frame)
    assert all(Judge(translate("not port 22"), "ingress").accepts(seen) for seen in looks(frame))
