"""nftables' words for AWS's rules: entries of network ACLs, permissions of security groups. Pure.

Each rule counts what it decides, and bears as its comment who it is: ``kind|resource|detail``. Must not know where in
a space a rule stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from vpcshark.lab.cloud import AclEntry, Permission, Ports

_PORTED = {"6": "tcp", "17": "udp"}
_ICMP = {"1": "icmp", "58": "icmpv6"}
_LONGEST = 120  # characters of a comment that nftables keeps


def remark(*words: str) -> str:
    """A rule's counter and its comment."""
    return f'counter comment "{"|".join(words)[:_LONGEST]}"'


def verdict(word: str, *words: str) -> str:
    """A rule's counter, what it decides ("return", "drop"), and its comment."""
    return f'counter {word} comment "{"|".join(words)[:_LONGEST]}"'


def entry(acl: str, each: AclEntry) -> str:
    """One entry; inbound ones are read by source, outbound ones by destination."""
    way = "egress" if each.is_egress else "ingress"
    side = "daddr" if each.is_egress else "saddr"
    conditions = [_block(each.cidr, side), *_service(each.protocol, each.ports, each.icmp)]
    word = "return" if each.is_allow else "drop"
    return " ".join([*conditions, verdict(word, "network-acl", acl, way, str(each.number))])


def permission(group: str, each: Permission) -> list[str]:
    """One rule, for each block that it names."""
    way, side = ("egress", "daddr") if each.is_egress else ("ingress", "saddr")
    service = _service(each.protocol, each.ports, each.ports)
    said = verdict("return", "security-group", group, way, each.id)
    return [" ".join([_block(cidr, side), *service, said]) for cidr in each.cidrs]


def _block(cidr: str, side: str) -> str:
    return f"{'ip6' if ':' in cidr else 'ip'} {side} {ip_network(cidr, strict=False)}"


def _service(protocol: str, ports: Ports | None, icmp: Ports | None) -> list[str]:
    if protocol == "-1":
        return []
    if protocol in _PORTED:
        name = _PORTED[protocol]
        return [f"{name} dport {ports[0]}-{ports[1]}"] if ports else [f"meta l4proto {name}"]
    if protocol in _ICMP:
        name = _ICMP[protocol]
        kind, code = icmp or (-1, -1)
        words = [f"meta l4proto {'ipv6-icmp' if name == 'icmpv6' else name}"]
        words += [f"{name} type {kind}"] if kind >= 0 else []
        return words + ([f"{name} code {code}"] if kind >= 0 and code >= 0 else [])
    return [f"meta l4proto {protocol}"]


def blocks(cidrs: Iterable[str], side: str, said: str) -> list[str]:
    """A rule for each family that the blocks have: what goes to (or comes from) none of them."""
    rules = []
    for family, name in (("ip", False), ("ip6", True)):
        mine = ", ".join(sorted(each for each in cidrs if (":" in each) == name))
        if mine:
            rules.append(f"{family} {side} != {{ {mine} }} {said}")
        else:
            rules.append(f"meta nfproto {'ipv6' if name else 'ipv4'} {said}")
    return rules


def among(cidrs: Iterable[str], side: str, said: str) -> list[str]:
    """A rule for each family: what goes to (or comes from) one of the blocks."""
    rules = []
    for family, name in (("ip", False), ("ip6", True)):
        mine = ", ".join(sorted(each for each in cidrs if (":" in each) == name))
        rules += [f"{family} {side} {{ {mine} }} {said}"] if mine else []
    return rules
