"""The trial of ``vpcshark selftest --live``, with the lab in the place of AWS: it passes, finds what is not as it
should be, and leaves nothing, however it ends.

What is left is said by describes of a client of our own, and by no part of the product.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hands import VPCSHARK, Lab, wait_until

from vpcshark.lab.control import LabControl

pytestmark = [pytest.mark.e2e, pytest.mark.long]
OWN_LAB = True  # stacks, and records of seconds
FEATURES = ()  # whoever tries an account out may do all in it
KILLS = 30
QUICK = ("--only", "mirror by eic", "--only", "launch")
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def control(lab: Lab) -> LabControl:
    """The lab's, with records of seconds, delivered at once."""
    found = LabControl(lab.environment["AWS_ENDPOINT_URL"])
    found.flow_logs(pace={"interval": 1, "delay": 0})
    return found


@pytest.fixture
def as_before(lab: Lab) -> Iterator[dict[str, list[str]]]:
    """What is in the account before the test, and still, or again, after it."""
    before = everything(lab)
    yield before
    wait_until(lambda: everything(lab) == before, "the account is as it was")


def everything(lab: Lab) -> dict[str, list[str]]:
    """All that a trial could leave, by kind."""
    ec2, iam = lab.client(), lab.client("iam")
    alive = [
        one["InstanceId"]
        for reservation in ec2.describe_instances()["Reservations"]
        for one in reservation["Instances"]
        if one["State"]["Name"] not in ("terminated", "shutting-down")
    ]
    found: dict[str, Any] = {
        "instances": alive,
        "stacks": [one["StackName"] for one in lab.client("cloudformation").describe_stacks()["Stacks"]],
        "schedules": [one["Name"] for one in lab.client("scheduler").list_schedules()["Schedules"]],
        "budgets": [
            one["BudgetName"] for one in lab.client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
        ],
        "roles": [one["RoleName"] for one in iam.list_roles()["Roles"]],
        "profiles": [one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]],
        "groups of records": [one["logGroupName"] for one in lab.client("logs").describe_log_groups()["logGroups"]],
        "balancers": [one["LoadBalancerArn"] for one in lab.client("elbv2").describe_load_balancers()["LoadBalancers"]],
        "target groups": [
            one["TargetGroupArn"] for one in lab.client("elbv2").describe_target_groups()["TargetGroups"]
        ],
        "keys": [one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]],
    }
    for operation, key, member in (
        ("describe_vpcs", "Vpcs", "VpcId"),
        ("describe_subnets", "Subnets", "SubnetId"),
        ("describe_route_tables", "RouteTables", "RouteTableId"),
        ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
        ("describe_flow_logs", "FlowLogs", "FlowLogId"),
        ("describe_instance_connect_endpoints", "InstanceConnectEndpoints", "InstanceConnectEndpointId"),
    ):
        found[key] = [one[member] for one in getattr(ec2, operation)()[key]]
    return {kind: sorted(ids) for kind, ids in {**found, **lab.mirror_resources()}.items()}


def words(lab: Lab, *more: str) -> list[str]:
    """The command, in a network in which the lab has machines too."""
    number = int(lab.eni("web-1")["PrivateIpAddress"].split(".")[1]) - 101
    block = f"100.{64 + number // 2}.{number % 2 * 128}.0/17"
    return [*VPCSHARK, "selftest", "--live", "--yes", "--cidr", block, "--ssh-from", "10.0.0.0/8", *more]


def test_a_trial_passes_and_its_record_names_nobody(lab: Lab, control: LabControl, as_before: Any, tmp_path: Path):
    """Every step, every row; no difference, and nothing is left."""
    file = tmp_path / "record.json"
    done = lab.run(*words(lab, "-w", str(file)), timeout=1500)
    record = json.loads(file.read_text())
    assert record["differences"] == [], done.stderr
    assert done.returncode == 0, done.stdout
    assert record["left"] == []
    assert len(record["steps"]) > 18
    assert len(record["rows"]) > 18
    text = file.read_text()
    assert ACCOUNT not in text
    assert not re.search(r"\b\d+\.\d+\.\d+\.\d+\b", text)
    assert not re.search(r"\b(i|eni|vpc|sg|tm[fts])-[0-9a-f]{8,}", text)


def test_what_is_not_as_the_truth_has_it_is_found(lab: Lab, control: LabControl, as_before: Any, tmp_path: Path):
    """Another error code, another word for a state, another limit: those three, and nothing else."""
    file = tmp_path / "record.json"
    was = "InterfaceInUseByTrafficMirrorTarget"
    control.add_fault("CreateTrafficMirrorTarget", old=was, new="InterfaceIsTakenByTarget")
    control.add_fault("DescribeFlowLogs", old="ACTIVE", new="RUNNING")
    control.switch(sessions_per_source=5)
    try:
        done = lab.run(*words(lab, "-w", str(file), "--only", "interfaces"), timeout=1500)
    finally:
        control.clear_faults()
        control.switch(sessions_per_source=3)
    assert done.returncode == 1, done.stderr
    found = [row["row"] for row in json.loads(file.read_text())["rows"] if not row["agrees"]]
    assert found == [
        "An interface is one mirror target at most",
        "Three sessions for each source",
        "A flow log that is active",
    ]
    assert len(json.loads(file.read_text())["differences"]) == 3


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_trial_that_is_killed_leaves_nothing(
    lab: Lab, control: LabControl, as_before: dict[str, list[str]], tmp_path: Path, seed: int
):
    """At any moment. Of every second one the deadline comes before anybody looks after it: then nothing that costs is
    left; the rest goes with the next ``--clean``."""
    chosen = random.Random(seed)
    trial = lab.start(*words(lab, "-w", str(tmp_path / "record.json"), *QUICK))
    time.sleep(chosen.uniform(0.5, 100))  # the moment is what is tried
    trial.kill()
    trial.communicate()
    lab.started.remove(trial)
    if seed % 2:
        control.pass_time(86400)
        wait_until(lambda: costly(lab) == costly_of(as_before), "nothing is left that costs")
        control.pass_time(0)
    cleaned = lab.run(*VPCSHARK, "selftest", "--clean", timeout=600)
    if cleaned.returncode:  # a capture that outlived the trial had a host there, and takes that away itself
        cleaned = lab.run(*VPCSHARK, "selftest", "--clean", timeout=600)
    assert cleaned.returncode == 0, cleaned.stderr


def costly(lab: Lab) -> dict[str, list[str]]:
    """What AWS charges by the hour."""
    return costly_of(everything(lab))


def costly_of(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {kind: found[kind] for kind in ("instances", "balancers", "sessions", "stacks")}
