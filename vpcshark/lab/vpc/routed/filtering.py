"""What each space lets through, for nft(8): network ACLs as stateless rules, security groups by connection tracking.

A VPC's router judges by the ports that a packet comes in and goes out by: the groups of the ENI that it comes from, the
network ACL out of its subnet, the ACL into the other one, the groups of the ENI that it goes to. Sources: VPC User
Guide, "Network ACLs" and "Security groups"; Transit Gateways guide, "Network ACLs". Must not know who runs nft.
"""

from __future__ import annotations

from collections.abc import Iterable

from vpcshark.lab.cloud import Cloud, Eni, Permission
from vpcshark.lab.flow_records.packets import ACCEPT, EGRESS, INGRESS
from vpcshark.lab.vpc.routed import boxes, names, nowhere, recording, words

_ESTABLISHED = "ct state established,related return"
_SILENT = ("transit_gateway", "nat_gateway")


def scripts(cloud: Cloud) -> dict[str, str]:
    """Space -> its whole table."""
    found = {names.space("vpc", each): boxes.table(_of_vpc(cloud, each)) for each in cloud.vpcs}
    for transit in cloud.transits:
        found[names.space("tgw", transit)] = boxes.table(nowhere.of_transit(cloud, transit))
    return found | boxes.scripts(cloud)


def _of_vpc(cloud: Cloud, vpc: str) -> list[str]:
    """All chains of one VPC's router."""
    enis = cloud.ports_of(vpc)
    subnets = [each for each in cloud.subnets.values() if each.vpc == vpc]
    doors = [*_joints(cloud, vpc), names.NOWHERE]
    lines = [line for acl in sorted({each.acl for each in subnets}) for line in _acl(cloud, acl)]
    for eni in enis:
        lines += [*_groups(cloud, eni), *_from_eni(cloud, eni), *_to_eni(cloud, eni, enis)]
    lines += _chain(f"from_{names.NOWHERE}", [])
    lines += _chain(f"to_{names.NOWHERE}", nowhere.of_vpc(cloud, vpc))
    for door, (into, out) in _joints(cloud, vpc).items():
        lines += _chain(f"from_{_plain(door)}", [words.remark("in", door), *into])
        lines += _chain(f"to_{_plain(door)}", [words.remark("out", door), *out])
    ports = [*(names.device("p", each.id) for each in enis), *doors]
    if vpc not in cloud.logged.values():
        return [*lines, *_marks(cloud, enis), *boxes.forward(ports)]
    told = recording.chains(enis, cloud.logged)
    passed = [f"jump {recording.name(way, ACCEPT)}" for way in (EGRESS, INGRESS)]
    return [*told, *recording.refusals(lines), *_marks(cloud, enis), *boxes.forward(ports, passed)]


def _plain(device: str) -> str:
    return device.replace("-", "_")


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f" chain {name} {{", *(f"  {each}" for each in rules), " }"]


def _acl(cloud: Cloud, acl: str) -> list[str]:
    """Both ways of an ACL; what no entry has meets the one that every ACL ends with."""
    lines: list[str] = []
    for is_egress, way in ((True, "egress"), (False, "ingress")):
        mine = sorted((e for e in cloud.acls[acl] if e.is_egress == is_egress), key=lambda each: each.number)
        last = words.verdict("drop", "network-acl", acl, way, "32767")
        lines += _chain(names.chain(f"acl_{way}", acl), [*(words.entry(acl, each) for each in mine), last])
    return lines


def _groups(cloud: Cloud, eni: Eni) -> list[str]:
    """Both ways of an ENI's groups, all as one; an ENI that has none filters nothing."""
    if not eni.groups:
        return []
    lines: list[str] = []
    for is_egress, way in ((True, "egress"), (False, "ingress")):
        rules = [_ESTABLISHED]
        for group in eni.groups:
            rules += _permitted(group, cloud.groups.get(group, ()), is_egress)
        rules.append(words.verdict("drop", "security-group", ",".join(eni.groups), way, ""))
        lines += _chain(names.chain(f"sg_{way}", eni.id), rules)
    return lines


def _permitted(group: str, rules: Iterable[Permission], is_egress: bool) -> list[str]:
    return [line for each in rules if each.is_egress == is_egress for line in words.permission(group, each)]


