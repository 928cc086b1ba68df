"""Which ends of walks the facts can't tell apart: who is alike is walked once.

Two sources are alike if they stand in one subnet with the same groups, in the same state, have nothing that is named
elsewhere, and no network of any rule, route or subnet has the address of one without the other's. Then every step
decides for both the same. Must not know how a step decides.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cached_property

from vpcshark.network.facts import Interface, Network
from vpcshark.network.packet import INTERNAL
from vpcshark.network.spots import Spots
from vpcshark.network.trail import End

FIXED = (*INTERNAL, "169.254.0.0/16", "fd00:ec2::/32", "64:ff9b::/96")
"""Networks that steps know by themselves."""


class Sources:
    """Of one set of facts."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def key(self, source: End) -> Hashable:
        """The same for sources that are alike; None for one that is like no other."""
        interface = source.interface
        if interface is None or source.address or not self._is_plain(interface):
            return None
        instance = self._network.instances.get(interface.instance)
        if interface.instance and instance is None:
            return None
        state = (instance.state, instance.is_windows) if instance is not None else ()
        spots = tuple(self._spots.of(each) for each in interface.addresses)
        families = tuple(":" in each for each in interface.addresses)
        where = (interface.vpc, interface.subnet, interface.az, interface.owner, interface.groups)
        flags = (interface.is_checked, interface.is_attached, interface.denies_igw, bool(interface.instance))
        return (where, flags, state, spots, families)

    def _is_plain(self, interface: Interface) -> bool:
        """Is there nothing about it that only it can have?"""
        is_own = interface.id in self._named or interface.instance in self._named
        return not (interface.public or interface.prefixes or is_own) and (
            interface.type == "interface" and not interface.description.startswith("ELB ")
        )

    @cached_property
    def _named(self) -> frozenset[str]:
        """Ids of interfaces and instances that other facts name."""
        network = self._network
        routes = (each for table in network.tables.values() for each in table.routes)
        found = {text for each in routes for text in (each.target, each.interface)}
        found |= {each.id for group in network.target_groups.values() for each in group.targets}
        found |= {text for each in network.nat_gateways.values() for text in each.interfaces}
        found |= {text for each in network.endpoints.values() for text in each.interfaces}
        return frozenset(found - {""})

    @cached_property
    def _spots(self) -> Spots:
        return Spots(each for each in _networks(self._network) if each)


def _networks(network: Network) -> Iterator[str]:
    """Every network that any fact names, and every address, as a network of its own."""
    yield from FIXED
    for vpc in network.vpcs.values():
        yield from vpc.cidrs
        yield from (_resolver(each) for each in vpc.cidrs if ":" not in each)
    for subnet in network.subnets.values():
        yield from subnet.cidrs
    yield from (each.destination for table in network.tables.values() for each in table.routes)
    yield from (each.destination for table in network.transit_tables.values() for each in table.routes)
    yield from (each.cidr for acl in network.acls.values() for each in acl.entries)
    yield from (each.cidr for group in network.groups.values() for each in group.rules)
    yield from (cidr for each in network.prefix_lists.values() for cidr in each.cidrs)
    yield from (cidr for each in network.peerings.values() for end in each.ends for cidr in end.cidrs)
    yield from (cidr for each in network.interfaces.values() for cidr in each.prefixes)
    yield from (each.id for group in network.target_groups.values() for each in group.targets)


def _resolver(cidr: str) -> str:
    """Amazon DNS answers at the base plus two."""
    head, _, last = cidr.partition("/")[0].rpartition(".")
    return f"{head}.{int(last) + 2}"


def is_own(source: End, identity: str) -> bool:
    """Is it the source's own, and nobody else's?"""
    interface = source.interface
    return interface is not None and identity in (interface.id, interface.instance)
