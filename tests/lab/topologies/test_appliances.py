"""Appliance mode of a transit gateway's attachment: two zones, a stateful firewall in each, and both ways of a flow."""

from __future__ import annotations

from typing import Any

import pytest
from inspecting import FIREWALL, ZONES, inspected

from vpcshark.lab.topologies import spec
from vpcshark.lab.vpc.routed import plane, tracing

TWO_ZONES = "TRANSIT_GATEWAY_APPLIANCE_MODE_RECOMMENDED"
_SEEN = """table inet seen {
 chain forward {
  type filter hook forward priority -10; policy accept;
  counter
 }
}
"""


class Walls:
    """The firewalls of a topology that runs."""

    def __init__(self, net: Any) -> None:
        self._places = [net.running.plane.instance(net.id(f"instance/wall-{each}")) for each in ZONES]
        for place in self._places:
            plane.run_nft(place, FIREWALL + _SEEN)

    def dropped(self) -> list[int]:
        """Packets that each has dropped."""
        return [tracing.packets(each, "firewall") for each in self._places]

    def seen(self) -> list[bool]:
        """Did anything come to each?"""
        return [tracing.packets(each, "seen") > 0 for each in self._places]


@pytest.mark.long
def test_in_appliance_mode_both_ways_of_a_flow_meet_one_firewall(build: Any, capsys: pytest.CaptureFixture[str]):
    """Without it, the answer enters in the server's zone, whose firewall knows no connection. The walk can't look into
    firewalls, and says so; that they are two, it knows."""
    with build(spec.parse(inspected(), "case")) as net:
        walls, server = Walls(net), net.address("server")
        assert not net.passes("client", server, "tcp", 80)
        before = walls.dropped()
        assert (before[0], before[1] > 0) == (0, True)
        (told,) = [each for each in net.walk(capsys, "client", "server:80")["unknowns"] if each["reason"] == TWO_ZONES]
        assert told["resource"] == net.id("instance/wall-b")
        net.mend(told["mend"])
        assert [net.passes("client", server, "tcp", 80) for _ in range(12)] == [True] * 12
        assert {each["reason"] for each in net.walk(capsys, "client", "server:80")["unknowns"]} == {"WALK_APPLIANCE"}


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
