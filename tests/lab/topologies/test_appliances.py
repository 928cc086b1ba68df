"""Appliance mode of a transit gateway's attachment: two zones, a stateful firewall in each, and both ways of a flow."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from planted import across

from vpcshark.lab.topologies import spec
from vpcshark.lab.vpc.routed import plane, tracing

_ZONES = ("a", "b")
_FIREWALL = """table inet firewall {
 chain forward {
  type filter hook forward priority filter; policy accept;
  ct state established accept
  ct state new tcp flags & (syn | ack) == syn accept
  counter drop
 }
}
table inet seen {
 chain forward {
  type filter hook forward priority -10; policy accept;
  counter
 }
}
"""


def inspected() -> dict[str, Any]:
    """``across`` with a VPC between: client in zone a, server in zone b, each way over the middle one's firewalls."""
    raw = across()
    subnets, tables, instances = {}, {}, {}
    for number, zone in enumerate(_ZONES):
        subnets[f"gate-{zone}"] = {"cidr": f"10.3.10{number}.0/28", "zone": zone, "table": f"gate-{zone}"}
        subnets[f"wall-{zone}"] = {"cidr": f"10.3.{number}.0/24", "zone": zone, "table": "walls"}
        tables[f"gate-{zone}"] = {"10.0.0.0/8": f"instance/wall-{zone}"}
        instances[f"wall-{zone}"] = {"subnet": f"wall-{zone}", "address": f"10.3.{number}.5", "groups": ["wall"]}
        instances[f"wall-{zone}"]["forwards"] = True
    tables["walls"] = {"left": "tgw/main", "right": "tgw/main"}
    groups = {"wall": {"in": ["all 10.0.0.0/8"]}}
    raw["vpcs"]["middle"] = {"cidr": "10.3.0.0/16", "subnets": subnets, "tables": tables, "groups": groups}
    raw["instances"] |= instances
    gateway = raw["transit_gateways"]["main"]
    gateway["attachments"]["middle"] = {"vpc": "middle", "subnets": [f"gate-{each}" for each in _ZONES]}
    gateway["tables"] = {
        "spokes": {"associations": ["left", "right"], "routes": {"10.0.0.0/8": "middle"}},
        "middle": {"associations": ["middle"], "propagations": ["left", "right"]},
    }
    return raw


class Walls:
    """The firewalls of a topology that runs."""

    def __init__(self, net: Any) -> None:
        self._places = [net.running.plane.instance(net.id(f"instance/wall-{each}")) for each in _ZONES]
        settings = ("ip_forward=1", "conf.all.send_redirects=0", "conf.eth0.send_redirects=0")
        for place in self._places:
            command = ["ip", "netns", "exec", place, "sysctl", "-qw", *(f"net.ipv4.{each}" for each in settings)]
            subprocess.run(command, check=True)
            plane.run_nft(place, _FIREWALL)

    def dropped(self) -> list[int]:
        """Packets that each has dropped."""
        return [tracing.packets(each, "firewall") for each in self._places]

    def seen(self) -> list[bool]:
        """Did anything come to each?"""
        return [tracing.packets(each, "seen") > 0 for each in self._places]


@pytest.mark.long
def test_in_appliance_mode_both_ways_of_a_flow_meet_one_firewall(build: Any, capsys: pytest.CaptureFixture[str]):
    """Without it, the answer enters in the server's zone, whose firewall knows no connection. The walk can't look into
    firewalls, and says so."""
    with build(spec.parse(inspected(), "case")) as net:
        walls, server = Walls(net), net.address("server")
        assert not net.passes("client", server, "tcp", 80)
        before = walls.dropped()
        assert (before[0], before[1] > 0) == (0, True)
        assert net.walk(capsys, "client", "server:80")["verdict"] == "unknown"
        net.ec2.modify_transit_gateway_vpc_attachment(
            TransitGatewayAttachmentId=net.id("attachment/main/middle"), Options={"ApplianceModeSupport": "enable"}
        )
        assert [net.passes("client", server, "tcp", 80) for _ in range(12)] == [True] * 12
        assert net.walk(capsys, "client", "server:80")["verdict"] == "unknown"


@pytest.mark.long
def test_in_appliance_mode_a_flow_of_one_zone_stays_there(build: Any):
    """Client and server are in zone a; the firewall of zone b sees nothing."""
    raw = inspected()
    raw["vpcs"]["right"]["subnets"]["right-host"]["zone"] = "a"
    raw["transit_gateways"]["main"]["attachments"]["middle"]["appliance"] = True
    with build(spec.parse(raw, "case")) as net:
        walls, server = Walls(net), net.address("server")
        assert [net.passes("client", server, "tcp", 80) for _ in range(12)] == [True] * 12
        assert walls.seen() == [True, False]


def test_a_file_says_which_attachment_is_in_appliance_mode():
    """And the others are not."""
    raw = inspected()
    raw["transit_gateways"]["main"]["attachments"]["middle"]["appliance"] = True
    (found,) = spec.parse(raw, "case").transits
    assert found.appliances == {"middle"}
