"""The rules of a mirror filter as plain data. Pure; must not know how a capture filter becomes rules, nor any client.

https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-filters.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ANY_IPV4 = "0.0.0.0/0"
ANY_IPV6 = "::/0"


@dataclass(frozen=True)
class Rule:
    """One rule: rules are tried by ascending ``number`` within a ``direction``, the first that matches decides.

    ``direction`` is "ingress" or "egress" as the source sees it, ``action`` "accept" or "reject". ``protocol`` is the
    IP protocol's number, port ranges are inclusive (low, high); None means any. Both blocks are of one IP version: a
    rule for IPv4 never matches IPv6.
    """

    number: int
    direction: str
    action: str = "accept"
    protocol: int | None = None
    source_cidr: str = ANY_IPV4
    destination_cidr: str = ANY_IPV4
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None

    def as_parameters(self) -> dict[str, Any]:
        """The parameters of CreateTrafficMirrorFilterRule, without the filter."""
        parameters: dict[str, Any] = {
            "RuleNumber": self.number,
            "TrafficDirection": self.direction,
            "RuleAction": self.action,
            "SourceCidrBlock": self.source_cidr,
            "DestinationCidrBlock": self.destination_cidr,
        }
        if self.protocol is not None:
            parameters["Protocol"] = self.protocol
        if self.source_ports is not None:
            parameters["SourcePortRange"] = _range(self.source_ports)
        if self.destination_ports is not None:
            parameters["DestinationPortRange"] = _range(self.destination_ports)
        return parameters


def _range(ports: tuple[int, int]) -> dict[str, int]:
    return {"FromPort": ports[0], "ToPort": ports[1]}


ALL_TRAFFIC = tuple(
    Rule(number, direction, source_cidr=block, destination_cidr=block)
    for direction in ("ingress", "egress")
    for number, block in ((100, ANY_IPV4), (200, ANY_IPV6))
)
"""Everything that AWS mirrors at all: both directions, both IP versions."""
