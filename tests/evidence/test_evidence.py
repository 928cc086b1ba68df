"""What flow logs show of a walk across a transit gateway: the walk by the real evaluator, AWS's answers by a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.walks import Cloud, one_vpc, two_vpcs
from vpcshark.evidence import findings, points
from vpcshark.evidence.findings import Finding
from vpcshark.evidence.gathering import Gathering
from vpcshark.flowlogs.fields import DEFAULT
from vpcshark.flowlogs.logformat import text
from vpcshark.flowlogs.replies import WHO
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.network.answer import Answer
from vpcshark.survey.questions import Wanted as Asked
from vpcshark.survey.questions import attempt

NOW = 1_767_268_800
NAMES = ("interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
WIDE = (*NAMES, "action", "pkt-srcaddr", "pkt-dstaddr", "log-status")
IDS = {
    "eni-client": "eni-0a",
    "eni-server": "eni-0b",
    "eni-left-tgw-a": "eni-0c",
    "eni-right-tgw-a": "eni-0d",
    "eni-left-tgw-b": "eni-0e",
    "eni-right-tgw-b": "eni-0f",
    "tgw-attach-left": "tgw-attach-0a",
    "tgw-attach-right": "tgw-attach-0b",
    "eni-inner": "eni-1a",
    "eni-nat-home": "eni-1b",
}
CLIENT, SERVER = "10.1.1.10", "10.2.2.20"
THERE, BACK = ["eni-0a", "eni-0c", "eni-0d", "eni-0b"], ["eni-0b", "eni-0f", "eni-0e", "eni-0a"]


def walk(cloud: Cloud, folder: Path, source: str, target: str, port: int) -> Answer:
    """The evaluator's answer, with ids as AWS gives them."""
    said = json.dumps(cloud.answers)
    for name, id in IDS.items():
        said = said.replace(f'{name}"', f'{id}"')
    cloud.answers = json.loads(said)
    return attempt(cloud.known(folder), Asked(source, target, (port, port)), [source], [target])


class Account:
    """AWS with one flow log of the VPC ("vpc-1"), whose group has ``lines``; ``covers``: the interfaces that are in it.
    ``log`` changes what DescribeFlowLogs says."""

    region = "eu-central-1"

    def __init__(self, lines: list[str], covers: Any = (), names: Any = WIDE, **log: Any) -> None:
        self.lines, self.covers, self.asked = lines, covers or [id for id in IDS.values() if id.startswith("eni-")], []
        options = {"FlowLogId": "fl-1", "ResourceId": "vpc-1", "FlowLogStatus": "ACTIVE", "LogGroupName": "g"}
        self.log = {**options, "LogFormat": text(names), "MaxAggregationInterval": 60, "TrafficType": "ALL", **log}

    @property
    def ec2(self) -> Account:
        return self

    def client(self, service: str) -> Account:
        return self

    def get_paginator(self, operation: str) -> Account:
        page = Account(self.lines, self.covers)
        page.log, page.operation = self.log, operation  # type: ignore[attr-defined]
        return page

    def paginate(self, Filters: Any, **_: Any) -> list[Any]:
        id = Filters[0]["Values"][0]
        if self.operation == "describe_flow_logs":  # type: ignore[attr-defined]
            return [{"FlowLogs": [{**self.log, "ResourceId": "vpc-1"}] if id in self.covers else []}]
        if id.startswith("tgw-attach"):
            return [{"TransitGatewayAttachments": [{"TransitGatewayId": "tgw-1"}]}]
        return [{"NetworkInterfaces": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]}]

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        place = self.log["LogFormat"].split().index("${start}")
        fitting = [
            each for each in self.lines if asked["startTime"] <= int(each.split()[place]) * 1000 <= asked["endTime"]
        ]
        return {"events": [{"message": each} for each in fitting if each.startswith(asked["logStreamNamePrefix"])]}


class Still:
    """A clock that stands."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def line(eni: str, packet: tuple[str, str, int, int], ago: int, action: str = "ACCEPT", own: str = "") -> str:
    """A record of that packet; ``own``: the interface's address that stands for the source ("src") or target."""
    source, target, sport, dport = packet
    shown = ("10.9.9.9" if own == "src" else source, "10.9.9.9" if own == "dst" else target)
    start = NOW - ago
    return f"{eni} {shown[0]} {shown[1]} {sport} {dport} 6 3 180 {start} {start + 59} {action} {source} {target} OK"


GO, RETURN = (CLIENT, SERVER, 40000, 80), (SERVER, CLIENT, 80, 40000)


