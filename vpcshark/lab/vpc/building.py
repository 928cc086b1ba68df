"""Makes of a plan (``topology``) what is in it: namespaces, bridges, cables, addresses, routes; and what joins later.

Must not know what runs there.
"""

from __future__ import annotations

from collections.abc import Callable

from vpcshark.lab.model import LabInstance
from vpcshark.lab.vpc import netns, topology


def build(plan: topology.Topology) -> None:
    """Make the namespaces and everything in them but processes. OSError or VpcsharkError."""
    netns.ip_batch(f"netns add {name}" for name in plan.all_namespaces())
    for name in plan.all_namespaces():
        netns.inside(name, lambda: netns.write_settings(topology.NAMESPACE_SETTINGS))
    netns.ip_batch(topology.link_commands(plan))
    netns.inside(plan.fabric, lambda: _prepare_fabric(plan))
    netns.ip_batch(topology.fabric_commands(plan), plan.fabric)
    netns.bridge_batch(topology.forwarding_commands(plan), plan.fabric)
    for instance in plan.world.instances:
        _build_instance(plan, instance)


def widen(plan: topology.Topology, instance: LabInstance) -> topology.Topology:
    """Build the subnets of an instance that are not there yet; the plan with them. OSError or VpcsharkError."""
    wider = topology.widened(plan, instance)
    new = [cidr for cidr in wider.bridges if cidr not in plan.bridges]
    if new:
        part = topology.only(wider, new)
        netns.ip_batch(topology.subnet_commands(part))
        netns.inside(plan.fabric, lambda: _prepare_fabric(part))
        netns.ip_batch(topology.router_commands(part), plan.fabric)
        netns.ip_batch(topology.way_commands(plan, new))
    return wider


def add(plan: topology.Topology) -> None:
    """Put an instance's part (``topology.joining``) into a network that is built. OSError or VpcsharkError."""
    (instance,) = plan.world.instances
    name = plan.namespaces[instance.id]
    netns.ip_batch([f"netns add {name}"])
    netns.inside(name, lambda: netns.write_settings(topology.NAMESPACE_SETTINGS))
    netns.ip_batch(topology.cable_commands(plan))
    netns.inside(plan.fabric, lambda: _prepare_ports(plan))
    netns.ip_batch(topology.port_commands(plan), plan.fabric)
    netns.bridge_batch(topology.forwarding_commands(plan), plan.fabric)
    _build_instance(plan, instance)


def _prepare_ports(plan: topology.Topology) -> None:
    netns.write_settings(topology.port_settings(plan))
    netns.disable_offloads([link.port for link in plan.links])


def _prepare_fabric(plan: topology.Topology) -> None:
    netns.write_settings(topology.fabric_settings(plan))
    netns.disable_offloads([*(link.port for link in plan.links), *plan.bridges.values()])


def _build_instance(plan: topology.Topology, instance: LabInstance) -> None:
    namespace = plan.namespaces[instance.id]
    devices = [link.device for link in plan.links if link.eni in instance.enis]
    switch_off: Callable[[], None] = lambda: netns.disable_offloads(devices)  # noqa: E731
    if namespace:
        netns.inside(namespace, switch_off)
        netns.ip_batch(topology.instance_commands(plan, instance), namespace)
        rules, rules6 = topology.rule_commands(instance)
        if rules:
            netns.ip_batch(rules, namespace)
            netns.ip_batch(rules6, namespace, ["-6"])
    else:
        switch_off()
        netns.write_settings((f"ipv6/conf/{device}/disable_ipv6", "1") for device in devices)
        netns.ip_batch(topology.host_commands(plan))
