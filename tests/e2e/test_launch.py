"""An account with no capture host at all: one is launched, used, and gone; kept if so wished; never forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, bound, command_line, compare, preference, read_frames, recording, running_lab
from hands import wait_until as wait

from vpcshark.aws.features import DEFAULT
from vpcshark.cleanup import tags

pytestmark = pytest.mark.e2e

FEATURES = (*DEFAULT, "connect-eic", "launch", "launch-template")  # it has no key pair: a pushed key lets us in
RATE = "30"  # an instance's quarter of an hour takes thirty seconds: two heartbeats, and some for a busy machine


@contextmanager
def without_hosts(**environment: str) -> Iterator[Lab]:
    """A lab of our own whose one capture host is no more."""
    with running_lab(FEATURES, **environment) as lab:
        ec2 = lab.client()
        prepared = [{"Name": "tag-key", "Values": ["vpcshark:capture-host"]}]
        for found in ec2.describe_instances(Filters=prepared)["Reservations"]:
            ec2.delete_tags(Resources=[found["Instances"][0]["InstanceId"]], Tags=[{"Key": "vpcshark:capture-host"}])
        yield lab


@pytest.fixture(scope="module")
def bare() -> Iterator[Lab]:
    """An account with nothing prepared."""
    with without_hosts() as lab:
        yield lab


@pytest.fixture(scope="module")
def hurried_lab() -> Iterator[Lab]:
    """The same, where the time of launched hosts runs fast."""
    with without_hosts(VPCSHARK_LAB_UPTIME_RATE=RATE) as lab:
        yield lab


@pytest.fixture
def hurried(hurried_lab: Lab) -> Lab:
    """That lab, clean."""
    assert is_clean(hurried_lab)
    return hurried_lab


def hosts(lab: Lab) -> dict[str, str]:
    """The instances that bear our tag, by a fresh describe: id -> state."""
    wanted = [{"Name": "tag-key", "Values": ["vpcshark:capture"]}]
    found = [i for r in lab.client().describe_instances(Filters=wanted)["Reservations"] for i in r["Instances"]]
    return {one["InstanceId"]: one["State"]["Name"] for one in found}


def running(lab: Lab) -> list[str]:
    """Those that cost."""
    return [instance for instance, state in hosts(lab).items() if state != "terminated"]


def groups(lab: Lab) -> list[str]:
    """The security groups that bear our tag."""
    wanted = [{"Name": "tag-key", "Values": ["vpcshark:capture"]}]
    return [one["GroupId"] for one in lab.client().describe_security_groups(Filters=wanted)["SecurityGroups"]]


def is_clean(lab: Lab) -> bool:
    """Is nothing of ours left, of whatever kind?"""
    return lab.is_clean() and not running(lab) and not groups(lab)


@pytest.fixture
def eni(bare: Lab) -> Iterator[str]:
    """web-1's first ENI, in an account that is clean before and after."""
    assert is_clean(bare)
    yield bare.eni("web-1")["NetworkInterfaceId"]
    wait(lambda: is_clean(bare), "the account is clean", 60)


