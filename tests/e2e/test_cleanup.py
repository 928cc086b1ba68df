"""Nothing is left: Ctrl-C in each phase of coming up, pipes that close early, and what ``vpcshark cleanup`` removes of
a capture that was killed together with its janitor: that, and nothing else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, command_line, read_frames, wait_until
from pace import pace

from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e

PHASES = {  # what the user sees when Ctrl-C comes -> the call during which it comes (slowed down, so that it is hit)
    "connecting": ("GetCallerIdentity", "Connecting to AWS"),
    "looking around": ("DescribeNetworkInterfaces", "Looking up"),
    "the filter is made": ("CreateTrafficMirrorFilter", "Looking up"),
    "the target is made": ("CreateTrafficMirrorTarget", "Starting the receiver"),
    "the rules are made": ("CreateTrafficMirrorFilterRule", "Starting the receiver"),
    "the session is made": ("CreateTrafficMirrorSession", "Creating the mirror session"),
    "frames arrive": ("", "Capturing from"),
}


@pytest.fixture
def control(clean_lab: Lab) -> Iterator[LabControl]:
    """The lab's control path; faults end with the test."""
    control = LabControl(clean_lab.environment["AWS_ENDPOINT_URL"])
    yield control
    control.clear_faults()


@pytest.fixture
def eni(clean_lab: Lab) -> str:
    """web-1's first ENI."""
    return clean_lab.eni("web-1")["NetworkInterfaceId"]


@pytest.mark.thin(9)
@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_while_coming_up_leaves_nothing(clean_lab: Lab, control: LabControl, eni: str, tmp_path: Path, phase):
    """SIGINT to the process group, as a terminal sends it, in each phase."""
    before = clean_lab.processes("capture-1")
    action, said = PHASES[phase]
    if action:
        control.add_fault(action, delay=1.0)
    running = clean_lab.start(*VPCSHARK, "capture", eni, "-w", str(tmp_path / "x.pcapng"))
    for line in running.stderr:
        if said in line:
            break
    time.sleep(0.2)  # into the call; when exactly is no matter
    with pace() as now:
        began = time.monotonic()
        os.killpg(running.pid, signal.SIGINT)
        _, rest = running.communicate(timeout=180)
        seconds = time.monotonic() - began
    assert "Traceback" not in rest
    assert clean_lab.is_clean()
    wait_until(lambda: not set(clean_lab.processes("capture-1")) - set(before), "the receiver has gone")
    assert seconds < now.allows(3 + 1.0) + clean_lab.lateness  # 1.0: the slow call itself


def test_a_reader_that_goes_ends_the_capture(clean_lab: Lab, eni: str):
    """vpcshark capture -w - | head -c 100."""
    pipeline = 'set -o pipefail; "$@" -w - | head -c 100 | wc -c'
    done = clean_lab.run("bash", "-c", pipeline, "bash", *VPCSHARK, "capture", eni)
    assert done.stdout.strip() == "100"
    assert "Traceback" not in done.stderr
    assert "bug in vpcshark" not in done.stderr
    assert done.returncode == 0
    assert clean_lab.is_clean()


@pytest.mark.thin(9)
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.long
def test_a_count_is_exact(clean_lab: Lab, eni: str, tmp_path: Path, count: int):
    """-c N: N packets, as scapy and capinfos count them."""
    file = tmp_path / "x.pcapng"
    done = clean_lab.run(*VPCSHARK, "capture", eni, "-c", str(count), "-w", str(file))
    assert done.returncode == 0, done.stderr
    assert len(read_frames(file)) == count
    counted = clean_lab.run("capinfos", "-Mc", str(file)).stdout
    assert re.search(rf"Number of packets:\s+{count}$", counted, re.MULTILINE)


@contextmanager
def capturing(lab: Lab, eni: str, file: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A capture whose session stands."""
    known = set(lab.mirror_resources()["sessions"])
    running = lab.having(**environment).start(*VPCSHARK, "capture", eni, "-w", str(file))
    try:
        wait_until(lambda: bool(set(lab.mirror_resources()["sessions"]) - known), "the session is there")
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
        running.communicate(timeout=180)


def janitors(lab: Lab) -> dict[int, str]:
    """The janitors of this lab's captures: pid -> ledger's name."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        line = command_line(int(folder.name))
        if "vpcshark.cleanup.janitor" in line and lab.environment["VPCSHARK_LAB"] in line:
            found[int(folder.name)] = Path(line.split()[-1]).name
    return found


def kill_with_its_janitor(lab: Lab, running: subprocess.Popen[str], ours: set[int]) -> None:
    """SIGKILL for the janitor first, so that it does not see its capture die, then for the capture."""
    for pid in ours:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not ours & set(janitors(lab)), "the janitor is dead")
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=180)


