"""What ``walk --evidence`` says of each interface, beside what tcpdump saw on both its sides, for faults planted in the
lab and packets really sent: the records are those that the lab's own flow log wrote of them.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import truth
from hands import Lab, wait_until
from truth import Place, Row, Stage, Taps

from vpcshark.cli.main import run
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
FEATURES = ("list", "walk", "flowlogs", "metrics")
GROUP, ROLE = "/flows/of/the/judge", "arn:aws:iam::123456789012:role/flow"
FORMAT = (
    "${version} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} "
    "${end} ${action} ${log-status} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${flow-direction}"
)
SHORT = {
    "group of the server, no rule, tcp, IPv4",
    "ACL, back out of the server's subnet, tcp, IPv6",
    "nobody listens, tcp, IPv4",
    "only the client's subnet has a flow log, tcp, IPv4",
}
PORTS = itertools.count(41_000)


def place(lab: Lab, instance: str, number: int) -> Place:
    """An instance of the lab's own VPC; its subnets' bridges are numbered in the order of their blocks."""
    eni = lab.eni(instance)
    subnet = lab.client().describe_subnets(SubnetIds=[eni["SubnetId"]])["Subnets"][0]
    ipv6 = eni["Ipv6Addresses"][0]["Ipv6Address"]
    blocks = {4: subnet["CidrBlock"], 6: subnet["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]}
    router = subnet["CidrBlock"].replace(".0/24", ".1")
    return Place(
        instance,
        eni["NetworkInterfaceId"],
        eni["SubnetId"],
        f"br{number}",
        eni["PrivateIpAddress"],
        ipv6,
        router,
        blocks,
    )


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Iterator[Stage]:
    """capture-1 sends to db-1, with records of seconds, delivered at once."""
    control = LabControl(lab.environment["AWS_ENDPOINT_URL"])
    control.flow_logs(pace={"interval": 1, "delay": 0})
    vpc = lab.eni("db-1")["VpcId"]
    yield Stage(lab, place(lab, "capture-1", 0), place(lab, "db-1", 1), vpc)
    control.flow_logs(pace={})


@pytest.fixture(scope="module")
def taps(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taps]:
    """tcpdump, for all rows."""
    running = Taps(stage, tmp_path_factory.mktemp("taps"))
    yield running
    running.close()


@pytest.fixture
def in_the_lab(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs as in the lab's environment."""
    for name, value in stage.lab.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def logged(stage: Stage) -> Iterator[Any]:
    """Makes flow logs of the subnets of these ends."""
    made: list[str] = []

    def make(*ends: str) -> None:
        found = stage.ec2.create_flow_logs(
            ResourceType="Subnet",
            ResourceIds=[getattr(stage, who).subnet for who in ends],
            TrafficType="ALL",
            LogFormat=FORMAT,
            LogGroupName=GROUP,
            DeliverLogsPermissionArn=ROLE,
            MaxAggregationInterval=60,
        )
        made.extend(found["FlowLogIds"])

    yield make
    stage.ec2.delete_flow_logs(FlowLogIds=made)
    logs = stage.lab.client("logs")
    if any(each["logGroupName"] == GROUP for each in logs.describe_log_groups()["logGroups"]):
        logs.delete_log_group(logGroupName=GROUP)


def await_records(stage: Stage, enis: list[str], after: float) -> None:
    """Until all records of the time before ``after`` are there: later ones of each interface are."""
    logs = stage.lab.client("logs")

    def have_come() -> bool:
        try:
            found = logs.filter_log_events(logGroupName=GROUP, startTime=int(after + 2) * 1000)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        return all(any(each["logStreamName"] == f"{eni}-all" for each in found) for eni in enis)

    wait_until(have_come, "records of a later time are there")


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if str(row) in SHORT else pytest.mark.long, id=str(row)) for row in truth.ROWS],
)
def test_the_evidence_of_each_interface_is_what_tcpdump_saw(
    row: Row, stage: Stage, taps: Taps, logged: Any, in_the_lab: None, capsys: pytest.CaptureFixture[str]
):
    """Seen, rejected, not seen, not covered; and the walk's own verdict is the planted one."""
    logged(*row.covers)
    port = next(PORTS)
    with truth.planted(stage, row):
        truth.send(stage, row, port)
        sent = time.time()
        taps.settle()
        await_records(stage, [getattr(stage, who).eni for who in row.covers], sent)
        target = row.target or (f"[{row.address(stage.server)}]" if row.version == 6 else row.address(stage.server))
        ports = [] if row.protocol == "icmp" else ["--source-port", str(port)]
        goal = target.strip("[]") if row.protocol == "icmp" else f"{target}:{row.goal}"
        command = ["walk", row.address(stage.client), goal, "--protocol", row.protocol, *ports]
        run([*command, "--evidence", "--since", "15m", "--json"])
        expected = truth.true_statuses(stage, row, taps, port)  # while it is planted: servers repeat their answers
    told = capsys.readouterr()
    answer = json.loads(told.out)
    stops = [(each["resource"], each["text"]) for each in (*answer["blockers"], *answer["unknowns"])]
    assert answer["verdict"] == row.verdict, stops
    assert not [each for each, _ in stops if each.startswith("vpc-")], "what is planted is no address of nobody"
    points = [each for each in answer["evidence"]["points"] if each["resource"].startswith("eni-")]
    assert {(each["direction"], each["resource"]): each["status"] for each in points} == {
        key: status for key, status in expected.items() if key in {(e["direction"], e["resource"]) for e in points}
    }, told.err
    assert points
