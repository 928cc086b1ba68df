"""What rule sets have said, by what they can tell apart: many walks ask the same network ACLs and route tables, each
with another address, and all addresses between two ends of a rule set's networks mean the same to it.

Must not know how a rule set decides.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from vpcshark.network import acls, routes
from vpcshark.network.decision import Decision, Rule
from vpcshark.network.facts import Acl, Route, RouteTable
from vpcshark.network.packet import Packet
from vpcshark.network.spots import Spots

T = TypeVar("T")


class Remembered:
    """Of one set of facts; ids are those of its rule sets."""

    def __init__(self) -> None:
        self._spots: dict[Hashable, Spots] = {}
        self._said: dict[Hashable, Any] = {}

    def acl(self, acl: Acl, packet: Packet, egress: bool) -> Decision:
        """As ``acls.evaluate``."""
        if acls.is_unfiltered(packet.src) or acls.is_unfiltered(packet.dst):
            return acls.evaluate(acl, packet, egress)
        key = (acl.id, egress)
        spots = self._spots.get(key) or self._told_apart(key, (each.cidr for each in acl.entries))
        ports = (packet.protocol, packet.dport, packet.icmp)
        address = packet.dst if egress else packet.src
        return self._once((key, spots.of(address), ports), lambda: acls.evaluate(acl, packet, egress))

    def route(
        self, table: RouteTable, address: str, lists: routes.Lists
    ) -> tuple[Route | None, Rule | None, tuple[str, ...]]:
        """As ``routes.look_up``; a table with prefix lists is looked up each time, since these may become known."""
        spots = self._spots.get(table.id)
        if spots is None:
            networks = [each.destination for each in table.routes]
            if any(each.startswith("pl-") for each in networks):
                return routes.look_up(table, address, lists)
            spots = self._told_apart(table.id, [*networks, *routes.UNROUTED])
        return self._once((table.id, spots.of(address)), lambda: routes.look_up(table, address, lists))

    def _told_apart(self, key: Hashable, networks: Iterable[str]) -> Spots:
        found = self._spots[key] = Spots(networks)
        return found

    def _once(self, key: Hashable, decide: Callable[[], T]) -> T:
        if key not in self._said:
            self._said[key] = decide()
        found: T = self._said[key]
        return found
