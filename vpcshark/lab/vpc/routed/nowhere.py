"""Why a packet has no way on: rules that tell apart what the kernel's routes have led to the device "none". Pure.

The kernel has chosen already; these rules count under the name of the route table, attachment or subnet to blame. Must
not know what else a space filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from vpcshark.lab.cloud import Cloud, Route, Subnet
from vpcshark.lab.vpc.routed import boxes, names, words
from vpcshark.lab.vpc.routed.routing import doors, leads, turns


def of_vpc(cloud: Cloud, vpc: str) -> list[str]:
    """In a VPC's router, by the subnet that the packet comes from."""
    rules: list[str] = []
    for subnet in cloud.subnets.values():
        ports = [names.device("p", each.id) for each in cloud.ports_of(vpc) if each.subnet == subnet.id]
        if subnet.vpc == vpc and ports:
            came = f"iifname {_set(ports)}"
            rules += [f"{came} {each}" for each in _of_subnet(cloud, subnet)]
    said = words.verdict("drop", "vpc", vpc, "no-interface")
    return [*rules, *words.among(cloud.vpcs[vpc].cidrs, "daddr", said), words.verdict("drop", "vpc", vpc, "no-route")]


def _of_subnet(cloud: Cloud, subnet: Subnet) -> Iterator[str]:
    """The longest first: it is the one that the kernel took."""
    routes = sorted(cloud.tables[subnet.table], key=lambda each: -ip_network(each.destination, strict=False).prefixlen)
    for cidr in subnet.cidrs:
        yield _to(cidr, words.verdict("drop", "subnet", subnet.id, "no-interface"))
    for route in routes:
        if route.kind == "local" or leads(cloud, subnet, route) == f"dev {names.NOWHERE}":
            yield _to(route.destination, words.verdict("drop", *_blamed(cloud, subnet, route)))
    yield words.verdict("drop", "route-table", subnet.table, "no-route")


def _blamed(cloud: Cloud, subnet: Subnet, route: Route) -> tuple[str, str, str]:
    if route.kind == "local":
        return "vpc", subnet.vpc, "no-interface"
    if route.kind == "transit":
        for attachment in cloud.attachments.values():
            if (attachment.transit, attachment.resource) == (route.target, subnet.vpc):
                return "attachment", attachment.id.partition("@")[0], "zone"
    return "route-table", subnet.table, f"blackhole {route.destination}"


def _turned(cloud: Cloud, transit: str) -> Iterator[str]:
    """The mark of a flow's turn; none where it stays in one zone."""
    count = turns(cloud, transit)
    if not count:
        return
    yield " chain turns { type filter hook prerouting priority mangle; policy accept;"
    yield f"  meta mark set symhash mod {count} offset 1"
    for _, device, zone in doors(cloud, transit):
        near = [each for eni in cloud.enis.values() if cloud.subnets[eni.subnet].zone == zone for each in eni.addresses]
        yield from (f'  iifname "{device}" {each}' for each in words.among(near, "daddr", "meta mark set 0"))
    yield " }"


def _to(cidr: str, said: str) -> str:
    return f"{'ip6' if ':' in cidr else 'ip'} daddr {ip_network(cidr, strict=False)} {said}"


def _set(devices: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{each}"' for each in devices) + " }"


def of_transit(cloud: Cloud, transit: str) -> list[str]:
    """The chains of a transit gateway: it filters nothing, and tells what its tables do not lead on. For attachments in
    appliance mode a flow has one turn, whichever way a packet of it goes."""
    rules: list[str] = []
    mine = list(doors(cloud, transit))
    for attachment, device, _ in mine:
        came = f'iifname "{device}"'
        name = attachment.id.partition("@")[0]
        if not attachment.table:
            rules.append(f"{came} {words.verdict('drop', 'attachment', name, 'no-association')}")
            continue
        table = cloud.transit_tables[attachment.table]
        holes = sorted((each for each, to in table.routes.items() if not to), key=lambda c: -ip_network(c).prefixlen)
        for cidr in holes:
            said = words.verdict("drop", "transit-gateway-route-table", table.id, f"blackhole {cidr}")
            rules.append(f"{came} {_to(cidr, said)}")
        rules.append(f"{came} {words.verdict('drop', 'transit-gateway-route-table', table.id, 'no-route')}")
    chains = [line for _, device, _ in mine for line in boxes.counted(device)]
    chains += [f" chain from_{names.NOWHERE} {{", " }"]
    chains += [f" chain to_{names.NOWHERE} {{", *(f"  {each}" for each in rules), " }"]
    chains += _turned(cloud, transit)
    return [*chains, *boxes.forward([*(device for _, device, _ in mine), names.NOWHERE])]
