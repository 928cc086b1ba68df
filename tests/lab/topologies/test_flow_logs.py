"""Flow logs of a topology: records of what really passed at its interfaces, and of what a group or an ACL refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
from planted import across

from vpcshark.lab.topologies import spec

pytestmark = pytest.mark.root

_FIELDS = ("interface-id", "pkt-srcaddr", "pkt-dstaddr", "dstport", "flow-direction", "action")
_FORMAT = " ".join(f"${{{each}}}" for each in (*_FIELDS, "start"))
_GROUP, _ROLE = "/flows", "arn:aws:iam::123456789012:role/flow"
_PATIENCE = 20.0


def recorded(net: Any, ends: tuple[str, str], port: int, count: int) -> set[tuple[str, str, str]]:
    """(interface, direction, action) of the log group's records from one end to the other, once there are so many."""
    logs, end = net.api.client("logs"), time.monotonic() + _PATIENCE
    found: set[tuple[str, str, str]] = set()
    while len(found) < count and time.monotonic() < end:
        time.sleep(0.3)
        groups = {each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]}
        events = logs.filter_log_events(logGroupName=_GROUP)["events"] if _GROUP in groups else []
        rows = [each["message"].split() for each in events]
        found = {(row[0], row[4], row[5]) for row in rows if tuple(row[1:4]) == (*ends, str(port))}
    return found


def test_records_say_where_packets_were_let_through_and_who_refused_them(build: Any):
    """Both ends, the attachments' interfaces between, and no record behind a refusal."""
    with build(spec.parse(across(), "case")) as net:
        net.api.control.flow_logs(pace={"interval": 0.5, "delay": 0})
        net.ec2.create_flow_logs(
            ResourceType="VPC",
            ResourceIds=[net.id("vpc/left"), net.id("vpc/right")],
            TrafficType="ALL",
            LogFormat=_FORMAT,
            LogGroupName=_GROUP,
            DeliverLogsPermissionArn=_ROLE,
        )
        client, server = net.address("client"), net.address("server")
        assert net.passes("client", server, "tcp", 80)
        assert not net.passes("client", server, "tcp", 81)
        enis = net.running.plane.cloud.enis
        gates = {each.vpc: each.id for each in enis.values() if each.kind == "transit_gateway" and each.id in _way(net)}
        ends = {name: net.id(f"eni/{name}") for name in ("client", "server")}
        left, right = gates[net.id("vpc/left")], gates[net.id("vpc/right")]
        there = [(ends["client"], "egress"), (left, "ingress"), (right, "egress"), (ends["server"], "ingress")]
        assert recorded(net, (client, server), 80, 4) == {(*each, "ACCEPT") for each in there}
        refused = {(*each, "ACCEPT") for each in there[:3]} | {(*there[3], "REJECT")}
        assert recorded(net, (client, server), 81, 4) == refused


def _way(net: Any) -> set[str]:
    """The attachments' interfaces in the client's zone: a packet stays there as long as it can."""
    cloud = net.running.plane.cloud
    zone = cloud.subnets[cloud.enis[net.id("eni/client")].subnet].zone
    return {each.id for each in cloud.enis.values() if cloud.subnets[each.subnet].zone == zone}
