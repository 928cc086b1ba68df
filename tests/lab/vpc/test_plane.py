"""The VPC of namespaces: what is in it, what runs in it, and that nothing is left of it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from vpcshark.errors import VpcsharkError
from vpcshark.lab.model import LabInstance
from vpcshark.lab.vpc import topology
from vpcshark.lab.vpc.plane import NamespacePlane

pytestmark = pytest.mark.e2e

GET = "import urllib.request; print(urllib.request.urlopen('http://{}/hello', timeout=5).read().decode())"
CRASH = """
import json, os, pathlib, sys
from vpcshark.lab.model import LabEni, LabInstance, LabWorld
from vpcshark.lab.vpc import topology
from vpcshark.lab.vpc.plane import NamespacePlane
facts = json.loads(sys.argv[3])
instances = [
    LabInstance(i["id"], i["name"], tuple(LabEni(**eni) for eni in i["enis"]), tuple(i["roles"]))
    for i in facts.pop("instances")
]
NamespacePlane(pathlib.Path(sys.argv[1]), sys.argv[2]).start(LabWorld(**facts, instances=tuple(instances)))
print("started", flush=True)
sys.stdin.read()
"""


OTHERS = re.compile(r"10\.1\d\d\.")  # routes that labs beside these tests bring and take: networks not used here


def footprint(vpc: Any) -> dict[str, list[str]]:
    """What this machine has of the lab's namespaces and devices, and all its routes: what else runs on the machine
    makes and takes namespaces at any time."""
    ours = {f"{vpc.name}-", *topology.plan(vpc.world, vpc.name).host_devices()}
    asked = {"netns": ["netns", "list"], "devices": ["-br", "link"], "routes": ["route"], "routes6": ["-6", "route"]}
    found = {name: vpc.run("", "ip", *command).splitlines() for name, command in asked.items()}
    for name in ("netns", "devices"):
        found[name] = [line for line in found[name] if line.startswith(tuple(ours))]
    return {name: [line for line in lines if not OTHERS.match(line)] for name, lines in found.items()}


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than a zombie that nobody has fetched yet."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def addresses(vpc: Any, instance: str) -> dict[str, tuple[str, int, set[str]]]:
    """Device -> MAC, MTU and global addresses, as ip(8) shows them inside the instance."""
    found = json.loads(vpc.run(instance, "ip", "-j", "addr"))
    return {
        device["ifname"]: (
            device["address"],
            device["mtu"],
            {f"{a['local']}/{a['prefixlen']}" for a in device["addr_info"] if a["scope"] == "global"},
        )
        for device in found
    }


def test_instances_have_the_enis_that_the_world_gives_them(vpc: Any) -> None:
    """MACs, IPv4, IPv6 and the jumbo MTU, in the order of the device index."""
    for instance in vpc.world.instances:
        there = addresses(vpc, instance.name)
        for eni in instance.enis:
            lengths = [ip_interface(cidr).network.prefixlen for cidr in (eni.subnet_cidr, eni.subnet_ipv6_cidr)]
            expected = {f"{eni.ipv4}/{lengths[0]}", f"{eni.ipv6}/{lengths[1]}"}
            assert there[f"eth{eni.device_index}"] == (eni.mac, 9001, expected)


def test_the_router_routes_and_the_subnet_bridges(vpc: Any) -> None:
    """Between subnets the TTL counts a router, within one it does not, on both families."""
    db, cap = vpc.eni("db-1"), vpc.eni("cap-1")
    answers = [vpc.run("web-1", "ping", "-c", "1", where) for where in (db.ipv4, db.ipv6, cap.ipv4, cap.ipv6)]
    assert [re.findall(r"ttl=(\d+)", answer) for answer in answers] == [["63"], ["63"], ["64"], ["64"]]


def test_jumbo_frames_pass_whole(vpc: Any) -> None:
    """9001 bytes of IP cross the router without fragments, on both families."""
    db = vpc.eni("db-1")
    assert "1 received" in vpc.run("web-1", "ping", "-c", "1", "-M", "do", "-s", "8973", db.ipv4)
    assert "1 received" in vpc.run("web-1", "ping", "-c", "1", "-M", "do", "-s", "8953", db.ipv6)


def test_http_answers_on_both_families(vpc: Any) -> None:
    """A page repeats the path that was asked for."""
    db = vpc.eni("db-1")
    assert "/hello" in vpc.python("web-1", GET.format(db.ipv4))
    assert "/hello" in vpc.python("web-1", GET.format(f"[{db.ipv6}]"))


def test_a_further_eni_answers_from_itself(vpc: Any) -> None:
    """What comes in by eth1 is answered by eth1, also to a subnet that eth1 is in."""
    recording = vpc.record("web-1", "eth1")
    eni = vpc.eni("web-1", 1)
    assert "/hello" in vpc.python("db-1", GET.format(eni.ipv4))
    vpc.run("db-1", "ping", "-c", "1", eni.ipv6)
    sent = [packet for packet in map(Ether, recording.frames("db-1", eni.ipv4)) if packet.src == eni.mac]
    assert any(TCP in packet for packet in sent)
    assert any(IPv6 in packet for packet in sent)


def test_arp_is_there(vpc: Any) -> None:
    """Neighbours are found by real ARP."""
    recording = vpc.record("web-1")
    vpc.run("web-1", "ip", "neigh", "flush", "dev", "eth0")
    vpc.run("web-1", "ping", "-c", "1", vpc.eni("cap-1").ipv4)
    asked = [packet[ARP].pdst for packet in map(Ether, recording.frames()) if ARP in packet and packet[ARP].op == 1]
    assert vpc.eni("cap-1").ipv4 in asked


def test_frames_are_wire_sized_with_true_checksums(vpc: Any) -> None:
    """No offload makes larger frames or leaves checksums out: tshark finds none bad."""
    recording = vpc.record("web-1")
    vpc.await_frames("web-1", 150)
    path = recording.stop()
    checks = [f"{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")]
    command = ["tshark", "-r", str(path), *(word for check in checks for word in ("-o", check)), "-T", "fields"]
    fields = ["frame.len", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status"]
    command += [word for field in fields for word in ("-e", field)]
    rows = [row.split("\t") for row in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()]
    assert max(int(row[0]) for row in rows) <= 9015
    assert {status for row in rows for status in row[1:]} == {"", "1"}


def test_traffic_of_every_kind_runs_unasked(vpc: Any) -> None:
    """HTTP and DNS on both families, DNS to the resolver, ICMP, ICMPv6 and a jumbo flow; no payload comes twice."""
    recording = vpc.record("web-1")
    vpc.await_frames("web-1", 2, "udp dst port 9000 and src host " + vpc.eni("web-1").ipv4)
    vpc.await_frames("web-1", 1, "udp dst port 9000 and src host " + vpc.eni("web-1").ipv4)
    sent = [packet for packet in map(Ether, recording.frames()) if packet.src == vpc.eni("web-1").mac]
    tokens = [re.findall(rb"(?:http|dns|ping|jumbo)-web-1-db-1-\d{8}", bytes(packet)) for packet in sent]
    questions = [packet for packet in sent if (DNSQR in packet and packet[DNS].qr == 0)]
    requests = [p for p in sent if TCP in p and p[TCP].dport == 80 and Raw in p]
    resolver = vpc.world.resolver
    assert {IPv6 in packet for packet in questions} == {IPv6 in packet for packet in requests} == {True, False}
    assert any(IPv6 not in packet and packet["IP"].dst == resolver for packet in questions)
    assert any(ICMP in packet and packet[ICMP].type == 8 for packet in sent)
    assert any(ICMPv6EchoRequest in packet for packet in sent)
    assert any(UDP in packet and packet[UDP].len == 8008 for packet in sent)
    asking = [found[0] for found, packet in zip(tokens, sent, strict=True) if found and packet in questions + requests]
    assert len(asking) == len(set(asking)) > 4


def test_the_resolver_knows_the_instances(vpc: Any) -> None:
    """The VPC's DNS address answers with real addresses."""
    text = (
        "import socket; from vpcshark.lab.vpc import dns; s = socket.socket(2, 2); s.settimeout(5)\n"
        f"s.sendto(dns.question(7, 'db-1.vpc.internal', 1), ('{vpc.world.resolver}', 53)); print(s.recv(999).hex())"
    )
    answer = DNS(bytes.fromhex(vpc.python("cap-1", text)))
    assert [record.rdata for record in answer.an] == [vpc.eni("db-1").ipv4]


