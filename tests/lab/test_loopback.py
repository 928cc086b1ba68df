"""The data plane without root: what it sends is judged by tshark."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scapy.utils import wrpcap

from vpcshark.lab.flows import conversation
from vpcshark.lab.loopback import LoopbackPlane, encapsulated, peers
from vpcshark.lab.model import LabEni, LabInstance, LabRule, LabSession, LabWorld

WEB = LabEni("eni-web", "02:00:00:00:01:10", "10.101.1.10", "2600:1f00::10", 0, "10.101.1.0/24", "2600:1f00::/64")
DB = LabEni("eni-db", "02:00:00:00:02:20", "10.101.2.20", "2600:1f00:0:1::20", 0, "10.101.2.0/24", "2600:1f00:0:1::/64")
HERE = LabEni("eni-here", "02:00:00:00:03:01", "127.0.0.1", "", 0, "127.0.0.0/24", "")
WORLD = LabWorld(
    "10.101.0.0/16",
    "2600:1f00::/56",
    "10.101.0.2",
    (
        LabInstance("i-web", "web-1", (WEB,)),
        LabInstance("i-db", "db-1", (DB,)),
        LabInstance("i-here", "this-machine", (HERE,), ("host",)),
    ),
)
ALL = tuple(
    LabRule(index + 1, direction, "accept", cidr, cidr)
    for index, (direction, cidr) in enumerate((d, c) for d in ("ingress", "egress") for c in ("0.0.0.0/0", "::/0"))
)


def session(vni: int, source: str = "eni-web", number: int = 1, rules: tuple[LabRule, ...] = ALL) -> LabSession:
    """A session to this machine."""
    return LabSession(f"tms-{vni}", number, vni, source, "eni-here", rules=rules, resolver=WORLD.resolver)


@pytest.fixture
def capture_host() -> Iterator[socket.socket]:
    """A UDP socket that stands for the capture host's port 4789."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


@pytest.fixture
def plane(capture_host: socket.socket) -> Iterator[LoopbackPlane]:
    """A running plane that sends there."""
    plane = LoopbackPlane(capture_host.getsockname()[1])
    plane.start(WORLD)
    yield plane
    plane.stop()


