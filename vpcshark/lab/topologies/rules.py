"""The lines of a topology's network ACLs and security groups. Pure.

``100 allow tcp 80 10.0.0.0/8`` is an entry, ``tcp 80 left`` a rule; ports are "80", "80-90", or left out. Whom a line
means is a block, a VPC's name (all its blocks) or, of a rule, a group's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpcshark.errors import InputError

_PROTOCOLS = {"all": "-1", "tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
_FORM = "An entry is as in 100 allow tcp 80 10.0.0.0/8, a rule as in tcp 80 10.0.0.0/8."


@dataclass(frozen=True)
class GroupLine:
    """``protocol`` is a number, "-1" for all. ``ports`` of ICMP are (type, -1)."""

    protocol: str
    ports: tuple[int, int] | None
    peer: str


@dataclass(frozen=True)
class AclLine:
    """An entry."""

    number: int
    is_allow: bool
    what: GroupLine


def acl_line(text: str, where: str) -> AclLine:
    """One entry. InputError where it is none."""
    number, _, rest = text.partition(" ")
    action, _, rest = rest.partition(" ")
    if not number.isdigit() or action not in ("allow", "deny"):
        raise InputError(f'{where}: "{text}" is no entry.', _FORM)
    return AclLine(int(number), action == "allow", group_line(rest, where))


def group_line(text: str, where: str) -> GroupLine:
    """One rule. InputError where it is none."""
    words = text.split()
    if len(words) not in (2, 3) or words[0] not in _PROTOCOLS:
        raise InputError(f'{where}: "{text}" is no rule.', _FORM)
    protocol = _PROTOCOLS[words[0]]
    if len(words) == 2:
        return GroupLine(protocol, None, words[1])
    low, _, high = words[1].partition("-")
    if protocol == "-1" or not low.isdigit() or not (high or low).isdigit():
        raise InputError(f'{where}: "{text}" has no ports that there are.', _FORM)
    is_icmp = protocol in ("1", "58")
    return GroupLine(protocol, (int(low), -1 if is_icmp else int(high or low)), words[2])
