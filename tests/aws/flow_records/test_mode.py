"""Mode flowlogs from the command line to tshark: the records in the lab's log group as frames that tshark reads."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vpcshark.flowlogs.cover import WIDE
from vpcshark.flowlogs.logformat import text

GROUP, ROLE = "/of/the/mode", "arn:aws:iam::123456789012:role/flow"


@pytest.fixture
def nat(aws: Any, enis: Any) -> Iterator[str]:
    """An ENI that is on no instance, as a NAT gateway's, with a flow log of its own."""
    facts = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[enis["web-1 eth0"]["id"]])["NetworkInterfaces"][0]
    made = aws.ec2.create_network_interface(SubnetId=facts["SubnetId"], Description="Interface for NAT Gateway nat-0a")
    eni = made["NetworkInterface"]["NetworkInterfaceId"]
    aws.client("logs").create_log_group(logGroupName=GROUP)
    said = {"LogGroupName": GROUP, "DeliverLogsPermissionArn": ROLE, "MaxAggregationInterval": 60}
    log = aws.ec2.create_flow_logs(
        ResourceType="NetworkInterface", ResourceIds=[eni], TrafficType="ALL", LogFormat=text(WIDE), **said
    )["FlowLogIds"]
    aws.client("logs").create_log_stream(logGroupName=GROUP, logStreamName=f"{eni}-all")
    yield str(eni)
    aws.ec2.delete_flow_logs(FlowLogIds=log)
    aws.client("logs").delete_log_group(logGroupName=GROUP)
    aws.ec2.delete_network_interface(NetworkInterfaceId=eni)


def put(aws: Any, eni: str, count: int, action: str = "ACCEPT", ago: int = 400, first: int = 40000) -> None:
    """``count`` records of 100 bytes each, a port and a second apart."""
    now = int(time.time())
    events = []
    for number in range(count):
        start = now - ago + number
        values = {
            "version": 5,
            "interface-id": eni,
            "srcaddr": "10.0.0.1",
            "dstaddr": "10.0.0.2",
            "srcport": first + number,
            "dstport": 443,
            "protocol": 6,
            "packets": 2,
            "bytes": 100,
            "start": start,
            "end": start + 59,
            "action": action,
            "log-status": "OK",
            "tcp-flags": 2,
            "flow-direction": "egress",
        }
        line = " ".join(str(values.get(name, "-")) for name in WIDE)
        events.append({"timestamp": start * 1000, "message": line})
    aws.client("logs").put_log_events(logGroupName=GROUP, logStreamName=f"{eni}-all", logEvents=events)


def command(aws: Any, eni: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "vpcshark", "capture", eni, "--region", aws.region, *more]


def shown(file: Path, field: str, *more: str) -> list[str]:
    """A field of each frame, as tshark reads it."""
    done = subprocess.run(
        ["tshark", "-n", "-r", file, "-T", "fields", "-e", field, *more], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_records_of_an_eni_on_no_instance_are_frames(aws: Any, nat: str, tmp_path: Path):
    """Nothing is left in the account."""
    put(aws, nat, 3)
    put(aws, nat, 1, "REJECT", 300)
    file = tmp_path / "out.pcapng"
    done = subprocess.run(command(aws, nat, "--mode", "flowlogs", "-w", str(file)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert shown(file, "tcp.dstport", "-Y", "ip.addr == 10.0.0.1 and tcp.flags.syn == 1") == ["443"] * 4
    assert shown(file, "frame.len") == ["100"] * 4
    assert shown(file, "frame.interface_name") == [nat] * 4
    assert Counter("REJECT:" in each for each in shown(file, "frame.comment")) == {False: 3, True: 1}
    assert not aws.ec2.describe_traffic_mirror_sessions()["TrafficMirrorSessions"]


@pytest.mark.long
def test_followed_new_records_come_too_and_each_once(aws: Any, nat: str, tmp_path: Path):
    """Until it is stopped."""
    put(aws, nat, 2)
    file = tmp_path / "out.pcapng"
    arguments = command(aws, nat, "--mode", "flowlogs", "--follow", "-w", str(file), "-c", "5")
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as capture:
        assert capture.stderr is not None
        for line in capture.stderr:
            if "Capturing from" in line:
                break
        put(aws, nat, 3, ago=200, first=40100)
        assert capture.wait(300) == 0, capture.stderr.read()
    assert shown(file, "tcp.srcport") == ["40000", "40001", "40100", "40101", "40102"]


def test_what_has_no_flow_log_is_a_sentence_with_the_command(aws: Any, enis: Any, tmp_path: Path):
    eni = enis["db-1 eth0"]["id"]
    done = subprocess.run(
        command(aws, eni, "--mode", "flowlogs", "-w", str(tmp_path / "x")), capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "No flow log covers" in done.stderr
    assert "aws ec2 create-flow-logs" in done.stderr
    assert not (tmp_path / "x").exists()