def flow(ago: int = 1500) -> list[str]:
    """As AWS documents it for an attachment's interfaces: the first shows itself as target, the second as source."""
    owns = ("", "dst", "src", "")
    there = [line(eni, GO, ago, own=own) for eni, own in zip(THERE, owns, strict=True)]
    return there + [line(eni, RETURN, ago, own=own) for eni, own in zip(BACK, owns, strict=True)]


def look(found: Answer, account: Account, since: int = 1800, **more: Any) -> tuple[list[Finding], list[str]]:
    said: list[str] = []
    gathering = Gathering([account], Still(), said.append, **more)  # type: ignore[list-item]
    return gathering.look(points.of(found), Wanted(NOW - since, NOW)), said


def statuses(found: list[Finding], direction: str) -> list[str]:
    return [each.status for each in found if each.point.direction == direction and each.point.kind == "interface"]


@pytest.fixture
def sound(tmp_path: Path) -> Answer:
    return walk(two_vpcs(), tmp_path, "client", SERVER, 80)


def test_records_at_every_interface_confirm_both_ways(sound: Answer):
    account = Account([*flow(), *[each.replace(" 80 ", " 81 ") for each in flow()]])
    found, _ = look(sound, account)
    assert statuses(found, "forward") == statuses(found, "return") == ["seen"] * 4
    assert [(each.packets, each.bytes) for each in found if each.point.kind == "interface"] == [(3, 180)] * 8
    assert findings.against(sound.verdict, found) == []


@pytest.mark.parametrize("place", [1, 2, 3])
def test_where_packets_end_is_told(sound: Answer, place: int):
    """Others of the same interface came, so that a record is missing says something."""
    others = [each.replace(" 80 ", " 81 ") for each in flow()]
    found, _ = look(sound, Account([*flow()[:place], *others]))
    assert statuses(found, "forward") == ["seen"] * place + ["not seen"] * (4 - place)
    assert (
        f"it was last seen at {THERE[place - 1]}, and not at {THERE[place]}." in findings.against("reachable", found)[0]
    )


def test_a_rejection_names_the_interface_and_what_the_record_can_not_say(sound: Answer):
    found, _ = look(sound, Account([*flow()[:3], line("eni-0b", GO, 1500), line("eni-0b", GO, 1400, "REJECT")]))
    last = found[-1] if found[-1].point.id == "eni-0b" else next(each for each in found if each.point.id == "eni-0b")
    assert (last.status, last.count) == ("rejected", 2)
    assert last.text == "1 of 2 records rejected: by a security group or a network ACL: the record does not say which"
    assert "The rules let it through, and eni-0b rejected it" in findings.against("reachable", found)[0]


def test_the_walks_own_rule_names_what_rejected(tmp_path: Path):
    cloud = two_vpcs()
    cloud.one("SecurityGroups", GroupId="sg-web")["IpPermissions"] = []
    blocked = walk(cloud, tmp_path, "client", SERVER, 80)
    assert blocked.verdict == "blocked"
    found, _ = look(blocked, Account([*flow()[:3], line("eni-0b", GO, 1400, "REJECT")]))
    last = next(each for each in found if each.point.id == "eni-0b")
    assert (last.status, last.text) == ("rejected", "the walk names the rule: security group sg-web")
    seen, _ = look(blocked, Account(flow()))
    assert findings.against("blocked", seen) == [
        "The rules block it (security group sg-web), and it was seen at eni-0b: a rule changed since."
    ]


def test_a_block_on_the_way_back_says_nothing_of_the_way_there(tmp_path: Path):
    """That the server was reached is what its rules say; and the answer that came all the same is told."""
    cloud = two_vpcs()
    deny = {"RuleNumber": 50, "Protocol": "-1", "RuleAction": "deny", "Egress": True, "CidrBlock": "0.0.0.0/0"}
    cloud.entries("subnet-right-b").insert(0, deny)
    blocked = walk(cloud, tmp_path, "client", SERVER, 80)
    assert (blocked.verdict, blocked.there.verdict) == ("blocked", "reachable")
    found, _ = look(blocked, Account([*flow()[:4], line("eni-0b", RETURN, 1500, "REJECT")]))
    assert not [each for each in findings.against("blocked", found) if "The rules" in each]
    seen, _ = look(blocked, Account(flow()))
    assert findings.against("blocked", seen) == [
        "The rules block the way back (network acl acl-right-b), and it was seen at eni-0a: a rule changed since."
    ]