def test_this_machine_is_a_host_in_the_vpc(make_vpc: Callable[..., Any], world_of: Any, eni_of: Any) -> None:
    """A "host" instance is this machine: it reaches the VPC, logs in by the lab's key, keeps its own routes."""
    host = LabInstance("i-9", "this", (eni_of(7, 1, 0, 97),), ("host",))
    vpc = make_vpc(world_of(97, host))
    before = footprint(vpc)
    vpc.plane.start(vpc.world)
    during = footprint(vpc)
    keys = vpc.folder / "ssh"
    host_key = " ".join((keys / "host_ed25519.pub").read_text().split()[:2])
    known = vpc.folder / "known_hosts"
    known.write_text(f"{vpc.eni('cap-1').ipv4} {host_key}\n")
    ssh = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}", "-i", keys / "id_ed25519"]
    ask = [*ssh, f"root@{vpc.eni('cap-1').ipv4}", "python3 -c 'import os; print(os.environ[\"SSH_CLIENT\"])'"]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=180)
    vpc.plane.stop()
    assert done.stdout.split()[:1] == [vpc.eni("this").ipv4], done.stderr
    assert set(before["routes"]) < set(during["routes"])
    assert any(line.startswith("10.97.") for line in during["routes"])
    assert during["routes6"] == before["routes6"]
    assert (before["devices"], len(during["devices"])) == ([], 1)
    assert footprint(vpc) == before


