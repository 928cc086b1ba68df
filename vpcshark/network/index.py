"""What walks look up again and again, by what it is looked up by: so that a walk takes as long in a large account
as in a small one. Made once for the facts of a network. Must not know what a lookup is for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeVar

from vpcshark.network.facts import Acl, Attachment, Interface, NatGateway, Network, RouteTable, Subnet

T = TypeVar("T")


class Index:
    """Of one network, each part made when it is first wanted."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @cached_property
    def at(self) -> Mapping[tuple[str, str], Interface]:
        """(VPC, private address) -> the interface that has it."""
        found: dict[tuple[str, str], Interface] = {}
        for each in self._network.interfaces.values():
            for address in each.addresses:
                found.setdefault((each.vpc, address), each)
        return found

    @cached_property
    def delegated(self) -> Mapping[str, list[Interface]]:
        """VPC -> its interfaces with delegated prefixes."""
        return _by((each.vpc, each) for each in self._network.interfaces.values() if each.prefixes)

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
    def transit_interfaces(self) -> Mapping[str, list[Interface]]:
        """Subnet -> the interfaces of transit gateways in it."""
        found = self._network.interfaces.values()
        return _by((each.subnet, each) for each in found if each.type == "transit_gateway")

    @cached_property
    def subnets(self) -> Mapping[str, list[Subnet]]:
        """VPC -> its subnets."""
        return _by((each.vpc, each) for each in self._network.subnets.values())

    @cached_property
    def tables(self) -> Mapping[str, list[RouteTable]]:
        """VPC -> its route tables."""
        return _by((each.vpc, each) for each in self._network.tables.values())

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
