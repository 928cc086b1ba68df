"""Every mode, as a whole: each thread that it starts is on the page, and none of them lives on when it has ended."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, wait_until
from thread_page import unknown

from vpcshark.lab.control import LabControl

pytestmark = [pytest.mark.e2e, pytest.mark.long]
OWN_LAB = True  # a flow log of its own
FEATURES = ()
RECORDER = Path(__file__).parents[1] / "support" / "started_threads"
NAMES = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "action")

# What is captured ("eni": web-1's), with these options.
MODES = {
    "mirror": ["eni", "--mode", "mirror"],
    "mirror, several": ["eni", "db-1", "--mode", "mirror"],
    "mirror, launched": ["eni", "--mode", "mirror", "--host", "launch"],
    "tcpdump by ssh": ["eni", "--mode", "tcpdump", "--connection", "ssh"],
    "tcpdump by ssm": ["eni", "--mode", "tcpdump", "--connection", "ssm"],
    "auto": ["eni", "--mode", "auto"],
    "flow logs": ["eni", "--mode", "flowlogs"],
    "path": ["shop"],
}


@pytest.fixture(scope="module")
def logged(lab: Lab) -> Lab:
    """A flow log of web-1's subnet with records of seconds, and a path from web-1 to db-1."""
    control, ec2 = LabControl(lab.environment["AWS_ENDPOINT_URL"]), lab.client()
    control.flow_logs(pace={"interval": 1, "delay": 0})
    ec2.create_flow_logs(
        ResourceType="Subnet",
        ResourceIds=[lab.eni("web-1")["SubnetId"]],
        TrafficType="ALL",
        LogFormat=" ".join(f"${{{name}}}" for name in ("interface-id", *NAMES)),
        LogGroupName="/flows",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow",
        MaxAggregationInterval=60,
    )
    wait_until(lambda: bool(lab.client("logs").describe_log_groups()["logGroups"]), "there are records")
    settings = Path(lab.environment["XDG_CONFIG_HOME"]) / "vpcshark" / "config.ini"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[path shop]\nsource = web-1\ndestination = db-1\nport = 5432\n", "utf-8")
    return lab


def started(lab: Lab, folder: Path, words: list[str]) -> subprocess.Popen[str]:
    """A capture whose threads are written down."""
    eni = lab.eni("web-1")["NetworkInterfaceId"]
    noted = {"PYTHONPATH": str(RECORDER), "VPCSHARK_TEST_THREADS": str(folder)}
    command = [eni if word == "eni" else word for word in words]
    return replace(lab, environment={**lab.environment, **noted}).start(
        *VPCSHARK, "capture", *command, "-w", str(folder / "out.pcapng"), stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("mode", MODES)
def test_each_thread_of_a_mode_is_on_the_page_and_ends_with_it(mode: str, logged: Lab, tmp_path: Path):
    """Ended as people do, once there are packets; the process itself says what it has started."""
    running, file = started(logged, tmp_path, MODES[mode]), tmp_path / "out.pcapng"
    wait_until(lambda: running.poll() is not None or (file.exists() and file.stat().st_size > 4000), "packets come")
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=300)
    seen = json.loads((tmp_path / f"{running.pid}.json").read_text("utf-8"))
    assert seen["left"] == [], said
    assert unknown(seen["started"]) == []
    assert "frames" in seen["started"]
    assert file.stat().st_size > 4000, said