@pytest.fixture
def dissect(tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Let tshark read frames; the wanted fields of those that pass the filter."""
    tshark = shutil.which("tshark")
    assert tshark, "these tests need tshark"

    def read(frames: list[bytes], display_filter: str, *fields: str) -> list[list[str]]:
        file = tmp_path / "frames.pcap"
        wrpcap(str(file), frames, linktype=1)
        checks = [part for p in ("ip", "tcp", "udp") for part in ("-o", f"{p}.check_checksum:TRUE")]
        wanted = [part for name in fields for part in ("-e", name)]
        command = [tshark, "-r", str(file), *checks, "-Y", display_filter, "-T", "fields", *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    return read


def vni_of(datagram: bytes) -> int:
    """The VNI of a VXLAN datagram (RFC 7348, 5)."""
    assert datagram[0] == 0x08
    return int.from_bytes(datagram[4:7], "big")


def test_tshark_finds_nothing_wrong(dissect: Callable[..., list[list[str]]]) -> None:
    """No malformed frame and no bad checksum in a round, whatever layer."""
    frames = [frame for _, frame in conversation(WEB, DB, WORLD.resolver, 1)]
    assert dissect(frames, "_ws.malformed", "frame.number") == []
    bad = "ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0 || icmpv6.checksum.status==0"
    assert dissect(frames, bad, "frame.number") == []
    assert dissect(frames, "tcp.analysis.flags", "frame.number") == []


def test_a_round_has_what_a_person_wants_to_see(dissect: Callable[..., list[list[str]]]) -> None:
    """HTTP over both families, DNS, ping over both families, and one large datagram."""
    frames = [frame for _, frame in conversation(WEB, DB, WORLD.resolver, 7)]
    assert dissect(frames, "http.request", "http.request.uri", "ipv6.dst") == [
        ["/round/7", ""],
        ["/round/7", "2600:1f00:0:1::20"],
    ]
    assert len(dissect(frames, "http.response.code==200", "frame.number")) == 2
    assert len(dissect(frames, "dns.flags.response==1", "frame.number")) == 2
    assert len(dissect(frames, "icmp || icmpv6", "frame.number")) == 4
    assert len(dissect(frames, "frame.len > 8900", "frame.number")) == 2


def test_frames_of_a_session_arrive_with_its_vni(plane: LoopbackPlane, capture_host: socket.socket) -> None:
    """In both directions, and whole."""
    plane.apply([session(777)])
    datagrams = [capture_host.recv(65536) for _ in range(12)]
    assert {vni_of(data) for data in datagrams} == {777}
    web = bytes.fromhex(WEB.mac.replace(":", ""))
    assert {data[14:20] == web for data in datagrams} == {True, False}


def test_nothing_comes_after_the_session_is_gone(plane: LoopbackPlane, capture_host: socket.socket) -> None:
    """What was sent before ``apply`` returned may be read; nothing follows."""
    plane.apply([session(1)])
    capture_host.recv(65536)
    plane.apply([session(2, "eni-db")])
    capture_host.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            assert vni_of(capture_host.recv(65536)) in (1, 2)
    capture_host.settimeout(10)
    assert {vni_of(capture_host.recv(65536)) for _ in range(40)} == {2}


def test_each_frame_goes_to_one_session(plane: LoopbackPlane, capture_host: socket.socket) -> None:
    """The lowest number that accepts it: TCP to the first, the rest to the second."""
    tcp_only = tuple(LabRule(r.number, r.direction, "accept", r.source_cidr, r.destination_cidr, 6) for r in ALL)
    plane.apply([session(20, number=2), session(10, number=1, rules=tcp_only)])
    datagrams = [capture_host.recv(65536) for _ in range(40)]
    protocols = {(vni_of(data), data[8 + 23]) for data in datagrams if data[20:22] == b"\x08\x00"}
    assert {vni for vni, protocol in protocols if protocol == 6} == {10}
    assert {vni for vni, protocol in protocols if protocol != 6} == {20}


def test_the_packet_length_cuts_the_inner_frame() -> None:
    """It counts bytes after the VXLAN header."""
    cut = LabSession("tms-1", 1, 0xABCDEF, "eni-web", "eni-here", packet_length=60)
    assert encapsulated(cut, b"x" * 100) == b"\x08\x00\x00\x00\xab\xcd\xef\x00" + b"x" * 60


def test_the_mtu_of_the_target_cuts_too() -> None:
    """Nothing larger than 9001 bytes of outer IP arrives."""
    whole = LabSession("tms-1", 1, 1, "eni-web", "eni-here")
    assert len(encapsulated(whole, b"x" * 9100)) == 9001 - 28


def test_everybody_has_a_peer_but_this_machine() -> None:
    """The capture host makes no traffic of its own."""
    assert peers(WORLD) == {"eni-web": DB, "eni-db": WEB}


def test_a_session_to_another_machine_carries_nothing(plane: LoopbackPlane, capture_host: socket.socket) -> None:
    """Only this machine exists on this data plane; its sessions come alone."""
    elsewhere = LabSession("tms-9", 1, 9, "eni-web", "eni-db", rules=ALL)
    plane.apply([elsewhere, session(5, "eni-db")])
    assert {vni_of(capture_host.recv(65536)) for _ in range(40)} == {5}


def test_stop_may_come_twice(capture_host: socket.socket) -> None:
    """And before the start; then nothing is sent any more."""
    plane = LoopbackPlane(capture_host.getsockname()[1])
    plane.stop()
    plane.apply([session(3)])
    plane.stop()
    capture_host.setblocking(False)
    with pytest.raises(BlockingIOError):
        capture_host.recv(1)
