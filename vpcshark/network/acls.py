"""Network ACLs: the first entry by number that matches decides, for each part of the ports; nothing is remembered.

Source: VPC User Guide, "Network ACLs" (vpc-network-acls). Ports of an entry are the packet's destination ports in both
directions. Must not know where the packet is.
"""

from __future__ import annotations

from functools import lru_cache

from vpcshark.network.decision import ALLOW, DROP, PARTLY, Decision, Rule
from vpcshark.network.facts import Acl, AclEntry
from vpcshark.network.packet import ANY, ICMP, ICMP6, TCP, UDP, Packet, Ports, contains, overlap, without

LAST = 32767  # the "*" entry: denies what no other matched
# No ACL holds for these (VPC User Guide, "Network ACL basics"): Amazon DNS, instance metadata, time, Windows
# activation.
UNFILTERED = ("169.254.169.253/32", "169.254.169.254/32", "169.254.169.123/32", "169.254.169.250/31", "fd00:ec2::/32")


@lru_cache(maxsize=65536)
def is_unfiltered(address: str) -> bool:
    """Does no network ACL hold for it?"""
    return any(contains(cidr, address) for cidr in UNFILTERED)


def evaluate(acl: Acl, packet: Packet, egress: bool) -> Decision:
    """What ``acl`` says of the packet as it leaves (``egress``) or enters a subnet."""
    if is_unfiltered(packet.src) or is_unfiltered(packet.dst):
        return Decision(ALLOW, Rule(acl.id, None, "network ACLs do not hold for this address"))
    entries = sorted((each for each in acl.entries if each.egress == egress), key=lambda each: each.number)
    left: list[Ports | None] = [packet.dport]
    denied: list[Ports | None] = []
    passed: list[str] = []
    decisive: list[AclEntry] = []
    refused = False  # for some protocol, of a packet whose protocol is open
    for entry in entries:
        match = _match(entry, packet)
        if match == "no" or not left:
            passed += [f"{entry.number} {entry}"] if match == "no" and left else []
            continue
        hit, left = _taken(left, entry if match == "ports" else None)
        if not hit:
            passed.append(f"{entry.number} {entry}")
            continue
        if match == "some":
            left, refused = hit, refused or not entry.allow
            continue
        decisive.append(entry)
        denied += [] if entry.allow else hit
    # AWS ends each list by a "*" entry that denies; what no entry matched is denied even where a dump leaves it out.
    return _judged(acl, decisive, [*denied, *left], passed, refused, egress)


def free_number(acl: Acl, egress: bool, before: int | None) -> int | None:
    """A number for a new entry that is looked at before the entry ``before``; None if there is no room."""
    taken = {each.number for each in acl.entries if each.egress == egress}
    top = min(before or LAST, LAST) - 1
    lower = [each for each in taken if each < top + 1]
    middle = (max(lower, default=0) + top + 1) // 2
    choices = [top - top % 10, middle, *range(top, 0, -1)]
    return next((each for each in choices if 0 < each <= top and each not in taken), None)


def _match(entry: AclEntry, packet: Packet) -> str:
    """ "no", "whole", "ports" (as far as its ports go) or "some" (of a packet of any protocol)."""
    address = packet.dst if entry.egress else packet.src
    if not contains(entry.cidr, address):
        return "no"
    if entry.protocol == ANY:
        return "whole"
    if packet.protocol == ANY:
        return "some"
    if entry.protocol != packet.protocol:
        return "no"
    if packet.protocol in (TCP, UDP):
        return "ports" if entry.ports else "whole"
    if packet.protocol in (ICMP, ICMP6) and entry.icmp is not None and packet.icmp is not None:
        fits = all(wanted in (-1, has) for wanted, has in zip(entry.icmp, packet.icmp, strict=True))
        return "whole" if fits else "no"
    return "whole"


def _taken(left: list[Ports | None], entry: AclEntry | None) -> tuple[list[Ports | None], list[Ports | None]]:
    """(what of ``left`` the entry decides, what stays for later ones); an entry of None decides all."""
    if entry is None or entry.ports is None:
        return left, []
    ranges = [each for each in left if each is not None]
    hit = [part for each in ranges if (part := overlap(each, entry.ports))]
    return [*hit], [*without(ranges, entry.ports)]


def _judged(
    acl: Acl,
    decisive: list[AclEntry],
    denied: list[Ports | None],
    passed: list[str],
    refused: bool,
    egress: bool,
) -> Decision:
    refusing = [each for each in decisive if not each.allow]
    allowing = [each for each in decisive if each.allow]
    ranges = tuple(each for each in denied if each is not None)
    if not denied:
        return Decision(PARTLY if refused else ALLOW, _rule(acl, allowing[0], egress), (), tuple(passed))
    entry = refusing[0] if refusing else AclEntry(LAST, egress, False, ANY, "any address")
    return Decision(PARTLY if allowing else DROP, _rule(acl, entry, egress), ranges, tuple(passed))


def _rule(acl: Acl, entry: AclEntry, egress: bool) -> Rule:
    number = "*" if entry.number == LAST else str(entry.number)
    return Rule(acl.id, entry.number, f"{'outbound' if egress else 'inbound'} {number} {entry}", entry)
