"""A capture in the lab that gets no packets: it says by itself which of the three it is, and what would mend it. Each
waits the real quarter of a minute, so ``make test`` has two of them; what is said of what is in tests/capture too."""

from __future__ import annotations

import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hands import VPCSHARK, Lab, wait_until

pytestmark = pytest.mark.e2e
PATIENCE = 15  # seconds


class Running:
    """A capture on a terminal."""

    def __init__(self, lab: Lab, file: Path, eni: str, *options: str) -> None:
        command = ["env", "COLUMNS=2000", *VPCSHARK, "capture", eni, "-w", str(file), *options]
        self.began = time.monotonic()
        self.process = lab.start(*command)
        self.lines: list[tuple[float, str]] = []
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()

    def _hear(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def since(self, words: str) -> float:
        """When ``words`` were said first, 0.0: not yet."""
        return next((moment for moment, line in list(self.lines) if words in line), 0.0)

    def await_line(self, words: str) -> str:
        """The whole line that has ``words``."""
        wait_until(lambda: bool(self.since(words)), f'"{words}" is said')
        return next(line for _, line in self.lines if words in line)

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(180)
        self._hearing.join(180)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def count(self, words: str) -> int:
        return sum(words in line for _, line in list(self.lines))


@contextmanager
def running(lab: Lab, file: Path, *options: str, index: int = 0) -> Iterator[Running]:
    """From when it captures, from an ENI of web-1; the second one (index 1) has no traffic."""
    capture = Running(lab, file, lab.eni("web-1", index)["NetworkInterfaceId"], "--mode", "mirror", *options)
    try:
        capture.await_line("Capturing from")
        yield capture
    finally:
        capture.end()


@pytest.mark.long
def test_a_silent_source_is_said_after_fifteen_seconds_and_taken_back(clean_lab: Lab, tmp_path: Path):
    """No traffic; then there is some. The real patience, and what it costs is said before."""
    with running(clean_lab, tmp_path / "x.pcapng", index=1) as capture:
        line = capture.await_line("No packets for ")
        waited = capture.since("No packets for ") - capture.since("Capturing from")
        assert waited > PATIENCE - 1  # by when we came to read the lines
        assert capture.since("About $0.015 an hour for the session") < capture.since("Capturing from")
        assert 'Nothing was sent, it seems: nothing of it came to the capture host "capture-1"' in line
        own, peer = (clean_lab.eni(*one)["PrivateIpAddress"] for one in (("web-1", 1), ("api-1", 0)))
        talk = f"import socket; s = socket.socket(2, 2); s.bind(({own!r}, 0)); s.sendto(b'x', ({peer!r}, 20404))"
        clean_lab.run(*clean_lab.namespace("web-1"), sys.executable, "-c", talk)
        capture.await_line("Packets are arriving.")
        assert capture.count("No packets for ") == 1


@pytest.mark.long
def test_a_group_that_was_shut_meanwhile_is_named_with_the_command(clean_lab: Lab, tmp_path: Path):
    """Sent, but not arrived."""
    ec2 = clean_lab.client()
    group = clean_lab.eni("capture-1")["Groups"][0]["GroupId"]
    was = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    with running(clean_lab, tmp_path / "x.pcapng") as capture:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=was)
        try:
            line = capture.await_line("No packets for ")
        finally:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=was)
        assert "Sent, but not arrived: since the capture began, this has changed." in line
        assert f"aws ec2 authorize-security-group-ingress --group-id {group}" in line
        capture.await_line("Packets are arriving.")


@pytest.mark.long
def test_a_filter_that_lets_nothing_through_is_said_with_how_many_came(clean_lab: Lab, tmp_path: Path):
    """Mirror rules cannot say it, so AWS sends, and the kernel of the capture host refuses."""
    with running(clean_lab, tmp_path / "x.pcapng", "-f", "ip and ip[8] = 3") as capture:
        line = capture.await_line("No packets for ")
    assert "Arrived, but filtered out: " in line
    count = line.split("filtered out: ")[1].split(' frames came to the capture host "capture-1"')[0]
    assert int(count.replace(",", "")) > 5
    assert '"ip and ip[8] = 3" let none of them through.' in line


@pytest.mark.long
def test_another_captures_frames_are_said_with_their_vni(clean_lab: Lab, tmp_path: Path):
    """They come to the same host, and are none of ours."""
    target = clean_lab.eni("capture-1")["PrivateIpAddress"]
    send = (
        "import socket, sys, time\ns = socket.socket(2, 2)\n"
        f"while not s.sendto(bytes.fromhex({foreign_frame().hex()!r}), ({target!r}, 4789)) or True: time.sleep(0.2)"
    )
    other = clean_lab.start(*clean_lab.namespace("api-1"), sys.executable, "-c", send)
    try:
        with running(clean_lab, tmp_path / "x.pcapng", "--vni", "77", index=1) as capture:
            line = capture.await_line("No packets for ")
    finally:
        other.kill()
        other.communicate()
    assert 'Frames of other captures come to the capture host "capture-1": VNI 4242: ' in line
    assert "none has the VNI of this one (77)" in line


def foreign_frame() -> bytes:
    """VXLAN with the VNI 4242 around an Ethernet frame."""
    return struct.pack("!II", 1 << 27, 4242 << 8) + bytes(12) + b"\x08\x00" + bytes(46)


@pytest.mark.long
def test_what_cloudwatch_counted_is_told(clean_lab: Lab, tmp_path: Path):
    """Its last five minutes are of before the capture, so they say only that there is traffic."""
    eni: dict[str, Any] = clean_lab.eni("web-1")
    instance = eni["Attachment"].get("InstanceId") or instance_of(clean_lab, eni["NetworkInterfaceId"])
    clean_lab.client("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "NetworkPacketsIn",
                "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                "Timestamp": time.time() - 400,
                "Value": 4711,
            }
        ],
    )
    with running(clean_lab, tmp_path / "x.pcapng", "-f", "udp port 20404") as capture:
        line = capture.await_line("No packets for ")
    assert f"knows nothing of this capture yet; {instance} had 4,711 packets" in line


def instance_of(lab: Lab, eni: str) -> str:
    found = lab.client().describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    return str(found["Attachment"]["InstanceId"])


@pytest.mark.long
def test_a_filter_that_aws_has_too_is_said_where_it_sends_nothing(clean_lab: Lab, tmp_path: Path):
    """What its rules refuse is not sent, so that nothing comes to be filtered out."""
    with running(clean_lab, tmp_path / "x.pcapng", "-f", "udp port 20404", "--no-dns") as capture:
        line = capture.await_line("No packets for ")
    assert 'Its mirror rules are those of the filter "udp port 20404"' in line


@pytest.mark.long
def test_in_mode_tcpdump_the_filter_is_said(clean_lab: Lab, tmp_path: Path):
    """Nothing is in the way there but the filter."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    capture = Running(clean_lab, tmp_path / "x.pcapng", eni, "--mode", "tcpdump", "-f", "udp port 20404")
    try:
        capture.await_line("Capturing from")
        line = capture.await_line("No packets for ")
        assert 'of web-1 fits the filter "udp port 20404"' in line
    finally:
        capture.end()
