"""Decapsulation: the same inner bytes as scapy and tshark find, and nothing that makes it stumble."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from vpcshark.wire.overlay.vxlan import INBOUND, OUTBOUND, Ports, direction, original_length, unwrap, unwrap_ip

MAC = "0a:00:00:00:00:01"
ETHER = Ether(src=MAC, dst="0a:00:00:00:00:02")
"""Both addresses given: scapy would ask the network for them."""
ARP = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff", type=0x0806)
INNER = Ether(src=MAC, dst="0a:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
INNERS: dict[str, Packet] = {
    "tcp": INNER / TCP() / Raw(b"x" * 100),
    "1 byte": Raw(b"\x0a"),
    "vlan": ETHER / Dot1Q(vlan=5) / IP() / UDP() / Raw(b"x"),
    "qinq": ETHER / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IPv6() / UDP() / Raw(b"x"),
    "ipv4 options": ETHER / IP(options=[IPOption_Router_Alert()]) / UDP() / Raw(b"x"),
    "ipv6 extension headers": ETHER / IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP() / Raw(b"x"),
    "first fragment": ETHER / IP(flags="MF") / UDP() / Raw(b"x" * 64),
    "later fragment": ETHER / IP(frag=8) / Raw(b"x" * 64),
    "ipv6 fragment": ETHER / IPv6() / IPv6ExtHdrFragment(offset=8) / Raw(b"x" * 64),
    "9001 bytes of IP": ETHER / IP() / UDP() / Raw(b"x" * 8973),
    "vxlan in vxlan": INNER / UDP(dport=4789) / VXLAN(vni=9) / ETHER / IP() / UDP(),
    "arp": ARP / Raw(bytes(28)),
}
OUTERS: dict[str, Packet] = {
    "ipv4": ETHER / IP(src="10.9.0.1", dst="10.9.0.2"),
    "ipv4 options": ETHER / IP(options=[IPOption_Router_Alert()]),
    "ipv6": ETHER / IPv6(),
    "ipv6 extension headers": ETHER / IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(),
    "vlan": ETHER / Dot1Q(vlan=7) / IP(),
    "qinq": ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=8) / IPv6(),
}


@pytest.mark.parametrize("vni", [0, 77, 2**24 - 1])
@pytest.mark.parametrize("outer", OUTERS)
@pytest.mark.parametrize("inner", INNERS)
def test_inner_bytes_are_those_that_scapy_put_in(outer, inner, vni):
    """Every kind of inner frame within every kind of outer headers, with a UDP checksum or a wrong one."""
    for checksum in (None, 0, 0xDEAD):
        packet = OUTERS[outer] / UDP(sport=50000, dport=4789, chksum=checksum) / VXLAN(vni=vni) / INNERS[inner]
        data = bytes(packet)
        found = unwrap(data, 0, len(data))
        assert found is not None
        assert (found.vni, data[found.start : found.end]) == (vni, bytes(INNERS[inner]))
        assert found.length == len(bytes(INNERS[inner]))


def test_inner_bytes_are_those_that_tshark_finds(tmp_path: Path):
    """Wireshark's own VXLAN dissector, frame by frame."""
    frames = [
        bytes(outer / UDP(sport=50000, dport=4789) / VXLAN(vni=77 + number) / inner)
        for number, inner in enumerate(INNERS.values())
        for outer in OUTERS.values()
    ]
    path = tmp_path / "outer.pcap"
    records = b"".join(struct.pack("<IIII", 1, 2, len(frame), len(frame)) + frame for frame in frames)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + records)
    fields = ["-T", "fields", "-e", "vxlan.vni", "-e", "udp.payload", "-E", "occurrence=f"]
    tshark = subprocess.run(["tshark", "-r", str(path), *fields], capture_output=True, text=True, check=True)
    expected = []
    for line in tshark.stdout.splitlines():
        vni, payload = line.split("\t")
        expected.append((int(vni), bytes.fromhex(payload)[8:]))
    ours = [(found.vni, frame[found.start : found.end]) for frame in frames if (found := unwrap(frame, 0, len(frame)))]
    assert ours == expected
    assert len(ours) == len(frames)


def test_every_shape_is_unwrapped(shape):
    """Geneve too: what a Gateway Load Balancer endpoint target delivers."""
    inner = bytes(INNERS["tcp"])
    outer = shape(inner, 77)
    found = unwrap(outer, 0, len(outer))
    assert found is not None
    assert (found.vni, outer[found.start : found.end], found.header) == (77, inner, b"")


@pytest.mark.parametrize(("kind", "packet"), [(0x0800, IP() / TCP()), (0x86DD, IPv6() / TCP())])
def test_bare_ip_in_geneve_gets_an_ethernet_header(kind, packet):
    """A file has one link type: Ethernet."""
    outer = bytes(
        ETHER / IP() / UDP(sport=50000, dport=6081) / Raw(struct.pack(">HHI", 0, kind, 5 << 8) + bytes(packet))
    )
    found = unwrap(outer, 0, len(outer))
    assert found is not None
    assert found.vni == 5
    assert Ether(found.header + outer[found.start : found.end])[TCP] == packet[TCP].__class__(bytes(packet[TCP]))


