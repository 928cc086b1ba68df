"""The topologies that are shipped: the talk's fault and its mend, judged by curl; the packet walk's ways."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from vpcshark.lab.topologies import spec
from vpcshark.lab.topologies.running import HOSTS

PACKETS = [
    ("host-a", "host-b", "tcp", 443),
    ("host-a", "host-b", "tcp", 8000),
    ("host-b", "host-a", "icmp", 0),
    ("red", "8.8.8.8", "udp", 53),
]


def curl(net: Any, name: str, url: str) -> int:
    """The status of a real curl inside an instance."""
    place = net.running.plane.instance(net.id(f"instance/{name}"))
    command = ["ip", "netns", "exec", place, "curl", "--silent", "--max-time", "1.5", url]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.root
def test_the_talks_fault_is_found_and_its_mend_lets_curl_through(build: Any, capsys: pytest.CaptureFixture[str]):
    """The group of the server lacks port 80. The plane has the new rule before the API answers."""
    with build(spec.load(spec.find("talk"))) as net:
        before = net.walk(capsys, "client", "server:80")
        assert (before["verdict"], curl(net, "client", "http://10.2.0.20/")) == ("blocked", 28)
        (stop,) = before["blockers"]
        assert (stop["direction"], stop["resource"]) == ("forward", net.id("group/server"))
        net.mend(stop["mend"])
        assert curl(net, "client", "http://10.2.0.20/") == 0
        assert net.walk(capsys, "client", "server:80")["verdict"] == "reachable"
        assert "10.2.0.20 server\n" in (net.folder / HOSTS).read_text()
        check_hops(net, [each["resource"] for each in before["forward"]["hops"]])


def check_hops(net: Any, hops: list[str]) -> None:
    """Host and attachment share a subnet: its ACL decides out, then in (Transit Gateways guide, "Network ACLs")."""
    acls = [each for each in hops if each.startswith("acl-")]
    assert (len(acls), len(set(acls))) == (2, 1)
    names = ["eni/client", "table/left/left", "attachment/main/left", "tgw-table/main/main"]
    wanted = [net.id(each) for each in (*names, "attachment/main/right", "group/server", "eni/server")]
    assert [each for each in hops if each in wanted] == wanted


@pytest.mark.root
@pytest.mark.long
def test_the_packet_walks_ways_are_those_of_the_walk_and_of_the_packets(build: Any, capsys: pytest.CaptureFixture[str]):
    """Across the gateway there and back take interfaces of different zones; out goes by NAT and internet gateway."""
    with build(spec.load(spec.find("packet-walk"))) as net:
        for source, target, protocol, port in PACKETS:
            address = target if "." in target else net.address(target)
            assert net.passes(source, address, protocol, port), (source, target, protocol, port)
            words = [source, f"{address}:{port}" if port else address, "--protocol", protocol]
            found = net.walk(capsys, *words)
            assert (found["verdict"], found["blockers"]) == ("reachable", [])
            if port == 443:
                zones = [[hop["az"][-1] for hop in found[way]["hops"] if hop["kind"] == "attachment"] for way in WAYS]
                assert zones == [["b", "b"], ["a", "a"]]


WAYS = ("forward", "return")


@pytest.mark.parametrize("name", spec.shipped())
def test_every_shipped_topology_can_be_read(name: str):
    """Names, blocks and lines are in order."""
    assert spec.load(spec.find(name)).instances
