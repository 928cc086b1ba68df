"""Which spaces a cloud has, the cables between them, and what each space is given once: addresses, settings. Pure.

An instance has its ENIs as devices; at the other end of each is a port of its VPC's router, which answers ARP for all
that it can reach, as a VPC does. Routers among themselves have cables without addresses: both ends bear one MAC and ask
for none. Must not know routes or filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from vpcshark.lab.cloud import Cloud, Eni
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.topology import MTU, NAMESPACE_SETTINGS, router_mac

TRANSIT_MTU, INTERNET_MTU = 8500, 1500
ROUTER6 = "fe80::1"
_BOXES = {"nat_gateway": "nat", "network_load_balancer": "node", "vpc_endpoint": "endpoint"}
_OF_ENIS = ("node", "endpoint")
FORWARDING = (
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv6/conf/default/forwarding", "1"),
)
ROUTER_SETTINGS = (
    *NAMESPACE_SETTINGS,
    ("ipv4/conf/all/arp_ignore", "0"),
    ("ipv4/conf/default/arp_ignore", "0"),
    ("ipv4/conf/all/proxy_arp", "1"),
    *FORWARDING,
)


@dataclass(frozen=True, order=True)
class End:
    """One end of a cable. ``mac`` is the device's own."""

    space: str
    device: str
    mac: str


@dataclass(frozen=True, order=True)
class Cable:
    """Two ends; ``is_plain``: between routers, where nobody asks for a MAC."""

    one: End
    other: End
    mtu: int
    is_plain: bool


@dataclass(frozen=True)
class Layout:
    """``spaces``: key -> (kind, name for people). ``once``: key -> ip(8) commands for when it is made."""

    spaces: dict[str, tuple[str, str]]
    cables: frozenset[Cable]
    once: dict[str, tuple[str, ...]]


def layout(cloud: Cloud, internet: Iterable[str] = ()) -> Layout:
    """The whole; ``internet`` are addresses that somebody has out there."""
    spaces: dict[str, tuple[str, str]] = {}
    once: dict[str, tuple[str, ...]] = {}
    for vpc in cloud.vpcs.values():
        spaces[names.space("vpc", vpc.id)] = ("vpc", vpc.name or vpc.id)
        routers = [str(ip_network(c)[1]) for s in cloud.subnets.values() if s.vpc == vpc.id for c in s.cidrs[:1]]
        once[names.space("vpc", vpc.id)] = tuple(f"addr replace {each}/32 dev lo" for each in routers)
    for transit, name in cloud.transits.items():
        spaces[names.space("tgw", transit)] = ("tgw", name or transit)
    for gateway in cloud.gateways.values():
        spaces[names.space("gateway", gateway.id)] = ("gateway", cloud.names.get(gateway.id) or gateway.id)
    for endpoint in cloud.endpoints.values():
        key = names.space("endpoint", endpoint.id)
        spaces[key] = ("endpoint", cloud.names.get(endpoint.id) or endpoint.id)
        once[key] = tuple(f"route replace local {each} dev lo" for each in endpoint.cidrs)
    for eni in cloud.enis.values():
        kind = _BOXES.get(eni.kind, "instance" if eni.owner.startswith("i-") else "")
        if kind and (kind != "nat" or eni.owner in cloud.nats):
            key = names.space(kind, eni.id if kind in _OF_ENIS else eni.owner)
            spaces[key] = (kind, cloud.names.get(eni.owner) or eni.owner)
            if kind != "instance":
                once[key] = tuple(f"addr replace {each} dev lo" for each in eni.addresses)
    if cloud.gateways or internet:
        spaces[names.INTERNET] = ("internet", "internet")
        once[names.INTERNET] = tuple(f"addr replace {each} dev lo" for each in internet)
    return Layout(spaces, frozenset(_cables(cloud, spaces)), once)


