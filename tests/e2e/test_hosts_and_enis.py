"""Instances and interfaces as AWS has them: without IPv4, with several network cards, with interfaces of pods and
tasks in network namespaces of their own. Real namespaces, sshd and tcpdump; what EC2 says of them is set in the lab."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hands import Lab, read_frames, wait_until
from tcpdumps import gone, running

from vpcshark.aws.features import DEFAULT
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
OWN_LAB = True  # its instances change for good
FEATURES = (*DEFAULT, "connect-eic", "connect-eice", "connect-ssm")


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


@pytest.mark.parametrize("way", ["ssh", "eic", "eice", "ssm"])
def test_an_instance_without_ipv4_is_captured_from_by_every_way(without_ipv4: Alone, way: str, tmp_path: Path) -> None:
    """Its ENI has no private IPv4 address in any answer of EC2's, and frames come."""
    lab = without_ipv4.lab
    with running(lab, tmp_path / "o", "--connection", way, instance=without_ipv4.name) as capture:
        wait_until(lambda: capture.is_capturing() or capture.process.poll() is not None, "it captures")
        assert capture.is_capturing(), capture.said
        others = [*lab.namespace("web-1"), "ping", "-6", "-c", "3", "-i", "0.2", without_ipv4.address]
        subprocess.run(others, check=True, capture_output=True)
        wait_until(
            lambda: len(read_frames(tmp_path / "o")) >= 6 if (tmp_path / "o").stat().st_size else False, "frames"
        )
        capture.stop()
        assert capture.process.returncode == 0, capture.said
        gone(capture)
    frames = read_frames(tmp_path / "o")
    assert {frame.data[12:14] for frame in frames} == {b"\x86\xdd"}
