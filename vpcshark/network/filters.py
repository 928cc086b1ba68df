"""Network ACLs and security groups as hops of a walk: what they say of the packet where it is, and what mends it.

Must not know where the packet goes next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vpcshark.network import groups, mend
from vpcshark.network.decision import ALLOW, DROP, PARTLY, Decision, Unclear
from vpcshark.network.facts import GroupRule, Interface, Subnet
from vpcshark.network.packet import contains
from vpcshark.network.trail import UNKNOWN, Context, Trail

SPOILERS = {"igw", "nat", "appliance", "pcx-region", "tgw-peering", "balancer"}
"""Across these a reference to a security group means nobody (VPC User Guide, "Security group rules")."""
NO_REFERENCES_ZONE = "use1-az3"  # Transit Gateways guide, "Security group referencing": not there


def acl(ctx: Context, trail: Trail, subnet: Subnet, egress: bool) -> Trail:
    """The network ACL of a subnet, as the packet leaves or enters it."""
    place = {"az": subnet.az, "vpc": subnet.vpc, "subnet": subnet.id}
    try:
        found = ctx.known.acl_of(subnet)
    except Unclear as doubt:
        return trail.add("network-acl", subnet.id, UNKNOWN, code=doubt.code, text=doubt.text, **place)
    decision = ctx.known.remembered.acl(found, trail.packet, egress)
    place["name"] = found.name
    if decision.verdict != ALLOW and decision.rule is not None:
        place["mend"] = mend.acl(found, trail.packet, egress, decision.rule.number)
    return _added(trail, "network-acl", found.id, decision, "SUBNET_ACL_RESTRICTION", **place)


def group(ctx: Context, trail: Trail, interface: Interface, egress: bool) -> Trail:
    """The security groups of an interface; an interface without any filters nothing (a transit gateway's, a NAT
    gateway's, a network load balancer's that was made without)."""
    if not interface.groups:
        return trail
    place = {"az": interface.az, "vpc": interface.vpc, "subnet": interface.subnet}
    first = interface.groups[0]
    if ctx.session is not None and interface.id in ctx.session.passed:
        said = f"established, by {ctx.session.passed[interface.id]}"
        return trail.add("security-group", first, ALLOW, code="WALK_ESTABLISHED", text=said, **place)
    remarks: list[tuple[str, str]] = []
    try:
        found = ctx.known.groups(interface.groups)
        decision = groups.evaluate(found, trail.packet, egress, meaning(ctx, trail, interface, egress, remarks))
    except Unclear as doubt:
        trail = trail.add("security-group", first, UNKNOWN, code=doubt.code, text=doubt.text, **place)
        return trail.to(passed=(*trail.passed, (interface.id, "a rule that is not known")))
    holder = decision.holder or first
    name = next((each.name for each in found if each.id == holder), "")
    command = "" if decision.verdict == ALLOW else mend.group(holder, trail.packet, egress)
    code, remark = remarks[0] if remarks and decision.verdict == DROP else ("ENI_SG_RULES_MISMATCH", "")
    trail = _added(trail, "security-group", holder, decision, code, mend=command, name=name, note=remark, **place)
    rule = decision.rule
    words = f"{rule.id} {rule.text}" if rule is not None and decision.verdict != DROP else "the rule that it lacks"
    return trail.to(passed=(*trail.passed, (interface.id, words)))


def _added(trail: Trail, kind: str, resource: str, decision: Decision, code: str, **more: Any) -> Trail:
    """The hop of a decision. What holds for a part of the ports only is unknown: it depends on the port."""
    text = decision.rule.text if decision.rule is not None else ""
    more |= {"rule": decision.rule, "passed": decision.passed}
    if decision.verdict == ALLOW and not more.get("note"):
        return trail.add(kind, resource, ALLOW, text=text, **more)
    if decision.verdict == PARTLY:
        ports = decision.denied_words
        said = f"denied for the ports {ports} of it" if ports else "denied for some protocols"
        return trail.add(
            kind,
            resource,
            UNKNOWN,
            code="WALK_PARTLY",
            text=f"{said}, let through for the others",
            **more,
        )
    if more.get("note"):
        text = f"{text}; {more.pop('note')}"
    more.pop("note", "")
    return trail.add(
        kind, resource, decision.verdict, code="" if decision.verdict == ALLOW else code, text=text, **more
    )


def meaning(
    ctx: Context, trail: Trail, interface: Interface, egress: bool, remarks: list[tuple[str, str]]
) -> Callable[[GroupRule], bool]:
    """How rules that name no network are read here; ``remarks`` gets why one that names the right group does not
    hold."""
    address = trail.packet.dst if egress else trail.packet.src

    def means(rule: GroupRule) -> bool:
        if rule.group in ctx.vouched:
            return True
        if rule.prefix_list:
            return any(contains(cidr, address) for cidr in ctx.known.prefix_list(rule.prefix_list).cidrs)
        other = _other_end(ctx, trail, interface, egress, address)
        if other is None or rule.group not in other.groups:
            return False
        code, why = _spoiled(ctx, trail, interface, other, egress)
        if why:
            remarks.append((code, f"a rule names {rule.group}, but {why}"))
        return not why

    return means


def _other_end(ctx: Context, trail: Trail, interface: Interface, egress: bool, address: str) -> Interface | None:
    """The interface whose private address the packet has at the other end, as far as it is known already."""
    if not egress:
        origin = trail.origin
        return origin if origin is not None and _has(origin, address) else None
    goal = ctx.goal.interface
    if goal is not None and _has(goal, address):
        return goal
    return ctx.known.at(interface.vpc, address) if _is_local(ctx, interface, address) else None


def _has(interface: Interface, address: str) -> bool:
    return address in interface.addresses or any(contains(cidr, address) for cidr in interface.prefixes)


def _is_local(ctx: Context, interface: Interface, address: str) -> bool:
    return any(contains(cidr, address) for cidr in ctx.known.cidrs(interface.vpc))


def _spoiled(ctx: Context, trail: Trail, interface: Interface, other: Interface, egress: bool) -> tuple[str, str]:
    """(code, why a reference does not hold on this way), or two empty texts."""
    if egress:
        if other.vpc == interface.vpc or _are_peers(ctx, interface.vpc, other.vpc):
            return "", ""
        return "SG_REFERENCES_NOT_PRESERVED", "outbound rules name groups of the same or a peered VPC alone"
    if trail.via & SPOILERS:
        what = ", ".join(sorted(trail.via & SPOILERS))
        return "SG_REFERENCES_NOT_PRESERVED", f"references to groups do not hold across {what}"
    if "tgw-unread" in trail.via and "tgw-plain" not in trail.via:
        raise Unclear("Whether the transit gateway carries references to groups can't be read: ask its owner.")
    if "tgw-plain" in trail.via:
        return (
            "SG_REFERENCING_SUPPORT",
            "references hold across a transit gateway only if it and both attachments have "
            "SecurityGroupReferencingSupport enabled",
        )
    return "", ""


def _are_peers(ctx: Context, one: str, other: str) -> bool:
    """Are two VPCs peered, in one Region?"""
    for peering in ctx.network.peerings.values():
        ends = peering.ends
        if {ends[0].vpc, ends[1].vpc} == {one, other} and peering.status == "active":
            return ends[0].region == ends[1].region
    return False
