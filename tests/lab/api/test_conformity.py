"""What the lab answers and what the product asks fit botocore's models, over a list, a capture's calls and a clean-up.

The end-to-end tests' own record is judged in the same way at their end (``hands.running_lab``).
"""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import Any

import conformity
import pytest
from botocore.config import Config
from conformity import Exchange
from sessions import session

from vpcshark.aws import kinds
from vpcshark.aws.compute import capture_hosts, launch
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.mirroring import existing, resources
from vpcshark.errors import AwsError

TAGS = {"vpcshark:capture": "c-1", "vpcshark:owner": "me@here", "vpcshark:expires": "2030-01-01T00:00:00Z"}


@pytest.fixture
def recorded(api: Any, tmp_path: Path) -> Path:
    """Where all calls of the test are written down."""
    file = tmp_path / "exchanges.jsonl"
    api.control.switch(record=str(file))
    return file


def test_every_answer_and_every_call_fits_the_model(api: Any, mirroring: Any, recorded: Path) -> None:
    """Of the calls that most captures make, in the product's own words."""
    config = Config(user_agent_extra="vpcshark/test")
    ec2 = session("lab", "lab", "us-east-1").client("ec2", endpoint_url=api.endpoint, config=config)
    source, host = mirroring.eni(), mirroring.eni()
    instance = mirroring.ec2.run_instances(
        ImageId="ami-04681a1dbd79675a5", MinCount=1, MaxCount=1, SubnetId=mirroring.subnet, InstanceType="m6i.large"
    )["Instances"][0]
    interfaces.list_enis(ec2)
    capture_hosts.list_hosts(ec2)
    capture_hosts.find_host(ec2, instance["InstanceId"])
    target = resources.create_target(ec2, host, TAGS, str(uuid.uuid4()), description="x")
    made = resources.create_filter(ec2, TAGS, str(uuid.uuid4()), description="x")
    resources.create_rules(ec2, made, resources.ALL_TRAFFIC)
    resources.allow_dns(ec2, made)
    named = {"source": source, "target": target, "filter_id": made, "number": 1, "vni": 7, "tags": TAGS}
    mirrored = resources.create_session(ec2, **named, token=str(uuid.uuid4()), packet_length=128)
    group = launch.create_group(ec2, instance["VpcId"], "vpcshark-test", TAGS)
    launch.admit_ssh(ec2, group, ["10.0.0.0/8"])
    existing.targets(ec2)
    existing.target_of(ec2, host)
    resources.sessions_of(ec2, source)
    kinds.tagged(ec2, [kinds.RULE], "vpcshark:capture")
    kinds.tagged(ec2, kinds.LAUNCHED, "vpcshark:capture")
    kinds.tagged(ec2, kinds.MIRRORING, "vpcshark:capture")
    with contextlib.suppress(AwsError):
        resources.create_target(ec2, host, TAGS, str(uuid.uuid4()))
    kinds.delete(ec2, kinds.SESSION, mirrored.id)
    kinds.delete(ec2, kinds.FILTER, made)
    kinds.delete(ec2, kinds.TARGET, target)
    kinds.delete(ec2, kinds.GROUP, group)
    exchanges = conformity.exchanges(recorded)
    assert len({one.action for one in exchanges}) >= 20
    assert sorted({problem for one in exchanges for problem in conformity.problems(one)}) == []


GOOD = (
    '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>'
    "<reservationSet/></DescribeInstancesResponse>"
)
BAD = [
    (GOOD.replace("<reservationSet/>", "<reservations/>"), "there is no member reservations"),
    (
        GOOD.replace(
            "<reservationSet/>",
            "<reservationSet><item><instancesSet><item><instanceState><name>asleep</name></instanceState></item>"
            "</instancesSet></item></reservationSet>",
        ),
        "'asleep' is none of",
    ),
    (
        GOOD.replace(
            "<reservationSet/>",
            "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></item>"
            "</reservationSet>",
        ),
        "Instance has no ImageId",
    ),
]


@pytest.mark.parametrize(("answer", "problem"), BAD)
def test_an_answer_that_aws_would_not_give_is_found(answer: str, problem: str) -> None:
    """An unknown member, a state that there is not, a member that AWS always sends."""
    exchange = Exchange("ec2", "DescribeInstances", "Boto3", "", 200, answer)
    assert any(problem in one for one in conformity.problems(exchange))
    assert list(conformity.problems(Exchange("ec2", "DescribeInstances", "Boto3", "", 200, GOOD))) == []


ASKED = [
    ("Action=DescribeInstances&Version=2016-11-15&Colour=red", "the request has Colour"),
    (
        "Action=CreateTrafficMirrorFilterRule&TrafficDirection=sideways&RuleAction=accept",
        "'sideways' is none of",
    ),
]


@pytest.mark.parametrize(("request_", "problem"), ASKED)
def test_a_call_that_no_model_has_is_found(request_: str, problem: str) -> None:
    """botocore itself looks at the types of what it is given, and no further."""
    action = request_.partition("&")[0].partition("=")[2]
    refused = "<Response><Errors><Error><Code>X</Code></Error></Errors></Response>"
    exchange = Exchange("ec2", action, "Boto3 vpcshark/1", request_, 400, refused)
    assert any(problem in one for one in conformity.problems(exchange))
