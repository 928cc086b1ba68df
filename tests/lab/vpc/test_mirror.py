"""The mirror in a running VPC, judged by tcpdump, scapy, tshark and the kernel's own vxlan device."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN

from vpcshark.lab.model import LabRule
from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.mirror import restore_vlan

pytestmark = pytest.mark.e2e

ANY4, ANY6 = ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0")
ARP_TYPE = b"\x08\x06"
TAGGED = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=5, prio=3) / b"payload")
STRIPPED = TAGGED[:12] + TAGGED[16:]
VALID, HAS_TPID = 0x10, 0x40
ROOM = 9001 - 20 - 8 - 8  # what is left of the target's MTU for an inner frame


def is_mirrorable(frame: bytes) -> bool:
    """Whether Traffic Mirroring may take the frame at all (the lab has no DHCP and no 169.254.0.0/16 by itself)."""
    return frame[12:14] != ARP_TYPE


def observe(vpc: Any, sessions: list[Any], provoke: Callable[[], None]) -> tuple[list[bytes], list[bytes], list[Ether]]:
    """Frames at web-1 that must have been mirrored, frames that may have been, and the copies that arrived at cap-1."""
    target, possible = vpc.record("cap-1"), vpc.record("web-1")
    vpc.plane.apply(sessions)
    certain = vpc.record("web-1")
    provoke()
    must = [frame for frame in certain.frames() if is_mirrorable(frame)]
    vpc.plane.apply([])
    may = [frame for frame in possible.frames() if is_mirrorable(frame)]
    return must, may, target.copies()


def bulk(vpc: Any) -> None:
    """4 MB of TCP from web-1 to db-1, as fast as they can."""
    address = vpc.eni("db-1").ipv4
    serve = "import socket; s = socket.create_server(('', 7000)); print('up', flush=True); c, _ = s.accept()\n"
    serve += "while c.recv(1 << 16): pass"
    command = [*vpc.inside("db-1"), "python3", "-c", serve]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert server.stdout.readline() == b"up\n"
        text = f"import os, socket; s = socket.create_connection(('{address}', 7000))\n"
        vpc.python("web-1", text + "for _ in range(64): s.sendall(os.urandom(1 << 16))")


@pytest.mark.usefixtures("receiver")
def test_a_session_mirrors_every_frame_of_its_source_once(vpc: Any, inner: Any, without: Any) -> None:
    """What tcpdump sees at the source in both directions arrives at the target: nothing missing, nothing extra."""
    must, may, copies = observe(vpc, [vpc.session()], lambda: vpc.await_frames("web-1", 300))
    arrived = [inner(copy) for copy in copies]
    assert len(must) > 250
    assert without(must, arrived) == []
    assert without(arrived, may) == []


@pytest.mark.usefixtures("receiver")
def test_a_burst_is_mirrored_whole(vpc: Any, inner: Any, without: Any) -> None:
    """Nothing is lost when a source sends as fast as it can; frames too large for the target's MTU are cut."""
    must, _, copies = observe(vpc, [vpc.session()], lambda: bulk(vpc))
    assert sum(map(len, must)) > 4 << 20
    assert max(map(len, must)) == 9001 + 14
    assert without([frame[:ROOM] for frame in must], [inner(copy) for copy in copies]) == []
    assert vpc.plane.stats()["dropped"] == 0


@pytest.mark.usefixtures("receiver")
def test_frames_wait_for_a_mirror_that_gets_no_cpu(vpc: Any, inner: Any, without: Any) -> None:
    """While the mirror does not run at all, frames queue up; nothing is lost."""
    (pid,) = vpc.processes_of("vpcshark.lab.vpc.mirror")

    def starve() -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            vpc.await_frames("web-1", 100)
            bulk(vpc)
        finally:
            os.kill(pid, signal.SIGCONT)

    must, _, copies = observe(vpc, [vpc.session()], starve)
    assert without([frame[:ROOM] for frame in must], [inner(copy) for copy in copies]) == []
    assert vpc.plane.stats()["dropped"] == 0


