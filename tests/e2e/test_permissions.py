"""The shipped policies with IAM enforcement on: a user who has nothing else captures over SSH, and leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import iam
import pytest
from hands import VPCSHARK, Lab, compare, read_frames, recording

from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
CAPTURE = ("list", "mirror", "connect-ssh")
Bind = Callable[..., Lab]


def shipped(*features: str, less: str = "") -> dict:
    """What installer/iam has for these features, as far as moto can judge it, without the action ``less``."""
    folder = Path(__file__).parents[2] / "installer" / "iam"
    documents = [json.loads((folder / f"{feature}.json").read_text("utf-8")) for feature in features]
    return iam.less(less, iam.bare(documents))


@pytest.fixture
def bind(clean_lab: Lab) -> Iterator[Bind]:
    """The lab for a user whom a policy binds."""
    with iam.bound(
        clean_lab.client("iam"), LabControl(clean_lab.environment["AWS_ENDPOINT_URL"]).enforce_iam
    ) as keys_for:
        yield lambda document: Lab({**clean_lab.environment, **keys_for(document)})


def run(lab: Lab, eni: str, file: Path, *more: str):
    """Three seconds in mirror mode, through the lab's capture host by SSH."""
    words = ["capture", eni, "--mode", "mirror", "-a", "duration:3", "-w", str(file), *more]
    return lab.run(*VPCSHARK, *words)


@pytest.mark.parametrize("features", [CAPTURE, (*CAPTURE, "preflight")])
def test_a_capture_over_ssh_works_and_leaves_nothing(clean_lab: Lab, bind: Bind, tmp_path: Path, features):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    mine = bind(shipped(*features))
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


@pytest.mark.parametrize("command", [["interfaces"], ["ps"], ["cleanup", "--all"], ["cleanup", "--all", "--dry-run"]])
def test_the_commands_beside_a_capture_work(bind: Bind, command: list[str]):
    done = bind(shipped("list", "mirror")).run(*VPCSHARK, *command)
    assert (done.returncode, done.stderr) == (0, "")


def test_preflight_sees_all_it_looks_at(clean_lab: Lab, bind: Bind):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    done = bind(shipped("list", "mirror", "preflight")).run(*VPCSHARK, "preflight", eni, "--json")
    assert done.returncode == 0, done.stderr
    assert {finding["level"] for finding in json.loads(done.stdout)} <= {"ok"}


@pytest.mark.parametrize("less", ["ec2:CreateTrafficMirrorSession", "ec2:DescribeInstances"])
def test_an_action_that_is_missing_is_named_and_nothing_is_left(clean_lab: Lab, bind: Bind, tmp_path: Path, less: str):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    done = run(bind(shipped(*CAPTURE, less=less)), eni, tmp_path / "out.pcapng")
    assert done.returncode == 1
    assert less in done.stderr
    assert clean_lab.is_clean()
