"""Where on a walk a record could have been left, and of which packet. Pure.

Records are of interfaces, and of a transit gateway's attachments; route tables, ACLs and groups are rules, not places.
Must not know AWS's calls.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vpcshark.flowlogs.match import Flow
from vpcshark.network.answer import Answer, Way
from vpcshark.network.packet import TCP, UDP, Packet
from vpcshark.network.trail import DROP, Hop

ATTACHMENT = "attachment"
_RECORDED = ("interface", ATTACHMENT)
_FILTERS = ("security-group", "network-acl")
_NEVER = {
    "peering": "peering connections leave no records",
    "aws-service": "AWS's own resolver, time and metadata services are not logged",
    "internet-gateway": "internet gateways leave no records",
    "egress-only-gateway": "egress-only internet gateways leave no records",
    "appliance": "an appliance's inside leaves no records",
}
"""Hops that packets pass, and AWS does not log (VPC User Guide, "Flow log limitations")."""


@dataclass(frozen=True)
class Point:
    """One hop: its ``number`` among the way's hops, the ``packet`` there, and what the walk says dropped it at this
    place (None: nothing). ``is_end``: of an interface that sends or receives, whose own addresses the packet bears.
    ``way``: the walk's verdict over this direction alone; "" where nobody says."""

    direction: str
    number: int
    id: str
    kind: str
    packet: Packet
    is_end: bool
    drop: Hop | None = None
    way: str = ""

    @property
    def why_never(self) -> str:
        """Why nothing could be logged; "" where something could."""
        return _NEVER.get(self.kind, "")

    @property
    def flow(self) -> Flow:
        """The packet, as records have it. Ports of which there are several are any."""
        packet, has_ports = self.packet, self.packet.protocol in (TCP, UDP)
        protocol = int(packet.protocol) if packet.protocol.isdigit() else None
        return Flow(
            ipaddress.ip_network(packet.src),
            packet.sport[0] if has_ports and packet.sport and packet.sport[0] == packet.sport[1] else None,
            ipaddress.ip_network(packet.dst),
            packet.dport[0] if has_ports and packet.dport and packet.dport[0] == packet.dport[1] else None,
            protocol,
        )

    @property
    def weak_flows(self) -> tuple[Flow, Flow]:
        """The same by one address: an interface on the way shows its own instead of the other."""
        flow = self.flow
        rest = (flow.source_port, flow.destination_port, flow.protocol)
        return (
            Flow(flow.source, rest[0], None, rest[1], rest[2]),
            Flow(None, rest[0], flow.destination, rest[1], rest[2]),
        )


def of(answer: Answer) -> list[Point]:
    """Those of the way there, then of the way back, in their order."""
    asked = {answer.packet.src, answer.packet.dst}
    found = [*_of_way("forward", answer.there, asked)]
    return [*found, *(_of_way("return", answer.back, asked) if answer.back is not None else [])]


def _of_way(direction: str, way: Way, asked: set[str]) -> Iterator[Point]:
    hops = way.shown.hops
    places = [number for number, hop in enumerate(hops) if _is_place(hop)]
    ends = {number for number in (places[:1] + places[-1:]) if hops[number].kind == "interface"}
    for place, number in enumerate(places):
        until = places[place + 1] if place + 1 < len(places) else len(hops)
        drop = _drop(hops[places[place - 1] + 1 if place else 0 : until], hops[number])
        packet = _packet(hops[number:until], asked)
        yield Point(
            direction, number, hops[number].resource, hops[number].kind, packet, number in ends, drop, way.verdict
        )


def _drop(hops: Sequence[Hop], here: Hop) -> Hop | None:
    """The filter of this interface, or of its subnet, that drops the packet: that is what its record would be of."""
    return next(
        (hop for hop in hops if hop.verdict == DROP and hop.kind in _FILTERS and hop.subnet == here.subnet), None
    )


def _packet(hops: Sequence[Hop], asked: set[str]) -> Packet:
    """Where a packet is rewritten (a NAT gateway), the one that names both ends of the question: of the other, nobody
    can tell whose it is."""
    return next((hop.packet for hop in hops if {hop.packet.src, hop.packet.dst} == asked), hops[0].packet)


def _is_place(hop: Hop) -> bool:
    return (hop.kind in _RECORDED and hop.resource.startswith(("eni-", "tgw-attach-"))) or hop.kind in _NEVER