def _from_eni(cloud: Cloud, eni: Eni) -> list[str]:
    """What comes in by an ENI's port."""
    subnet = cloud.subnets[eni.subnet]
    rules = [words.remark("in", names.device("p", eni.id))]
    if eni.kind == "transit_gateway":
        rules += _v6(cloud, eni)
    else:
        rules += _judged(cloud, eni, "saddr", (*eni.addresses, "fe80::/10"))
        rules += [f"jump {names.chain('sg_egress', eni.id)}"] if eni.groups else []
        rules += _stays(cloud, eni)
    rules += words.among(subnet.cidrs, "daddr", "return")
    rules.append(f"jump {names.chain('acl_egress', subnet.acl)}")
    return _chain(f"from_{_plain(names.device('p', eni.id))}", rules)


def _stays(cloud: Cloud, eni: Eni) -> list[str]:
    """A load balancer's target answers to the node, by no route: in its own subnet no ACL is in the way."""
    mine = cloud.subnets[eni.subnet]
    near = [
        names.device("p", each.id)
        for each in cloud.ports_of(eni.vpc)
        if each.kind == "network_load_balancer" and each.subnet == mine.id
    ]
    return [f"oifname {{ {', '.join(_quoted(near))} }} return"] if near else []


def _to_eni(cloud: Cloud, eni: Eni, enis: Iterable[Eni]) -> list[str]:
    """What goes out by an ENI's port."""
    subnet = cloud.subnets[eni.subnet]
    port = names.device("p", eni.id)
    rules = [words.remark("out", port)]
    into = f"jump {names.chain('acl_ingress', subnet.acl)}"
    if eni.kind == "transit_gateway":
        return _chain(f"to_{_plain(port)}", [*rules, into, *_v6(cloud, eni)])
    near = _quoted(names.device("p", each.id) for each in enis if each.subnet == subnet.id)
    rules.append(f"iifname != {{ {', '.join(near)} }} {into}")
    rules += _judged(cloud, eni, "daddr", eni.addresses)
    rules += [f"jump {names.chain('sg_ingress', eni.id)}"] if eni.groups else []
    return _chain(f"to_{_plain(port)}", rules)


def _quoted(devices: Iterable[str]) -> list[str]:
    return [f'"{each}"' for each in devices]


def _judged(cloud: Cloud, eni: Eni, side: str, own: Iterable[str]) -> list[str]:
    """Its instance must run; by source/destination check it sends and takes its own addresses alone."""
    rules = [] if eni.is_up else [words.verdict("drop", "instance", eni.owner, "stopped")]
    if eni.is_checked and eni.kind not in (*_SILENT, "network_load_balancer"):
        rules += words.blocks(own, side, words.verdict("drop", "interface", eni.id, "check"))
    return rules


def _v6(cloud: Cloud, eni: Eni) -> list[str]:
    attachment = cloud.attachments[eni.owner]
    if attachment.has_v6:
        return []
    said = words.verdict("drop", "attachment", attachment.id.partition("@")[0], "no-ipv6")
    return [f"meta nfproto ipv6 {said}"]


def _joints(cloud: Cloud, vpc: str) -> dict[str, tuple[list[str], list[str]]]:
    """Device of a peering, a gateway or an endpoint -> (rules for what comes in, for what goes out)."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for peering, (one, other) in cloud.peerings.items():
        if vpc in (one, other):
            far = cloud.vpcs[other if vpc == one else one]
            said = words.verdict("drop", "peering", peering, "not-its-vpc")
            nats = _quoted(names.device("p", each) for each in cloud.nats.values())
            into = [f"oifname {{ {', '.join(nats)} }} {said}"] if nats else []
            out = [*words.blocks(far.cidrs, "daddr", said), *words.blocks(cloud.vpcs[vpc].cidrs, "saddr", said)]
            found[names.device("x", peering)] = (into, out)
    for gateway in cloud.gateways.values():
        if gateway.vpc == vpc:
            found[names.device("g", gateway.id)] = ([], [])
    found |= {names.device("e", each.id): ([], []) for each in cloud.endpoints.values() if each.vpc == vpc}
    return found


def _marks(cloud: Cloud, enis: Iterable[Eni]) -> list[str]:
    """What a load balancer's target answers goes back to the node that the question came by."""
    nodes = [each for each in enis if each.kind == "network_load_balancer"]
    if not nodes:
        return []
    rules = [
        f'iifname "{names.device("p", each.id)}" ct state new ct mark set {names.table("node", each.id)}'
        for each in nodes
    ]
    rules.append("ct direction reply ct mark != 0 meta mark set ct mark")
    hook = "type filter hook prerouting priority mangle; policy accept;"
    return [f" chain marks {{ {hook}", *(f"  {each}" for each in rules), " }"]
