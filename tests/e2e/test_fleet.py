"""A fleet of capture hosts behind a load balancer is one capture: each frame once, in order, also when a host dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hands import VPCSHARK, Lab, Recording, compare, read_frames, recording, wait_until
from pace import pace
from scapy.utils import RawPcapNgReader, RawPcapReader

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl
from vpcshark.wire.capture_files.merge import HOLD

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "fleet")
OWN_LAB = True  # hosts that are lost stay lost

HOSTS = ("capture-1", "api-1", "web-1")
PER_INSTANCE = 25
SLACK = 0.010  # seconds: how far behind an earlier frame one may be
SLL2 = 20  # bytes of a LINKTYPE_LINUX_SLL2 header (tcpdump.org/linktypes), whose second word is the interface's index
ECHO = """
import select, socket, sys
sockets = []
for address in sys.argv[1:]:
    sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sockets[-1].bind((address, 9000))
print("up", flush=True)
while True:
    for ready in select.select(sockets, [], [])[0]:
        ready.sendto(*ready.recvfrom(2000))
"""
TALK = """
import select, socket, sys, time
name, rounds, *pairs = sys.argv[1:]
sockets = []
for pair in pairs:
    mine, other = pair.split("=")
    for _ in range(2):
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind((mine, 0))
        sockets[-1].connect((other, 9000))
for turn in range(int(rounds)):
    for number, each in enumerate(sockets):
        each.send(f"{name} {number} {turn} ".encode().ljust(200 + number, b"."))
    waiting = set(sockets)
    while waiting:
        ready = select.select(waiting, [], [], 30)[0]
        assert ready, "an echo is missing"
        for each in ready:
            each.recv(2000)
            waiting.discard(each)
