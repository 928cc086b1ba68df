"""Which flow logs cover an ENI: by its subnet and VPC too, from the lab's API, which has what the test made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from vpcshark.aws.monitoring import flow_logs
from vpcshark.cli.main import run
from vpcshark.errors import AwsError, InputError

GROUP = "/of/the/test"


@pytest.fixture
def flow_log(aws: Any) -> Iterator[Any]:
    """Make one; those that a test made go after it."""
    logs, made = aws.client("logs"), []
    logs.create_log_group(logGroupName=GROUP)

    def make(kind: str, id: str, **more: Any) -> str:
        role = "arn:aws:iam::123456789012:role/flow"
        said = {"TrafficType": "ALL", "LogGroupName": GROUP, "DeliverLogsPermissionArn": role, **more}
        made.append(aws.ec2.create_flow_logs(ResourceType=kind, ResourceIds=[id], **said)["FlowLogIds"][0])
        return str(made[-1])

    yield make
    if made:
        aws.ec2.delete_flow_logs(FlowLogIds=made)
    logs.delete_log_group(logGroupName=GROUP)


def test_those_of_subnet_and_vpc_cover_an_eni_too_the_closest_first(aws, enis, flow_log):
    eni = enis["web-1 eth0"]["id"]
    facts = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    vpc = flow_log("VPC", facts["VpcId"], LogFormat="${srcaddr} ${dstaddr}", MaxAggregationInterval=60)
    own = flow_log("NetworkInterface", eni)
    subnet = flow_log("Subnet", facts["SubnetId"], TrafficType="REJECT")
    place, found = flow_logs.covering(aws, eni)
    assert [*place.covers.values()] == ["interface", "subnet", "VPC"]
    assert [(log.id, log.covers, log.is_good) for log in found] == [
        (own, "interface", True),
        (vpc, "VPC", True),
        (subnet, "subnet", False),
    ]
    assert (found[1].format, found[1].interval, found[1].destination) == (("srcaddr", "dstaddr"), 60, GROUP)
    assert found[0].since


def test_a_user_is_told_what_covers_an_eni_or_what_would(aws, enis, flow_log, capsys):
    """The status says whether anything does; the JSON is the contract of scripts."""
    eni = enis["web-1 eth0"]["id"]
    assert run(["flowlogs", "where", "--region", aws.region, eni]) == 1
    assert f"No flow log covers {eni}" in (shown := capsys.readouterr().out)
    assert "aws ec2 create-flow-logs --resource-type NetworkInterface" in shown
    own = flow_log("NetworkInterface", eni)
    assert run(["flowlogs", "where", "--region", aws.region, eni, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["covered"], found["flow-logs"][0]["id"], found["flow-logs"][0]["destination"]) == (True, own, GROUP)
    assert run(["flowlogs", "where", "--region", aws.region, eni]) == 0
    assert f"{own}  of interface {eni}: ALL to {GROUP}" in capsys.readouterr().out


def test_nothing_covers_a_vpc_without_one(aws, enis):
    eni = enis["web-1 eth0"]["id"]
    vpc = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]["VpcId"]
    assert flow_logs.covering(aws, vpc)[1] == []


@pytest.mark.parametrize("id", ["web-1", "i-0123456789abcdef0", "eni-1;x", ""])
def test_what_has_no_flow_logs_is_a_sentence(aws, id):
    with pytest.raises(InputError, match="no id of an ENI"):
        flow_logs.covering(aws, id)


@pytest.mark.parametrize("id", ["eni-0123456789abcdef0", "subnet-0123456789abcdef0", "tgw-attach-0123456789abcdef0"])
def test_what_is_not_there_is_a_sentence(aws, id):
    with pytest.raises(AwsError, match=f"There is no {id} in"):
        flow_logs.covering(aws, id)


class Gateway:
    """EC2 with a transit gateway's interface, which moto does not make; answers as AWS's documentation has them."""

    region = "eu-central-1"
    NAMES = {  # noqa: RUF012
        "describe_network_interfaces": {
            "NetworkInterfaceId": "eni-0a",
            "SubnetId": "subnet-1",
            "VpcId": "vpc-1",
            "InterfaceType": "transit_gateway",
            "Description": "Network Interface for Transit Gateway Attachment tgw-attach-0b",
        },
        "describe_transit_gateway_attachments": {"TransitGatewayId": "tgw-0c"},
        "describe_flow_logs": {"ResourceId": "tgw-0c", "FlowLogId": "fl-1", "FlowLogStatus": "ACTIVE"},
    }

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    @property
    def ec2(self) -> Gateway:
        return self

    def get_paginator(self, operation: str) -> Gateway:
        self.operation = operation
        return self

    def paginate(self, **parameters: Any) -> list[Any]:
        self.asked[self.operation] = parameters["Filters"][0]["Values"]
        keys = {"describe_network_interfaces": "NetworkInterfaces", "describe_flow_logs": "FlowLogs"}
        return [{keys.get(self.operation, "TransitGatewayAttachments"): [self.NAMES[self.operation]]}]


def test_a_transit_gateways_interface_is_covered_by_its_gateway_too():
    aws: Any = Gateway()
    place, found = flow_logs.covering(aws, "eni-0a")
    assert aws.asked["describe_flow_logs"] == ["eni-0a", "subnet-1", "vpc-1", "tgw-attach-0b", "tgw-0c"]
    assert [(log.covers, log.is_good, log.lacks) for log in found] == [("transit gateway", True, ())]
    assert place.resource_type == "NetworkInterface"
