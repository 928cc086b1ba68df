"""The receiver on a capture host of its own: a namespace, a veth pair, and frames that a source puts on the wire."""

from __future__ import annotations

import json
import signal
import socket
import struct

import pytest
from outer import GWLB_OPTIONS, ethernet, geneve, ipv4, ipv6, udp, vxlan
from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from vpcshark.receiver import kernel

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
"""Both addresses given: scapy would ask the network for them."""
INNER_ETHER = Ether(src="0a:00:00:00:00:01", dst="0a:00:00:00:00:02")
INNER = INNER_ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(dport=443)
GENEVE = struct.pack(">BBHI", 8, 0, 0x0800, 0) + bytes(32)

OUTERS = {
    "ipv4": IP(src="10.77.0.1", dst="10.77.0.2") / UDP(sport=50000, dport=4789) / VXLAN(vni=77),
    "ipv4 options": IP(options=[IPOption_Router_Alert()]) / UDP(sport=50000, dport=4789) / VXLAN(vni=77),
    "ipv6": IPv6(src="fd77::1", dst="fd77::2") / UDP(sport=50000, dport=4789) / VXLAN(vni=77),
    "ipv6 extension": IPv6() / IPv6ExtHdrDestOpt() / UDP(sport=50000, dport=4789) / VXLAN(vni=77),
    "vlan": Dot1Q(vlan=5) / IP() / UDP(sport=50000, dport=4789) / VXLAN(vni=77),
    "qinq": Dot1AD(vlan=5) / Dot1Q(vlan=6) / IPv6() / UDP(sport=50000, dport=4789) / VXLAN(vni=77),
    "geneve": IP() / UDP(sport=50000, dport=6081) / Raw(GENEVE) / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=77),
    "wrong checksum": IP() / UDP(sport=50000, dport=4789, chksum=0xDEAD) / VXLAN(vni=77),
}
INNERS = {
    "ipv4": INNER / Raw(b"x" * 300),
    "ipv6": INNER_ETHER / IPv6() / TCP() / Raw(b"x"),
    "vlan": INNER_ETHER / Dot1Q(vlan=9) / IP() / TCP() / Raw(b"x"),
    "qinq": INNER_ETHER / Dot1AD(vlan=8) / Dot1Q(vlan=9) / IPv6() / TCP(),
    "1 byte": Raw(b"\x0a"),
    "9001 bytes": INNER / Raw(b"x" * 8961),
}


