"""A Network Load Balancer in a topology: packets pass its node, its health is what connections found."""

from __future__ import annotations

from typing import Any

import pytest
from planted import acl, group, inside

from vpcshark.lab.topologies import spec

pytestmark = pytest.mark.root

_CLOSED = {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81}


def balanced() -> dict[str, Any]:
    """The node stands in the zone of the server, which it checks; the server lets in by network, not by group."""
    raw = inside()
    vpc = raw["vpcs"]["left"]
    vpc["ipv6"] = False
    vpc["groups"]["server"] = {"in": ["tcp 80 10.1.0.0/16"]}
    vpc["subnets"]["node"] = {"cidr": "10.1.3.0/24", "zone": "b", "acl": "node"}
    vpc["acls"]["node"] = {"in": ["100 allow all 0.0.0.0/0"], "out": ["100 allow all 0.0.0.0/0"]}
    listeners = {"tcp 8080": {"targets": ["server"], "port": 80}}
    return {**raw, "load_balancers": {"front": {"subnets": ["node"], "listeners": listeners}}}


def node(net: Any) -> str:
    """The address of the balancer's node."""
    enis = net.running.plane.cloud.enis.values()
    return str(next(each.addresses[0] for each in enis if each.kind == "network_load_balancer"))


def health(net: Any) -> list[str]:
    """What ELB says of its targets."""
    elb = net.api.client("elbv2")
    (found,) = elb.describe_target_groups(Names=["front-8080"])["TargetGroups"]
    rows = elb.describe_target_health(TargetGroupArn=found["TargetGroupArn"])["TargetHealthDescriptions"]
    return [each["TargetHealth"]["State"] for each in rows]


def test_a_connection_passes_the_node_and_its_answer_too(build: Any, capsys: pytest.CaptureFixture[str]):
    """The client's address is preserved, as instances' is; by name and by the node's address."""
    with build(spec.parse(balanced(), "case")) as net:
        assert net.passes("client", node(net), "tcp", 8080)
        assert health(net) == ["healthy"]
        found = net.walk(capsys, "client", "lb:front:8080")
        assert (found["verdict"], found["blockers"]) == ("reachable", [])
        assert not net.passes("client", node(net), "tcp", 80)
        assert net.walk(capsys, "client", f"{node(net)}:80")["verdict"] == "blocked"


@pytest.mark.long
def test_the_acl_of_the_nodes_subnet_is_in_the_way_back(build: Any, capsys: pytest.CaptureFixture[str]):
    """The target's answer goes to the node by no route, and past both ACLs."""
    with build(spec.parse(balanced(), "case")) as net:
        expected = acl("left", "node", False, "10.1.2.20", "return")(net, False)
        outcome: list[bool] = []
        dropped = net.dropped_by(lambda: outcome.append(net.passes("client", node(net), "tcp", 8080)))
        (stop,) = net.walk(capsys, "client", "lb:front:8080")["blockers"]
        assert (outcome, dropped) == ([False], {expected.words})
        assert (stop["direction"], stop["resource"]) == ("return", expected.resource)


@pytest.mark.long
def test_a_target_that_takes_no_connection_is_unhealthy(build: Any, capsys: pytest.CaptureFixture[str]):
    """The check is a connection from the node: its group lets it in no more, and then again."""
    with build(spec.parse(balanced(), "case")) as net:
        group("server", False, _CLOSED)(net, False)
        assert health(net) == ["unhealthy"]
        assert not net.passes("client", node(net), "tcp", 8080)
        found = net.walk(capsys, "client", "lb:front:8080")
        assert found["verdict"] == "blocked"
        net.mend(found["blockers"][0]["mend"])
        assert net.passes("client", node(net), "tcp", 8080)
