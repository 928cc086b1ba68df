"""Do the target's security groups admit UDP 4789 from the source's address? Pure.

"The security groups for a traffic mirror target must allow VXLAN traffic (UDP port 4789) from the traffic mirror
source" (Traffic Mirroring guide). Rules only admit, so one that fits is enough, in whichever group. A rule that refers
to a group admits its members in the same VPC, in a peered one, or behind a shared transit gateway; one that refers to a
load balancer's group admits what that forwards ("Update the security groups for your Network Load Balancer").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vpcshark.preflight import addresses, routes
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command, not_seen
from vpcshark.preflight.picture import UDP, VXLAN_PORT, GroupRule, Picture


@dataclass(frozen=True)
class Judged:
    """A rule with what of it fits; ``source`` is None where the entries of a prefix list are not known."""

    rule: GroupRule
    protocol: bool
    port: bool
    source: bool | None

    @property
    def admits(self) -> bool:
        """Everything fits."""
        return self.protocol and self.port and bool(self.source)


def groups(picture: Picture) -> Iterator[Finding]:
    """The groups of the target's ENI."""
    if picture.target is not None:
        yield verdict(picture, picture.target.groups, picture.target.id)


def verdict(picture: Picture, of_target: tuple[str, ...], owner: str) -> Finding:
    """One finding for the groups of ``owner`` (an ENI or a load balancer) together."""
    address = picture.source.address
    if "security groups" in picture.unknown:
        why = picture.unknown["security groups"]
        return not_seen("group", owner, why, f"Whether {owner} admits UDP {VXLAN_PORT} is not known.")
    judged = judge(picture, of_target)
    fitting = next((each.rule for each in judged if each.admits), None)
    if fitting is not None:
        return Finding(
            "group",
            OK,
            fitting.group_id,
            f"{fitting.group_id} admits UDP {VXLAN_PORT} from {address}.",
            rule=fitting.id,
        )
    doubtful = next((e.rule for e in judged if e.protocol and e.port and e.source is None), None)
    if doubtful is not None:
        return Finding(
            "group",
            WARN,
            doubtful.group_id,
            f"{doubtful.group_id} admits UDP {VXLAN_PORT} from the prefix list {doubtful.prefix_list}, whose entries "
            f"are not shown, so whether from {address} is not known.",
            rule=doubtful.id,
        )
    return _refused(picture, of_target, owner, judged)


def judge(picture: Picture, of_target: Iterable[str]) -> list[Judged]:
    """Every inbound rule of these groups."""
    wanted = set(of_target)
    return [
        Judged(rule, _fits_protocol(rule), _fits_port(rule), _fits_source(picture, rule))
        for rule in picture.rules
        if rule.group_id in wanted
    ]


def is_admitted(picture: Picture) -> bool:
    """Does a rule of the target's groups admit the source's frames, as far as is known?"""
    return picture.target is not None and any(each.admits for each in judge(picture, picture.target.groups))


def _refused(picture: Picture, of_target: tuple[str, ...], owner: str, judged: list[Judged]) -> Finding:
    """Names the rule that comes nearest: the mistake is most often in it."""
    near = max(judged, key=_nearness, default=None)
    address = picture.source.address
    hint, rule = "", None
    if near is not None and _nearness(near)[0] >= 2:
        rule = near.rule
        hint = f" The rule {rule.id} comes nearest: it admits {_words(rule)}." if rule.id else ""
    named = ", ".join(of_target) or "none"
    group = rule.group_id if rule is not None else next(iter(of_target), "")
    mend = command(
        picture,
        "ec2",
        "authorize-security-group-ingress",
        group_id=group,
        protocol="udp",
        port=VXLAN_PORT,
        cidr=addresses.single(address) if address else "ADDRESS",
    )
    return Finding(
        "group",
        FAIL,
        group or owner,
        f"The security groups of the target {owner} ({named}) do not admit UDP {VXLAN_PORT} from the source's address "
        f"{address}.{hint}",
        rule=rule.id if rule is not None else "",
        command=mend if group else "",
    )


def _nearness(judged: Judged) -> tuple[int, bool, bool]:
    return judged.protocol + judged.port + bool(judged.source), judged.port, judged.protocol


def _fits_protocol(rule: GroupRule) -> bool:
    return rule.protocol in ("-1", "udp", str(UDP))


def _fits_port(rule: GroupRule) -> bool:
    if rule.protocol == "-1" or rule.ports is None or rule.ports[0] < 0:
        return True
    return rule.ports[0] <= VXLAN_PORT <= rule.ports[1]


def _fits_source(picture: Picture, rule: GroupRule) -> bool | None:
    address = picture.source.address
    if rule.cidr:
        return addresses.holds(rule.cidr, address)
    if rule.prefix_list:
        entries = picture.prefix_lists.get(rule.prefix_list)
        return None if entries is None else any(addresses.holds(entry, address) for entry in entries)
    return rule.group in picture.peers or (rule.group in picture.source.groups and _may_refer(picture))


def _may_refer(picture: Picture) -> bool:
    """Does a reference to one of the source's groups count at the target?"""
    ours, end = picture.source.vpc, picture.target or picture.balancer
    if end is None or end.vpc == ours or picture.are_peered(end.vpc, ours):
        return True
    return any(map(routes.gateway_of, picture.ways))


def _words(rule: GroupRule) -> str:
    protocol = (
        "everything" if rule.protocol == "-1" else {"6": "TCP", "17": "UDP"}.get(rule.protocol, rule.protocol.upper())
    )
    ports = ""
    if rule.protocol != "-1" and rule.ports is not None and rule.ports[0] >= 0:
        ports = f" {rule.ports[0]}" if rule.ports[0] == rule.ports[1] else f" {rule.ports[0]}-{rule.ports[1]}"
    return f"{protocol}{ports} from {rule.cidr or rule.prefix_list or rule.group}"