@pytest.mark.usefixtures("receiver")
def test_outer_headers_are_those_of_traffic_mirroring(vpc: Any, inner: Any) -> None:
    """Addresses are the ENIs' primary ones, ports, VNI, lengths and checksums true: tshark says so too."""
    recording = vpc.record("cap-1")
    vpc.plane.apply([vpc.session(vni=1234567)])
    vpc.await_frames("web-1", 60)
    vpc.plane.apply([])
    path = recording.stop()
    fields = ["eth.src", "eth.dst", "ip.src", "ip.dst", "ip.checksum.status", "udp.dstport", "vxlan.flags", "vxlan.vni"]
    command = ["tshark", "-r", str(path), "-Y", "vxlan", "-o", "ip.check_checksum:TRUE", "-T", "fields"]
    command += ["-E", "occurrence=f", *(word for field in fields for word in ("-e", field))]
    rows = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
    web, cap = vpc.eni("web-1"), vpc.eni("cap-1")
    assert rows == {"\t".join([web.mac, cap.mac, web.ipv4, cap.ipv4, "1", "4789", "0x0800", "1234567"])}


@pytest.mark.usefixtures("receiver")
def test_flows_keep_their_source_port(vpc: Any, inner: Any) -> None:
    """Each inner flow has one outer source port from 49152 on, and flows differ."""
    _, _, copies = observe(vpc, [vpc.session()], lambda: vpc.await_frames("web-1", 100))
    ports: dict[tuple[Any, ...], set[int]] = {}
    for copy in copies:
        packet = copy[VXLAN].payload
        if UDP in packet and IP in packet:
            ip, udp = packet[IP], packet[UDP]
            ports.setdefault((ip.src, ip.dst, udp.sport, udp.dport), set()).add(copy[UDP].sport)
    assert all(len(found) == 1 and min(found) >= 49152 for found in ports.values())
    assert len(set().union(*ports.values())) > 3


@pytest.mark.usefixtures("receiver")
def test_deleting_the_session_stops_the_copies(vpc: Any) -> None:
    """Once ``apply`` has returned, no copy arrives any more, while the source's traffic goes on."""
    vpc.plane.apply([vpc.session()])
    vpc.await_frames("cap-1", 20, "udp port 4789")
    vpc.plane.apply([])
    recording = vpc.record("cap-1")
    vpc.await_frames("web-1", 60)
    assert recording.copies() == []


@pytest.mark.usefixtures("receiver")
def test_the_first_matching_rule_decides(vpc: Any, accept_everything: Any) -> None:
    """A reject with a lower number takes TCP out of what a later rule accepts."""
    rejects = [
        LabRule(number, way, "reject", *cidrs, 6)
        for way in ("ingress", "egress")
        for number, cidrs in ((1, ANY4), (2, ANY6))
    ]
    must, _, copies = observe(
        vpc, [vpc.session(rules=accept_everything(*rejects))], lambda: vpc.await_frames("web-1", 150)
    )
    seen = Counter("tcp" if copy[VXLAN].payload.haslayer("TCP") else "other" for copy in copies)
    assert any(Ether(frame).haslayer("TCP") for frame in must)
    assert seen["tcp"] == 0
    assert seen["other"] > 10


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize("direction", ["egress", "ingress"])
def test_directions_are_seen_from_the_source(vpc: Any, inner: Any, direction: str) -> None:
    """Egress is what the source's ENI sends, ingress is what it gets."""
    one_way = tuple(LabRule(number, direction, "accept", *cidrs) for number, cidrs in ((1, ANY4), (2, ANY6)))
    session = vpc.session(rules=one_way, amazon_dns=False)
    _, _, copies = observe(vpc, [session], lambda: vpc.await_frames("web-1", 60))
    mac = bytes.fromhex(vpc.eni("web-1").mac.replace(":", ""))
    assert len(copies) > 20
    assert {inner(copy)[6:12] == mac for copy in copies} == {direction == "egress"}


@pytest.mark.usefixtures("receiver")
def test_the_lowest_session_number_takes_the_frame(vpc: Any, accept_everything: Any, without: Any, inner: Any) -> None:
    """Two sessions of one source: what the first accepts goes there alone, the rest to the second."""
    icmp = tuple(LabRule(1, way, "accept", "0.0.0.0/0", "0.0.0.0/0", 1) for way in ("ingress", "egress"))
    sessions = [
        vpc.session(id="tms-2", number=20, vni=2),
        vpc.session(id="tms-1", number=10, vni=1, rules=icmp, amazon_dns=False),
    ]
    must, _, copies = observe(vpc, sessions, lambda: vpc.await_frames("web-1", 150))
    by_vni = {vni: [copy for copy in copies if copy[VXLAN].vni == vni] for vni in (1, 2)}
    assert by_vni[1]
    assert all(ICMP in copy[VXLAN].payload for copy in by_vni[1])
    assert not any(ICMP in copy[VXLAN].payload for copy in by_vni[2])
    assert without(must, [inner(copy) for copy in copies]) == []


