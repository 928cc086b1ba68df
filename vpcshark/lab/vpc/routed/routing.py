"""The routes of each space: route tables as the kernel's own, which looks up the longest prefix. Pure.

A VPC's router has a table for each subnet, since a transit gateway's route leads to the attachment in the subnet's
zone; a transit gateway one for each of its tables and each zone, and in appliance mode for each turn of flows too.
Sources: VPC User Guide, "Route priority"; Transit Gateways guide, "How transit gateways work" and "Appliance in a
shared services VPC". Must not know filters, nor who runs the commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

from vpcshark.lab.cloud import Attachment, Cloud, Eni, Route, Subnet
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.routed.spaces import far_end

_BALANCED, _INSIDE, _TURNS, _ROUTED, _REST = 100, 500, 900, 1000, 2000


@dataclass
class Ways:
    """Of one space: ``rules`` for ip-rule(8) with their family, ``routes``: (table, destination) -> where to."""

    rules: set[str] = field(default_factory=set)
    routes: dict[tuple[int, str], str] = field(default_factory=dict)

    def nowhere(self, table: int) -> None:
        """What no route of the table has."""
        for default in ("0.0.0.0/0", "::/0"):
            self.routes.setdefault((table, default), f"dev {names.NOWHERE}")

    def rule(self, text: str) -> None:
        """For both families."""
        self.rules |= {f"-4 {text}", f"-6 {text}"}


def ways(cloud: Cloud) -> dict[str, Ways]:
    """Space -> its ways."""
    found = {names.space("vpc", each): _of_vpc(cloud, each) for each in cloud.vpcs}
    found |= {names.space("tgw", each): _of_transit(cloud, each) for each in cloud.transits}
    for eni in cloud.enis.values():
        far = far_end(cloud, eni)
        if far is not None and far.space.partition(":")[0] in ("nat", "node", "endpoint"):
            found[far.space] = Ways(routes={(254, "0.0.0.0/0"): "dev eth0", (254, "::/0"): "dev eth0"})
    for gateway in cloud.gateways.values():
        inner = {(254, cidr): "dev vpc" for cidr in cloud.vpcs[gateway.vpc].cidrs} if gateway.vpc in cloud.vpcs else {}
        outer = {(254, "0.0.0.0/0"): "dev net", (254, "::/0"): "dev net"}
        found[names.space("gateway", gateway.id)] = Ways(routes={**outer, **inner})
    for endpoint in cloud.endpoints.values():
        back = {(254, cidr): "dev vpc" for cidr in cloud.vpcs[endpoint.vpc].cidrs}
        found[names.space("endpoint", endpoint.id)] = Ways(routes=back)
    if cloud.gateways:
        found[names.INTERNET] = _of_internet(cloud)
    return found


def _of_internet(cloud: Cloud) -> Ways:
    """Public addresses, and IPv6 networks; an internet gateway's before an egress-only one's."""
    routes = {(254, default): f"dev {names.NOWHERE}" for default in ("0.0.0.0/0", "::/0")}
    for gateway in sorted(cloud.gateways.values(), key=lambda each: not each.is_egress_only):
        device = names.device("g", gateway.id)
        publics = [] if gateway.is_egress_only else cloud.publics.get(gateway.vpc, ())
        routes |= {(254, f"{public}/32"): f"dev {device}" for _, public in publics}
        cidrs = cloud.vpcs[gateway.vpc].cidrs if gateway.vpc in cloud.vpcs else ()
        routes |= {(254, cidr): f"dev {device}" for cidr in cidrs if ":" in cidr}
    return Ways(routes=routes)


def _of_vpc(cloud: Cloud, vpc: str) -> Ways:
    found = Ways()
    for eni in cloud.ports_of(vpc):
        subnet = cloud.subnets[eni.subnet]
        port = names.device("p", eni.id)
        for cidr in subnet.cidrs:
            found.rules.add(f"{'-6' if ':' in cidr else '-4'} iif {port} to {cidr} lookup {names.LOCAL} pref {_INSIDE}")
        found.rule(f"iif {port} lookup {names.table(subnet.id)} pref {_ROUTED}")
        if eni.kind == "network_load_balancer":
            mark = names.table("node", eni.id)
            found.rule(f"fwmark {mark} lookup {mark} pref {_BALANCED}")
            found.routes |= {(mark, "0.0.0.0/0"): f"dev {port}", (mark, "::/0"): f"dev {port}"}
        for address in eni.addresses if eni.kind != "transit_gateway" else ():
            found.routes[names.LOCAL, _host(address)] = f"dev {port}"
    found.nowhere(names.LOCAL)
    found.rule(f"lookup {names.LOCAL} pref {_REST}")
    for subnet in cloud.subnets.values():
        if subnet.vpc == vpc:
            _add_table(cloud, found, subnet)
    return found


def _add_table(cloud: Cloud, found: Ways, subnet: Subnet) -> None:
    number = names.table(subnet.id)
    for route in cloud.tables[subnet.table]:
        found.routes[number, str(ip_network(route.destination, strict=False))] = leads(cloud, subnet, route)
    found.nowhere(number)


def leads(cloud: Cloud, subnet: Subnet, route: Route) -> str:
    """Where a route takes what comes from a subnet, as ip-route(8) has it; "throw": on to the VPC's own ENIs."""
    device = ""
    if route.kind == "local":
        return "throw"
    if route.kind == "transit":
        near = attachment_port(cloud, route.target, subnet)
        device = names.device("p", near.id) if near is not None else ""
    elif route.kind in ("peering", "internet", "egress"):
        device = names.device("x" if route.kind == "peering" else "g", route.target)
    elif route.kind == "endpoint" and route.target in cloud.endpoints:
        device = names.device("e", route.target)
    elif route.kind == "nat" and route.target in cloud.nats:
        device = names.device("p", cloud.nats[route.target])
    elif route.kind == "eni" and route.target in cloud.enis:
        eni = cloud.enis[route.target]
        via = next((each for each in eni.addresses if (":" in each) == (":" in route.destination)), "")
        return f"via {via} dev {names.device('p', eni.id)} onlink" if via and eni.owner else f"dev {names.NOWHERE}"
    return f"dev {device or names.NOWHERE}"


