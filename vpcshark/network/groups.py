"""Security groups: whatever one rule of one group lets through passes; without a rule nothing does.

Source: VPC User Guide, "Security group rules". That answers pass is the walk's knowledge, not this room's. Must not
know where the packet is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vpcshark.network.decision import ALLOW, DROP, PARTLY, Decision, Rule, Unclear
from vpcshark.network.facts import Group, GroupRule
from vpcshark.network.packet import ANY, ICMP, ICMP6, TCP, UDP, Packet, Ports, contains, covered, overlap

Asks = Callable[[GroupRule], bool]
"""Does a rule that names a group or a prefix list mean the packet's other end? Raises Unclear."""


def evaluate(groups: Sequence[Group], packet: Packet, egress: bool, means: Asks) -> Decision:
    """What the groups together say. Raises Unclear where only a rule that can't be judged could let the packet in."""
    fitting: list[tuple[Group, GroupRule, Ports | None]] = []
    doubts: list[str] = []
    for group in groups:
        for rule in group.rules:
            part = _part(rule, packet) if rule.egress == egress else None
            if part is None:
                continue
            try:
                if not _is_peer(rule, packet, egress, means):
                    continue
            except Unclear as doubt:
                doubts.append(doubt.text)
                continue
            if _is_whole(part, packet):
                return Decision(ALLOW, _rule(group, rule), holder=group.id)
            fitting.append((group, rule, part if part != _NO_PORTS else None))
    return _joined(fitting, packet, doubts, groups, egress)


def nearest(groups: Sequence[Group], packet: Packet, egress: bool, means: Asks) -> tuple[Group, GroupRule] | None:
    """Of groups that let nothing of the packet through: the rule that would, but for one thing (protocol, port or whom
    it names). A mistake is most often in that."""
    found: list[tuple[tuple[int, bool, bool], Group, GroupRule]] = []
    for group in groups:
        for rule in (each for each in group.rules if each.egress == egress):
            protocol, port = rule.protocol in (ANY, packet.protocol), _has_port(rule, packet)
            found.append(((protocol + port + _may_be_peer(rule, packet, egress, means), port, protocol), group, rule))
    best = max(found, key=lambda each: each[0], default=None)
    return best[1:] if best is not None and best[0][0] >= 2 else None


def _has_port(rule: GroupRule, packet: Packet) -> bool:
    """Would the rule have a port of the packet, whatever its protocol?"""
    if rule.ports is None or rule.ports[0] < 0 or packet.dport is None:
        return True
    return overlap(packet.dport, rule.ports) is not None


def _may_be_peer(rule: GroupRule, packet: Packet, egress: bool, means: Asks) -> bool:
    try:
        return _is_peer(rule, packet, egress, means)
    except Unclear:
        return False


_NO_PORTS: Ports = (-1, -1)


def _joined(
    fitting: list[tuple[Group, GroupRule, Ports | None]],
    packet: Packet,
    doubts: list[str],
    groups: Sequence[Group],
    egress: bool,
) -> Decision:
    """No rule alone has all of the packet's ports; several together may."""
    ranges = [each for _, _, each in fitting if each is not None]
    left = covered([packet.dport], ranges) if packet.dport else []
    if ranges and packet.dport and not left:
        return Decision(ALLOW, _rule(*fitting[0][:2]), holder=fitting[0][0].id)
    if doubts:
        raise Unclear(doubts[0])
    what = "outbound" if egress else "inbound"
    names = ", ".join(group.id for group in groups)
    count = sum(rule.egress == egress for group in groups for rule in group.rules)
    if ranges:
        return Decision(PARTLY, _rule(*fitting[0][:2]), tuple(left), holder=fitting[0][0].id)
    said = f"none of {count} {what} rules lets it through" if count else f"there are no {what} rules"
    return Decision(DROP, Rule(names, None, said), holder=groups[0].id if groups else "")


def _part(rule: GroupRule, packet: Packet) -> Ports | None:
    """The ports of the packet that a rule speaks of, ``_NO_PORTS`` for a packet without, None if it isn't meant."""
    if rule.protocol == ANY:
        return packet.dport or _NO_PORTS
    if packet.protocol == ANY or rule.protocol != packet.protocol:
        return None
    if packet.protocol in (TCP, UDP) and packet.dport:
        return packet.dport if rule.ports is None else overlap(packet.dport, rule.ports)
    if packet.protocol in (ICMP, ICMP6) and rule.ports is not None and packet.icmp is not None:
        fits = all(wanted in (-1, has) for wanted, has in zip(rule.ports, packet.icmp, strict=True))
        return _NO_PORTS if fits else None
    return _NO_PORTS


def _is_whole(part: Ports, packet: Packet) -> bool:
    return packet.dport is None or part == packet.dport


def _is_peer(rule: GroupRule, packet: Packet, egress: bool, means: Asks) -> bool:
    """Is the packet's other end the one that the rule names?"""
    if rule.cidr:
        return contains(rule.cidr, packet.dst if egress else packet.src)
    return means(rule)


def _rule(group: Group, rule: GroupRule) -> Rule:
    return Rule(rule.id or group.id, None, f"{'outbound' if rule.egress else 'inbound'} {rule}", rule)