def make_decoy(lab: Lab, tags: dict[str, str]) -> set[str]:
    """A filter and a target that look like ours; the target is of an interface of its own, as it can be one only."""
    ec2 = lab.client()
    eni = ec2.create_network_interface(SubnetId=lab.eni("db-1")["SubnetId"])["NetworkInterface"]
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]

    def labels(kind: str) -> list[dict]:
        return [{"ResourceType": kind, "Tags": listed}]

    made = ec2.create_traffic_mirror_filter(
        Description="vpcshark capture by somebody", TagSpecifications=labels("traffic-mirror-filter")
    )["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
    target = ec2.create_traffic_mirror_target(
        NetworkInterfaceId=eni["NetworkInterfaceId"],
        Description="vpcshark capture by somebody",
        TagSpecifications=labels("traffic-mirror-target"),
    )["TrafficMirrorTarget"]["TrafficMirrorTargetId"]
    lab.until_shown(made, target)
    return {made, target}


def remove_decoys(lab: Lab, ids: set[str]) -> None:
    """By hand."""
    ec2 = lab.client()
    for one in ids:
        if one.startswith("tmf-"):
            ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=one)
        else:
            found = ec2.describe_traffic_mirror_targets(TrafficMirrorTargetIds=[one])["TrafficMirrorTargets"]
            ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=one)
            ec2.delete_network_interface(NetworkInterfaceId=found[0]["NetworkInterfaceId"])


def everything(lab: Lab) -> set[str]:
    """All ids that a fresh describe shows."""
    return {one for ids in lab.mirror_resources().values() for one in ids}


def test_cleanup_removes_a_killed_capture_and_no_decoy(clean_lab: Lab, eni: str, tmp_path: Path):
    """Decoys: the same name and description without the tag; a colleague's live capture; a live capture of ours."""
    lab = clean_lab
    far = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    untagged = make_decoy(lab, {"Name": "vpcshark"})
    colleagues = make_decoy(
        lab, {"vpcshark:capture": "c-ffffffffffff", "vpcshark:owner": "bob@there", "vpcshark:expires": far}
    )
    other = lab.eni("api-1")["NetworkInterfaceId"]
    try:
        with capturing(lab, other, tmp_path / "live.pcapng") as live:
            kept, living_janitors = everything(lab), set(janitors(lab))
            with capturing(lab, eni, tmp_path / "dead.pcapng") as dying:
                dead = everything(lab) - kept
                assert sorted(one.partition("-")[0] for one in dead) == ["tmf", "tms"]  # the target is the live one's
                ours = set(janitors(lab)) - living_janitors
                assert len(ours) == 1
                kill_with_its_janitor(lab, dying, ours)
            assert everything(lab) == kept | dead
            assert_cleaned(lab, kept, dead)
            assert live.poll() is None
            assert_still_captures(live, tmp_path / "live.pcapng")
        assert everything(lab) == untagged | colleagues
    finally:
        remove_decoys(lab, (untagged | colleagues) & everything(lab))


def assert_cleaned(lab: Lab, kept: set[str], dead: set[str]) -> None:
    """First dry, then wet: the dead ones are named, and only they go."""
    dry = lab.run(*VPCSHARK, "cleanup", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert everything(lab) == kept | dead
    wet = lab.run(*VPCSHARK, "cleanup")
    assert wet.returncode == 0, wet.stderr
    assert everything(lab) == kept
    gone = re.compile(r"\b(tm[sft]-[0-9a-f]+)\b(?=.*removed)")
    assert set(gone.findall(dry.stdout)) == dead, dry.stdout
    assert set(gone.findall(wet.stdout)) == dead, wet.stdout
    again = lab.run(*VPCSHARK, "cleanup")
    assert again.returncode == 0
    assert not gone.findall(again.stdout)


def assert_still_captures(live: subprocess.Popen[str], file: Path) -> None:
    """The live capture's file grows on."""
    size = file.stat().st_size
    wait_until(lambda: file.stat().st_size > size, "the live capture gets frames")
    assert live.poll() is None
