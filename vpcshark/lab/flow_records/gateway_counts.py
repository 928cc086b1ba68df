"""What CloudWatch counts at transit gateway attachments and NAT gateways, from packets at their interfaces. Pure.

https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-cloudwatch-metrics.html,
https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html. In and Out are seen from the
gateway; what a transit gateway drops is counted where the packet came in. Must not know moto.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from vpcshark.lab.flow_records.packets import INGRESS, TCP, Seen

PERIOD = 60.0
_SYN, _SYN_ACK = 2, 18
_DROPS = {
    "packets-lost-blackhole": "DropCountBlackhole",
    "packets-lost-no-route": "DropCountNoRoute",
    "packets-lost-ttl-expired": "DropCountTTLExpired",
}
_Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Gateway:
    """Whose an interface is: ``id`` is nat-… or tgw-attach-…, ``transit`` the attachment's transit gateway; ``zone`` is
    the interface's, ``own`` are its addresses."""

    id: str
    zone: str
    own: tuple[str, ...]
    transit: str = ""


@dataclass(frozen=True)
class Metric:
    """One value of one minute, for one set of dimensions."""

    namespace: str
    name: str
    dimensions: _Dimensions
    value: int


@dataclass
class GatewayCounts:
    """Counts until it is taken."""

    _counts: Counter[tuple[str, str, _Dimensions]] = field(default_factory=Counter)

    def note(self, seen: Seen, gateway: Gateway) -> None:
        """One packet at one of its interfaces."""
        names = _transit(seen) if gateway.transit else _nat(seen, gateway)
        for name, count in names:
            for namespace, dimensions in _sets(gateway):
                self._counts[namespace, name, dimensions] += count

    def take(self) -> list[Metric]:
        """What was counted since the last time."""
        found = [Metric(*key, value) for key, value in self._counts.items()]
        self._counts.clear()
        return found


def _sets(gateway: Gateway) -> Iterator[tuple[str, _Dimensions]]:
    """Every set of dimensions that AWS publishes."""
    if not gateway.transit:
        yield "AWS/NATGateway", (("NatGatewayId", gateway.id),)
        return
    whole = (("TransitGateway", gateway.transit),)
    for named in (whole, (*whole, ("TransitGatewayAttachment", gateway.id))):
        yield "AWS/TransitGateway", named
        yield "AWS/TransitGateway", (*named, ("AvailabilityZone", gateway.zone))


def _transit(seen: Seen) -> Iterator[tuple[str, int]]:
    way = "In" if seen.direction == INGRESS else "Out"
    yield f"Packets{way}", 1
    yield f"Bytes{way}", seen.packet.length
    for name, count in seen.told:
        if name in _DROPS and count not in ("", "-", "0"):
            yield f"Packet{_DROPS[name]}", int(count)
            if name != "packets-lost-ttl-expired":
                yield f"Bytes{_DROPS[name]}", seen.packet.length


def _nat(seen: Seen, gateway: Gateway) -> Iterator[tuple[str, int]]:
    """Its own address is on the side of destinations."""
    flow, flags = seen.packet.flow, seen.packet.flags
    if seen.direction == INGRESS:
        side = "InFromDestination" if flow.target in gateway.own else "InFromSource"
    else:
        side = "OutToDestination" if flow.source in gateway.own else "OutToSource"
    yield f"Packets{side}", 1
    yield f"Bytes{side}", seen.packet.length
    if flow.protocol == TCP and side == "OutToDestination" and flags & _SYN_ACK == _SYN:
        yield "ConnectionAttemptCount", 1
    if flow.protocol == TCP and side == "InFromDestination" and flags & _SYN_ACK == _SYN_ACK:
        yield "ConnectionEstablishedCount", 1