def test_sshd_lets_no_other_key_in(vpc: Any, tmp_path: Path) -> None:
    """Only the lab's key opens the capture host."""
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes"]
    options += ["-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-i", str(other)]
    command = [*vpc.inside("web-1"), "ssh", *options, f"root@{vpc.eni('cap-1').ipv4}", "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_two_vpcs_stand_side_by_side(vpc: Any, make_vpc: Callable[..., Any], world_of: Any) -> None:
    """A second lab comes and goes, the first does not notice."""
    other = make_vpc(world_of(96))
    other.plane.start(other.world)
    assert "/hello" in other.python("web-1", GET.format(other.eni("db-1").ipv4))
    other.plane.stop()
    assert "/hello" in vpc.python("web-1", GET.format(vpc.eni("db-1").ipv4))


def test_a_name_that_is_taken_is_refused_and_left_alone(vpc: Any, tmp_path: Path) -> None:
    """A second lab of the same name ends in a sentence; the first one stays whole."""
    second = NamespacePlane(tmp_path, vpc.name)
    with pytest.raises(VpcsharkError, match="is there already"):
        second.start(vpc.world)
    second.stop()
    assert "/hello" in vpc.python("web-1", GET.format(vpc.eni("db-1").ipv4))


def test_stop_leaves_nothing(make_vpc: Callable[..., Any], world_of: Any) -> None:
    """No namespace, device, route or process; a second stop finds nothing to do."""
    vpc = make_vpc(world_of(95))
    before = footprint(vpc)
    vpc.plane.start(vpc.world)
    assert len(footprint(vpc)["netns"]) == 4
    pids = vpc.processes()
    vpc.plane.stop()
    vpc.plane.stop()
    assert len(pids) >= 5
    assert not any(is_running(pid) for pid in pids)
    assert footprint(vpc) == before


def test_a_start_that_fails_leaves_nothing(make_vpc: Callable[..., Any], world_of: Any) -> None:
    """Without keys sshd ends at once: a sentence that names its log, and nothing stays."""
    vpc = make_vpc(world_of(94), has_keys=False)
    before = footprint(vpc)
    with pytest.raises(VpcsharkError, match=r"Look into .*sshd\.log"):
        vpc.plane.start(vpc.world)
    assert footprint(vpc) == before


def test_another_process_stops_a_crashed_lab(make_vpc: Callable[..., Any], world_of: Any) -> None:
    """A lab whose process was killed is taken down by its record, with what was started in it since."""
    vpc = make_vpc(world_of(93))
    before = footprint(vpc)
    command = [sys.executable, "-c", CRASH, str(vpc.folder), vpc.name, vpc.world_as_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lab:
        assert lab.stdout
        assert lab.stdout.readline() == b"started\n"
        stray = subprocess.Popen([*vpc.inside("db-1"), "sleep", "60"], start_new_session=True)
        pids = vpc.processes()
        lab.send_signal(signal.SIGKILL)
        lab.wait()
        NamespacePlane(vpc.folder, vpc.name).stop()
        assert stray.wait(timeout=180) == -signal.SIGTERM
    assert len(pids) >= 6
    assert not any(is_running(pid) for pid in pids)
    assert footprint(vpc) == before


@pytest.fixture
def asks_once(vpc: Any) -> Iterator[None]:
    """cap-1 asks again who has an address after a minute. After a second, as the kernel comes, it would be a matter of
    luck whether that is in time."""
    patience = "for file in /proc/sys/net/ipv[46]/neigh/*/retrans_time_ms; do echo {} >$file; done"
    vpc.run("cap-1", "sh", "-c", patience.format(60_000))
    yield
    vpc.run("cap-1", "sh", "-c", patience.format(1000))


@pytest.mark.usefixtures("asks_once")
@pytest.mark.parametrize("address", ["10.98.1.77", "2600:1f98:0:1::77"])
def test_who_takes_an_address_over_is_reached_at_once(vpc: Any, eni_of: Any, address: str) -> None:
    """Even by who asked for it in vain when it was nobody's, and while the kernel still has the namespace of the one
    before, as it does on a busy machine."""
    addresses = {"ipv4": "10.98.1.77", "ipv6": "2600:1f98:0:1::77"}
    first, second = (replace(eni_of(number, 1), **addresses) for number in (31, 32))
    ping = ("cap-1", "ping", "-c", "1", "-W", "1", address)
    assert "0 received" in vpc.run(*ping, check=False)
    vpc.plane.launch(LabInstance("i-31", "", (first,), ("launched", "sshd")), lambda: None)
    vpc.run(*ping)
    with open(f"/run/netns/{vpc.name}-i-31"):
        vpc.plane.remove("i-31")
        assert "0 received" in vpc.run(*ping, check=False)
    vpc.plane.launch(LabInstance("i-32", "", (second,), ("launched", "sshd")), lambda: None)
    vpc.run(*ping)
    vpc.plane.remove("i-32")


def test_a_plane_that_does_not_run_says_so(tmp_path: Path) -> None:
    """Sessions for a plane that was never started end in a sentence."""
    with pytest.raises(VpcsharkError, match="not running"):
        NamespacePlane(tmp_path, "never").apply([])
