"""The lab's API in a process of its own (moto's state belongs to its process), seeded with the rootless lab's VPC."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vpcshark.aws import kinds
from vpcshark.aws.client import Aws, Ec2, connect
from vpcshark.aws.paging import pages

SERVE = """
import dataclasses, json, sys
import boto3
from vpcshark.lab.api import moto_ec2
from vpcshark.lab.api.server import ApiServer
from vpcshark.lab.seed import Seeder

server = ApiServer()
server.start()
keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}
ec2 = boto3.client("ec2", region_name=sys.argv[1], endpoint_url=server.endpoint, **keys)
world = Seeder(ec2, moto_ec2.mark_managed).loopback()
print(json.dumps({"endpoint": server.endpoint, "world": dataclasses.asdict(world)}), flush=True)
sys.stdin.read()
server.stop()
"""
REGION = "eu-central-1"


@pytest.fixture(scope="session")
def lab() -> Iterator[dict[str, Any]]:
    """``endpoint`` and ``world`` (a LabWorld as plain data) of a running API."""
    process = subprocess.Popen([sys.executable, "-c", SERVE, REGION], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())


@pytest.fixture
def environment(lab: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    """The environment of a user whose AWS is the lab; to be changed further."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab["endpoint"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def instances(ec2: Ec2) -> set[str]:
    """The ids of those that are not terminated."""
    return {
        one["InstanceId"]
        for reservation in pages(ec2, "describe_instances", "Reservations")
        for one in reservation["Instances"]
        if one["State"]["Name"] != "terminated"
    }


@pytest.fixture
def aws(environment: pytest.MonkeyPatch) -> Iterator[Aws]:
    """A connection to the lab, whose account is one for all tests: what a test leaves of instances and of mirroring is
    removed after it, or another one would count it, by the order in which they are run."""
    connection = connect(region=REGION)
    before = instances(connection.ec2)
    yield connection
    if made := instances(connection.ec2) - before:
        connection.ec2.terminate_instances(InstanceIds=sorted(made))
    for name in kinds.MIRRORING:
        kind = kinds.KINDS[name]
        for raw in list(pages(connection.ec2, kind.describe, kind.rows)):
            kinds.delete(connection.ec2, name, raw[kind.identity])


@pytest.fixture
def ec2(aws: Aws) -> Ec2:
    """An EC2 client of the lab."""
    return aws.ec2


@pytest.fixture
def enis(lab: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The ENIs of the lab's instances: ("web-1 eth0") -> LabEni as plain data, with its ``instance`` id."""
    return {
        f"{instance['name']} eth{eni['device_index']}": {**eni, "instance": instance["id"]}
        for instance in lab["world"]["instances"]
        for eni in instance["enis"]
    }


@pytest.fixture
def fault(lab: dict[str, Any]) -> Iterator[Callable[..., None]]:
    """``fault(action="CreateTrafficMirror.*", code="…", times=1)`` makes the lab's API fail; over at the test's end."""
    where = f"{lab['endpoint']}/_lab/faults"

    def inject(**what: Any) -> None:
        urllib.request.urlopen(urllib.request.Request(where, json.dumps(what).encode(), method="POST")).close()

    yield inject
    urllib.request.urlopen(urllib.request.Request(where, method="DELETE")).close()


@pytest.fixture
def calls(lab: dict[str, Any]) -> Callable[[], list[str]]:
    """``calls()`` lists the actions that the API was asked for since the test began."""
    where = f"{lab['endpoint']}/_lab/calls"
    urllib.request.urlopen(urllib.request.Request(where, method="DELETE")).close()

    def made() -> list[str]:
        with urllib.request.urlopen(where) as answer:
            return [call["action"] for call in json.load(answer)]

    return made