@pytest.fixture
def wire(namespaces):
    """Sends a frame from the source's interface; the destination MAC is the capture host's."""
    with namespaces.socket(namespaces.source, socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind(("up0", 0))
        mac = namespaces.mac(namespaces.host, "down0")
        yield lambda frame: sock.send(mac + frame[6:])


@pytest.fixture
def on_host(namespaces, start, config):
    """Starts a receiver in the capture host's namespace and waits until it is ready."""

    def begin(*arguments, **more):
        given = config(4789, *arguments, **{"address": "10.77.0.2", **more})
        running = start(given, prefix=namespaces.within(namespaces.host))
        running.event("ready")
        return running

    return begin


@pytest.mark.parametrize("outer", OUTERS)
def test_every_shape_comes_through_the_ring(on_host, wire, outer):
    """Outer headers as they may be, inner frames as they may be: the same bytes, in order."""
    running = on_host()
    for inner in INNERS.values():
        wire(bytes(ETHER / OUTERS[outer] / inner))
    packets = running.packets(len(INNERS))
    assert [packet[2] for packet in packets] == [bytes(inner) for inner in INNERS.values()]
    assert [packet[3] for packet in packets] == [len(bytes(inner)) for inner in INNERS.values()]
    running.end()
    assert running.counts() == (len(INNERS), 0)


GENEVE_CASES = {
    "VXLAN in IPv4": (lambda inner: geneve(ipv4(udp(vxlan(inner, 77))), 0x0800, 0, GWLB_OPTIONS), b""),
    "VXLAN in IPv6": (lambda inner: geneve(ipv6(udp(vxlan(inner, 77))), 0x86DD, 0, GWLB_OPTIONS), b""),
    "Ethernet": (lambda inner: geneve(inner, 0x6558, 77, GWLB_OPTIONS), b""),
    "Ethernet, no options": (lambda inner: geneve(inner, 0x6558, 77), b""),
    "bare IPv4": (lambda inner: geneve(inner[14:], 0x0800, 77, GWLB_OPTIONS), bytes(12) + b"\x08\0"),
}


@pytest.mark.thin(2)
@pytest.mark.parametrize("case", GENEVE_CASES)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_geneve_datagrams_of_a_load_balancer_endpoint_come_through(on_host, namespaces, case, family):
    """Sent by a kernel, as GWLB sends them; bare IP gets the made-up header that it gets in files; no ICMP."""
    wrap, header = GENEVE_CASES[case]
    host = "10.77.0.2" if family == socket.AF_INET else "fd77::2"
    running = on_host(address=host, geneve_port=6081)
    inners = [ethernet(0x0800, ipv4(udp(b"x" * length, 53))) for length in (0, 100, 1300)]
    with namespaces.socket(namespaces.source, family, socket.SOCK_DGRAM) as sock:
        sock.connect((host, 6081))
        for inner in inners:
            sock.send(wrap(inner))
        found = [packet[2] for packet in running.packets(len(inners))]
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert found == [header + inner[14:] if header else inner for inner in inners]
    running.end()
    assert running.counts() == (len(inners), 0)


def test_a_filter_is_asked_about_frames_in_geneve(on_host, namespaces):
    """It speaks of Ethernet: bare IP stays outside wherever there is one."""
    running = on_host("udp port 53", geneve_port=6081)
    wanted, other = (ethernet(0x0800, ipv4(udp(b"x", port))) for port in (53, 80))
    with namespaces.socket(namespaces.source, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("10.77.0.2", 6081))
        for inner in (other, wanted):
            for wrap, _ in GENEVE_CASES.values():
                sock.send(wrap(inner))
    assert [packet[2] for packet in running.packets(4)] == [wanted] * 4
    running.end()
    assert running.counts() == (4, 0)


def test_fast_and_slow_reading_agree(on_host, wire):
    """Shapes mixed in one block: each is told by itself."""
    running = on_host()
    expected = []
    for _ in range(20):
        for outer in OUTERS.values():
            for name in ("ipv4", "vlan", "1 byte"):
                wire(bytes(ETHER / outer / INNERS[name]))
                expected.append(bytes(INNERS[name]))
    assert [packet[2] for packet in running.packets(len(expected))] == expected


def test_the_users_filter_applies_to_inner_frames(on_host, wire):
    """Within every shape."""
    running = on_host("tcp port 443")
    for outer in OUTERS.values():
        wire(bytes(ETHER / outer / INNERS["ipv6"]))
        wire(bytes(ETHER / outer / INNERS["ipv4"]))
    assert [packet[2] for packet in running.packets(len(OUTERS))] == [bytes(INNERS["ipv4"])] * len(OUTERS)
    running.end()
    assert running.counts() == (len(OUTERS), 0)


def as_long_as_fits(program: kernel.Program) -> kernel.Program:
    """The same verdict by about as many instructions as Linux takes on one socket beside some fifty others."""
    fits, over = [*program], 4096 - len(program)
    while over - (len(fits) - len(program)) > 20:
        tried = [(0x20, 0, 0, 0)] * ((over + len(fits) - len(program)) // 2) + [*program]
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as scratch:
            try:
                kernel.attach(scratch, [(0x20, 0, 0, 0)] * 50 + kernel.REFUSE_ALL)
                kernel.attach(scratch, kernel.arriving(tried, [1, 2]))
                fits = tried
            except OSError:
                over = len(tried) - len(program)
    return fits


def test_filters_as_long_as_linux_takes_follow_one_another(on_host, wire, config):
    """Though it has no memory for two of them; each is the one in force, and nothing is refused."""
    running = on_host()
    for number, text in enumerate(["udp", "tcp port 443", "udp", "ip6", "tcp port 443"], 1):
        running.command({"program": as_long_as_fits(config(4789, text)["program"])})
        running.command({"ping": number})
        running.until(lambda: running.event("pong")["ping"] == number)  # noqa: B023 - called at once
    for inner in ("ipv6", "ipv4", "1 byte", "ipv4"):
        wire(bytes(ETHER / OUTERS["ipv4"] / INNERS[inner]))
    assert [packet[2] for packet in running.packets(2)] == [bytes(INNERS["ipv4"])] * 2
    assert [event for event in running.events if event["event"] == "error"] == []
    running.end()
    assert running.counts() == (2, 0)


def test_a_first_fragment_is_shown_cut_short(on_host, wire):
    """The later one has no headers and is left out."""
    running = on_host()
    packet = OUTERS["ipv4"] / INNERS["ipv4"]
    first, later = bytes(ETHER / packet)[: 14 + 20 + 200], bytes(ETHER / IP(proto=17, frag=25) / Raw(b"x" * 64))
    wire(first[:20] + b"\x20\x00" + first[22:])
    wire(later)
    wire(bytes(ETHER / OUTERS["ipv4"] / INNERS["1 byte"]))
    cut, _ = running.packets(2)
    assert (len(cut[2]), cut[3]) == (200 - 16, len(bytes(INNERS["ipv4"])))


def test_no_icmp_goes_back_to_the_source(on_host, namespaces):
    """An unbound port is answered with port-unreachable for each frame; held, it is silent, over IPv4 and IPv6."""
    for family, host in ((socket.AF_INET, "10.77.0.2"), (socket.AF_INET6, "fd77::2")):
        with namespaces.socket(namespaces.source, family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.connect((host, 4789))
            sock.send(b"\x08" + bytes(30))
            with pytest.raises(ConnectionRefusedError):
                sock.recv(1)
            running = on_host(address=host)
            for _ in range(20):
                sock.send(b"\x08\0\0\0\0\0\x4d\0" + bytes(60))
            running.packets(20)
            sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            running.end()


@pytest.mark.parametrize("address", ["10.77.0.2", "fd77::2", "", "192.0.2.1"])
def test_frames_are_taken_where_the_address_is(on_host, wire, namespaces, address):
    """Its interface alone if this machine has the address, else all of them; never twice."""
    running = on_host(address=address)
    wire(bytes(ETHER / OUTERS["ipv4"] / INNER))
    with namespaces.socket(namespaces.host, socket.AF_INET, socket.SOCK_DGRAM) as local:
        local.sendto(bytes(VXLAN(vni=77) / INNER), ("10.77.0.2", 4789))
        assert [packet[2] for packet in running.packets(2)] == [bytes(INNER)] * 2
    running.end()
    assert running.counts() == (2, 0)


def test_overload_is_counted_to_the_frame(on_host, wire, namespaces):
    """Stopped for a while, it loses what the ring cannot hold; received and dropped are what was offered."""
    running = on_host()
    frame = bytes(ETHER / OUTERS["ipv4"] / INNERS["9001 bytes"])
    running.process.send_signal(signal.SIGSTOP)
    for _ in range(6000):
        wire(frame)
    running.process.send_signal(signal.SIGCONT)
    running.end()
    received, dropped = running.counts()
    statistics = json.loads(namespaces.run("ip", "-n", namespaces.host, "-s", "-j", "link", "show", "down0"))
    delivered = statistics[0]["stats64"]["rx"]["packets"]
    assert dropped > 1000
    assert 6000 <= received + dropped <= delivered
    assert received + dropped == 6000
    assert received == len(running.packets())


def test_the_hosts_own_traffic_stays_in_the_kernel(on_host, wire):
    """Nothing that is not VXLAN of ours is even counted."""
    running = on_host()
    for frame in (IP() / TCP(), IP() / UDP(dport=53), IPv6() / UDP(dport=4790), IP() / UDP(sport=4789, dport=53)):
        wire(bytes(ETHER / frame / Raw(b"x" * 60)))
    wire(bytes(ETHER / IP() / UDP(dport=4789) / VXLAN(vni=78) / INNER))
    wire(bytes(ETHER / OUTERS["ipv4"] / INNER))
    assert len(running.packets(1)) == 1
    running.end()
    counted = running.event("stats")
    assert (counted["received"], counted["foreign"], counted["other"]) == (1, {}, 0)


def test_nothing_is_left_on_the_host(on_host, namespaces):
    """No socket of ours, no device."""
    command = (
        *namespaces.within(namespaces.host),
        "sh",
        "-c",
        "cat /proc/net/packet /proc/net/udp*; ls /sys/class/net",
    )
    before = namespaces.run(*command)
    running = on_host()
    assert namespaces.run(*command) != before
    running.end()
    assert namespaces.run(*command) == before


def test_an_address_belongs_to_an_interface():
    """Over IPv4 and IPv6; what no interface has belongs to none."""
    loopback = socket.if_nametoindex("lo")
    assert kernel.owner_of("127.0.0.1") == loopback
    assert kernel.owner_of("192.0.2.77") is None
    assert kernel.owner_of("no address") is None
