"""Facts that are asked for on demand: what a walk looks up and does not find is noted as a question.

A walk over a ``Known`` is repeated, each time with the answers to the questions of the time before, until it has none
left: so only what the walk meets is asked, and what it meets at the same time is asked side by side. Where everything
lies at hand (a dump) there is nothing to ask. Must not know who answers.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from vpcshark.network.decision import Unclear
from vpcshark.network.facts import (
    Acl,
    Attachment,
    Balancer,
    Group,
    Instance,
    Interface,
    Network,
    PrefixList,
    RouteTable,
    Subnet,
    TransitTable,
)
from vpcshark.network.index import Index
from vpcshark.network.packet import contains, is_internal
from vpcshark.network.remembered import Remembered

Question = tuple[str, ...]
"""A kind ("vpc", "address", …) and what it is about."""

WORDS = {
    "vpcs": "VPCs",
    "subnets": "subnets",
    "interfaces": "network interfaces",
    "instances": "instances",
    "tables": "route tables",
    "acls": "network ACLs",
    "groups": "security groups",
    "internet_gateways": "internet gateways",
    "nat_gateways": "NAT gateways",
    "peerings": "VPC peering connections",
    "transits": "transit gateways",
    "attachments": "transit gateway attachments",
    "transit_tables": "transit gateway route tables",
    "endpoints": "VPC endpoints",
    "balancers": "load balancers",
    "target_groups": "target groups",
    "prefix_lists": "prefix lists",
    "exclusions": "VPC Block Public Access exclusions",
}


class Known:
    """``asked`` None: there is nobody to ask, and what is not here is nowhere."""

    def __init__(self, network: Network, asked: Container[Question] | None = None) -> None:
        self.network = network
        self.asked = asked
        self.missing: dict[Question, None] = {}
        self.index = Index(network)
        self.remembered = Remembered()

    def want(self, *questions: Question) -> None:
        """Note what has not been asked. Raises Unclear if there is any."""
        if self.asked is None:
            return
        new = [each for each in questions if each not in self.asked]
        self.missing.update(dict.fromkeys(new))
        if new:
            raise Unclear("This is being asked.")

    def hint(self, *questions: Question) -> None:
        """Note what will be wanted soon, so that it is asked in the same round."""
        if self.asked is not None:
            self.missing.update(dict.fromkeys(each for each in questions if each not in self.asked))

    def one(self, part: str, identity: str, question: Question) -> Any:
        """The fact of that id. Raises Unclear if it can't be had."""
        found = self.network.of(part).get(identity)
        if found is None:
            self.want(question)
            raise Unclear(self.why(part, identity))
        return found

    def why(self, part: str, identity: str) -> str:
        """Why a fact is not here."""
        if part in self.network.unknown:
            return f"{identity} can't be looked at: {self.network.unknown[part]}"
        return (
            f"{identity} is not among the {WORDS[part]} that were read. If it is another account's or Region's, ask "
            "its owner, or give that account's --profile or --region as well."
        )

    def need(self, part: str) -> None:
        """Raises Unclear if that part could not be read, so that nothing being there says nothing."""
        if part in self.network.unknown:
            raise Unclear(f"The {WORDS[part]} can't be looked at: {self.network.unknown[part]}")

    def subnet(self, identity: str, vpc: str) -> Subnet:
        """A subnet of a VPC."""
        found: Subnet = self.one("subnets", identity, ("vpc", vpc))
        return found

    def subnet_of(self, vpc: str, address: str) -> Subnet | None:
        """The VPC's subnet that has the address."""
        self.want(("vpc", vpc))
        if not self.index.subnets.get(vpc):
            raise Unclear(self.why("subnets", f"The subnet of {address} in {vpc}"))
        return self.index.subnet_at(vpc, address)

    def cidrs(self, vpc: str) -> tuple[str, ...]:
        """The networks of a VPC; by its local routes, where it is not described itself."""
        self.want(("vpc", vpc))
        if vpc in self.network.vpcs:
            found: tuple[str, ...] = self.network.vpcs[vpc].cidrs
            return found
        routes = [each for table in self.network.tables.values() if table.vpc == vpc for each in table.routes]
        return tuple(dict.fromkeys(each.destination for each in routes if each.is_local))

    def table_of(self, subnet: Subnet) -> RouteTable:
        """Its own route table, else its VPC's main one."""
        self.want(("vpc", subnet.vpc))
        found = self.index.table_of.get(subnet.id) or self.index.table_of.get(subnet.vpc)
        if found is None:
            raise Unclear(self.why("tables", f"The route table of {subnet.id}"))
        return found

    def table_of_gateway(self, gateway: str, vpc: str) -> RouteTable | None:
        """The route table that is associated with an internet or virtual private gateway, if any is."""
        self.want(("vpc", vpc))
        return next((each for each in self.index.tables.get(vpc, []) if gateway in each.gateways), None)

    def acl_of(self, subnet: Subnet) -> Acl:
        """The network ACL of a subnet."""
        self.want(("vpc", subnet.vpc))
        found = self.index.acls.get(subnet.id)
        if found is None:
            raise Unclear(self.why("acls", f"The network ACL of {subnet.id}"))
        return found

    def groups(self, identities: tuple[str, ...]) -> list[Group]:
        """Security groups by id."""
        self.hint(*(("group", each) for each in identities if each not in self.network.groups))
        return [self.one("groups", each, ("group", each)) for each in identities]

    def interface(self, identity: str) -> Interface:
        """A network interface by id."""
        found: Interface = self.one("interfaces", identity, ("interface", identity))
        return found

    def instance(self, identity: str) -> Instance | None:
        """An instance, if it can be looked at."""
        found = self.network.instances.get(identity)
        if found is None and identity.startswith("i-"):
            self.hint(("instance", identity))
        return found

    def at(self, vpc: str, address: str) -> Interface | None:
        """The interface of a VPC that has a private address, also by a prefix that is delegated to it."""
        found = self.seen_at(vpc, address)
        if found is None:
            self.want(("address", vpc, address))
            self.need("interfaces")
        return found

    def seen_at(self, vpc: str, address: str) -> Interface | None:
        """The same among what was read already."""
        exact = self.index.at.get((vpc, address))
        here = self.index.delegated.get(vpc, [])
        return exact or next((each for each in here if any(contains(cidr, address) for cidr in each.prefixes)), None)

    def public_owner(self, address: str) -> tuple[Interface, str] | None:
        """(the interface, the private address) that a public address belongs to; an IPv6 address is its own."""
        if address in self.index.publics:
            return self.index.publics[address]
        if not is_internal(address):
            self.want(("public", address))
            self.need("interfaces")
        return None

    def attachments(self, transit: str) -> list[Attachment]:
        """All of a transit gateway that can be seen."""
        self.want(("tgw", transit))
        found = self.index.attachments.get(transit, [])
        if not found:
            raise Unclear(self.why("attachments", f"Any attachment of {transit}"))
        return found

    def transit_table(self, identity: str, address: str) -> TransitTable:
        """A route table of a transit gateway, with the routes that ``address`` may take."""
        self.want(("tgw-routes", identity, address))
        found: TransitTable = self.one("transit_tables", identity, ("tgw-routes", identity, address))
        return found

    def attachment_interface(self, attachment: str, subnet: str) -> Interface | None:
        """The interface of a transit gateway's attachment in a subnet."""
        found = [each for each in self.index.transit_interfaces.get(subnet, []) if attachment in each.description]
        return found[0] if found else None

    def prefix_list(self, identity: str) -> PrefixList:
        """A prefix list with its networks."""
        found: PrefixList = self.one("prefix_lists", identity, ("prefix-list", identity))
        return found

    def balancer_of(self, interface: Interface) -> Balancer | None:
        """The load balancer that an interface is a node of: EC2 tells by the description, "ELB net/NAME/ID"."""
        if not interface.description.startswith("ELB "):
            return None
        wanted = interface.description[len("ELB ") :].strip()
        if "/" not in wanted:
            raise Unclear(f"{interface.id} belongs to a Classic Load Balancer, whose listeners are not looked at.")
        found = [each for each in self.network.balancers.values() if each.id.endswith(f"loadbalancer/{wanted}")]
        if not found:
            self.want(("balancer", wanted))
            raise Unclear(self.why("balancers", f"The load balancer {wanted}"))
        balancer: Balancer = found[0]
        self.want(("listeners", balancer.id))
        return balancer
