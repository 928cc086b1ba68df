"""A path in one file: packets of the ends, flow log records of what nobody can capture between, in order of time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gui
import pytest
import yaml
from hands import VPCSHARK, running_lab, wait_until
from profiled import with_profile
from stories import CLIENT, SERVER, Stage, gets, talk, web

from vpcshark.lab.control import LabControl

pytestmark = [pytest.mark.e2e, pytest.mark.long]
NAMES = ("pkt-srcaddr", "pkt-dstaddr", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes")
FORMAT = " ".join(f"${{{name}}}" for name in ("interface-id", *NAMES, "start", "end", "action", "tcp-flags"))
PICTURES = Path(__file__).resolve().parents[2] / "artifacts" / "gui"
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


@contextmanager
def walked(folder: Path) -> Iterator[Stage]:
    """The talk's network: a client that gets pages, flow logs with records of before, and the path's name."""
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(talk(), sort_keys=False))
    with running_lab(topology=str(file)) as lab:
        stage = Stage(lab, folder)
        try:
            yield prepared(stage)
        finally:
            lab.end_started()
        assert lab.is_clean()


def prepared(stage: Stage) -> Stage:
    """With its fault-free traffic, and records of it."""
    lab = stage.lab
    web(stage)
    logged(stage)
    settings = Path(lab.environment["XDG_CONFIG_HOME"]) / "vpcshark" / "config.ini"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[path shop]\nsource = client\ndestination = server\nport = 80\nconnection = ssm\n", "utf-8")
    assert gets(stage)
    logs = lab.client("logs")
    wait_until(lambda: bool(logs.describe_log_groups()["logGroups"]), "there are records")
    stage.keep_trying("client", "curl", "-s", f"http://{SERVER}/")
    return stage


def frames(stage: Stage, file: Path) -> list[list[str]]:
    """``FIELDS`` of each frame, in the file's order."""
    wanted = [word for each in FIELDS for word in ("-e", each)]
    shown = stage.lab.run("tshark", "-r", str(file), "-T", "fields", *wanted).stdout
    return [line.split("\t") for line in shown.splitlines()]


def test_packets_and_records_of_a_path_are_one_file(tmp_path: Path):
    """Each frame says at which point it was; a record is one frame, and says that nobody captured it. Records of
    before come in their order; those of now late, as AWS tells them, with their own time."""
    file = tmp_path / "path.pcapng"
    with walked(tmp_path) as stage:
        words = ["shop", "--connection", "ssm", "-w", str(file), "-a", "duration:8"]
        made = stage.lab.run(*VPCSHARK, "capture", *words, stdin=subprocess.DEVNULL)
        assert made.returncode == 0, made.stderr
        rows = frames(stage, file)
        records = [row for row in rows if "flow log record" in row[4]]
        packets = [row for row in rows if row not in records]
        assert {row[0] for row in packets} == {stage.eni("client"), stage.eni("server")}
        assert {row[0] for row in records} == {*gates(stage)}
        assert {frozenset(row[2:4]) for row in rows} == {frozenset((CLIENT, SERVER))}
        for gate in gates(stage):
            before = [row[1] for row in records if row[0] == gate and row[1] < packets[0][1]]
            assert before == sorted(before) != []
        assert max(row[1] for row in records) > packets[0][1]
        ordered = tmp_path / "ordered.pcapng"
        done = stage.lab.run("reordercap", str(file), str(ordered))
        assert done.returncode == 0, done.stderr
        times = [row[1] for row in frames(stage, ordered)]
        assert (times, len(times)) == (sorted(times), len(rows))


@pytest.fixture
def screen() -> Iterator[gui.Screen]:
    missing = [tool for tool in gui.NEEDED if shutil.which(tool) is None]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"missing on this machine: {', '.join(missing)}")
    with gui.Screen() as running:
        yield running


def test_wireshark_shows_a_path_as_one_interface(screen: gui.Screen, tmp_path: Path):
    """By its name in the settings, with our profile: records and packets in one list, each with its point in a column.
    The picture is to be looked at."""
    with walked(tmp_path) as stage:
        lab = stage.lab.listed("aws-shop")
        hidden = {"capture.devices_hide": gui.other_interfaces(lab.environment, ("aws-shop",))}
        folder = with_profile(tmp_path / "wireshark", hidden)
        chosen = ["-C", "vpcshark"]
        with gui.wireshark(screen, lab.environment, folder, hidden, chosen) as window:
            screen.wait_until_still()
            window.click(window.row(".*shop"))
            screen.wait_until_still()
            window.start(".*shop", "shop")
            wait_until(lambda: mixed(window), "packets stand behind the records")
            screen.picture(PICTURES / "path-records-frames.png")
            window.stop()
            screen.wait_until_still()
            screen.picture(PICTURES / "path-records-end.png")
        wait_until(lab.is_clean, "nothing is left")


def mixed(window: gui.Wireshark) -> bool:
    """Records alone have comments; the status line counts both."""
    said = [
        re.search(r"Packets: (\d+) .*Comments: (\d+)", each.name) for each in window.things("label", r"Packets: \d+")
    ]
    return any(each is not None and int(each[1]) >= int(each[2]) + 20 for each in said)