@pytest.mark.usefixtures("receiver")
def test_two_sources_give_a_copy_each(vpc: Any, inner: Any) -> None:
    """A packet between two sources is mirrored at both ends, each copy with the MACs of its own subnet."""
    sessions = [vpc.session(vni=1), vpc.session("db-1", id="tms-2", vni=2)]
    _, _, copies = observe(vpc, sessions, lambda: vpc.await_frames("web-1", 8, "icmp"))
    payloads = {vni: Counter(inner(c)[34:] for c in copies if c[VXLAN].vni == vni and ICMP in c) for vni in (1, 2)}
    shared = payloads[1] & payloads[2]
    assert len(shared) > 4
    assert max(shared.values()) == 1


@pytest.mark.usefixtures("receiver")
def test_packet_length_cuts_the_inner_frame(vpc: Any, inner: Any) -> None:
    """PacketLength counts bytes after the VXLAN header; the outer lengths follow."""
    ping = ("ping", "-c", "3", "-i", "0.2", "-s", "1400", vpc.eni("db-1").ipv4)
    must, _, copies = observe(vpc, [vpc.session(packet_length=60)], lambda: vpc.run("web-1", *ping))
    assert max(map(len, must)) > 1000
    assert {len(inner(copy)) for copy in copies} == {60}
    assert {(copy[IP].len, copy[UDP].len) for copy in copies} == {(20 + 8 + 8 + 60, 8 + 8 + 60)}


@pytest.mark.usefixtures("receiver")
def test_the_target_mtu_cuts_what_is_too_large(vpc: Any, inner: Any) -> None:
    """A frame as large as the MTU arrives cut so that the outer IP packet is 9001 bytes."""
    address = vpc.eni("db-1").ipv4
    ping = ("ping", "-c", "1", "-M", "do", "-s", "8973", address)
    must, _, copies = observe(vpc, [vpc.session()], lambda: vpc.run("web-1", *ping))
    largest = [copy for copy in copies if len(inner(copy)) > 8500]
    assert sorted(len(frame) for frame in must)[-2:] == [9015, 9015]
    assert [(copy[IP].len, len(inner(copy)), len(copy)) for copy in largest] == [(9001, ROOM, 9015)] * 2


@pytest.mark.usefixtures("receiver")
def test_arp_dhcp_and_link_local_services_are_never_mirrored(vpc: Any, inner: Any) -> None:
    """They pass the source's ENI for real, and no copy of them arrives."""
    neighbour = vpc.eni("cap-1").ipv4
    router = vpc.router("web-1")
    send = (
        "import socket; s = socket.socket(2, 2); s.setsockopt(1, 6, 1); s.bind(('', 68))\n"
        "s.sendto(b'dhcp', ('255.255.255.255', 67)); s.sendto(b'metadata', ('169.254.169.254', 80))"
    )

    def provoke() -> None:
        vpc.run("web-1", "ip", "neigh", "flush", "dev", "eth0")
        vpc.run("web-1", "ping", "-c", "1", neighbour)
        vpc.run("web-1", "ping", "-c", "1", router)
        vpc.python("web-1", send)

    everything = vpc.record("web-1")
    must, _, copies = observe(vpc, [vpc.session()], provoke)
    on_the_wire, arrived = everything.frames(), [inner(copy) for copy in copies]
    assert any(ARP in Ether(frame) for frame in on_the_wire)
    assert any(frame.endswith(b"dhcp") for frame in must)
    assert any(frame.endswith(b"metadata") for frame in must)
    assert not any(frame[12:14] == ARP_TYPE or frame.endswith((b"dhcp", b"metadata")) for frame in arrived)


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize("is_allowed", [True, False])
def test_dns_to_the_resolver_needs_amazon_dns(vpc: Any, is_allowed: bool) -> None:
    """Only the network service ``amazon-dns`` lets traffic with the VPC's resolver through."""
    _, _, copies = observe(
        vpc, [vpc.session(amazon_dns=is_allowed)], lambda: vpc.await_frames("web-1", 8, "host 10.98.0.2")
    )
    found = [copy for copy in copies if (ip := copy[VXLAN].payload.getlayer(IP)) and "10.98.0.2" in (ip.src, ip.dst)]
    assert (len(found) >= 8) is is_allowed
    assert is_allowed or found == []


