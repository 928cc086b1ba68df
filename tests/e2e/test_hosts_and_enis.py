"""Instances and interfaces as AWS has them: without IPv4, with several network cards, with interfaces of pods and
tasks in network namespaces of their own. Real namespaces, sshd and tcpdump; what EC2 says of them is set in the lab."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, read_frames, wait_until
from tcpdumps import Running, gone, running

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
OWN_LAB = True  # its instances change for good
FEATURES = (*DEFAULT, "connect-eic", "connect-eice", "connect-ssm", "branches")


def control(lab: Lab) -> LabControl:
    """What EC2 says can be changed by it."""
    return LabControl(lab.environment["AWS_ENDPOINT_URL"])


def ip(inside: list[str], *commands: str) -> None:
    """ip(8) commands inside a namespace."""
    for command in commands:
        subprocess.run([*inside, "ip", *command.split()], check=True, capture_output=True)


@dataclass(frozen=True)
class Alone:
    """An instance without IPv4: its addresses."""

    lab: Lab
    name: str
    address: str
    ipv4: str


@pytest.fixture(scope="module")
def without_ipv4(lab: Lab) -> Iterator[Alone]:
    """api-1 has IPv6 alone, as in a subnet without IPv4, in EC2's words and on its wire; this machine has a way to it;
    and its SSM agent, which AWS's dual-stack endpoints serve."""
    eni, here = lab.eni("api-1"), lab.eni("workstation")
    lab.client().modify_network_interface_attribute(  # it sends from an address that EC2 has not given it
        NetworkInterfaceId=here["NetworkInterfaceId"], SourceDestCheck={"Value": False}
    )
    address = eni["Ipv6Addresses"][0]["Ipv6Address"]
    network = address.rpartition("::")[0]
    inside = lab.namespace("api-1")
    links = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
    device = next(line.split()[1] for line in links.splitlines() if here["MacAddress"] in line).partition("@")[0]
    Path(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6").write_text("0")  # as the lab has set it
    ip([], f"-6 addr add {network}::4444/64 dev {device} nodad")
    ip(inside, "-4 addr flush dev eth0")
    control(lab).describe_eni(eni["NetworkInterfaceId"], has_ipv4=False)
    instance = instance_of(lab, "api-1")
    agent = [sys.executable, "-m", "vpcshark.lab.vpc.ssm_agent", instance, "fd00:ec2::253"]
    with subprocess.Popen([*inside, *agent], stdin=subprocess.PIPE) as process:
        yield Alone(lab, "api-1", address, eni["PrivateIpAddress"])
        process.communicate(b"", timeout=60)


def instance_of(lab: Lab, name: str) -> str:
    """The id of the instance with this Name tag."""
    found = lab.client().describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    return str(found[0]["Instances"][0]["InstanceId"])


@pytest.mark.long
@pytest.mark.parametrize("way", ["ssm", "ssh", "eic", "eice"])
def test_an_instance_without_ipv4_is_captured_from_by_every_way(without_ipv4: Alone, way: str, tmp_path: Path) -> None:
    """Its ENI has no private IPv4 address in any answer of EC2's, and frames come."""
    lab = without_ipv4.lab
    with running(lab, tmp_path / "o", "--connection", way, instance=without_ipv4.name) as capture:
        frames = taken(capture, *lab.namespace("web-1"), "ping", "-6", without_ipv4.address)
    assert {frame[12:14] for frame in frames} == {b"\x86\xdd"}


@pytest.fixture
def second(lab: Lab) -> Iterator[dict]:
    """The second interface of web-1, which is described as it was afterwards."""
    eni = lab.eni("web-1", 1)
    yield eni
    back = {"interface_type": "interface", "network_card": 0, "device_index": 1}
    control(lab).describe_eni(eni["NetworkInterfaceId"], **back)


def taken(capture: Running, *ping: str) -> list[bytes]:
    """The frames of a capture that runs while somebody pings."""
    wait_until(lambda: capture.is_capturing() or capture.process.poll() is not None, "it captures")
    assert capture.is_capturing(), capture.said
    subprocess.run([*ping, "-c", "3", "-i", "0.2"], check=True, capture_output=True)
    wait_until(lambda: capture.file.stat().st_size > 0 and len(read_frames(capture.file)) >= 6, "frames come")
    capture.stop()
    assert capture.process.returncode == 0, capture.said
    gone(capture)
    return [frame.data for frame in read_frames(capture.file)]


def are_of(eni: dict, frames: list[bytes]) -> bool:
    """Has each frame the interface's MAC address, or goes to all?"""
    mac = bytes.fromhex(eni["MacAddress"].replace(":", ""))
    return all(mac in (frame[:6], frame[6:12]) or frame[0] & 1 for frame in frames)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["mirror", "tcpdump"])
