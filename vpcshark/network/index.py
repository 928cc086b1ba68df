"""What walks look up again and again, by what it is looked up by: so that a walk takes as long in a large account
as in a small one. Made once for the facts of a network. Must not know what a lookup is for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeVar

from vpcshark.network.facts import Acl, Attachment, Interface, NatGateway, Network, RouteTable, Subnet
from vpcshark.network.packet import bounds, contains, place

T = TypeVar("T")
_Interfaces = tuple[Mapping[tuple[str, str], Interface], Mapping[str, list[Interface]], Mapping[str, list[Interface]]]


class Index:
    """Of one network, each part made when it is first wanted."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @property
    def at(self) -> Mapping[tuple[str, str], Interface]:
        """(VPC, private address) -> the interface that has it."""
        return self._interfaces[0]

    @property
    def delegated(self) -> Mapping[str, list[Interface]]:
        """VPC -> its interfaces with delegated prefixes."""
        return self._interfaces[1]

    @property
    def transit_interfaces(self) -> Mapping[str, list[Interface]]:
        """Subnet -> the interfaces of transit gateways in it."""
        return self._interfaces[2]

    @cached_property
    def _interfaces(self) -> _Interfaces:
        """All three: a large account has ten thousand interfaces, which are gone through once."""
        at: dict[tuple[str, str], Interface] = {}
        delegated: defaultdict[str, list[Interface]] = defaultdict(list)
        transit: defaultdict[str, list[Interface]] = defaultdict(list)
        for each in self._network.interfaces.values():
            for address in each.addresses:
                at.setdefault((each.vpc, address), each)
            if each.prefixes:
                delegated[each.vpc].append(each)
            if each.kind == "transit_gateway":
                transit[each.subnet].append(each)
        return at, delegated, transit

    @cached_property
    def publics(self) -> Mapping[str, tuple[Interface, str]]:
        """Public address -> (interface, private address); an IPv6 address is its own."""
        found: dict[str, tuple[Interface, str]] = {}
        for each in self._network.interfaces.values():
            for private, public in each.public.items():
                found.setdefault(public, (each, private))
            for address in each.addresses:
                if ":" in address:
                    found.setdefault(address, (each, address))
        return found

    @cached_property
    def subnets(self) -> Mapping[str, list[Subnet]]:
        """VPC -> its subnets."""
        return _by((each.vpc, each) for each in self._network.subnets.values())

    def subnet_at(self, vpc: str, address: str) -> Subnet | None:
        """The VPC's subnet that has the address. Subnets of a VPC share none."""
        firsts, found = self._ordered.get(vpc, ([], []))
        near = bisect_right(firsts, place(address)) - 1
        if near < 0 or not any(contains(cidr, address) for cidr in found[near].cidrs):
            return None
        return found[near]

    @cached_property
    def _ordered(self) -> Mapping[str, tuple[list[int], list[Subnet]]]:
        """VPC -> where its subnets' networks begin, and whose these are, in the order of addresses."""
        ordered: dict[str, tuple[list[int], list[Subnet]]] = {}
        for vpc, subnets in self.subnets.items():
            begins = sorted(
                ((bounds(cidr)[0], each) for each in subnets for cidr in each.cidrs), key=lambda pair: pair[0]
            )
            ordered[vpc] = [first for first, _ in begins], [subnet for _, subnet in begins]
        return ordered

    @cached_property
    def tables(self) -> Mapping[str, list[RouteTable]]:
        """VPC -> its route tables."""
        return _by((each.vpc, each) for each in self._network.tables.values())

    @cached_property
    def table_of(self) -> Mapping[str, RouteTable]:
        """Subnet -> the route table that it has itself, VPC -> its main one."""
        found = {subnet: each for each in self._network.tables.values() for subnet in each.subnets}
        return found | {each.vpc: each for each in self._network.tables.values() if each.is_main}

    @cached_property
    def acls(self) -> Mapping[str, Acl]:
        """Subnet -> its network ACL."""
        return {subnet: each for each in self._network.acls.values() for subnet in each.subnets}

    @cached_property
    def attachments(self) -> Mapping[str, list[Attachment]]:
        """Transit gateway -> its attachments."""
        return _by((each.transit, each) for each in self._network.attachments.values())

    @cached_property
    def nats(self) -> Mapping[str, NatGateway]:
        """Interface -> the NAT gateway that it is of."""
        return {eni: each for each in self._network.nat_gateways.values() for eni in each.interfaces}


def _by(pairs: Iterable[tuple[str, T]]) -> Mapping[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for key, each in pairs:
        found[key].append(each)
    return found