"""


def instance(lab: Lab, name: str) -> str:
    """The id of the instance of that name."""
    filters = [{"Name": "tag:Name", "Values": [name]}]
    return lab.client().describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]["InstanceId"]


@dataclass
class Balanced:
    """A load balancer with ``HOSTS`` behind it; ``host`` is the option for it."""

    lab: Lab
    group: str
    arn: str

    def deregister(self, name: str) -> None:
        """As a health check would after a while."""
        self.lab.client("elbv2").deregister_targets(
            TargetGroupArn=self.group, Targets=[{"Id": instance(self.lab, name)}]
        )

    def register(self, *names: str) -> None:
        targets = [{"Id": instance(self.lab, name)} for name in names]
        self.lab.client("elbv2").register_targets(TargetGroupArn=self.group, Targets=targets)


def balance(lab: Lab, name: str, kind: str, protocol: str, port: int) -> Balanced:
    """Made through the API, as a user makes it."""
    elb, place = lab.client("elbv2"), lab.eni(HOSTS[0])
    made = elb.create_load_balancer(Name=name, Type=kind, Subnets=[place["SubnetId"]])["LoadBalancers"][0]
    group = elb.create_target_group(
        Name=f"{name}-hosts", Protocol=protocol, Port=port, VpcId=place["VpcId"], HealthCheckProtocol="TCP"
    )["TargetGroups"][0]["TargetGroupArn"]
    listens = {"Protocol": protocol, "Port": port} if kind == "network" else {}
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], DefaultActions=forward, **listens)
    balanced = Balanced(lab, group, made["LoadBalancerArn"])
    balanced.register(*HOSTS)
    return balanced


@pytest.fixture(scope="module")
def network(lab: Lab) -> Balanced:
    """A Network Load Balancer called fleet."""
    return balance(lab, "fleet", "network", "UDP", 4789)


@dataclass(frozen=True)
class Machine:
    """An instance of ours with ``PER_INSTANCE`` ENIs."""

    name: str
    enis: list[dict[str, Any]]

    @property
    def addresses(self) -> list[str]:
        return [eni["PrivateIpAddress"] for eni in self.enis]


def launch(lab: Lab, first: int) -> Machine:
    """In the subnet of the capture host, with addresses from ``first`` on."""
    ec2, place = lab.client(), lab.eni(HOSTS[0])
    network = place["PrivateIpAddress"].rpartition(".")[0]
    enis = [
        ec2.create_network_interface(
            SubnetId=place["SubnetId"],
            PrivateIpAddress=f"{network}.{first + number}",
            Groups=[group["GroupId"] for group in place["Groups"]],
        )["NetworkInterface"]
        for number in range(PER_INSTANCE)
    ]
    attached = [{"DeviceIndex": n, "NetworkInterfaceId": eni["NetworkInterfaceId"]} for n, eni in enumerate(enis)]
    made = ec2.run_instances(
        ImageId="ami-12c6146b", InstanceType="m6i.large", MinCount=1, MaxCount=1, NetworkInterfaces=attached
    )["Instances"][0]["InstanceId"]

    def is_running() -> bool:
        found = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
        return found["State"]["Name"] == "running"

    wait_until(is_running, "the machine has booted")
    return Machine(made, enis)


@pytest.fixture(scope="module")
def machines(lab: Lab) -> Iterator[tuple[Machine, Machine]]:
    """Two with 25 sources each, and an echo in the second."""
    pair = launch(lab, 100), launch(lab, 150)
    echo = subprocess.Popen(
        [*lab.namespace(pair[1].name), sys.executable, "-c", ECHO, *pair[1].addresses], stdout=subprocess.PIPE
    )
    with echo:
        assert echo.stdout.readline() == b"up\n"
        yield pair
        echo.kill()
    lab.client().terminate_instances(InstanceIds=[machine.name for machine in pair])


def talk(lab: Lab, machines: tuple[Machine, Machine], name: str, rounds: int) -> None:
    """Each ENI of the first machine with one of the second, two flows each, every datagram another."""
    pairs = [f"{a}={b}" for a, b in zip(machines[0].addresses, machines[1].addresses, strict=True)]
    done = lab.run(*lab.namespace(machines[0].name), sys.executable, "-c", TALK, name, str(rounds), *pairs)
    assert done.returncode == 0, done.stderr


def seen_by(lab: Lab, machine: Machine, file: Path) -> dict[str, Counter[bytes]]:
    """ENI id -> its IP packets, as tcpdump saw them at the interface of its MAC address."""
    links = json.loads(lab.run(*lab.namespace(machine.name), "ip", "-j", "link").stdout)
    macs = {eni["MacAddress"]: eni["NetworkInterfaceId"] for eni in machine.enis}
    enis = {link["ifindex"]: macs[link["address"]] for link in links if link["address"] in macs}
    found: dict[str, Counter[bytes]] = {eni: Counter() for eni in enis.values()}
    with RawPcapReader(str(file)) as reader:
        for data, _ in reader:
            found[enis[int.from_bytes(data[4:8], "big")]][data[SLL2:]] += 1
    return found


def captured(file: Path) -> list[tuple[str, float, bytes]]:
    """(interface's name, time, IP packet) of each frame with UDP port 9000 in it, in the file's order."""
    found = []
    with RawPcapNgReader(str(file)) as reader:
        for data, meta in reader:
            packet = bytes(data[14:])
            if data[12:14] == b"\x08\x00" and packet[9] == 17 and b"\x23\x28" in (packet[20:22], packet[22:24]):
                found.append((meta.ifname.decode(), ((meta.tshigh << 32) + meta.tslow) / 1e9, packet))
    return found


def per_interface(frames: list[tuple[str, float, bytes]]) -> dict[str, Counter[bytes]]:
    found: dict[str, Counter[bytes]] = {}
    for eni, _, packet in frames:
        found.setdefault(eni, Counter())[packet] += 1
    return found


def most_late(frames: list[tuple[str, float, bytes]]) -> float:
    """By how many seconds a frame is later than one behind it, at most."""
    latest, most = 0.0, 0.0
    for _, time, _ in frames:
        most = max(most, latest - time)
        latest = max(latest, time)
    return most


def receivers(lab: Lab, host: str) -> list[int]:
    """The processes of receivers and of the connections that they came by."""
    return [pid for pid, command in lab.processes(host).items() if "python3" in command and "signal.alarm" in command]


@pytest.mark.long
def test_three_hosts_and_fifty_sources(
    clean_lab: Lab, network: Balanced, machines: tuple[Machine, Machine], tmp_path: Path
):
    """Every frame once, under its own ENI's interface, in order of time; a host that is killed is said, and what comes
    from then on to the others is there."""
    lab, file, said = clean_lab, tmp_path / "out.pcapng", tmp_path / "said.log"
    enis = [eni["NetworkInterfaceId"] for machine in machines for eni in machine.enis]
    options = ["--host", "lb:fleet", "-w", str(file), "--log-file", str(said)]
    with ExitStack() as undo:
        now = undo.enter_context(pace())
        recorded = [record(lab, machine, tmp_path / f"{machine.name}.pcap", undo) for machine in machines]
        shares = [share(lab, host, undo) for host in HOSTS]
        capture = lab.start(*VPCSHARK, "capture", *enis, *options)
        undo.callback(end, capture)
        wait_until(lambda: is_up(lab, capture, len(enis)), "all sessions are there")
        talk(lab, machines, "before", 30)
        wait_until(lambda: len(captured(file)) >= 30 * 4 * 2 * PER_INSTANCE, "all frames have come")
        wait_until(lambda: all(one.poll() == 0 for one in shares), "every host has had its share")
        (victim,) = receivers(lab, "api-1")[-1:]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: "api-1 is lost; 2 of 3 hosts go on" in said.read_text("utf-8"), "the loss is said")
        network.deregister("api-1")
        undo.callback(network.register, "api-1")
        talk(lab, machines, "behind", 10)
        wait_until(lambda: len(captured(file)) >= 40 * 4 * 2 * PER_INSTANCE, "all frames have come")
        capture.send_signal(signal.SIGINT)
        _, words = capture.communicate(timeout=180)
        assert capture.returncode == 0, words
        for process in recorded:
            process.send_signal(signal.SIGINT)
            assert "\n0 packets dropped by kernel" in process.communicate(timeout=180)[1]
    frames = captured(file)
    seen = {eni: packets for m in machines for eni, packets in seen_by(lab, m, tmp_path / f"{m.name}.pcap").items()}
    assert sum(sum(packets.values()) for packets in seen.values()) == 40 * 4 * 2 * PER_INSTANCE
    assert per_interface(frames) == seen
    assert most_late(frames) < SLACK + now.allows(HOLD) - HOLD  # in order, where no host is further behind
    shown = lab.run("capinfos", "-I", str(file)).stdout
    assert re.findall(r"Name = (eni-\w+)", shown) == enis


def share(lab: Lab, host: str, undo: ExitStack) -> subprocess.Popen[str]:
    """Ends once a host was sent a thousand mirrored frames."""
    command = ["tcpdump", "-i", "eth0", "-c", "1000", "-B", "65536", "-w", os.devnull, "-Z", "root", "udp port 4789"]
    return listening(subprocess.Popen([*lab.namespace(host), *command], stderr=subprocess.PIPE, text=True), undo)


def is_up(lab: Lab, capture: subprocess.Popen[str], count: int) -> bool:
    """Are all sessions there, and the filter's rules?"""
    assert capture.poll() is None, capture.communicate()[1]
    found = lab.mirror_resources()
    filters = lab.client().describe_traffic_mirror_filters()["TrafficMirrorFilters"]
    return len(found["sessions"]) == count and all(len(one["IngressFilterRules"]) == 2 for one in filters)


def record(lab: Lab, machine: Machine, file: Path, undo: ExitStack) -> subprocess.Popen[str]:
    """tcpdump at all interfaces of a machine at once."""
    command = [
        "tcpdump",
        "-i",
        "any",
        "-y",
        "LINUX_SLL2",
        "-U",
        "--immediate-mode",
        "-s",
        "2048",
        "-B",
        "65536",
        "-w",
        str(file),
    ]
    command = [*lab.namespace(machine.name), *command, "-Z", "root", "udp port 9000"]
    return listening(subprocess.Popen(command, stderr=subprocess.PIPE, text=True), undo)


def listening(process: subprocess.Popen[str], undo: ExitStack) -> subprocess.Popen[str]:
    """tcpdump, once it takes packets."""
    undo.callback(end, process)
    while "listening" not in process.stderr.readline():
        assert process.poll() is None
    return process


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    if not process.stderr.closed:
        process.communicate(timeout=180)


def assert_whole(lab: Lab, host: str, source: Recording, file: Path) -> None:
    """A capture from db-1 by this ``--host`` has what tcpdump saw there."""
    eni = lab.eni("db-1")["NetworkInterfaceId"]
    done = lab.run(*VPCSHARK, "capture", eni, "--host", host, "-w", str(file), "-c", "300")
    assert done.returncode == 0, done.stderr
    compared, missing, extra = compare(source.stop(), read_frames(file))
    assert compared > 50
    assert (missing, extra) == (0, 0)


@pytest.mark.long
def test_a_target_of_the_load_balancer_that_stands_already(clean_lab: Lab, network: Balanced, tmp_path: Path):
    """It is used and stays."""
    ec2 = clean_lab.client()
    made = ec2.create_traffic_mirror_target(NetworkLoadBalancerArn=network.arn)["TrafficMirrorTarget"]
    target, control = made["TrafficMirrorTargetId"], LabControl(clean_lab.environment["AWS_ENDPOINT_URL"])
    clean_lab.until_shown(target)
    control.clear_calls()
    try:
        with recording(clean_lab, "db-1", tmp_path / "db-1.pcap") as source:
            assert_whole(clean_lab, target, source, tmp_path / "out.pcapng")
        assert not any(call["action"] == "CreateTrafficMirrorTarget" for call in control.calls())
        assert clean_lab.mirror_resources() == {"sessions": [], "filters": [], "targets": [target]}
    finally:
        ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=target)


@pytest.mark.long
def test_an_endpoint_of_a_gateway_load_balancer(clean_lab: Lab, tmp_path: Path):
    """Its frames come in Geneve around the VXLAN, and the file has neither."""
    ec2, place = clean_lab.client(), clean_lab.eni("db-1")
    gateway = balance(clean_lab, "gateway", "gateway", "GENEVE", 6081)
    service = ec2.create_vpc_endpoint_service_configuration(GatewayLoadBalancerArns=[gateway.arn])
    endpoint = ec2.create_vpc_endpoint(
        VpcId=place["VpcId"],
        ServiceName=service["ServiceConfiguration"]["ServiceName"],
        VpcEndpointType="GatewayLoadBalancer",
        SubnetIds=[place["SubnetId"]],
    )["VpcEndpoint"]["VpcEndpointId"]
    with recording(clean_lab, "db-1", tmp_path / "db-1.pcap") as source:
        assert_whole(clean_lab, endpoint, source, tmp_path / "out.pcapng")