def test_a_further_network_card_is_captured_from(lab: Lab, second: dict, mode: str, tmp_path: Path) -> None:
    """Device 0 of card 1: neither the device nor the source is the first card's, and it is called what it is."""
    eni = second["NetworkInterfaceId"]
    control(lab).describe_eni(eni, network_card=1, device_index=0)
    with running(lab, tmp_path / "o", mode=mode, eni=eni) as capture:
        frames = taken(capture, "ping", second["PrivateIpAddress"])
    assert are_of(second, frames)
    listed = lab.run(*VPCSHARK, "interfaces", "--json")
    (one,) = (one for one in json.loads(listed.stdout) if one["id"] == eni)
    assert "eth0 of card 1" in one["display"]


@pytest.mark.thin(2)
@pytest.mark.parametrize("kind", ["efa", "trunk"])
@pytest.mark.long
def test_what_aws_does_not_mirror_is_captured_on_its_instance(
    lab: Lab, second: dict, kind: str, tmp_path: Path
) -> None:
    """In mode auto, with the reason."""
    eni = second["NetworkInterfaceId"]
    control(lab).describe_eni(eni, interface_type=kind)
    with running(lab, tmp_path / "o", mode="auto", eni=eni) as capture:
        frames = taken(capture, "ping", second["PrivateIpAddress"])
    assert are_of(second, frames)
    assert any("No mirror can be had" in line for line in capture.said), capture.said
    assert f"{eni} is of the type {kind}" in lab.logged(1000)


@contextmanager
def container(lab: Lab, *commands: str) -> Iterator[str]:
    """A network namespace on web-1 with a process whose host name is that of a pod; ip(8) ``commands`` furnish it."""
    name, node = f"{lab.name}-pod", f"{lab.name}-web-1"
    ip([], f"netns add {name}")
    start = "hostname web-7d9f-x2x; echo; exec sleep 9999"
    pause = ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", start]
    try:
        ip([], *(command.format(pod=name, node=node) for command in commands))
        with subprocess.Popen(pause, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            try:
                yield name
            finally:
                process.kill()
        if any("eth1" in command for command in commands):  # else it would go with the namespace
            ip([], f"-n {name} link set eth1 netns {node}")
    finally:
        ip([], f"netns del {name}")


def test_a_branch_of_a_trunk_is_captured_from_in_its_pod(lab: Lab, tmp_path: Path) -> None:
    """It is attached to no instance: its trunk's has it, in a network namespace of its own (a veth stands for the VLAN
    device)."""
    web, ec2 = lab.eni("web-1"), lab.client()
    made = ec2.create_network_interface(SubnetId=web["SubnetId"], Description="aws-K8S-branch-eni")["NetworkInterface"]
    branch, mac = made["NetworkInterfaceId"], made["MacAddress"]
    control(lab).describe_eni(branch, interface_type="branch", trunk=web["NetworkInterfaceId"], vlan=1)
    wired = (
        f"-n {{node}} link add name vlan.eth.1 type veth peer name eth0 address {mac} netns {{pod}}",
        "-n {node} addr add 10.77.0.1/24 dev vlan.eth.1",
        "-n {node} link set vlan.eth.1 up",
        "-n {pod} addr add 10.77.0.2/24 dev eth0",
        "-n {pod} link set eth0 up",
    )
    with container(lab, *wired), running(lab, tmp_path / "o", mode="auto", eni=branch) as capture:
        frames = taken(capture, *lab.namespace("web-1"), "ping", "10.77.0.2")
        said = " ".join(capture.said)
    assert are_of(made, frames)
    assert "is in the network namespace of the container web-7d9f-x2x" in said
    ec2.delete_network_interface(NetworkInterfaceId=branch)


@pytest.mark.long
def test_a_tasks_interface_is_captured_from_in_its_network_namespace(lab: Lab, tmp_path: Path) -> None:
    """As ECS does with awsvpc: the interface is attached to the instance, and its device has left for the task's."""
    second = lab.eni("web-1", 1)
    address = second["PrivateIpAddress"]
    moved = (
        "-n {node} link set eth1 netns {pod}",
        f"-n {{pod}} addr add {address}/24 dev eth1",
        "-n {pod} link set eth1 up",
    )
    eni = second["NetworkInterfaceId"]
    with container(lab, *moved), running(lab, tmp_path / "o", eni=eni) as capture:
        frames = taken(capture, *lab.namespace("web-1"), "ping", "-I", "eth0", address)
        said = " ".join(capture.said)
    assert are_of(second, frames)
    assert "is in the network namespace of the container web-7d9f-x2x" in said