def test_a_rejected_answer_to_what_was_accepted_is_an_acls(sound: Answer):
    found, _ = look(sound, Account([line("eni-0b", GO, 1500), line("eni-0b", RETURN, 1500, "REJECT")]))
    answer = next(each for each in found if each.point.id == "eni-0b" and each.point.direction == "return")
    assert (answer.status, "a network ACL" in answer.text) == ("rejected", True)


def test_who_rejected_a_packet_is_not_told_by_what_was_rejected_of_another_one(sound: Answer):
    """An ACL rejected an answer; what is asked a little later, and rejected, is none."""
    lines = [line("eni-0b", GO, 1700), line("eni-0b", RETURN, 1690, "REJECT"), line("eni-0b", GO, 1500, "REJECT")]
    found, _ = look(sound, Account(lines))
    there, back = (
        next(each.text for each in found if each.point.id == "eni-0b" and each.point.direction == way)
        for way in ("forward", "return")
    )
    assert there == "1 of 2 records rejected: by a security group or a network ACL: the record does not say which"
    assert back == WHO


def test_an_answer_that_is_rejected_long_after_the_last_packet_may_be_one_that_a_group_forgot(sound: Answer):
    late = [line("eni-0b", GO, 1700), line("eni-0b", RETURN, 1200, "REJECT"), line("eni-0b", GO, 900)]
    found, _ = look(sound, Account(late))
    answer = next(each for each in found if each.point.id == "eni-0b" and each.point.direction == "return")
    assert "or a security group that no longer tracked the connection" in answer.text


@pytest.mark.parametrize(
    ("account", "why"),
    [
        (Account([]), "no record of it came at all"),
        (Account(["eni-0a - - - - - - - 1767267000 1767267060 - - - SKIPDATA"]), "AWS lost records of it"),
        (Account([], TrafficType="REJECT"), "REJECT records alone"),
        (Account([], DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error"), "Access error"),
        (Account([], names=("srcaddr", "dstaddr", "start")), "have no dstport"),
    ],
)
def test_what_proves_nothing_is_unclear_and_says_why(sound: Answer, account: Account, why: str):
    first = look(sound, account)[0][0]
    assert first.status == "unclear"
    assert why in first.text


def test_soon_after_it_happened_nothing_can_have_come(sound: Answer):
    first = look(sound, Account([]), since=120)[0][0]
    assert (first.status, "about 6 minutes late" in first.text) == ("unclear", True)


def test_without_pkt_addresses_an_interface_on_the_way_is_a_weak_sign(sound: Answer):
    names = tuple(name for name in DEFAULT if name not in ("version", "account-id"))
    lines = [" ".join([*each.split()[:11], "OK"]) for each in flow()]
    found, _ = look(sound, Account(lines, names=names))
    assert statuses(found, "forward") == ["seen"] * 4
    assert [each.is_weak for each in found if each.point.direction == "forward"] == [False, True, True, False]


def test_what_no_flow_log_covers_has_the_command_that_would_make_one(sound: Answer):
    found, _ = look(sound, Account(flow(), covers=["eni-0a", "eni-0b"]))
    assert statuses(found, "forward") == ["seen", "not covered", "not covered", "seen"]
    assert next(each.command for each in found if each.status == "not covered").startswith("aws ec2 create-flow-logs")


def test_each_interfaces_own_stream_is_read_and_no_other(sound: Answer):
    account = Account(flow())
    look(sound, account)
    assert {each["logStreamNamePrefix"] for each in account.asked} == {*THERE, *BACK}


def test_behind_a_nat_gateway_the_half_that_names_the_client_is_looked_for(tmp_path: Path):
    found = walk(one_vpc(), tmp_path, "inner", "8.8.8.8", 443)
    assert found.verdict == "reachable"
    client = found.packet.src
    lines = [
        line("eni-1a", (client, "8.8.8.8", 40000, 443), 1500),
        line("eni-1b", (client, "8.8.8.8", 40000, 443), 1500, own="dst"),
    ]
    lines.append(line("eni-1b", ("10.0.1.99", "8.8.8.8", 2000, 443), 1500))
    seen, _ = look(found, Account(lines))
    assert statuses(seen, "forward") == ["seen", "seen"]
    assert next(each.status for each in seen if each.point.kind == "internet-gateway") == "can't be logged"


def test_json_says_the_same(sound: Answer):
    found, _ = look(sound, Account(flow()))
    said = json.loads(json.dumps(findings.as_json("reachable", found, Wanted(0, 1))))
    assert [each["resource"] for each in said["points"] if each["direction"] == "forward"] == THERE
    assert said["points"][0]["status"] == "seen"