def attachment_port(cloud: Cloud, transit: str, subnet: Subnet) -> Eni | None:
    """The ENI of the VPC's attachment in the subnet's zone."""
    for attachment in cloud.attachments.values():
        if (attachment.transit, attachment.resource, attachment.kind) == (transit, subnet.vpc, "vpc"):
            for each in attachment.enis:
                if cloud.subnets[cloud.enis[each].subnet].zone == subnet.zone:
                    return cloud.enis[each]
    return None


def _of_transit(cloud: Cloud, transit: str) -> Ways:
    found = Ways()
    found.nowhere(names.CUT_OFF)
    for attachment, device, zone in doors(cloud, transit):
        if attachment.table not in cloud.transit_tables:
            found.rule(f"iif {device} lookup {names.CUT_OFF} pref {_ROUTED}")
            continue
        for turn in range(turns(cloud, transit) + 1):
            mark, pref = (f" fwmark {turn}", _TURNS) if turn else ("", _ROUTED)
            table = names.table(attachment.table, zone, *([str(turn)] if turn else []))
            found.rule(f"iif {device}{mark} lookup {table} pref {pref}")
            for destination, to in cloud.transit_tables[attachment.table].routes.items():
                found.routes[table, destination] = f"dev {_out(cloud, transit, to, zone, turn)}"
            found.nowhere(table)
    return found


def turns(cloud: Cloud, transit: str) -> int:
    """How many ways the flows to attachments in appliance mode are spread over; 0 without any."""
    mine = [each for each in cloud.attachments.values() if each.transit == transit and each.is_appliance]
    most = max((len(each.enis) for each in mine), default=0)
    return most if most > 1 else 0


def doors(cloud: Cloud, transit: str) -> Iterator[tuple[Attachment, str, str]]:
    """(attachment, device, zone) of all that comes into a transit gateway."""
    for attachment in cloud.attachments.values():
        if attachment.transit != transit:
            continue
        if attachment.kind == "peering":
            yield attachment, names.device("y", attachment.id.partition("@")[0]), ""
        for each in attachment.enis:
            yield attachment, names.device("t", each), cloud.subnets[cloud.enis[each].subnet].zone


def _out(cloud: Cloud, transit: str, attachment: str, zone: str, turn: int) -> str:
    """The device of a route's attachment: in the zone that the packet came from, else any. In appliance mode that of
    the flow's turn, both ways."""
    found = [one for one in doors(cloud, transit) if one[0].id.partition("@")[0] == attachment]
    mine = [(device, place) for _, device, place in found]
    if turn and found and found[0][0].is_appliance:
        return mine[turn % len(mine)][0]
    near = [device for device, place in mine if place == zone]
    return (near or [device for device, _ in mine] or [names.NOWHERE])[0]


def neighbours(cloud: Cloud, vpc: str) -> list[str]:
    """ip(8) inside a VPC's router: it knows who has which address, and asks nobody."""
    return [
        f"neigh replace {address} lladdr {eni.mac} dev {names.device('p', eni.id)} nud permanent"
        for eni in cloud.ports_of(vpc)
        if eni.owner.startswith("i-")
        for address in eni.addresses
    ]


def _host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
