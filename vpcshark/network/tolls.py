"""What a way crosses that AWS charges for by the GB: zones, Regions, gateways, endpoints, the internet.

What crosses a transit gateway, or ends at an endpoint, pays for that and not for the zones there. A way that is blocked
is looked at to its end, since it is to be mended. Must not know prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vpcshark.network.facts import Interface, Network
from vpcshark.network.trail import INTERNET, Hop, Trail

ZONE, REGION, TRANSIT, NAT, ENDPOINT, OUT = "zone", "region", "transit-gateway", "nat-gateway", "vpc-endpoint", INTERNET
APPLIANCES = "gateway-load-balancer-endpoint"
ENDPOINT_TYPES = {"vpc_endpoint", "vpcEndpoint"}
_FREE = {"transit_gateway", *ENDPOINT_TYPES}
"""Types of interfaces to and from which no zone is charged."""


@dataclass(frozen=True)
class Toll:
    """One thing that is charged by the GB; ``resource`` is what or where it is."""

    kind: str
    resource: str


def of(trail: Trail, network: Network) -> list[Toll]:
    """Each toll of the way: what charges for passing, then the zones and Regions that are crossed."""
    gates = [_gate(trail.hops, number, network) for number in range(len(trail.hops))]
    return [*dict.fromkeys(each for each in gates if each is not None), *_borders(trail.hops, network)]


def _gate(hops: Sequence[Hop], number: int, network: Network) -> Toll | None:
    """What the hop charges for what it passes on; a gateway endpoint charges nothing."""
    hop, before = hops[number], hops[number - 1] if number else None
    if hop.kind == TRANSIT:
        # Charged to the attachment that sends; one that is a peering with another transit gateway is not charged.
        is_from_peer = before is not None and before.kind == "attachment" and not before.vpc
        return None if is_from_peer else Toll(TRANSIT, hop.resource)
    if hop.kind == NAT:
        return Toll(NAT, hop.resource)
    if hop.code == "PATH_THROUGH_GWLB_NOT_CHECKED":
        return Toll(APPLIANCES, hop.resource)
    if hop.kind == INTERNET and before is not None and before.kind.endswith("-gateway"):
        return Toll(OUT, before.resource)
    interface = network.interfaces.get(hop.resource)
    if interface is not None and interface.type in ENDPOINT_TYPES:
        return Toll(ENDPOINT, interface.description.rpartition(" ")[2] or interface.id)
    return None


def _borders(hops: Sequence[Hop], network: Network) -> list[Toll]:
    """Zones and Regions, from interface to interface, as far as these were told."""
    parts: list[list[Interface]] = [[]]
    for hop in hops:
        if hop.kind == INTERNET:
            parts.append([])
        elif hop.kind == "interface" and hop.resource in network.interfaces:
            parts[-1].append(network.interfaces[hop.resource])
    pairs = [pair for part in parts for pair in pairwise(part)]
    return [toll for one, other in pairs if (toll := _border(one, other, network)) is not None]


def _border(one: Interface, other: Interface, network: Network) -> Toll | None:
    """Between two interfaces that follow each other."""
    regions = [network.vpcs[each.vpc].region if each.vpc in network.vpcs else "" for each in (one, other)]
    if all(regions) and regions[0] != regions[1]:
        return Toll(REGION, f"{regions[0]} -> {regions[1]}")
    zones = [_zone(each, network) for each in (one, other)]
    if not all(zones) or zones[0] == zones[1] or {one.type, other.type} & _FREE:
        return None
    return Toll(ZONE, f"{zones[0]} -> {zones[1]}")


def _zone(interface: Interface, network: Network) -> str:
    """Its zone's id, which is the same in all accounts, else the zone's name."""
    subnet = network.subnets.get(interface.subnet)
    return subnet.zone if subnet is not None else interface.az
