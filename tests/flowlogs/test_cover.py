"""What covers a place, what its records can't show, and the command that makes one, which fits botocore's model."""

from __future__ import annotations

import shlex
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from vpcshark.flowlogs import cover, logformat
from vpcshark.flowlogs.cover import Place

ENI = Place("eni-0a", {"eni-0a": "interface", "subnet-0b": "subnet", "vpc-0c": "VPC"})
GOOD = {
    "FlowLogId": "fl-1",
    "ResourceId": "vpc-0c",
    "FlowLogStatus": "ACTIVE",
    "DeliverLogsStatus": "SUCCESS",
    "TrafficType": "ALL",
    "LogGroupName": "group",
    "LogFormat": logformat.text(cover.WIDE),
}


def said(*changes: dict[str, Any], place: Place = ENI) -> dict[str, Any]:
    return cover.as_json(place, cover.read(place, [{**GOOD, **each} for each in changes]))


def test_one_that_delivers_all_is_enough():
    found = said({}, {"FlowLogId": "fl-2", "ResourceId": "eni-0a", "TrafficType": "REJECT"})
    assert (found["covered"], found["missing"], found["command"]) == (True, [], None)
    assert [log["id"] for log in found["flow-logs"]] == ["fl-1", "fl-2"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"FlowLogStatus": ""}, "not ACTIVE"),
        ({"DeliverLogsStatus": "FAILED", "DeliverLogsErrorMessage": "Access error"}, "not delivered: Access error"),
        ({"TrafficType": "REJECT"}, "REJECT records alone"),
        ({"TrafficType": "ACCEPT"}, "ACCEPT records alone"),
    ],
)
def test_what_does_not_cover_is_told_with_the_command(change: dict[str, Any], words: str):
    found = said(change)
    assert (found["covered"], len(found["missing"])) == (False, 1)
    assert words in found["missing"][0]
    assert found["command"].startswith(
        "aws ec2 create-flow-logs --resource-type NetworkInterface --resource-ids eni-0a"
    )


@pytest.mark.parametrize(
    ("format", "words"),
    [(None, "no pkt-srcaddr, pkt-dstaddr"), ("${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}", "no srcport")],
)
def test_a_format_that_lacks_what_finds_a_flow_is_told(format: str | None, words: str):
    found = said({"LogFormat": format})
    assert found["covered"]
    assert words in found["missing"][0]


def test_without_any_flow_log_all_that_could_have_one_is_named():
    found = said()
    assert found["missing"] == [
        "No flow log covers eni-0a: there is none of interface eni-0a, subnet subnet-0b, VPC vpc-0c."
    ]


def test_a_log_group_is_found_in_its_arn():
    arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/a/group:*"
    found = said({"LogGroupName": None, "LogDestination": arn})
    assert found["flow-logs"][0]["destination"] == "/a/group"


@pytest.mark.parametrize(
    "id",
    [
        "eni-0123456789abcdef0",
        "subnet-0123456789abcdef0",
        "vpc-01234567",
        "tgw-0123456789abcdef0",
        "tgw-attach-01234567",
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        {"DeliverLogsPermissionArn": "arn:aws:iam::1:role/flow", "LogGroupName": "a group; rm -rf /"},
        {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket/prefix/", "LogGroupName": None},
        {"LogDestinationType": "kinesis-data-firehose", "LogDestination": "arn:aws:firehose:r:1:deliverystream/it"},
    ],
)
def test_the_command_fits_awss_interface(id: str, change: dict[str, Any]):
    place = Place(id, {id: "it"}, is_gateway=id.startswith("tgw"))
    command = said({**change, "ResourceId": id, "TrafficType": "REJECT"}, place=place)["command"]
    words = shlex.split(command)
    assert words[:3] == ["aws", "ec2", "create-flow-logs"]
    names = {"--resource-ids": list, "--max-aggregation-interval": int}
    parameters: dict[str, Any] = {}
    for flag, value in zip(words[3::2], words[4::2], strict=True):
        kind = names.get(flag, str)
        parameters["".join(part.capitalize() for part in flag[2:].split("-"))] = (
            [value] if kind is list else kind(value)
        )
    shape = botocore.session.get_session().get_service_model("ec2").operation_model("CreateFlowLogs").input_shape
    assert ParamValidator().validate(parameters, shape).generate_report() == ""
    assert parameters["ResourceType"] in shape.members["ResourceType"].enum
    assert ("TrafficType" in parameters) == (not place.is_gateway)
