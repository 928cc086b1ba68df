"""What a VPC's router tells whoever keeps flow logs of the packets at its ports. Pure.

Out of an ENI is through as soon as its groups and its ACL have let it; into one, after the ACL and the groups there.
Mirrored frames have no records (Traffic Mirroring guide). Must not know who listens, nor what a rule is about.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from vpcshark.lab.cloud import Eni
from vpcshark.lab.flow_records.packets import ACCEPT, EGRESS, INGRESS, REJECT
from vpcshark.lab.vpc.firewall import log_rule
from vpcshark.lab.vpc.packet_log import GROUP
from vpcshark.lab.vpc.routed import names

_RULE = re.compile(
    r'^ *(?P<conditions>.*?) ?counter drop comment "(network-acl|security-group)[|][^|]*[|](?P<way>\w+)[|]'
)
_SIDES = {EGRESS: "iifname", INGRESS: "oifname"}


def chains(enis: Iterable[Eni], logged: Collection[str]) -> list[str]:
    """Those that tell, each of one direction and one verdict."""
    mine = [each for each in enis if each.id in logged]
    return [line for way in _SIDES for verdict in (ACCEPT, REJECT) for line in _chain(mine, way, verdict)]


def _chain(enis: Iterable[Eni], way: str, verdict: str) -> Iterator[str]:
    yield f" chain {name(way, verdict)} {{"
    yield "  udp dport 4789 return"
    for each in enis:
        yield f'  {_SIDES[way]} "{names.device("p", each.id)}" {log_rule(GROUP, each.id, way, verdict)}'
    yield " }"


def name(way: str, verdict: str) -> str:
    """Of a chain."""
    return f"told_{way}_{verdict.lower()}"


def refusals(lines: Iterable[str]) -> Iterator[str]:
    """The rules, and before each of an ACL or a group that drops: it is told."""
    for line in lines:
        found = _RULE.match(line)
        if found:
            yield f"  {found['conditions']} jump {name(found['way'], REJECT)}"
        yield line
