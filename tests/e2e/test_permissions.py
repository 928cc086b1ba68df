"""What is special under the shipped policies (all end-to-end tests run under them): the least that works, and what is
said where an action is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, bound, compare, read_frames, recording

from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
CAPTURE = ("list", "mirror", "connect-ssh")
Bind = Callable[..., Lab]


@pytest.fixture
def bind(clean_lab: Lab) -> Iterator[Bind]:
    """The lab for a user whom a policy binds."""
    with bound(clean_lab) as bind:
        yield bind


def run(lab: Lab, eni: str, file: Path, *more: str):
    """Some hundred frames in mirror mode, through the lab's capture host by SSH."""
    words = ["capture", eni, "--mode", "mirror", "-c", "300", "-w", str(file), *more]
    return lab.run(*VPCSHARK, *words)


def test_a_capture_over_ssh_works_without_preflights_permissions(clean_lab: Lab, bind: Bind, tmp_path: Path):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    mine = bind(*CAPTURE)
    with recording(clean_lab, "web-1", tmp_path / "source.pcap") as source:
        done = run(mine, eni, tmp_path / "out.pcapng")
        seen = source.stop()
    assert done.returncode == 0, done.stderr
    compared, missing, extra = compare(seen, read_frames(tmp_path / "out.pcapng"))
    assert compared > 30
    assert (missing, extra) == (0, 0)
    assert clean_lab.is_clean()
    calls = LabControl(clean_lab.environment["AWS_ENDPOINT_URL"]).calls(mine.environment["AWS_ACCESS_KEY_ID"])
    assert "CreateTrafficMirrorSession" in {call["action"] for call in calls if call["status"] == 200}


@pytest.mark.thin(4)
@pytest.mark.parametrize("command", [["interfaces"], ["ps"], ["cleanup", "--all"], ["cleanup", "--all", "--dry-run"]])
@pytest.mark.long
def test_the_commands_beside_a_capture_work_without_a_way_to_log_in(bind: Bind, command: list[str]):
    done = bind("list", "mirror").run(*VPCSHARK, *command)
    assert (done.returncode, done.stderr) == (0, "")


def test_preflight_sees_all_it_looks_at(clean_lab: Lab, bind: Bind):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    done = bind("list", "mirror", "preflight").run(*VPCSHARK, "preflight", eni, "--json")
    assert done.returncode == 0, done.stderr
    assert {finding["level"] for finding in json.loads(done.stdout)} <= {"ok"}


@pytest.mark.thin(2)
@pytest.mark.parametrize("less", ["ec2:CreateTrafficMirrorSession", "ec2:DescribeInstances"])
def test_an_action_that_is_missing_is_named_and_nothing_is_left(clean_lab: Lab, bind: Bind, tmp_path: Path, less: str):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    done = run(bind(*CAPTURE, less=less), eni, tmp_path / "out.pcapng")
    assert done.returncode == 1
    assert less in done.stderr
    assert clean_lab.is_clean()


@pytest.mark.thin(3)
@pytest.mark.parametrize(
    ("way", "features", "less"),
    [
        ("eic", ("connect-eic",), "ec2-instance-connect:SendSSHPublicKey"),
        ("eice", ("connect-eice",), "ec2:DescribeInstanceConnectEndpoints"),
        ("eice", ("connect-eice",), "ec2-instance-connect:OpenTunnel"),
        ("ssm", ("connect-ssm",), "ssm:StartSession"),
    ],
)
def test_an_action_that_a_connection_misses_is_named(
    clean_lab: Lab, bind: Bind, tmp_path: Path, way: str, features: tuple[str, ...], less: str
):
    """With it there are frames; so ``test_tcpdump_mode``."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    mine = bind("list", *features, less=less)
    words = ["capture", eni, "--mode", "tcpdump", "--connection", way, "-a", "duration:50", "-w", str(tmp_path / "o")]
    done = mine.run(*VPCSHARK, *words)
    assert done.returncode == 1
    assert less in done.stderr
