"""What rule sets have said, by what they can tell apart: many walks ask the same network ACLs and route tables, each
with another address, and all addresses between two ends of a rule set's networks mean the same to it.

Must not know how a rule set decides.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from vpcshark.network import acls, routes
from vpcshark.network.decision import Decision, Rule
from vpcshark.network.facts import Acl, Route, RouteTable
from vpcshark.network.packet import Packet
from vpcshark.network.spots import Spots


class Remembered:
    """Of one set of facts; ids are those of its rule sets."""

    def __init__(self) -> None:
        self._spots: dict[Hashable, Spots] = {}
        self._said: dict[Hashable, Any] = {}
        self._asked: set[Hashable] = set()

    def acl(self, acl: Acl, packet: Packet, egress: bool) -> Decision:
        """As ``acls.evaluate``."""
        key = (acl.id, egress)
        if self._is_first(key) or acls.is_unfiltered(packet.src) or acls.is_unfiltered(packet.dst):
            return acls.evaluate(acl, packet, egress)
        spots = self._spots.get(key) or self._told_apart(key, (each.cidr for each in acl.entries))
        ports = (packet.protocol, packet.dport, packet.icmp)
        mark = (key, spots.of(packet.dst if egress else packet.src), ports)
        found: Decision | None = self._said.get(mark)
        if found is None:
            found = self._said[mark] = acls.evaluate(acl, packet, egress)
        return found

    def route(
        self, table: RouteTable, address: str, lists: routes.Lists
    ) -> tuple[Route | None, Rule | None, tuple[str, ...]]:
        """As ``routes.look_up``; a table with prefix lists is looked up each time, since these may become known."""
        if self._is_first(table.id):
            return routes.look_up(table, address, lists)
        spots = self._spots.get(table.id)
        if spots is None:
            networks = [each.destination for each in table.routes]
            if any(each.startswith("pl-") for each in networks):
                return routes.look_up(table, address, lists)
            spots = self._told_apart(table.id, [*networks, *routes.UNROUTED])
        mark = (table.id, spots.of(address))
        found: tuple[Route | None, Rule | None, tuple[str, ...]] | None = self._said.get(mark)
        if found is None:
            found = self._said[mark] = routes.look_up(table, address, lists)
        return found

    def _is_first(self, key: Hashable) -> bool:
        """Is it asked for the first time? Most rule sets of a large account are asked once, and then nothing is worth
        remembering."""
        if key in self._asked:
            return False
        self._asked.add(key)
        return True

    def _told_apart(self, key: Hashable, networks: Iterable[str]) -> Spots:
        found = self._spots[key] = Spots(networks)
        return found
