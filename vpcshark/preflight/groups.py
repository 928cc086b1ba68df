"""Do security groups admit UDP 4789 from the source's address? The network's own verdict, as a finding. Pure.

"The security groups for a traffic mirror target must allow VXLAN traffic (UDP port 4789) from the traffic mirror
source" (Traffic Mirroring guide). A rule that refers to a load balancer's group admits what that forwards ("Update the
security groups for your Network Load Balancer"). Must not know how a group is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from vpcshark.network import facts as network_facts
from vpcshark.network import filters, mend
from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Group, GroupRule
from vpcshark.network.groups import nearest
from vpcshark.network.trail import ALLOW, UNKNOWN, Hop
from vpcshark.preflight import way
from vpcshark.preflight.finding import FAIL, OK, Finding, not_seen, placed
from vpcshark.preflight.picture import Picture
from vpcshark.traffic_mirroring import VXLAN_PORT


def groups(picture: Picture) -> Iterator[Finding]:
    """The groups of the target's ENI."""
    if picture.target is not None:
        yield verdict(picture, picture.target.groups, picture.target.id, picture.target.vpc)


def verdict(picture: Picture, of_target: tuple[str, ...], owner: str, vpc: str) -> Finding:
    """One finding for the groups of ``owner`` (an ENI, a load balancer …) together."""
    hop = way.admission(picture, owner, of_target, vpc)
    if hop is None:
        return Finding("group", OK, owner, f"{owner} has no security group, so nothing is held back.")
    if hop.verdict == UNKNOWN:
        return not_seen("group", hop.resource, hop.text, f"Whether {owner} admits UDP {VXLAN_PORT} is not known.")
    if hop.verdict != ALLOW:
        return _refused(picture, of_target, owner, vpc, hop)
    rule = hop.rule.row.id if hop.rule is not None and hop.rule.row is not None else ""
    said = f"{hop.resource} admits UDP {VXLAN_PORT} from {picture.source.address}."
    return Finding("group", OK, hop.resource, said, rule=rule)


def _refused(picture: Picture, of_target: tuple[str, ...], owner: str, vpc: str, hop: Hop) -> Finding:
    """Names the rule that comes nearest: the mistake is most often in it."""
    group, rule = _nearest(picture, of_target, owner, vpc) or (None, None)
    address = picture.source.address
    hint = f" The rule {rule.id} comes nearest: it admits {_words(rule)}." if rule is not None and rule.id else ""
    refused = group.id if group is not None else next(iter(of_target), "")
    packet = hop.packet if address else None
    said = f"The security groups of the target {owner} ({', '.join(of_target)}) do not admit UDP {VXLAN_PORT} from "
    return Finding(
        "group",
        FAIL,
        refused or owner,
        f"{said}the source's address {address}.{hint}",
        rule=rule.id if rule is not None else "",
        command=placed(picture, mend.group(refused, packet, egress=False)) if packet is not None else "",
    )


def _nearest(picture: Picture, of_target: tuple[str, ...], owner: str, vpc: str) -> tuple[Group, GroupRule] | None:
    ctx, arrived = way.arrival(picture)
    interface = network_facts.Interface(owner, vpc, "", groups=of_target)
    try:
        found = ctx.known.groups(of_target)
    except Unclear:
        return None
    return nearest(found, arrived.packet, False, filters.meaning(ctx, arrived, interface, False, []))


def _words(rule: GroupRule) -> str:
    """ "TCP 4789 from 10.0.0.0/8"."""
    names = {"-1": "everything", "1": "ICMP", "6": "TCP", "17": "UDP", "58": "ICMPV6"}
    protocol = names.get(rule.protocol, rule.protocol)
    ports = ""
    if rule.ports is not None and rule.ports[0] >= 0 and rule.protocol != "-1":
        ports = f" {rule.ports[0]}" if rule.ports[0] == rule.ports[1] else f" {rule.ports[0]}-{rule.ports[1]}"
    return f"{protocol}{ports} from {rule.peer}"