def test_outer_headers_may_begin_with_ip():
    """For captures of other link types."""
    outer = bytes(IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3) / INNERS["tcp"])
    found = unwrap_ip(outer, 0, len(outer))
    assert found is not None
    assert outer[found.start : found.end] == bytes(INNERS["tcp"])


def test_another_port_can_be_vxlans():
    """Some files come from where VXLAN runs on another port."""
    outer = bytes(ETHER / IP() / UDP(sport=1, dport=8472) / VXLAN(vni=3) / INNERS["tcp"])
    assert unwrap(outer, 0, len(outer)) is None
    assert unwrap(outer, 0, len(outer), Ports(vxlan=8472)) is not None


@pytest.mark.parametrize("packet", [
    ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3, flags=0) / INNER,
    ETHER / IP(frag=100) / UDP(sport=1, dport=4789) / VXLAN(vni=3) / INNER,
    ETHER / IPv6() / IPv6ExtHdrFragment(offset=10) / UDP(sport=1, dport=4789) / VXLAN(vni=3) / INNER,
    ETHER / IP() / TCP(dport=4789) / INNER,
    ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3),
    ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3, flags=12, NextProtocol=4) / Raw(bytes(40)),
    ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3, flags=13, NextProtocol=3) / INNER,
    ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3, flags=28, NextProtocol=3) / INNER,
    ETHER / IP() / UDP(sport=1, dport=4789) / Raw(b"\x08\0\0\0\0\0\x03"),
    ETHER / IP() / UDP(sport=1, dport=4789, len=8) / VXLAN(vni=3) / INNER,
    ARP / Raw(bytes(100)),
    ETHER / Raw(b""),
    Raw(b""),
], ids=["I flag clear", "fragment", "IPv6 fragment", "tcp", "no frame", "GPE: NSH", "GPE: OAM",
        "GPE: another version", "cut VXLAN", "no room", "arp", "bare", ""])  # fmt: skip
def test_what_is_no_mirrored_frame_gives_none(packet):
    """Counted by the caller, never an exception."""
    data = bytes(packet)
    assert unwrap(data, 0, len(data)) is None


def test_padding_of_the_outer_frame_is_not_the_inner_frames():
    """The UDP length ends the inner frame, not the wire."""
    outer = bytes(ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3) / Raw(b"abc")) + bytes(7)
    found = unwrap(outer, 0, len(outer))
    assert found is not None
    assert outer[found.start : found.end] == b"abc"


@pytest.mark.parametrize("name", ["tcp", "vlan", "qinq", "ipv4 options", "ipv6 extension headers", "9001 bytes of IP"])
def test_a_cut_frame_keeps_its_length(name):
    """From the inner IP header, wherever it was cut behind that."""
    whole = bytes(INNERS[name])
    for kept in range(60, len(whole), 7):
        assert original_length(whole, 0, kept) == len(whole)
        shifted = b"??" + whole[:kept]
        assert original_length(shifted, 2, len(shifted)) == len(whole)


def test_a_padded_frame_keeps_the_length_that_it_has():
    """A 46-byte minimum payload is longer than what IP says."""
    frame = bytes(ETHER / IP() / UDP()) + bytes(18)
    assert original_length(frame, 0, len(frame)) == len(frame)


@pytest.mark.parametrize("name", ["arp", "1 byte"])
def test_a_frame_that_says_nothing_of_its_length_keeps_what_it_has(name):
    """No IP, no length."""
    frame = bytes(INNERS[name])
    assert original_length(frame, 0, len(frame)) == len(frame)


def test_a_cut_outer_frame_says_how_long_the_inner_was():
    """First fragments, or a snap length: the UDP length tells."""
    outer = bytes(ETHER / IP() / UDP(sport=1, dport=4789) / VXLAN(vni=3) / ARP / Raw(bytes(28)))
    found = unwrap(outer, 0, len(outer) - 10)
    assert found is not None
    assert (found.end - found.start, found.length) == (32, 42)


@pytest.mark.parametrize(
    ("mac", "expected"), [(MAC, OUTBOUND), ("0a:00:00:00:00:02", INBOUND), ("0a:00:00:00:00:03", 0), ("", 0)]
)
def test_direction_comes_from_the_sources_mac(mac, expected):
    """Outbound when it sent the frame, inbound when the frame is for it, else not known."""
    frame = bytes(INNERS["tcp"])
    assert direction(frame, 0, len(frame), bytes.fromhex(mac.replace(":", ""))) == expected
    assert direction(frame, 0, 11, bytes.fromhex(mac.replace(":", ""))) == 0


@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_any_bytes_are_taken(data, cut):
    """No exception, and never a frame outside of the data."""
    for start in (unwrap, unwrap_ip):
        found = start(data, 0, min(cut, len(data)))
        assert found is None or 0 <= found.start <= found.end <= min(cut, len(data))
    assert original_length(data, 0, len(data)) >= len(data)
    assert direction(data, 0, len(data), b"123456") in (0, 1, 2)


@given(st.data())
def test_changed_frames_are_taken(shapes, data):
    """The same for frames that are nearly right."""
    outer = bytearray(shapes[data.draw(st.sampled_from(sorted(shapes)))](bytes(INNERS["vlan"]), 77))
    for _ in range(data.draw(st.integers(1, 4))):
        outer[data.draw(st.integers(0, len(outer) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(outer)))
    found = unwrap(bytes(outer), 0, end)
    assert found is None or 0 <= found.start <= found.end <= end
