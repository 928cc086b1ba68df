"""Walks of networks in the lab: what is asked of AWS, in how many rounds, and that the printed command mends."""

from __future__ import annotations

from functools import partial
from typing import Any

import mending
import pytest
from scenes import Scene, attached, one_vpc, peered

from vpcshark.aws.client import Aws
from vpcshark.errors import InputError
from vpcshark.network import answer
from vpcshark.network.answer import Answer
from vpcshark.survey import asking
from vpcshark.survey.questions import Wanted, attempt
from vpcshark.survey.rounds import Survey


def walk(aws: Aws, source: str, target: str, port: int = 4789, protocol: str = "udp") -> tuple[Answer, Survey]:
    """The answer, and what was asked for it."""
    survey = Survey(partial(asking.put, [aws]))
    wanted = Wanted(source, target, (port, port), protocol)
    return survey.look(partial(attempt, wanted=wanted, sources=[source], targets=[target])), survey


def told(found: Answer) -> list[tuple[str, str]]:
    """(direction, code) of what blocks."""
    return [(direction, hop.code) for direction, hop in answer.blockers(found)]


def mend(found: Answer, aws: Aws) -> None:
    """Run the first block's command."""
    mending.run(answer.blockers(found)[0][1].mend, aws.client)


def test_across_a_transit_gateway_five_rounds_are_enough(scene: Scene, aws: Aws):
    """And 25 calls, whatever else the account has: its other networks are not asked for."""
    attached(scene)
    sizes: dict[str, int] = {}

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        most = model.input_shape.members["MaxResults"].metadata.get("max", 1000) if "MaxResults" in params else 0
        sizes[model.name] = params.get("MaxResults", 0) - most

    aws.ec2.meta.events.register("before-parameter-build.ec2", note)
    found, survey = walk(aws, scene.source, scene.target_address)
    assert "DescribeRouteTables" in sizes
    assert not [name for name, beyond in sizes.items() if beyond > 0], "pages are no larger than EC2 gives"
    assert told(found) == [("return", "NO_ROUTE_TO_DESTINATION")]
    assert survey.rounds <= 5
    assert survey.calls <= 25
    assert not survey.unknown
    others = {row["VpcId"] for row in survey.answers["RouteTables"]} - {scene.source_vpc, scene.target_vpc}
    assert not others


def test_the_printed_commands_mend_it(scene: Scene, aws: Aws):
    """A route back first, then one in the transit gateway, then it is reachable."""
    _, gateway, table, ours, _ = attached(scene)
    found, _ = walk(aws, scene.source_instance, scene.target)
    mend(found, aws)
    found, _ = walk(aws, scene.source_instance, scene.target)
    assert told(found) == [("return", "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT")]
    mend(found, aws)
    found, _ = walk(aws, scene.source_instance, scene.target)
    assert found.verdict == "reachable"
    hops = {hop.resource for hop in found.there.shown.hops}
    assert {gateway, table, ours, scene.rule} - hops == {scene.rule}


def test_a_group_that_lacks_a_rule_is_mended(scene: Scene, aws: Aws):
    """The rule that decides is told by its id afterwards."""
    one_vpc(scene, admitted=False)
    found, _ = walk(aws, scene.source, scene.target, 80, "tcp")
    assert told(found) == [("forward", "ENI_SG_RULES_MISMATCH")]
    mend(found, aws)
    found, _ = walk(aws, scene.source, scene.target, 80, "tcp")
    assert found.verdict == "reachable"
    rules = [hop.rule.id for hop in found.there.shown.hops if hop.kind == "security-group" and hop.rule]
    assert rules[-1].startswith("sgr-")


def test_a_peering_is_walked(scene: Scene, aws: Aws):
    """There, and back without a route."""
    peered(scene)
    found, survey = walk(aws, scene.source, scene.target)
    assert told(found) == [("return", "NO_ROUTE_TO_DESTINATION")]
    mend(found, aws)
    assert walk(aws, scene.source, scene.target)[0].verdict == "reachable"
    assert survey.rounds <= 4


@pytest.mark.parametrize("end", ["eni-0123456789abcdef0", "i-0123456789abcdef0", "nobody-is-called-so"])
def test_an_end_that_is_nowhere_is_said(end: str, scene: Scene, aws: Aws):
    """With the id."""
    one_vpc(scene)
    with pytest.raises(InputError, match=end):
        walk(aws, end, scene.target)


class Refusing:
    """EC2 that may not be asked one thing."""

    def __init__(self, aws: Aws, operation: str) -> None:
        self._aws, self._operation = aws, operation

    def client(self, service: str) -> Any:
        """As ``Aws`` has it."""
        return Refused(self._aws.client(service), self._operation)


class Refused:
    """A client whose one operation is refused, in EC2's words."""

    def __init__(self, client: Any, operation: str) -> None:
        self._client, self._operation = client, operation

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            raise self._client.exceptions.ClientError(
                {"Error": {"Code": "UnauthorizedOperation", "Message": "You are not authorized."}},
                "DescribeNetworkAcls",
            )
        return getattr(self._client, name)

    def get_paginator(self, name: str) -> Any:
        """As boto3 has it."""
        getattr(self, name)
        return self._client.get_paginator(name)


@pytest.mark.parametrize(
    "operation",
    [
        "describe_network_acls",
        "describe_route_tables",
        "describe_security_groups",
        "describe_instances",
        "describe_subnets",
    ],
)
def test_what_may_not_be_seen_is_unknown_and_named(operation: str, scene: Scene, aws: Aws):
    """Neither open nor shut."""
    one_vpc(scene)
    found, _ = walk(Refusing(aws, operation), scene.source, scene.target)  # type: ignore[arg-type]
    assert (found.verdict, told(found)) == ("unknown", [])
    assert any("not" in hop.text for _, hop in answer.unknowns(found))


@pytest.mark.parametrize("names", ["instances", "interfaces"])
def test_an_end_is_found_by_the_name_of_its_instance_or_its_interface(scene: Scene, aws: Aws, names: str):
    """Whoever names an instance rarely names its interface too."""
    one_vpc(scene)
    ends = (scene.source_instance, scene.host) if names == "instances" else (scene.source, scene.target)
    for end, name in zip(ends, (f"web-{scene.number}", f"db-{scene.number}"), strict=True):
        aws.ec2.create_tags(Resources=[end], Tags=[{"Key": "Name", "Value": name}])
    found, _ = walk(aws, f"web-{scene.number}", f"db-{scene.number}")
    assert (found.verdict, found.packet.dst) == ("reachable", scene.target_address)