def test_the_kernels_vxlan_device_agrees(vpc: Any, without: Any) -> None:
    """A vxlan device in the target's namespace gives out the same frames that tcpdump saw at the source."""
    vxlan = "link add vx0 mtu 8950 type vxlan id 77 dstport 4789 dev eth0"
    vpc.run("cap-1", "ip", *vxlan.split())
    netns.inside(f"{vpc.name}-cap-1", lambda: netns.disable_offloads(["vx0"]))  # GRO would merge TCP segments
    vpc.run("cap-1", *["ip", "link", "set", "vx0", "up"])
    try:
        device = vpc.record("cap-1", "vx0")
        vpc.plane.apply([vpc.session()])
        source = vpc.record("web-1")
        vpc.await_frames("web-1", 200)
        must = [frame for frame in source.frames() if is_mirrorable(frame)]
        arrived = device.frames(sender="web-1")
    finally:
        vpc.run("cap-1", *["ip", "link", "del", "vx0"])
    assert len(must) > 150
    assert without(must, arrived) == []


def test_an_unbound_port_makes_the_target_answer_the_source(vpc: Any) -> None:
    """Nothing listens: the target's own stack sends ICMP port-unreachable, and it reaches the source for real."""
    recording = vpc.record("web-1")
    vpc.plane.apply([vpc.session()])
    vpc.await_frames("web-1", 1, "icmp[0] = 3 and icmp[1] = 3 and src host " + vpc.eni("cap-1").ipv4)
    vpc.plane.apply([])
    complaints = [p for p in map(Ether, recording.frames()) if ICMP in p and (p[ICMP].type, p[ICMP].code) == (3, 3)]
    assert complaints
    assert {p.dst for p in complaints} == {vpc.eni("web-1").mac}


@pytest.mark.usefixtures("receiver")
def test_a_source_that_is_a_target_does_not_mirror_its_copies(vpc: Any) -> None:
    """Copies sent to an ENI that is a source itself are not mirrored again: no loop."""
    sessions = [vpc.session(vni=1), vpc.session("cap-1", "web-1", id="tms-2", vni=2)]
    recording = vpc.record("cap-1")
    vpc.plane.apply(sessions)
    vpc.await_frames("web-1", 150)
    vpc.plane.apply([])
    ports = [inner[UDP].dport for copy in recording.copies() if UDP in (inner := copy[VXLAN].payload)]
    assert ports
    assert 4789 not in ports


@pytest.mark.usefixtures("receiver")
def test_the_targets_firewall_has_the_last_word(vpc: Any) -> None:
    """nftables in the target's namespace sees and counts the copies."""
    chain = "add chain ip t c { type filter hook input priority 0; }"
    table = f"add table ip t; {chain}; add rule ip t c udp dport 4789 counter"
    vpc.run("cap-1", "nft", table)
    try:
        vpc.plane.apply([vpc.session()])
        vpc.await_frames("cap-1", 30, "udp port 4789")
        counted = vpc.run("cap-1", "nft", "list", "table", "ip", "t")
    finally:
        vpc.run("cap-1", "nft", "delete", "table", "ip", "t")
    assert int(counted.partition("counter packets ")[2].split()[0]) >= 30


def auxiliary(status: int) -> list[tuple[int, int, bytes]]:
    """A control message as packet(7) gives it."""
    return [(263, 8, struct.pack("=IIIHHHH", status, 0, 0, 0, 14, 0x6005, 0x8100))]


def test_a_stripped_tag_comes_back() -> None:
    """The frame is what was on the wire."""
    assert restore_vlan(STRIPPED, auxiliary(VALID | HAS_TPID)) == TAGGED
    assert restore_vlan(STRIPPED, auxiliary(VALID)) == TAGGED


def test_a_frame_without_a_tag_stays() -> None:
    """No tag is invented."""
    assert restore_vlan(STRIPPED, auxiliary(0)) == STRIPPED
    assert restore_vlan(STRIPPED, []) == STRIPPED
