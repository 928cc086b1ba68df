"""The VPC as Linux builds it, worked out from the lab's world: names, links, addresses, routes. Pure.

One fabric namespace stands for the VPC's network: a port per ENI, a bridge per subnet, a router between the bridges.
Must not know how commands are run or what runs in the instances.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network

from vpcshark.lab.model import LabEni, LabInstance, LabWorld

MTU = 9001  # "Jumbo frames (9001 MTU)" is what every current instance type has inside a VPC
_ROUTE_TABLE = 1000
SERVICES6 = "fd00:ec2::253"  # the resolver's, and here of all services ("Understanding Amazon DNS", VPC user guide)


@dataclass(frozen=True)
class Link:
    """One ENI's two veth ends: ``device`` in the instance's ``namespace`` ("": this machine's own), ``port`` in the
    fabric, on ``bridge``; ``router`` is the MAC address of the subnet's router."""

    eni: LabEni
    namespace: str
    device: str
    port: str
    bridge: str
    router: str


@dataclass(frozen=True)
class Topology:
    """All names of one lab. ``namespaces`` maps instance ids to namespaces ("": this machine's own)."""

    world: LabWorld
    fabric: str
    namespaces: dict[str, str]
    links: tuple[Link, ...]
    bridges: dict[str, str]  # IPv4 CIDR of the subnet -> bridge

    def all_namespaces(self) -> list[str]:
        """Every namespace that the lab has to make."""
        return [self.fabric, *(name for name in self.namespaces.values() if name)]

    def host_devices(self) -> list[str]:
        """The devices that the lab puts into this machine's own namespace."""
        return [link.device for link in self.links if not link.namespace]


def plan(world: LabWorld, lab: str) -> Topology:
    """Name everything that a lab called ``lab`` needs for ``world``."""
    fabric = f"{lab}-vpc"
    namespaces = _namespaces(world, lab, {fabric})
    subnets = sorted({eni.subnet_cidr for instance in world.instances for eni in instance.enis})
    bridges = {cidr: f"br{index}" for index, cidr in enumerate(subnets)}
    links = [
        _link(eni, namespaces[instance.id], lab, port, bridges[eni.subnet_cidr])
        for port, (instance, eni) in enumerate((i, e) for i in world.instances for e in i.enis)
    ]
    return Topology(world, fabric, namespaces, tuple(links), bridges)


def joining(topology: Topology, instance: LabInstance, lab: str, port: int) -> Topology:
    """The part of ``instance``, which comes later: its ports from ``port`` on, on the bridges that are there. KeyError
    for one in a subnet that the lab does not have."""
    namespace = f"{lab}-{instance.id}"
    links = tuple(
        _link(eni, namespace, lab, port + index, topology.bridges[eni.subnet_cidr])
        for index, eni in enumerate(instance.enis)
    )
    world = replace(topology.world, instances=(instance,))
    return replace(topology, world=world, namespaces={instance.id: namespace}, links=links)


def widened(topology: Topology, instance: LabInstance) -> Topology:
    """With a bridge for each subnet of the instance that has none yet."""
    new = sorted({eni.subnet_cidr for eni in instance.enis} - topology.bridges.keys())
    names = {cidr: f"br{len(topology.bridges) + index}" for index, cidr in enumerate(new)}
    return replace(topology, bridges={**topology.bridges, **names})


def only(topology: Topology, cidrs: Iterable[str]) -> Topology:
    """The part that is these subnets, without what is in them."""
    return replace(topology, bridges={cidr: topology.bridges[cidr] for cidr in cidrs}, links=())


def _namespaces(world: LabWorld, lab: str, taken: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for instance in world.instances:
        name = f"{lab}-{re.sub(r'[^A-Za-z0-9._-]', '-', instance.name or instance.id)}"
        name = name if name not in taken else f"{name}-{instance.id}"
        taken.add(name)
        names[instance.id] = "" if "host" in instance.roles else name
    return names


def _link(eni: LabEni, namespace: str, lab: str, port: int, bridge: str) -> Link:
    device = f"eth{eni.device_index}" if namespace else f"lab{_digest(lab)[:8]}e{port}"  # at most 15 characters
    return Link(eni, namespace, device, f"p{port}", bridge, router_mac(eni.subnet_cidr))


def router_mac(subnet_cidr: str) -> str:
    """The router's MAC address in a subnet (locally administered, the same in every run)."""
    return ":".join(["02", *re.findall("..", _digest(subnet_cidr)[:10])])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def router_address(cidr: str) -> str:
    """The router's address: the first after the network's own ("VPC router", VPC user guide, subnet sizing)."""
    return str(ip_network(cidr)[1])


def interface_address(address: str, cidr: str) -> str:
    """``10.0.1.9`` in ``10.0.1.0/24`` -> ``10.0.1.9/24``."""
    return f"{address}/{ip_network(cidr).prefixlen}"


def link_commands(topology: Topology) -> list[str]:
    """ip(8) commands that make all namespaces' devices, run in this machine's own namespace."""
    return [*subnet_commands(topology), *cable_commands(topology)]


def subnet_commands(topology: Topology) -> list[str]:
    """Those of them that make the subnets' bridges alone."""
    return [
        f"link add name {bridge} mtu {MTU} address {router_mac(cidr)} netns {topology.fabric}"
        " type bridge mcast_snooping 0 forward_delay 0"
        for cidr, bridge in topology.bridges.items()
    ]


def cable_commands(topology: Topology) -> list[str]:
    """Those of them that make the ENIs alone."""
    return [_veth(link, topology.fabric) for link in topology.links]


def _veth(link: Link, fabric: str) -> str:
    where = f"netns {link.namespace} " if link.namespace else ""
    return (
        f"link add name {link.device} mtu {MTU} address {link.eni.mac} {where}"
        f"type veth peer name {link.port} mtu {MTU} netns {fabric}"
    )


def fabric_commands(topology: Topology) -> list[str]:
    """ip(8) commands inside the fabric: ports on bridges, the routers' addresses, the resolver's address."""
    commands = ["link set lo up", f"addr add {topology.world.resolver}/32 dev lo"]
    commands.append(f"addr add {SERVICES6}/128 dev lo nodad")
    commands.append("route add blackhole 169.254.0.0/16")  # instance metadata and the like: the lab has none
    return [*commands, *port_commands(topology), *router_commands(topology)]


def router_commands(topology: Topology) -> list[str]:
    """Those of them that make a router of each bridge."""
    commands = []
    for cidr, bridge in topology.bridges.items():
        commands += [f"link set {bridge} up", f"addr add {interface_address(router_address(cidr), cidr)} dev {bridge}"]
        commands += [
            f"addr add {interface_address(router_address(cidr6), cidr6)} dev {bridge} nodad"
            for cidr6 in _ipv6_subnets(topology, cidr)
        ]
    return commands


def port_commands(topology: Topology) -> list[str]:
    """Those of them that put the ENIs' ports on their bridges."""
    return [
        command
        for link in topology.links
        for command in (
            f"link set {link.port} master {link.bridge} up",
            f"link set {link.port} type bridge_slave flood off",
        )
    ]


def _ipv6_subnets(topology: Topology, cidr: str) -> list[str]:
    enis = [link.eni for link in topology.links if link.eni.subnet_cidr == cidr]
    return sorted({eni.subnet_ipv6_cidr for eni in enis if eni.subnet_ipv6_cidr})


def forwarding_commands(topology: Topology) -> list[str]:
    """bridge(8) commands: each MAC is on its port, as a VPC knows it; unknown ones are not flooded."""
    return [f"fdb replace {link.eni.mac} dev {link.port} master static" for link in topology.links]


def instance_commands(topology: Topology, instance: LabInstance) -> list[str]:
    """ip(8) commands inside an instance's namespace: addresses and default routes."""
    commands = ["link set lo up"]
    for link in topology.links:
        if link.eni in instance.enis:
            commands += _interface_commands(link)
    return commands


def _interface_commands(link: Link) -> list[str]:
    eni = link.eni
    families = [(eni.ipv4, eni.subnet_cidr, "0.0.0.0/0", ""), (eni.ipv6, eni.subnet_ipv6_cidr, "::/0", " nodad")]
    commands = [f"link set {link.device} up"]
    for address, cidr, everywhere, flags in families:
        if address:
            commands += _address_commands(link, interface_address(address, cidr), everywhere, flags)
    return commands


def _address_commands(link: Link, address: str, everywhere: str, flags: str) -> list[str]:
    subnet = str(ip_interface(address).network)
    via = f"via {router_address(subnet)} dev {link.device}"
    if link.eni.device_index == 0:
        return [f"addr add {address} dev {link.device}{flags}", f"route add {everywhere} {via}"]
    table = f"table {_ROUTE_TABLE + link.eni.device_index}"  # a further ENI has routes of its own, see rule_commands
    return [
        f"addr add {address} dev {link.device} noprefixroute{flags}",
        f"route add {subnet} dev {link.device} {table}",
        f"route add {everywhere} {via} {table}",
    ]


def rule_commands(instance: LabInstance) -> tuple[list[str], list[str]]:
    """ip(8) commands inside an instance, for IPv4 and for IPv6 (``ip -6``): what comes from a further ENI leaves
    through it, as Amazon Linux sets it up."""
    further = [(eni, f"table {_ROUTE_TABLE + eni.device_index}") for eni in instance.enis if eni.device_index]
    rules = [f"rule add from {eni.ipv4} {table}" for eni, table in further]
    return rules, [f"rule add from {eni.ipv6} {table}" for eni, table in further if eni.ipv6]


def host_commands(topology: Topology) -> list[str]:
    """ip(8) commands in this machine's own namespace: its ENI, and the one route to the VPC."""
    commands = []
    for link in topology.links:
        if not link.namespace:
            eni = link.eni
            commands += [
                f"addr add {interface_address(eni.ipv4, eni.subnet_cidr)} dev {link.device}",
                f"link set {link.device} up",
                f"route add {topology.world.vpc_cidr} via {router_address(eni.subnet_cidr)} dev {link.device}",
            ]
    return commands


def way_commands(topology: Topology, cidrs: Iterable[str]) -> list[str]:
    """ip(8) commands in this machine's own namespace: its ways to these subnets of other VPCs."""
    hosts = [link for link in topology.links if not link.namespace]
    return [
        f"route add {cidr} via {router_address(link.eni.subnet_cidr)} dev {link.device}"
        for link in hosts[:1]
        for cidr in cidrs
    ]


def fabric_settings(topology: Topology) -> list[tuple[str, str]]:
    """Kernel settings inside the fabric, once its devices exist: ports speak no IP, bridges are routers."""
    ports = port_settings(topology)
    quiet = [(f"ipv4/conf/{name}/send_redirects", "0") for name in ("all", *topology.bridges.values())]
    filters = [(f"bridge/bridge-nf-call-{table}", "0") for table in ("iptables", "ip6tables", "arptables")]
    return [*ports, *quiet, *filters, ("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")]


def port_settings(topology: Topology) -> list[tuple[str, str]]:
    """Those of them that are the ports'."""
    return [(f"ipv6/conf/{link.port}/disable_ipv6", "1") for link in topology.links]


NAMESPACE_SETTINGS = tuple(
    (f"{family}/conf/{scope}/{name}", value)
    for scope in ("all", "default")
    for family, name, value in (
        ("ipv4", "rp_filter", "0"),  # an answer may leave by another ENI than the question came in by
        ("ipv4", "arp_ignore", "1"),  # an ENI answers for its own addresses alone, not for those of its neighbour
        ("ipv4", "arp_announce", "2"),
        ("ipv6", "accept_dad", "0"),  # an address can be used at once
        ("ipv6", "accept_ra", "0"),
        ("ipv6", "router_solicitations", "0"),
    )
)
"""Kernel settings of every namespace of the lab, to be written before its devices exist."""