def tshark(lab: Lab, eni: str, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A capture with a launched host, by tshark, until it has 300 frames."""
    file.parent.chmod(0o777)
    preferences = preference(eni, "host", "launch")
    return lab.run("tshark", "-q", "-i", eni, *preferences, *options, "-c", "300", "-w", str(file))


def test_with_nothing_prepared_frames_come_and_nothing_is_left(bare: Lab, eni: str, tmp_path: Path):
    """What tcpdump saw at the source is in tshark's file; instance and security group are gone, by a fresh describe."""
    file = tmp_path / "out.pcapng"
    with recording(bare, "web-1", tmp_path / "source.pcap") as source:
        done = tshark(bare, eni, file)
        seen = source.stop()
    assert done.returncode == 0, done.stderr
    compared, missing, extra = compare(seen, read_frames(file))
    assert compared > 50
    assert (missing, extra) == (0, 0)
    (host,) = hosts(bare)
    wait(lambda: is_clean(bare), "the account is clean", 30)
    assert hosts(bare)[host] == "terminated"


@pytest.mark.long
def test_a_kept_host_is_used_again_and_later_gone(bare: Lab, eni: str, tmp_path: Path, record_property):
    """The second capture makes no host, and has its first frame sooner; when its owner wants none kept, it goes."""
    before = set(hosts(bare))
    keep = preference(eni, "keep", "5")
    done = tshark(bare, eni, tmp_path / "first.pcapng", *keep)
    assert done.returncode == 0, done.stderr
    assert bare.is_clean()
    (kept,) = running(bare)
    listed = bare.run(*VPCSHARK, "ps").stdout
    assert kept in listed
    assert "kept" in listed
    began = time.time()
    done = tshark(bare, eni, tmp_path / "second.pcapng")
    assert done.returncode == 0, done.stderr
    frames = read_frames(tmp_path / "second.pcapng")
    assert len(frames) > 20
    record_property("seconds to the first frame", round(frames[0].time - began, 2))
    assert set(hosts(bare)) - before == {kept}


@pytest.mark.long
def test_a_kept_host_goes_early_if_its_owner_wishes(bare: Lab, eni: str):
    """cleanup leaves it and says how it goes; cleanup --kept removes it."""
    capture = (*VPCSHARK, "capture", eni, "--host", "launch", "--keep", "5", "-c", "20", "-w", os.devnull)
    done = bare.run(*capture, timeout=180)
    assert done.returncode == 0, done.stderr
    (kept,) = running(bare)
    assert "cleanup --kept" in bare.run(*VPCSHARK, "cleanup").stdout
    assert running(bare) == [kept]
    removed = bare.run(*VPCSHARK, "cleanup", "--kept", timeout=180).stdout
    assert kept in removed
    assert is_clean(bare)


@pytest.mark.long
def test_who_may_not_log_in_to_it_is_told_so_and_nothing_is_left(bare: Lab, eni: str):
    """It has no key pair, so without a right to push a key nobody waits three minutes for it to let them in."""
    with bound(bare) as bind:
        done = bind(*DEFAULT, "launch").run(
            *VPCSHARK, "capture", eni, "--host", "launch", "-w", os.devnull, timeout=180
        )
    assert done.returncode == 1
    assert "ec2-instance-connect:SendSSHPublicKey" in done.stderr


def janitor_of(lab: Lab) -> int:
    """The janitor of the one capture that runs in this lab."""
    for folder in Path("/proc").glob("[0-9]*"):
        line = command_line(int(folder.name))
        if "vpcshark.cleanup.janitor" in line and lab.environment["VPCSHARK_LAB"] in line:
            return int(folder.name)
    raise AssertionError("no janitor")


@contextmanager
def streaming(lab: Lab, file: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A capture that has its session, and the host that was launched for it; killed at the end."""
    before, eni = set(hosts(lab)), lab.eni("web-1")["NetworkInterfaceId"]
    capture = lab.start(*VPCSHARK, "capture", eni, "--host", "launch", *options, "-w", str(file))
    try:
        wait(lambda: bool(lab.mirror_resources()["sessions"]), "the session is there", 30)
        (host,) = set(hosts(lab)) - before
        yield capture, host
    finally:
        if capture.poll() is None:
            capture.kill()
        capture.communicate(timeout=180)


@pytest.mark.long
def test_a_host_whose_capture_and_janitor_were_killed_terminates_itself(hurried: Lab, tmp_path: Path):
    """While the capture lives, the host outlives its quarter of an hour; without, nobody ends it but itself."""
    with streaming(hurried, tmp_path / "x.pcapng") as (capture, host):
        time.sleep(36)  # more than the watchdog's time: it must hear the heartbeat
        assert capture.poll() is None
        assert hosts(hurried)[host] == "running"
        for pid in (janitor_of(hurried), capture.pid):
            os.kill(pid, signal.SIGKILL)
    wait(lambda: hosts(hurried)[host] == "terminated", "the host has terminated itself", 60)
    assert groups(hurried) != []  # it has no credentials to delete that
    hurried.run(*VPCSHARK, "cleanup", timeout=180)
    assert is_clean(hurried)


THEIRS = """\
Content-Type: multipart/mixed; boundary="theirs"
MIME-Version: 1.0

--theirs
Content-Type: text/cloud-config

packages: [tcpdump]
--theirs
Content-Type: text/x-shellscript
Content-Disposition: attachment; filename="setup.sh"

#!/bin/sh
touch /run/set-up-as-the-template-says
--theirs--
"""


@pytest.fixture
def template(hurried: Lab) -> Iterator[str]:
    """A launch template of the user's own, with a set-up, a volume that would stay, and no word of the network."""
    ec2 = hurried.client()
    data = {
        "ImageId": "ami-12c6146b",
        "InstanceType": "t3.small",
        "UserData": b64encode(THEIRS.encode()).decode(),
        "NetworkInterfaces": [{"DeviceIndex": 0}],
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": False}}],
    }
    ec2.create_launch_template(LaunchTemplateName="set-up", LaunchTemplateData=data)
    yield "set-up"
    ec2.delete_launch_template(LaunchTemplateName="set-up")


@pytest.mark.long
def test_a_host_from_the_users_template_is_set_up_as_it_says_and_ends_like_any(
    hurried: Lab, template: str, tmp_path: Path
):
    """Its user data runs beside ours; killed with its janitor the host terminates itself, and its volume goes."""
    volumes = {volume["VolumeId"] for volume in hurried.client().describe_volumes()["Volumes"]}
    with streaming(hurried, tmp_path / "x.pcapng", "--host-template", template) as (capture, host):
        marks = [Path(f"/proc/{pid}/root/run/set-up-as-the-template-says") for pid in hurried.processes(host)]
        assert any(mark.exists() for mark in marks)
        (found,) = hurried.client().describe_instances(InstanceIds=[host])["Reservations"][0]["Instances"]
        assert found["InstanceType"] == "t3.small"
        for pid in (janitor_of(hurried), capture.pid):
            os.kill(pid, signal.SIGKILL)
    wait(lambda: hosts(hurried)[host] == "terminated", "the host has terminated itself", 60)
    hurried.run(*VPCSHARK, "cleanup", timeout=180)
    assert is_clean(hurried)
    assert {volume["VolumeId"] for volume in hurried.client().describe_volumes()["Volumes"]} == volumes


@pytest.mark.long
def test_an_instance_with_the_tags_of_a_kept_host_is_not_taken(bare: Lab, eni: str):
    """Whoever may tag, not launch, would get the packets: it is named, and neither used, tagged nor terminated."""
    ec2, wanted = bare.client(), [{"Name": "tag:Name", "Values": ["api-1"]}]
    victim = ec2.describe_instances(Filters=wanted)["Reservations"][0]["Instances"][0]["InstanceId"]
    lease = tags.kept(tags.Lease("c-0123456789ab", "me@here", 0.0), time.time() + 3600)
    forged = {**lease.as_tags(), "vpcshark:launched-from": "t4g.small", "vpcshark:capture-host": ""}
    pairs = [{"Key": key, "Value": value} for key, value in forged.items()]
    ec2.create_tags(Resources=[victim], Tags=pairs)
    try:
        capture = (*VPCSHARK, "capture", eni, "--host", "launch", "-c", "20", "-w", os.devnull)
        done = bare.having(VPCSHARK_OWNER="me@here").run(*capture, timeout=180)
        (found,) = ec2.describe_instances(InstanceIds=[victim])["Reservations"][0]["Instances"]
        labels = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    finally:
        ec2.delete_tags(Resources=[victim], Tags=[{"Key": key} for key in forged])
    assert done.returncode == 0, done.stderr
    assert f"{victim} (api-1) has the tags of a capture host that you keep" in bare.logged(200)
    assert found["State"]["Name"] == "running"
    assert forged.items() <= labels.items()
