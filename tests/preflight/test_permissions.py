"""Preflight under a policy that lacks something: DryRun tells what may not be created, a refused describe a doubt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from scenes import Scene, one_vpc
from sessions import session

from vpcshark.aws.client import Aws
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import path_check
from vpcshark.lab.control import LabControl
from vpcshark.preflight import Finding


@pytest.fixture
def look_without(endpoint: str, aws: Aws) -> Iterator[Callable[..., list[Finding]]]:
    """Preflight of a scene as a user who may do everything but one action."""
    control, iam = LabControl(endpoint), aws.client("iam")

    def findings(scene: Scene, action: str, host: str = "") -> list[Finding]:
        statements = [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": action, "Resource": "*"},
        ]
        name = f"user-{scene.number}"
        iam.create_user(UserName=name)
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="all-but-one", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        control.enforce_iam(is_on=True)
        mine = Aws(_Keys(endpoint, aws.region, key), Config(retries={"total_max_attempts": 1}), "", aws.region)
        options = CaptureOptions(host=parse(host or scene.host))
        return path_check.findings(mine, scene.source, options, lambda address, mac: False)

    yield findings
    control.enforce_iam(is_on=False)


class _Keys:
    """A session of boto3 with these keys, whose every client speaks to the lab."""

    def __init__(self, endpoint: str, region: str, key: dict[str, str]) -> None:
        self._endpoint = endpoint
        self._session = session(key["AccessKeyId"], key["SecretAccessKey"], region)

    def client(self, service: str, **more: Any) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint, **more)


@pytest.mark.thin(4)
@pytest.mark.parametrize(
    ("action", "check", "level", "resource"),
    [
        ("ec2:CreateTrafficMirrorTarget", "permission", "fail", "ec2:CreateTrafficMirrorTarget"),
        ("ec2:CreateTrafficMirrorFilter", "permission", "fail", "ec2:CreateTrafficMirrorFilter"),
        ("ec2:CreateTrafficMirrorSession", "permission", "warn", "ec2:CreateTrafficMirrorSession"),
        ("ec2:CreateTrafficMirrorFilterRule", "permission", "warn", "ec2:CreateTrafficMirrorFilterRule"),
        ("ec2:ModifyTrafficMirrorFilterNetworkServices", "permission", "warn", ""),
        ("ec2:ModifyTrafficMirrorSession", "permission", "warn", "ec2:ModifyTrafficMirrorSession"),
        ("ec2:DeleteTrafficMirrorSession", "permission", "warn", "ec2:DeleteTrafficMirrorSession"),
        ("ec2:DeleteTrafficMirrorFilter", "permission", "warn", "ec2:DeleteTrafficMirrorFilter"),
        ("ec2:DeleteTrafficMirrorTarget", "permission", "warn", "ec2:DeleteTrafficMirrorTarget"),
        ("ec2:DescribeTrafficMirrorFilters", "permission", "warn", "ec2:DescribeTrafficMirrorFilters"),
        ("ec2:DescribeTrafficMirrorTargets", "permission", "warn", "ec2:DescribeTrafficMirrorTargets"),
        ("ec2:DescribeNetworkAcls", "acl", "warn", ""),
        ("ec2:DescribeSecurityGroups", "group", "warn", ""),
        ("ec2:DescribeRouteTables", "route", "warn", ""),
        ("ec2:DescribeTrafficMirrorSessions", "sessions", "warn", ""),
    ],
)
def test_the_action_that_is_missing_is_named(
    action: str, check: str, level: str, resource: str, scene: Scene, look_without: Any
):
    one_vpc(scene)
    (finding,) = [finding for finding in look_without(scene, action) if finding.level != "ok"]
    assert (finding.check, finding.level) == (check, level)
    assert action in finding.sentence
    assert not resource or finding.resource == resource


@pytest.mark.parametrize("action", ["ec2:RunInstances", "ec2:CreateSecurityGroup"])
def test_what_a_launch_takes_is_asked_for_where_a_host_is_launched(action: str, scene: Scene, look_without: Any):
    one_vpc(scene)
    (finding,) = [finding for finding in look_without(scene, action, "launch") if finding.level != "ok"]
    assert (finding.check, finding.level, finding.resource) == ("permission", "fail", action)
