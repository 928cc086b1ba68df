"""A capture whose way is closed, in the lab: it ends with the reason, or opens the one rule, and then frames come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hands import VPCSHARK, Lab, wait_until
from scapy.utils import RawPcapNgReader

from vpcshark.aws.iam.features import DEFAULT

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "open-security-group")


@pytest.fixture
def closed(clean_lab: Lab) -> Iterator[str]:
    """The capture host's security group, which admits nothing until the test's end."""
    ec2 = clean_lab.client()
    group = clean_lab.eni("capture-1")["Groups"][0]["GroupId"]
    was = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=was)
    yield group
    assert inbound(clean_lab, group) == []
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=was)


def inbound(lab: Lab, group: str) -> list[dict[str, Any]]:
    """The group's inbound rules now."""
    found = lab.client().describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return [rule for rule in found["SecurityGroupRules"] if not rule["IsEgress"]]


def capture(lab: Lab, file: Path, *options: str) -> Any:
    """``vpcshark capture`` of web-1, to its end."""
    eni = lab.eni("web-1")["NetworkInterfaceId"]
    return lab.run(*VPCSHARK, "capture", eni, "-w", str(file), "--mode", "mirror", *options)


def frames(file: Path) -> int:
    """How many scapy reads."""
    with RawPcapNgReader(str(file)) as reader:
        return sum(1 for _ in reader)


def test_it_ends_with_the_reason_and_the_command_and_makes_nothing(clean_lab: Lab, closed: str, tmp_path: Path):
    done = capture(clean_lab, tmp_path / "out.pcapng", "-a", "duration:5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "do not admit UDP 4789" in done.stderr
    assert f"aws ec2 authorize-security-group-ingress --group-id {closed}" in done.stderr
    assert clean_lab.is_clean()


@pytest.mark.long
def test_without_preflight_it_stays_empty(clean_lab: Lab, closed: str, tmp_path: Path):
    """What preflight says is true."""
    done = capture(clean_lab, tmp_path / "out.pcapng", "-a", "duration:4", "--no-preflight")
    assert done.returncode == 3, done.stderr
    assert "do not admit UDP 4789" in " ".join(done.stderr.split()), "why it is empty is said"
    assert frames(tmp_path / "out.pcapng") == 0


def test_the_missing_rule_is_opened_and_frames_come(clean_lab: Lab, closed: str, tmp_path: Path):
    done = capture(clean_lab, tmp_path / "out.pcapng", "-c", "20", "--open-security-group")
    assert done.returncode == 0, done.stderr
    assert frames(tmp_path / "out.pcapng") == 20
    assert inbound(clean_lab, closed) == []


def test_the_rule_of_a_killed_capture_is_removed_by_its_janitor(clean_lab: Lab, closed: str, tmp_path: Path):
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    command = ["capture", eni, "-w", str(tmp_path / "out.pcapng"), "--mode", "mirror", "--open-security-group"]
    process = clean_lab.start(*VPCSHARK, *command)
    wait_until(lambda: clean_lab.mirror_resources()["sessions"], "the session is there")
    assert len(inbound(clean_lab, closed)) == 1
    process.kill()
    process.communicate()
    wait_until(lambda: not inbound(clean_lab, closed), "the rule is gone")
