"""The names and commands that a world turns into."""

from __future__ import annotations

from typing import Any

from vpcshark.lab.model import LabInstance
from vpcshark.lab.vpc import topology


def test_namespaces_bear_the_lab_and_the_instance(world_of: Any) -> None:
    """``<lab>-<name>``, and the fabric beside them."""
    plan = topology.plan(world_of(), "blue")
    assert plan.all_namespaces() == ["blue-vpc", "blue-web-1", "blue-db-1", "blue-cap-1"]


def test_names_that_no_file_could_bear_are_changed(world_of: Any, eni_of: Any) -> None:
    """Name tags are anybody's text; two equal ones, or the fabric's own, still give namespaces of their own."""
    more = [LabInstance(f"i-{n}", name, (eni_of(n, 1),)) for n, name in ((11, "a/b; c"), (12, "vpc"), (13, "web-1"))]
    plan = topology.plan(world_of(98, *more), "blue")
    assert [plan.namespaces[f"i-{n}"] for n in (11, 12, 13)] == ["blue-a-b--c", "blue-vpc-i-12", "blue-web-1-i-13"]


def test_this_machines_devices_are_short_and_differ_between_labs(world_of: Any, eni_of: Any) -> None:
    """At most 15 characters (IFNAMSIZ), and no lab takes another's name."""
    world = world_of(98, LabInstance("i-9", "this", (eni_of(7, 1),), ("host",)))
    plans = [topology.plan(world, f"a-lab-with-a-long-name-{number}") for number in range(2)]
    devices = [device for plan in plans for device in plan.host_devices()]
    assert len(set(devices)) == 2
    assert max(map(len, devices)) <= 15


def test_this_machine_gets_no_default_route_and_no_ipv6(world_of: Any, eni_of: Any) -> None:
    """Its one new route is the VPC's."""
    world = world_of(98, LabInstance("i-9", "this", (eni_of(7, 1),), ("host",)))
    commands = topology.host_commands(topology.plan(world, "blue"))
    assert [line.split()[2] for line in commands if line.startswith("route")] == ["10.98.0.0/16"]
    assert not any("2600:" in line for line in commands)


def test_subnets_have_one_bridge_each(world_of: Any) -> None:
    """ENIs of a subnet share a bridge and the router's MAC."""
    plan = topology.plan(world_of(), "blue")
    pairs = {(link.eni.subnet_cidr, link.bridge, link.router) for link in plan.links}
    assert len(pairs) == len(plan.bridges) == 2
