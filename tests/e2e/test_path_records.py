"""A path in one file: packets of the ends, flow log records of what nobody can capture between, in order of time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from hands import VPCSHARK, running_lab, wait_until
from stories import Stage, gets, talk, web

from vpcshark.lab.control import LabControl

pytestmark = [pytest.mark.e2e, pytest.mark.long]
NAMES = ("pkt-srcaddr", "pkt-dstaddr", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes")
FORMAT = " ".join(f"${{{name}}}" for name in ("interface-id", *NAMES, "start", "end", "action", "tcp-flags"))
FIELDS = ("frame.interface_name", "frame.time_epoch", "ip.src", "ip.dst", "frame.comment")


def logged(stage: Stage) -> None:
    """A flow log of each VPC, whose records are there at once."""
    LabControl(stage.lab.environment["AWS_ENDPOINT_URL"]).flow_logs(pace={"interval": 1, "delay": 0})
    vpcs = [each["VpcId"] for each in stage.ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]]
    stage.ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=vpcs,
        TrafficType="ALL",
        LogFormat=FORMAT,
        LogGroupName="/flows",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow",
        MaxAggregationInterval=60,
    )


def gates(stage: Stage) -> list[str]:
    """The interfaces of the transit gateway's attachments, the client's first."""
    wanted = [{"Name": "interface-type", "Values": ["transit_gateway"]}]
    rows = stage.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
    return [each["NetworkInterfaceId"] for each in sorted(rows, key=lambda each: str(each["PrivateIpAddress"]))]


def test_packets_and_records_of_a_path_are_one_file(tmp_path: Path):
    """Each frame says at which point it was; a record is one frame, and says that nobody captured it."""
    file = tmp_path / "network.yaml"
    file.write_text(yaml.safe_dump(talk(), sort_keys=False))
    with running_lab(topology=str(file)) as lab:
        stage = Stage(lab, tmp_path)
        web(stage)
        logged(stage)
        wait_until(lambda: gets(stage), "the page is served")
        stage.keep_trying("client", "curl", "-s", "http://10.2.0.20/")
        words = ["path:client->server:80", "--connection", "ssm", "-w", str(tmp_path / "path.pcapng")]
        made = lab.run(*VPCSHARK, "capture", *words, "-a", "duration:12", stdin=subprocess.DEVNULL)
        assert made.returncode == 0, made.stderr
        shown = lab.run("tshark", "-r", str(tmp_path / "path.pcapng"), "-T", "fields", *_wanted()).stdout
        rows = [line.split("\t") for line in shown.splitlines()]
        records = [row for row in rows if "flow log record" in row[4]]
        packets = [row for row in rows if row not in records]
        assert {row[0] for row in packets} == {stage.eni("client"), stage.eni("server")}
        assert {row[0] for row in records} == {*gates(stage)}
        assert {row[2] for row in records} == {"10.1.0.10", "10.2.0.20"}
        lab.end_started()
        assert lab.is_clean()


def _wanted() -> list[str]:
    return [word for each in FIELDS for word in ("-e", each)]