def _cables(cloud: Cloud, spaces: dict[str, tuple[str, str]]) -> Iterator[Cable]:
    for eni in cloud.enis.values():
        far = far_end(cloud, eni)
        if far is not None and far.space in spaces and eni.vpc in cloud.vpcs:
            yield _eni_cable(cloud, eni, far)
    for peering, (one, other) in cloud.peerings.items():
        ends = [End(names.space("vpc", each), names.device("x", peering), _mac(peering)) for each in (one, other)]
        yield Cable(ends[0], ends[1], MTU, is_plain=True)
    for attachment in cloud.attachments.values():
        if attachment.kind == "peering" and attachment.transit < attachment.resource in cloud.transits:
            key = attachment.id.partition("@")[0]
            sides = (attachment.transit, attachment.resource)
            ends = [End(names.space("tgw", each), names.device("y", key), _mac(key)) for each in sides]
            yield Cable(ends[0], ends[1], TRANSIT_MTU, is_plain=True)
    for gateway in cloud.gateways.values():
        here = names.space("gateway", gateway.id)
        vpc = End(names.space("vpc", gateway.vpc), names.device("g", gateway.id), _mac(gateway.id))
        yield Cable(vpc, End(here, "vpc", _mac(gateway.id)), MTU, is_plain=True)
        net = End(names.INTERNET, names.device("g", gateway.id), _mac(gateway.id, "net"))
        yield Cable(End(here, "net", _mac(gateway.id, "net")), net, INTERNET_MTU, is_plain=True)
    for endpoint in cloud.endpoints.values():
        mac = _mac(endpoint.id)
        vpc = End(names.space("vpc", endpoint.vpc), names.device("e", endpoint.id), mac)
        yield Cable(vpc, End(names.space("endpoint", endpoint.id), "vpc", mac), TRANSIT_MTU, is_plain=True)


def far_end(cloud: Cloud, eni: Eni) -> End | None:
    """What is at the other end of an ENI's port; None if nothing is."""
    if eni.kind == "transit_gateway" and eni.owner in cloud.attachments:
        transit = cloud.attachments[eni.owner].transit
        return End(names.space("tgw", transit), names.device("t", eni.id), eni.mac)
    if eni.kind == "nat_gateway" and eni.owner in cloud.nats:
        return End(names.space("nat", eni.owner), "eth0", eni.mac)
    if eni.kind in ("network_load_balancer", "vpc_endpoint"):
        return End(names.space(_BOXES[eni.kind], eni.id), "eth0", eni.mac)
    if eni.owner.startswith("i-"):
        return End(names.space("instance", eni.owner), f"eth{eni.index}", eni.mac)
    return None


def _eni_cable(cloud: Cloud, eni: Eni, far: End) -> Cable:
    is_plain = not eni.owner.startswith("i-")
    mac = eni.mac if is_plain else router_mac(cloud.subnets[eni.subnet].cidrs[0])
    port = End(names.space("vpc", eni.vpc), names.device("p", eni.id), mac)
    return Cable(port, far, TRANSIT_MTU if eni.kind == "transit_gateway" else MTU, is_plain)


def _mac(*words: str) -> str:
    return router_mac("/".join(words))


def settings(kind: str, is_router: bool = False) -> tuple[tuple[str, str], ...]:
    """The kernel's, of a space of that kind. ``is_router``: an instance that forwards."""
    if kind == "instance":
        return (*NAMESPACE_SETTINGS, *FORWARDING) if is_router else NAMESPACE_SETTINGS
    return ROUTER_SETTINGS


def device_settings(devices: Iterable[str]) -> list[tuple[str, str]]:
    """The kernel's, of devices that are there: a router answers for others at once. By itself it waits for up to 0.8 s,
    by chance (arp(7), proxy_delay), and a namespace has no default to set."""
    return [(f"ipv4/neigh/{device}/proxy_delay", "0") for device in devices]


def cable_command(cable: Cable, spaces: dict[str, str]) -> str:
    """ip(8), in this machine's own namespace; ``spaces``: key -> namespace."""
    one, other = cable.one, cable.other
    return (
        f"link add name {one.device} mtu {cable.mtu} address {one.mac} netns {spaces[one.space]} "
        f"type veth peer name {other.device} mtu {cable.mtu} address {other.mac} netns {spaces[other.space]}"
    )


def end_commands(cable: Cable, end: End) -> list[str]:
    """ip(8), inside the end's space."""
    silent = " arp off" if cable.is_plain else ""
    commands = [f"link set {end.device}{silent} up"]
    if not cable.is_plain and end.device.startswith("p-"):
        commands.append(f"addr replace {ROUTER6}/64 dev {end.device} nodad")
    return commands


def instance_commands(cloud: Cloud, eni: Eni) -> list[str]:
    """ip(8) inside an instance: what its system configures at boot. Its first ENI has the default routes."""
    subnet = cloud.subnets[eni.subnet]
    device = f"eth{eni.index}"
    commands = []
    for address in eni.addresses:
        if ":" in address:
            commands.append(f"addr replace {address}/128 dev {device} nodad")
            commands += [f"route replace ::/0 via {ROUTER6} dev {device} src {address}"] if eni.index == 0 else []
            continue
        network = ip_network(subnet.cidrs[0])
        commands.append(f"addr replace {address}/{network.prefixlen} dev {device}")
        commands += [f"route replace 0.0.0.0/0 via {network[1]} dev {device}"] if eni.index == 0 else []
    return commands
