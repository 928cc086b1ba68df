"""VPC endpoints of a topology, by their ids and as they are changed; test_standing.py has the faults in their way."""

from __future__ import annotations

from typing import Any

import pytest
from planted_endpoints import ENDPOINT, served

from vpcshark.lab.topologies import spec


@pytest.mark.long
def test_an_endpoint_answers_as_long_as_there_is_one(build: Any, capsys: pytest.CaptureFixture[str]):
    """Walked to by its id; with another group it refuses, and when it is deleted nobody is there."""
    with build(spec.parse(served(), "case")) as net:
        endpoint = net.id("endpoint/ssm")
        assert net.walk(capsys, "client", f"{endpoint}:443")["verdict"] == "reachable"
        assert net.passes("client", ENDPOINT, "tcp", 443)
        own, other = net.id("group/api"), net.id("group/client")
        net.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSecurityGroupIds=[other], RemoveSecurityGroupIds=[own])
        outcome: list[bool] = []
        dropped = net.dropped_by(lambda: outcome.append(net.passes("client", ENDPOINT, "tcp", 443, 0.3)), 40)
        (stop,) = net.walk(capsys, "client", f"{endpoint}:443")["blockers"]
        assert (outcome, stop["resource"]) == ([False], other)
        assert dropped == {("security-group", other, "ingress", "")}
        net.mend(stop["mend"])
        assert net.passes("client", ENDPOINT, "tcp", 443)
        net.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, net.id("endpoint/s3")])
        assert not [each for each in net.running.plane.namespaces if each.startswith("endpoint:")]
