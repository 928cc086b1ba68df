"""Two zones with an appliance in each, behind a transit gateway: which of them the two ways of a flow meet.

Transit Gateways guide, "Appliance in a shared services VPC". The networks are made by code.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.walks import Cloud, inspected
from vpcshark.network import answer
from vpcshark.network.answer import Answer
from vpcshark.survey.questions import Wanted, attempt

TWO_ZONES = "TRANSIT_GATEWAY_APPLIANCE_MODE_RECOMMENDED"


def walk(cloud: Cloud, folder: Path) -> Answer:
    """From the client to the server."""
    return attempt(cloud.known(folder), Wanted("client", "server", (80, 80)), ["client"], ["server"])


def boxes(found: Answer) -> list[tuple[str, ...]]:
    """The appliances of each way there, and of each way back."""
    assert found.back is not None
    trails = [*found.there.trails, *found.back.trails]
    return [tuple(hop.resource for hop in trail.hops if hop.kind == "appliance") for trail in trails]


def codes(found: Answer) -> list[tuple[str, str, str]]:
    """(direction, code, mend) of what is not known."""
    return [(direction, hop.code, hop.mend) for direction, hop in answer.unknowns(found)]


def test_without_appliance_mode_each_way_meets_another_appliance(tmp_path: Path):
    """That is certain; whether it drops the answer is not, as nobody can read whether it is stateful."""
    found = walk(inspected(), tmp_path)
    assert boxes(found) == [("i-wall-a",), ("i-wall-b",)]
    assert found.verdict == "unknown"
    (there, back) = codes(found)
    assert there[:2] == ("forward", "WALK_APPLIANCE")
    assert back[:2] == ("return", TWO_ZONES)
    assert back[2] == (
        "aws ec2 modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id tgw-attach-middle "
        "--options ApplianceModeSupport=enable"
    )


def test_in_appliance_mode_the_answer_meets_the_appliance_of_the_way_there(tmp_path: Path):
    """AWS chooses the zone; the flow keeps it."""
    found = walk(inspected("enable"), tmp_path)
    assert boxes(found) == [("i-wall-a",), ("i-wall-b",)] * 2
    assert {code for _, code, _ in codes(found)} == {"WALK_APPLIANCE"}


def one_appliance(cloud: Cloud) -> None:
    """Both gates lead to the same one."""
    (route,) = [
        each
        for each in cloud.one("RouteTables", RouteTableId="rtb-gate-b")["Routes"]
        if each.get("NetworkInterfaceId") == "eni-wall-b"
    ]
    route["NetworkInterfaceId"] = "eni-wall-a"


def by_the_table(cloud: Cloud) -> None:
    """The gateway enters in zone a alone, whose table leads answers to the other appliance: no mode changes that."""
    row = cloud.one("TransitGatewayVpcAttachments", TransitGatewayAttachmentId="tgw-attach-middle")
    row["SubnetIds"] = ["subnet-gate-a"]
    cloud.route("rtb-gate-a", "10.1.0.0/16", "eni-wall-b")


@pytest.mark.parametrize("change", [one_appliance, by_the_table])
def test_where_appliance_mode_changes_nothing_nobody_recommends_it(change, tmp_path: Path):  # type: ignore[no-untyped-def]
    cloud = inspected()
    change(cloud)
    found = walk(cloud, tmp_path)
    assert {code for _, code, _ in codes(found)} == {"WALK_APPLIANCE"}
